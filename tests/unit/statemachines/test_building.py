"""State machines built in Python: what they emit, that the engine runs them, and that imports lose nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from penstock.errors import DefinitionError, UsageError
from penstock.pipelines import StateMachine
from penstock.statemachines import RunTask, load_definition, read_definition
from penstock.statemachines.building import (
    Catch,
    Choice,
    Fail,
    Map,
    Parallel,
    Pass,
    Retry,
    Succeed,
    Task,
    Wait,
    When,
    distributed,
    flow,
    from_definition,
    integrations,
    intrinsic,
    jsonata,
    path,
    var,
)
from penstock.testing.machines import Returns, run_machine, scripted

ROOT = Path(__file__).resolve().parents[3]
LAMBDA = "arn:aws:states:::lambda:invoke"
SEND = "arn:aws:states:::sqs:sendMessage"


def _lambda(name: str, function: str, failed: str) -> Task:
    return Task(
        name,
        resource=LAMBDA,
        parameters={"FunctionName": function, "Payload": path("$")},
        output_path="$.Payload",
        retry=(
            Retry(("ChunkingError", "DecodeError", "HandlerError"), max_attempts=0),
            Retry(
                interval_seconds=1,
                max_attempts=3,
                backoff_rate=2,
                max_delay_seconds=30,
                jitter_strategy="FULL",
            ),
        ),
        catch=(Catch(result_path="$.failure", next=failed),),
    )


def _send(name: str, queue: str, body: object) -> Task:
    return Task(
        name,
        resource=SEND,
        parameters={"QueueUrl": queue, "MessageBody": body},
        result_path=None,
        retry=(Retry(interval_seconds=1, max_attempts=5, backoff_rate=2, jitter_strategy="FULL"),),
    )


def _without_comments(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_comments(item) for key, item in value.items() if key != "Comment"}
    return [_without_comments(item) for item in value] if isinstance(value, list) else value


def test_the_reference_machine_can_be_built() -> None:
    """`process_file.asl.yaml`, built in Python, is the file: all but its comments."""
    dead = _send("DeadLetterChunk", "${FailedChunksQueue}", path("$"))
    failed = Fail("ChunkFailed", error_path="$.failure.Error", cause_path="$.failure.Cause")
    chunk = _lambda("ProcessChunk", "${ProcessChunkFunction}", "DeadLetterChunk")
    chunks = Map(
        "ProcessChunks",
        label="Chunks",
        max_concurrency=1000,
        tolerated_failure_percentage_path="$.tolerated_failure_percentage",
        item_reader={
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {"Bucket": path("$.bucket"), "Key": path("$.manifest")},
        },
        item_selector={
            "job": path("$.job"),
            "bucket": path("$.bucket"),
            "report": path("$.report"),
            "chunk": path("$$.Map.Item.Value"),
        },
        item_processor=distributed(flow(chunk, dead >> failed)),
        result_writer={
            "Resource": "arn:aws:states:::s3:putObject",
            "Parameters": {
                "Bucket": path("$.bucket"),
                "Prefix": intrinsic("States.Format", "jobs/{}/map", path("$.job")),
            },
        },
        result_path=None,
        catch=(Catch(result_path="$.failure", next="NotifyFailure"),),
    )
    body = {"job": path("$.job"), "status": "FAILED", "failure": path("$.failure")}
    machine = flow(
        _lambda("Plan", "${PlanFunction}", "NotifyFailure")
        >> chunks
        >> _lambda("Merge", "${MergeFunction}", "NotifyFailure")
        >> _send("Notify", "${FileResultsQueue}", path("$")),
        _send("NotifyFailure", "${FileResultsQueue}", body)
        >> Fail("JobFailed", error_path="$.failure.Error", cause_path="$.failure.Cause"),
    )
    text = (ROOT / "statemachines" / "process_file.asl.yaml").read_text(encoding="utf-8")
    assert machine.to_definition() == _without_comments(read_definition(text))


def test_every_state_type_runs() -> None:
    """Pass, Wait, Choice, Parallel, Map, Task, Succeed: built, loaded and run to the end."""
    branch = flow(Pass("Left", result=1))
    each = flow(Pass("Each", parameters={"n": path("$")}))
    work = Task("Work", resource=LAMBDA, parameters={"FunctionName": "f"}, result_path="$.work")
    machine = flow(
        Pass("Begin", result={"n": 5, "items": [1, 2]})
        >> Wait("Pause", seconds=3)
        >> Map("Items", items_path="$.items", item_processor=each, result_path="$.items")
        >> Parallel("Both", branches=(branch, flow(Succeed("Right"))), result_path="$.both")
        >> work
        >> Choice(
            "Big?", choices=(When((var("$.n") > 3) & ~var("$.x").is_present(), next="Yes"),), default="No"
        ),
        Succeed("Yes", output_path="$.items"),
        Fail("No", error="Small"),
    )
    run = run_machine(load_definition(machine), {}, tasks=scripted({"Work": Returns({"ok": True})}))
    assert (run.status, run.output, run.ended_at) == ("SUCCEEDED", [{"n": 1}, {"n": 2}], 3.0)


@pytest.mark.parametrize(("value", "status"), [(3, "FAILED"), (4, "SUCCEEDED"), ("4", "FAILED")])
def test_the_operator_follows_the_type(value: object, status: str) -> None:
    """`var("$.n") > 3` is NumericGreaterThan: 3 is not above it, and a string is no number."""
    choice = Choice("C", choices=(When(var("$.n") > 3, next="Yes"),), default="No")
    machine = load_definition(flow(choice, Succeed("Yes"), Fail("No", error="E")))
    assert run_machine(machine, {"n": value}).status == status


def test_a_condition_is_not_combined_by_and() -> None:
    """`and` would silently drop the first condition; it is refused."""
    with pytest.raises(UsageError, match="no truth value"):
        bool(var("$.a") > 1)


def test_two_states_of_one_name_are_refused() -> None:
    """The second would silently replace the first."""
    with pytest.raises(DefinitionError, match='two states are called "A"'):
        flow(Pass("A") >> Pass("A"))


def test_a_missing_target_is_found_by_the_same_rules_as_in_a_file() -> None:
    """The builder does not check the language a second time: the parser does."""
    machine = flow(Pass("A", next="Nowhere"))
    with pytest.raises(DefinitionError, match="Nowhere"):
        load_definition(machine)


def test_a_pipeline_takes_a_built_machine() -> None:
    """`StateMachine(definition=...)` takes it as it stands."""
    machine = flow(Pass("A"))
    assert StateMachine("m", definition=machine).definition == machine.to_definition()


def test_imports_lose_nothing() -> None:
    """Unknown fields, nulls and the order of keys stay."""
    text = '{"X": null, "States": {"A": {"Unknown": [1.5], "Type": "Pass", "End": true}}, "StartAt": "A"}'
    assert json.dumps(from_definition(json.loads(text)).to_definition()) == text


def test_every_definition_of_the_corpus_is_imported_without_loss() -> None:
    """What AWS was given comes out as it went in."""
    corpus = (
        Path(os.environ.get("PENSTOCK_CORPUS", ROOT.parent / "shared" / "corpus")) / "asl" / "definitions"
    )
    if not corpus.is_dir():
        pytest.skip(f"no corpus at {corpus}: set PENSTOCK_CORPUS")
    seen = 0
    for file in sorted(corpus.rglob("*.json")):
        document = json.loads(file.read_text(encoding="utf-8"))["definition"]
        if isinstance(document, dict):
            seen += 1
            assert json.dumps(from_definition(document).to_definition()) == json.dumps(document), file
    assert seen > 0


def test_jsonata_states_run() -> None:
    """JSONata's forms have Arguments and Output, and a text for a condition."""
    big = When("{% $states.input.n > 3 %}", next="Yes", assign={"n": "{% $states.input.n %}"})
    machine = flow(
        jsonata.Choice("Big?", choices=(big,), default="No"),
        jsonata.Succeed("Yes", output={"double": "{% $n * 2 %}"}),
        jsonata.Fail("No", error="{% 'Small' %}"),
    )
    loaded = load_definition(machine)
    assert run_machine(loaded, {"n": 4}).output == {"double": 8}
    assert run_machine(loaded, {"n": 3}).error == "Small"


