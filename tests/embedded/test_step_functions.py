"""Step Functions on the embedded target, through boto3: executions, tokens, nested executions, other services."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast
from uuid import UUID

import pytest
from botocore.exceptions import ClientError

from penstock.handlers import on_task
from penstock.pipelines import Function, Pipeline, Queue, StateMachine, Table
from penstock.runtime.clock import VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.state_folder import last_run, new_run

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:machine"
FAILS_FIRST = {"left": 0}


@on_task
def double(value: dict[str, int]) -> dict[str, int]:
    return {name: 2 * number for name, number in value.items()}


@on_task
def flaky(value: dict[str, object]) -> dict[str, object]:
    if FAILS_FIRST["left"]:
        FAILS_FIRST["left"] -= 1
        raise RuntimeError("not yet")
    return value


def one_state(**state: object) -> dict[str, object]:
    return {"StartAt": "A", "States": {"A": {**state, **({} if "Next" in state else {"End": True})}}}


@contextmanager
def running(
    definition: dict[str, object], base: Path, *, kind: str = "STANDARD", resume: bool = False
) -> Iterator[Embedded]:
    functions = (Function("double", double), Function("flaky", flaky))
    inner = StateMachine("inner", one_state(Type="Pass", Result={"from": "inner"}))
    machine = StateMachine("machine", definition, kind=kind)  # type: ignore[arg-type]
    parts = (*functions, inner, machine, Queue("letters"), Table("items", partition_key="id"))
    folder = last_run("test", base=base) if resume else new_run("test", base=base)
    with Embedded(Pipeline("test", parts=parts), folder, clock=VirtualClock()) as run:
        yield run


def client(run: Embedded) -> SFNClient:
    return cast("SFNClient", run.client("stepfunctions"))


def outcome(definition: dict[str, object], base: Path, value: object = None) -> tuple[str, object]:
    """The status, and the output or the error."""
    with running(definition, base) as run:
        step_functions = client(run)
        arn = step_functions.start_execution(stateMachineArn=ARN, input=json.dumps(value or {}))[
            "executionArn"
        ]
        run.run_until_idle()
        found = step_functions.describe_execution(executionArn=arn)
        if found["status"] == "SUCCEEDED":
            return "SUCCEEDED", json.loads(found["output"])
        return found["status"], found.get("error")


def test_a_function_by_its_integration_and_by_its_arn(tmp_path: Path) -> None:
    """`lambda:invoke` wraps the answer in Payload; a bare ARN gives it as it is."""
    invoke = one_state(
        Type="Task",
        Resource="arn:aws:states:::lambda:invoke",
        Parameters={"FunctionName": "double", "Payload.$": "$"},
        OutputPath="$.Payload",
    )
    assert outcome(invoke, tmp_path / "1", {"n": 4}) == ("SUCCEEDED", {"n": 8})
    direct = one_state(Type="Task", Resource="arn:aws:lambda:us-east-1:123456789012:function:double")
    assert outcome(direct, tmp_path / "2", {"n": 4}) == ("SUCCEEDED", {"n": 8})


def test_retries_wait_in_virtual_time(tmp_path: Path) -> None:
    """Two failures, two intervals, in no time at all."""
    FAILS_FIRST["left"] = 2
    definition = one_state(
        Type="Task",
        Resource="arn:aws:lambda:us-east-1:123456789012:function:flaky",
        Retry=[{"ErrorEquals": ["RuntimeError"], "IntervalSeconds": 60, "BackoffRate": 2}],
    )
    with running(definition, tmp_path) as run:
        began = run.clock.now()
        client(run).start_execution(stateMachineArn=ARN, input="{}")
        run.run_until_idle()
        assert run.clock.now() - began == 180
        assert client(run).list_executions(stateMachineArn=ARN, statusFilter="SUCCEEDED")["executions"]


def test_a_function_that_does_not_exist_fails_the_task(tmp_path: Path) -> None:
    """With Lambda's error name. (A name that stands in the definition is refused when it is declared.)"""
    definition = one_state(
        Type="Task", Resource="arn:aws:states:::lambda:invoke", Parameters={"FunctionName.$": "$.name"}
    )
    assert outcome(definition, tmp_path, {"name": "nowhere"}) == (
        "FAILED",
        "Lambda.ResourceNotFoundException",
    )


