"""Task states: attempts, retries, catchers, timeouts, tokens, activities."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import pytest

from penstock.statemachines import RunTask, load_definition
from penstock.statemachines.model import Retrier
from penstock.statemachines.retry import delay_seconds, find_retrier
from penstock.testing.machines import Answer, Hangs, MachineRun, Returns, Throws, run_machine, scripted

INVOKE = "arn:aws:states:::lambda:invoke"


def task(**members: object) -> dict[str, object]:
    return {"Type": "Task", "Resource": INVOKE, "End": True, **members}


def run(state: Mapping[str, object], *answers: Answer, value: object = None, **others: object) -> MachineRun:
    definition = {"StartAt": "T", "States": {"T": state, **others}}
    return run_machine(load_definition(definition), value, tasks=scripted({"T": list(answers)}))


def test_result_flows_through_every_stage() -> None:
    """Parameters, then ResultSelector, ResultPath and OutputPath, in that order (States Language)."""
    given: list[object] = []

    def answer(command: RunTask) -> Answer:
        given.append(command.parameters)
        return Returns({"Payload": {"n": 2}, "rest": 0})

    state = task(
        InputPath="$.in",
        Parameters={"Payload.$": "$"},
        ResultSelector={"m.$": "$.Payload.n"},
        ResultPath="$.out",
        OutputPath="$.out.m",
    )
    definition = {"StartAt": "T", "States": {"T": state}}
    ran = run_machine(load_definition(definition), {"in": {"a": 1}}, tasks=answer)
    assert given == [{"Payload": {"a": 1}}]
    assert ran.output == 2


def test_integration_events() -> None:
    """An integration leaves TaskScheduled, TaskStarted, TaskSucceeded with its resource in two parts."""
    ran = run(task(Parameters={"FunctionName": "f"}), Returns(1))
    assert ran.event_types[1:-1] == [
        "TaskStateEntered",
        "TaskScheduled",
        "TaskStarted",
        "TaskSucceeded",
        "TaskStateExited",
    ]
    assert ran.history[2].details == {
        "resource": "invoke",
        "resourceType": "lambda",
        "region": "us-east-1",
        "parameters": {"FunctionName": "f"},
    }


def test_function_arn_events() -> None:
    """A Lambda function's own ARN leaves LambdaFunction events and passes the payload itself."""
    arn = "arn:aws:lambda:us-east-1:123456789012:function:f"
    ran = run(task(Resource=arn), Throws("E", "c"), value={"a": 1})
    assert ran.event_types[2:] == [
        "LambdaFunctionScheduled",
        "LambdaFunctionStarted",
        "LambdaFunctionFailed",
        "ExecutionFailed",
    ]
    assert ran.history[2].details == {"input": {"a": 1}, "resource": arn}


def test_retry_waits_with_backoff() -> None:
    """The wait is IntervalSeconds * BackoffRate ** (attempt - 1); the state is entered once only."""
    retry = [{"ErrorEquals": ["E"], "IntervalSeconds": 3, "BackoffRate": 1.5, "MaxAttempts": 2}]
    ran = run(task(Retry=retry), Throws("E"), Throws("E"), Returns(1))
    assert ran.status == "SUCCEEDED"
    assert ran.ended_at == 3 + 4.5
    assert ran.event_types.count("TaskStateEntered") == 1
    assert ran.event_types.count("TaskScheduled") == 3


def test_retriers_count_separately() -> None:
    """Each retrier has attempts of its own; the first that names the error is the only one asked."""
    retry = [
        {"ErrorEquals": ["A"], "MaxAttempts": 1, "IntervalSeconds": 1},
        {"ErrorEquals": ["States.ALL"], "MaxAttempts": 1, "IntervalSeconds": 10},
    ]
    ran = run(task(Retry=retry), Throws("A"), Throws("B"), Throws("A", "last"))
    assert (ran.status, ran.cause, ran.ended_at) == ("FAILED", "last", 11.0)


def test_max_attempts_zero_never_retries() -> None:
    """MaxAttempts 0: "the error or errors are never retried"."""
    retry = [{"ErrorEquals": ["E"], "MaxAttempts": 0}, {"ErrorEquals": ["States.ALL"]}]
    assert run(task(Retry=retry), Throws("E")).status == "FAILED"