def test_integrations_reach_the_task() -> None:
    """A call's resource and parameters are what the task runs with, in both query languages."""
    asked: list[tuple[str, object]] = []

    def tasks(task: RunTask) -> Returns:
        asked.append((task.resource, task.parameters))
        return Returns({})

    send = integrations.sqs_send_message("https://queue", path("$.text"))
    child = integrations.start_execution("arn:child", "{% $states.input %}", sync=True)
    machine = flow(
        Task("Send", result_path=None, **send.as_parameters())
        >> jsonata.Task("Start", **child.as_arguments())
    )
    run = run_machine(load_definition(machine), {"text": "hello"}, tasks=tasks)
    assert run.status == "SUCCEEDED", run.cause
    assert [given for _, given in asked] == [
        {"QueueUrl": "https://queue", "MessageBody": "hello"},
        {"StateMachineArn": "arn:child", "Input": {"text": "hello"}},
    ]


def test_a_job_and_a_token_are_not_both_waited_for() -> None:
    """`.sync` and `.waitForTaskToken` exclude each other."""
    sent = integrations.wait_for_task_token(integrations.sqs_send_message("q", path("$$.Task.Token")))
    assert sent.resource == "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
    with pytest.raises(UsageError, match="waits already"):
        integrations.wait_for_task_token(integrations.start_execution("arn:child", {}, sync=True))