def test_a_message_is_sent(tmp_path: Path) -> None:
    """`sqs:sendMessage`: an object becomes JSON text."""
    definition = one_state(
        Type="Task",
        Resource="arn:aws:states:::sqs:sendMessage",
        Parameters={
            "QueueUrl": "https://sqs.us-east-1.amazonaws.com/123456789012/letters",
            "MessageBody.$": "$",
        },
    )
    with running(definition, tmp_path) as run:
        client(run).start_execution(stateMachineArn=ARN, input='{"a": [1]}')
        run.run_until_idle()
        (letter,) = run.queues.find("letters").messages.values()
    assert letter.body == '{"a":[1]}'


KEY = {"id": {"S": "1"}}


@pytest.mark.parametrize(
    ("resource", "parameters", "error"),
    [
        ("sqs:sendMessage", {"QueueUrl": "https://sqs/1/no", "MessageBody": "x"}, "SQS.QueueDoesNotExist"),
        ("aws-sdk:sqs:getQueueUrl", {"QueueName": "no"}, "Sqs.QueueDoesNotExist"),
        ("dynamodb:getItem", {"TableName": "no", "Key": KEY}, "DynamoDB.ResourceNotFound"),
        ("aws-sdk:dynamodb:getItem", {"TableName": "no", "Key": KEY}, "DynamoDb.ResourceNotFound"),
        ("dynamodb:getItem", {"TableName": "items"}, "DynamoDB.AmazonDynamoDB"),
        ("aws-sdk:dynamodb:getItem", {"TableName": "items"}, "DynamoDb.DynamoDb"),
        ("aws-sdk:s3:getObject", {"Bucket": "nowhere", "Key": "k"}, "S3.NoSuchBucket"),
        (
            "states:startExecution",
            {"StateMachineArn.$": "$$.Execution.Id"},
            "StepFunctions.InvalidArn",
        ),
        ("events:putEvents", {"Entries": [{"Detail": "x", "DetailType": "d"}]}, "EventBridge.FailedEntry"),
    ],
)
def test_errors_have_the_names_that_aws_gives(
    resource: str, parameters: dict[str, object], error: str, tmp_path: Path
) -> None:
    """As recorded on AWS: an optimized integration names its service otherwise than `aws-sdk` does."""
    definition = one_state(Type="Task", Resource=f"arn:aws:states:::{resource}", Parameters=parameters)
    expected = error if error.endswith("FailedEntry") else f"{error}Exception"
    assert outcome(definition, tmp_path) == ("FAILED", expected)


def test_an_object_becomes_text_where_the_service_wants_text(tmp_path: Path) -> None:
    """An event's Detail, a topic's Message; the answer has the metadata of optimized integrations."""
    entry = {"Detail": {"n": 1}, "DetailType": "d", "Source": "s"}
    definition = one_state(
        Type="Task", Resource="arn:aws:states:::events:putEvents", Parameters={"Entries": [entry]}
    )
    status, output = outcome(definition, tmp_path)
    assert status == "SUCCEEDED"
    assert isinstance(output, dict)
    assert output["FailedEntryCount"] == 0
    assert output["SdkHttpMetadata"]["HttpStatusCode"] == 200


def test_answers_are_in_pascal_case_at_every_depth(tmp_path: Path) -> None:
    """Step Functions' own API has small letters; `aws-sdk:sfn` gives capital ones."""
    definition = one_state(Type="Task", Resource="arn:aws:states:::aws-sdk:sfn:listStateMachines")
    status, output = outcome(definition, tmp_path)
    assert status == "SUCCEEDED"
    assert isinstance(output, dict)
    assert {machine["Name"] for machine in output["StateMachines"]} == {"inner", "machine"}


