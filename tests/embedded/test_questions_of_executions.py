"""What Step Functions tells of executions on the embedded target: descriptions, listings, histories, trials."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError

from penstock.pipelines import Pipeline, StateMachine
from penstock.runtime.clock import VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.state_folder import new_run

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:machine"
WAITS: dict[str, object] = {"Type": "Wait", "SecondsPath": "$.seconds", "Next": "End"}
ENDS: dict[str, object] = {
    "Type": "Choice",
    "Choices": [{"Variable": "$.fails", "IsPresent": True, "Next": "Fail"}],
    "Default": "Done",
}


@contextmanager
def running(
    base: Path, *, kind: str = "STANDARD", definition: dict[str, object] | None = None
) -> Iterator[tuple[Embedded, SFNClient]]:
    """A machine that waits for so many `seconds`, and then `fails` or not."""
    states = {"Wait": WAITS, "End": ENDS, "Fail": {"Type": "Fail", "Error": "E"}, "Done": {"Type": "Succeed"}}
    machine = StateMachine(
        "machine",
        definition or {"StartAt": "Wait", "States": states},
        kind=kind,  # type: ignore[arg-type]
    )
    folder = new_run("test", base=base)
    with Embedded(Pipeline("test", parts=(machine,)), folder, clock=VirtualClock()) as run:
        yield run, cast("SFNClient", run.client("stepfunctions"))


def begin(client: SFNClient, name: str, **value: object) -> str:
    return client.start_execution(stateMachineArn=MACHINE, name=name, input=json.dumps(value))["executionArn"]


def test_whether_an_execution_can_be_redriven(tmp_path: Path) -> None:
    """DescribeExecution: redriveStatus and its reason, the count and the date of redrives."""
    with running(tmp_path) as (run, client):
        arns = {name: begin(client, name, seconds=5, **more) for name, more in KINDS.items()}

        def told(name: str) -> tuple[object, ...]:
            found: Mapping[str, object] = client.describe_execution(executionArn=arns[name])
            return tuple(
                found.get(member) for member in ("redriveStatus", "redriveStatusReason", "redriveCount")
            )

        assert told("good") == ("NOT_REDRIVABLE", "Execution is RUNNING and cannot be redriven", 0)
        run.run_until_idle()
        assert told("good") == ("NOT_REDRIVABLE", "Execution is SUCCEEDED and cannot be redriven", 0)
        assert told("bad") == ("REDRIVABLE", None, 0)
        client.redrive_execution(executionArn=arns["bad"])
        run.run_until_idle()
        assert told("bad") == ("REDRIVABLE", None, 1)
        assert "redriveDate" in client.describe_execution(executionArn=arns["bad"])
        run.scheduler.run_for(15 * 86_400)
        assert told("bad") == ("NOT_REDRIVABLE", "Execution redrivable period exceeded", 1)
        with pytest.raises(ClientError, match=r"ExecutionNotRedrivable.*period exceeded"):
            client.redrive_execution(executionArn=arns["bad"])


KINDS: dict[str, dict[str, object]] = {"good": {}, "bad": {"fails": True}}


def test_executions_are_listed_in_the_order_of_their_ends(tmp_path: Path) -> None:
    """ListExecutions: those that run by their start, the others by their stop; a hundred of them by default."""
    with running(tmp_path) as (run, client):
        for name, seconds in (("late", 50), ("early", 10), ("running", 5_000)):
            begin(client, name, seconds=seconds)
        run.scheduler.run_for(100)
        listed = client.list_executions(stateMachineArn=MACHINE)["executions"]
        assert [one["name"] for one in listed] == ["late", "early", "running"]
        for number in range(120):
            begin(client, f"n{number}", seconds=1)
        first = client.list_executions(stateMachineArn=MACHINE)
        rest = client.list_executions(stateMachineArn=MACHINE, nextToken=first["nextToken"])
        assert (len(first["executions"]), len(rest["executions"])) == (100, 23)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({}, "ValidationException"),
        ({"stateMachineArn": MACHINE, "mapRunArn": MACHINE}, "ValidationException"),
        ({"stateMachineArn": MACHINE, "redriveFilter": "REDRIVEN"}, "ValidationException"),
        ({"stateMachineArn": MACHINE, "statusFilter": "PENDING_REDRIVE"}, "ValidationException"),
        ({"stateMachineArn": MACHINE, "maxResults": 1001}, "ValidationException"),
        ({"stateMachineArn": f"{MACHINE}/Label"}, "ValidationException"),
        ({"stateMachineArn": MACHINE, "nextToken": "x"}, "InvalidToken"),
        ({"stateMachineArn": "machine"}, "InvalidArn"),
        ({"stateMachineArn": MACHINE.replace("stateMachine", "execution")}, "InvalidArn"),
        ({"stateMachineArn": f"{MACHINE}2"}, "StateMachineDoesNotExist"),
    ],
)
def test_listings_that_are_refused(asked: dict[str, str], code: str, tmp_path: Path) -> None:
    """Each with AWS's code."""
    with running(tmp_path) as (_run, client), pytest.raises(ClientError) as caught:
        client.list_executions(**cast("Any", asked))
    assert caught.value.response["Error"]["Code"] == code