@pytest.mark.parametrize(("attempt", "longest"), [(1, 2.0), (2, 4.0), (3, 5.0), (4000, 5.0)])
def test_max_delay_and_jitter(attempt: int, longest: float) -> None:
    """MaxDelaySeconds bounds the wait, also where the power overflows; full jitter draws from 0 to it."""
    retrier = Retrier(error_equals=("E",), interval_seconds=2, max_delay_seconds=5)
    assert delay_seconds(retrier, attempt, draw=Random(1)) == longest
    jittered = Retrier(error_equals=("E",), interval_seconds=2, max_delay_seconds=5, full_jitter=True)
    drawn = [delay_seconds(jittered, attempt, draw=Random(seed)) for seed in range(50)]
    assert all(0 <= seconds <= longest for seconds in drawn)
    assert len(set(drawn)) > 40


def test_find_retrier_counts_attempts() -> None:
    """A retrier without attempts left gives up, and no later one takes over."""
    retriers = [Retrier(error_equals=("E",), max_attempts=1), Retrier(error_equals=("States.ALL",))]
    assert find_retrier(retriers, "E", [0, 0]) == 0
    assert find_retrier(retriers, "E", [1, 0]) is None
    assert find_retrier(retriers, "F", [1, 0]) == 1


@pytest.mark.parametrize(
    ("named", "error", "caught"),
    [
        ("E", "E", True),
        ("States.ALL", "E", True),
        ("States.ALL", None, True),
        ("States.TaskFailed", "E", True),
        ("States.TaskFailed", None, True),
        ("States.ALL", "States.Runtime", False),
        ("States.Runtime", "States.Runtime", False),
        ("F", "E", False),
    ],
)
def test_catch(named: str, error: str | None, caught: bool) -> None:
    """A catcher's names; its ResultPath puts Error and Cause into the state's input."""
    catch = [{"ErrorEquals": [named], "ResultPath": "$.error", "Next": "C"}]
    ran = run(task(Catch=catch), Throws(error, "why"), value={"a": 1}, C={"Type": "Pass", "End": True})
    assert (ran.status == "SUCCEEDED") is caught
    if caught:
        assert ran.output == {"a": 1, "error": {"Error": error, "Cause": "why"}}


def test_retry_before_catch() -> None:
    """ "... uses any appropriate Retriers first, and only applies the matching Catcher if they fail"."""
    state = task(
        Retry=[{"ErrorEquals": ["E"], "MaxAttempts": 1}], Catch=[{"ErrorEquals": ["E"], "Next": "C"}]
    )
    ran = run(state, Throws("E"), Throws("E"), C={"Type": "Succeed"})
    assert (ran.status, ran.ended_at) == ("SUCCEEDED", 1.0)


def test_timeout_ends_the_attempt() -> None:
    """After TimeoutSeconds the attempt fails with States.Timeout; States.TaskFailed does not match it."""
    catch = [
        {"ErrorEquals": ["States.TaskFailed"], "Next": "Wrong"},
        {"ErrorEquals": ["States.Timeout"], "Next": "C"},
    ]
    state = task(TimeoutSecondsPath="$.t", Catch=catch)
    ends: dict[str, object] = {"Wrong": {"Type": "Fail"}, "C": {"Type": "Succeed"}}
    ran = run(state, Hangs(), value={"t": 7}, **ends)
    assert (ran.status, ran.ended_at) == ("SUCCEEDED", 7.0)
    assert "TaskTimedOut" in ran.event_types


def test_a_caught_timeout_has_an_empty_cause() -> None:
    """Error output: the Cause of States.Timeout is a text, too."""
    state = task(TimeoutSeconds=5, Catch=[{"ErrorEquals": ["States.Timeout"], "Next": "C"}])
    ran = run(state, Hangs(), C={"Type": "Succeed"})
    assert ran.output == {"Error": "States.Timeout", "Cause": ""}


def test_late_answer_is_ignored() -> None:
    """What a task says after its timeout changes nothing."""
    ran = run(task(TimeoutSeconds=5), Returns("late", after_seconds=6))
    assert (ran.status, ran.error) == ("FAILED", "States.Timeout")