def test_any_service_through_its_api(tmp_path: Path) -> None:
    """`aws-sdk:dynamodb` writes, the optimized integration reads; errors have Step Functions' names."""
    definition: dict[str, object] = {
        "StartAt": "Put",
        "States": {
            "Put": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:dynamodb:putItem",
                "Parameters": {
                    "TableName": "items",
                    "Item": {"id": {"S": "1"}, "n": {"N": "5"}},
                    "ConditionExpression": "attribute_not_exists(id)",
                },
                "ResultPath": None,
                "Next": "Get",
            },
            "Get": {
                "Type": "Task",
                "Resource": "arn:aws:states:::dynamodb:getItem",
                "Parameters": {"TableName": "items", "Key": {"id": {"S": "1"}}},
                "OutputPath": "$.Item.n.N",
                "End": True,
            },
        },
    }
    with running(definition, tmp_path) as run:
        step_functions = client(run)
        arns = []
        for _ in range(2):
            arns.append(step_functions.start_execution(stateMachineArn=ARN, input="{}")["executionArn"])
            run.run_until_idle()
        first, second = (step_functions.describe_execution(executionArn=arn) for arn in arns)
    assert (first["status"], first.get("output")) == ("SUCCEEDED", '"5"')
    assert second.get("error") == "DynamoDb.ConditionalCheckFailedException"


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [(".sync:2", {"from": "inner"}), (".sync", '{"from":"inner"}')],
)
def test_a_nested_execution_is_waited_for(pattern: str, expected: object, tmp_path: Path) -> None:
    """`.sync:2` gives the output as JSON, `.sync` as text."""
    definition = one_state(
        Type="Task",
        Resource=f"arn:aws:states:::states:startExecution{pattern}",
        Parameters={"StateMachineArn": ARN.replace(":machine", ":inner"), "Input": {"x": 1}},
        OutputPath="$.Output",
    )
    assert outcome(definition, tmp_path) == ("SUCCEEDED", expected)


WAITS_FOR_TOKEN = one_state(
    Type="Task",
    Resource="arn:aws:states:::sqs:sendMessage.waitForTaskToken",
    Parameters={
        "QueueUrl": "https://sqs.us-east-1.amazonaws.com/123456789012/letters",
        "MessageBody": {"token.$": "$$.Task.Token"},
    },
)


def token_of(run: Embedded) -> str:
    (letter,) = run.queues.find("letters").messages.values()
    return str(json.loads(letter.body)["token"])


@pytest.mark.parametrize("resumed", [False, True])
def test_a_task_token_ends_its_task(resumed: bool, tmp_path: Path) -> None:
    """Also one that was sent before the run was cut off: the message is not sent again."""
    with running(WAITS_FOR_TOKEN, tmp_path) as run:
        client(run).start_execution(stateMachineArn=ARN, name="one", input="{}")
        run.run_until_idle()
        if not resumed:
            client(run).send_task_success(taskToken=token_of(run), output='{"done":true}')
            run.run_until_idle()
            assert client(run).describe_execution(executionArn=execution("one"))["output"] == '{"done":true}'
    if resumed:
        with running(WAITS_FOR_TOKEN, tmp_path, resume=True) as run:
            run.run_until_idle()
            client(run).send_task_failure(taskToken=token_of(run), error="Refused", cause="by hand")
            run.run_until_idle()
            found = client(run).describe_execution(executionArn=execution("one"))
            assert (found["status"], found["error"], found["cause"]) == ("FAILED", "Refused", "by hand")


def execution(name: str) -> str:
    return f"{ARN.replace(':stateMachine:', ':execution:')}:{name}"