def test_express_executions_are_not_told_of(tmp_path: Path) -> None:
    """DescribeExecution, GetExecutionHistory and StopExecution do not know them, and no listing has them."""
    with running(tmp_path, kind="EXPRESS") as (_run, client):
        arn = begin(client, "one", seconds=1)
        for call in (client.describe_execution, client.get_execution_history, client.stop_execution):
            with pytest.raises(client.exceptions.InvalidArn, match="not valid in this context: express"):
                call(executionArn=arn)
        with pytest.raises(client.exceptions.ExecutionNotRedrivable, match="type EXPRESS"):
            client.redrive_execution(executionArn=arn)
        with pytest.raises(client.exceptions.StateMachineTypeNotSupported):
            client.list_executions(stateMachineArn=MACHINE)
        answer = client.start_sync_execution(stateMachineArn=MACHINE, input='{"seconds": 1}')
        assert answer["billingDetails"] == {"billedDurationInMilliseconds": 1000, "billedMemoryUsedInMB": 64}


def test_the_machine_of_an_execution(tmp_path: Path) -> None:
    """DescribeStateMachineForExecution."""
    with running(tmp_path) as (_run, client):
        arn = begin(client, "one", seconds=1)
        found = client.describe_state_machine_for_execution(executionArn=arn)
        assert (found["name"], found["stateMachineArn"]) == ("machine", MACHINE)
        assert json.loads(found["definition"])["StartAt"] == "Wait"


PASS = json.dumps({"Type": "Pass", "Result": {"b": 2}, "ResultPath": "$.out", "Next": "Then"})
TASK = json.dumps(
    {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {}, "End": True}
)


def test_a_state_on_trial(tmp_path: Path) -> None:
    """TestState: data is JSON text, the data flow is laid open at DEBUG, mocks stand in for services."""
    with running(tmp_path) as (_run, client):
        told = client.test_state(definition=PASS, input='{"a": 1}', inspectionLevel="DEBUG")
        assert (told["status"], told["nextState"]) == ("SUCCEEDED", "Then")
        assert json.loads(told["output"]) == {"a": 1, "out": {"b": 2}}
        assert json.loads(told["inspectionData"]["result"]) == {"b": 2}
        mocked = client.test_state(
            definition=TASK, mock={"errorOutput": {"error": "Busy", "cause": "c"}}, input="{}"
        )
        assert (mocked["status"], mocked["error"], mocked["cause"]) == ("FAILED", "Busy", "c")
        with pytest.raises(ClientError, match=r"ValidationException.*RoleArn"):
            client.test_state(definition=TASK)
        with pytest.raises(client.exceptions.InvalidDefinition):
            client.test_state(definition="{")
        with pytest.raises(ClientError, match=r"ValidationException.*variables"):
            client.test_state(definition=PASS, variables="[]")