def test_missing_heartbeat() -> None:
    """Without a heartbeat for HeartbeatSeconds the attempt times out; HeartbeatTimeout catches it too."""
    state = task(
        Resource="arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        HeartbeatSeconds=30,
        Catch=[{"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "C"}],
    )
    ran = run(state, Hangs(submitted={"MessageId": "m"}), C={"Type": "Succeed"})
    assert (ran.status, ran.ended_at) == ("SUCCEEDED", 30.0)
    assert ran.event_types[3:6] == ["TaskStarted", "TaskSubmitted", "TaskTimedOut"]


def test_a_missing_heartbeat_has_two_names() -> None:
    """The first retrier that has either name answers, in the order of the list ("Handling errors")."""
    state = task(
        Resource="arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        HeartbeatSeconds=5,
        Retry=[
            {"ErrorEquals": ["States.HeartbeatTimeout"], "IntervalSeconds": 1, "MaxAttempts": 1},
            {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 100},
        ],
    )
    assert run(state, Hangs(), Hangs()).ended_at == 11.0


def test_task_token_is_what_the_task_is_given() -> None:
    """`$$.Task.Token` is the token that the attempt answers to."""
    tokens: list[tuple[str, object]] = []

    def answer(command: RunTask) -> Answer:
        tokens.append((command.task_token, command.parameters))
        return Returns("done", after_seconds=60)

    state = task(
        Resource="arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        Parameters={"MessageBody.$": "$$.Task.Token"},
    )
    definition = {"StartAt": "T", "States": {"T": state}}
    assert run_machine(load_definition(definition), {}, tasks=answer).output == "done"
    ((token, parameters),) = tokens
    assert parameters == {"MessageBody": token}


def test_refused_submission() -> None:
    """A `.sync` call that the service refuses leaves TaskSubmitFailed."""
    state = task(Resource="arn:aws:states:::states:startExecution.sync:2")
    ran = run(state, Throws("StepFunctions.Busy", "no", accepted=False))
    assert ran.event_types[-2:] == ["TaskSubmitFailed", "ExecutionFailed"]
    assert ran.history[2].details is not None
    assert ran.history[2].details["resource"] == "startExecution.sync:2"


def test_activity() -> None:
    """An activity is started when a worker has polled it; one that does not exist fails the state."""
    arn = "arn:aws:states:us-east-1:123456789012:activity:a"
    ran = run(task(Resource=arn), Returns(1, worker_name="w"))
    assert ran.event_types[2:5] == ["ActivityScheduled", "ActivityStarted", "ActivitySucceeded"]
    assert ran.history[3].details == {"workerName": "w"}
    definition = {"StartAt": "T", "States": {"T": task(Resource=arn)}}
    gone = run_machine(load_definition(definition), {}, activities=())
    assert gone.error == "States.Runtime"


def test_large_result_fails_the_task() -> None:
    """A result over the payload limit fails the task, and States.ALL catches it, as recorded on AWS."""
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "C"}]
    ran = run(task(Catch=catch), Returns("a" * 300_000), C={"Type": "Pass", "End": True})
    assert isinstance(ran.output, dict)
    assert ran.output["Error"] == "States.DataLimitExceeded"
    assert ran.event_types[4] == "TaskFailed"


def test_credentials_are_passed_on() -> None:
    """Credentials are resolved, given to the task and recorded."""
    seen: list[object] = []

    def answer(command: RunTask) -> Answer:
        seen.append(command.credentials)
        return Returns(1)

    state = task(Credentials={"RoleArn.$": "$.role"})
    definition = {"StartAt": "T", "States": {"T": state}}
    ran = run_machine(load_definition(definition), {"role": "arn:r"}, tasks=answer)
    assert seen == [{"RoleArn": "arn:r"}]
    assert ran.history[2].details is not None
    assert ran.history[2].details["taskCredentials"] == {"roleArn": "arn:r"}


@pytest.mark.parametrize("value", ["x", 0, -1, 1.5, None, 100_000_000])
def test_bad_timeout(value: object) -> None:
    """TimeoutSecondsPath must give a positive whole number of at most 99,999,999."""
    ran = run(task(TimeoutSecondsPath="$.t"), value={"t": value})
    assert (ran.status, ran.error) == ("FAILED", "States.Runtime")
    assert "TaskScheduled" not in ran.event_types


def test_a_run_ends_when_its_execution_does() -> None:
    """A timeout that was never reached moves no clock."""
    machine = load_definition(
        {
            "StartAt": "A",
            "TimeoutSeconds": 86_400,
            "States": {"A": {"Type": "Task", "Resource": INVOKE, "TimeoutSeconds": 600, "End": True}},
        }
    )
    ran = run_machine(machine, {}, tasks=lambda _task: Returns({}, after_seconds=2), at=0.0)
    assert (ran.status, ran.ended_at) == ("SUCCEEDED", 2.0)