def test_a_token_that_is_none(tmp_path: Path) -> None:
    """TaskTimedOut, as AWS says of a task that is over; InvalidToken, if it can be nobody's."""
    with running(WAITS_FOR_TOKEN, tmp_path) as run:
        exceptions = client(run).exceptions
        with pytest.raises(exceptions.TaskTimedOut):
            client(run).send_task_success(taskToken=str(UUID(int=7)), output="{}")
        with pytest.raises(exceptions.InvalidToken):
            client(run).send_task_heartbeat(taskToken="none")


@pytest.mark.parametrize("output", ["{", "NaN", '"' + "x" * 262_144 + '"'])
def test_an_output_that_is_none(output: str, tmp_path: Path) -> None:
    """InvalidOutput; the task goes on waiting."""
    with running(WAITS_FOR_TOKEN, tmp_path) as run:
        client(run).start_execution(stateMachineArn=ARN, name="one", input="{}")
        run.run_until_idle()
        with pytest.raises(client(run).exceptions.InvalidOutput):
            client(run).send_task_success(taskToken=token_of(run), output=output)
        assert client(run).describe_execution(executionArn=execution("one"))["status"] == "RUNNING"


def test_starting_again_is_the_same_execution_or_refused(tmp_path: Path) -> None:
    """StartExecution, "Idempotency": same name and input while it runs; else ExecutionAlreadyExists."""
    with running(one_state(Type="Wait", Seconds=60), tmp_path) as run:
        step_functions = client(run)

        def begin(value: str) -> str:
            return step_functions.start_execution(stateMachineArn=ARN, name="one", input=value)[
                "executionArn"
            ]

        assert begin('{"a": 1}') == begin('{"a":1}') == execution("one")
        with pytest.raises(step_functions.exceptions.ExecutionAlreadyExists):
            begin('{"a": 2}')
        run.run_until_idle()
        with pytest.raises(step_functions.exceptions.ExecutionAlreadyExists):
            begin('{"a": 1}')


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"stateMachineArn": ARN + "-not"}, "StateMachineDoesNotExist"),
        ({"stateMachineArn": ARN, "name": "a b"}, "InvalidName"),
        ({"stateMachineArn": ARN, "input": "{"}, "InvalidExecutionInput"),
        ({"stateMachineArn": ARN, "input": '"' + "x" * 262_144 + '"'}, "InvalidExecutionInput"),
    ],
)
def test_starts_that_step_functions_refuses(arguments: dict[str, str], code: str, tmp_path: Path) -> None:
    """Each with AWS's code."""
    with running(one_state(Type="Pass"), tmp_path) as run, pytest.raises(ClientError) as caught:
        client(run).start_execution(**arguments)
    assert caught.value.response["Error"]["Code"] == code


def test_an_execution_is_stopped(tmp_path: Path) -> None:
    """ABORTED, with the error and cause that were given; its timer does not hold up the run."""
    with running(one_state(Type="Wait", Seconds=3600), tmp_path) as run:
        began = run.clock.now()
        client(run).start_execution(stateMachineArn=ARN, name="one", input="{}")
        client(run).stop_execution(executionArn=execution("one"), error="Enough", cause="by hand")
        run.run_until_idle()
        assert run.clock.now() == began
        found = client(run).describe_execution(executionArn=execution("one"))
    assert (found["status"], found["error"]) == ("ABORTED", "Enough")


def test_a_failed_execution_is_redriven(tmp_path: Path) -> None:
    """It goes on from the state that failed."""
    FAILS_FIRST["left"] = 1
    definition = one_state(Type="Task", Resource="arn:aws:lambda:us-east-1:123456789012:function:flaky")
    with running(definition, tmp_path) as run:
        step_functions = client(run)
        step_functions.start_execution(stateMachineArn=ARN, name="one", input="{}")
        run.run_until_idle()
        assert step_functions.describe_execution(executionArn=execution("one"))["status"] == "FAILED"
        step_functions.redrive_execution(executionArn=execution("one"))
        run.run_until_idle()
        assert step_functions.describe_execution(executionArn=execution("one"))["status"] == "SUCCEEDED"
        with pytest.raises(step_functions.exceptions.ExecutionNotRedrivable):
            step_functions.redrive_execution(executionArn=execution("one"))