def test_a_definition_on_trial(tmp_path: Path) -> None:
    """ValidateStateMachineDefinition: errors fail it, warnings are told if they are asked for."""
    good = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
    bad = {"StartAt": "B", "States": {"A": {"Type": "Pass", "End": True}}}
    with running(tmp_path) as (_run, client):
        fine = client.validate_state_machine_definition(definition=json.dumps(good))
        assert (fine["result"], fine["diagnostics"], fine["truncated"]) == ("OK", [], False)
        found = client.validate_state_machine_definition(definition=json.dumps(bad), severity="WARNING")
        assert found["result"] == "FAIL"
        assert "/StartAt" in {one.get("location") for one in found["diagnostics"]}
        short = client.validate_state_machine_definition(definition=json.dumps(bad), maxResults=1)
        assert len(short["diagnostics"]) == 1
        unread = client.validate_state_machine_definition(definition="{")
        assert unread["diagnostics"][0]["code"] == "INVALID_JSON_DESCRIPTION"


def test_answers_have_the_members_of_the_api(tmp_path: Path) -> None:
    """Nothing that boto3 would not show: every member is one of the answer's shape, and those required are there."""
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "P",
        "States": {"P": {"Type": "Pass", "Assign": {"x": 1}, "End": True}},
    }
    each = {"Type": "Map", "ItemsPath": "$.items", "ResultPath": None}
    plain = {"StartAt": "Q", "States": {"Q": {"Type": "Pass", "End": True}}}
    states = {
        "Inline": {**each, "ItemProcessor": plain, "Next": "Each"},
        "Each": {**each, "ItemProcessor": processor, "Next": "Wait"},
        "Wait": {"Type": "Wait", "Seconds": 1, "Next": "Fail"},
        "Fail": {"Type": "Fail", "Error": "E", "Cause": "c"},
    }
    definition: dict[str, object] = {"StartAt": "Inline", "States": states}
    with running(tmp_path, definition=definition) as (run, client):
        arn = begin(client, "one", items=[1, 2])
        run.run_until_idle()
        client.redrive_execution(executionArn=arn)
        run.run_until_idle()
        (map_run,) = client.list_map_runs(executionArn=arn)["mapRuns"]
        asked: list[tuple[str, dict[str, str]]] = [
            ("DescribeExecution", {"executionArn": arn}),
            ("GetExecutionHistory", {"executionArn": arn}),
            ("ListExecutions", {"stateMachineArn": MACHINE}),
            ("DescribeStateMachine", {"stateMachineArn": MACHINE}),
            ("DescribeStateMachineForExecution", {"executionArn": arn}),
            ("ListStateMachines", {}),
            ("ListMapRuns", {"executionArn": arn}),
            ("DescribeMapRun", {"mapRunArn": map_run["mapRunArn"]}),
            ("TestState", {"definition": PASS, "inspectionLevel": "DEBUG"}),
            ("ValidateStateMachineDefinition", {"definition": "{}", "severity": "WARNING"}),
        ]
        model = cast("Any", client).meta.service_model
        for operation, parameters in asked:
            method = getattr(client, _snake(operation))
            answer = method(**parameters)
            answer.pop("ResponseMetadata")
            check(model.operation_model(operation).output_shape, answer, operation)


def _snake(operation: str) -> str:
    from botocore import xform_name

    return str(xform_name(operation))


TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "timestamp": datetime,
    "integer": int,
    "long": int,
    "float": (int, float),
    "boolean": bool,
    "list": list,
    "structure": dict,
    "map": dict,
}


def check(shape: Any, value: object, place: str) -> None:
    """Hold a value to a shape of botocore's model."""
    assert isinstance(value, TYPES[shape.type_name]), (place, value)
    if shape.type_name == "structure":
        given = cast("dict[str, object]", value)
        assert given.keys() <= shape.members.keys(), (place, given.keys() - shape.members.keys())
        assert set(shape.required_members) <= given.keys(), (place, shape.required_members)
        for name, member in given.items():
            check(shape.members[name], member, f"{place}.{name}")
    elif shape.type_name == "list":
        for item in cast("list[object]", value):
            check(shape.member, item, f"{place}[]")
    elif shape.type_name == "map":
        for name, member in cast("dict[str, object]", value).items():
            check(shape.value, member, f"{place}.{name}")