def test_the_history_comes_in_pages(tmp_path: Path) -> None:
    """GetExecutionHistory, forwards and backwards."""
    with running(one_state(Type="Pass"), tmp_path) as run:
        client(run).start_execution(stateMachineArn=ARN, name="one", input="{}")
        run.run_until_idle()
        pages = (
            client(run)
            .get_paginator("get_execution_history")
            .paginate(executionArn=execution("one"), PaginationConfig={"PageSize": 2})
        )
        forwards = [event["type"] for page in pages for event in page["events"]]
        backwards = client(run).get_execution_history(executionArn=execution("one"), reverseOrder=True)[
            "events"
        ]
    assert forwards == ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]
    assert [event["type"] for event in backwards] == forwards[::-1]


def test_an_express_machine_answers_at_once(tmp_path: Path) -> None:
    """StartSyncExecution of an EXPRESS machine; a STANDARD one refuses it."""
    with running(one_state(Type="Pass", Result=7), tmp_path / "express", kind="EXPRESS") as run:
        answer = client(run).start_sync_execution(stateMachineArn=ARN, input="{}")
        assert (answer["status"], answer["output"]) == ("SUCCEEDED", "7")
    with (
        running(one_state(Type="Pass"), tmp_path / "standard") as run,
        pytest.raises(ClientError, match="StateMachineTypeNotSupported"),
    ):
        client(run).start_sync_execution(stateMachineArn=ARN)


def test_a_wait_goes_on_after_a_resumption(tmp_path: Path) -> None:
    """Its time is in the journal: what is left of it is waited for, and DynamoDB's items are there again."""
    definition = one_state(Type="Wait", Seconds=100)
    with running(definition, tmp_path) as run:
        began = run.clock.now()
        run.client("dynamodb").put_item(TableName="items", Item={"id": {"S": "kept"}})
        client(run).start_execution(stateMachineArn=ARN, name="one", input="{}")
        run.scheduler.run_for(30)
    with running(definition, tmp_path, resume=True) as run:
        run.run_until_idle()
        assert run.clock.now() == began + 100
        assert client(run).describe_execution(executionArn=execution("one"))["status"] == "SUCCEEDED"
        items = run.client("dynamodb").scan(TableName="items")["Items"]
    assert items == [{"id": {"S": "kept"}}]


def test_what_is_asked_for_without_its_data(tmp_path: Path) -> None:
    """METADATA_ONLY, includeExecutionData=False and pages are heeded; redriveFilter is for a Map Run's children."""
    with running(one_state(Type="Pass"), tmp_path) as run:
        step_functions = client(run)
        arn = step_functions.start_execution(stateMachineArn=ARN, input='{"a": 1}')["executionArn"]
        run.run_until_idle()
        found = step_functions.describe_execution(executionArn=arn, includedData="METADATA_ONLY")
        assert (found["status"], found.keys() & {"input", "output"}) == ("SUCCEEDED", set())
        events = step_functions.get_execution_history(executionArn=arn, includeExecutionData=False)["events"]
        assert len(events) == 4
        assert '{"a"' not in str(events)
        assert '{"a"' in str(step_functions.get_execution_history(executionArn=arn)["events"])
        described = step_functions.describe_state_machine(stateMachineArn=ARN)
        assert json.loads(described["definition"]) == one_state(Type="Pass")
        bare = step_functions.describe_state_machine(stateMachineArn=ARN, includedData="METADATA_ONLY")
        assert "definition" not in bare
        first = step_functions.list_state_machines(maxResults=1)
        rest = step_functions.list_state_machines(maxResults=1, nextToken=first["nextToken"])
        assert {one["name"] for page in (first, rest) for one in page["stateMachines"]} == {
            "inner",
            "machine",
        }
        with pytest.raises(ClientError, match="ValidationException"):
            step_functions.list_executions(stateMachineArn=ARN, redriveFilter="REDRIVEN")
