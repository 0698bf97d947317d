"""Where a pipeline's undecodable records go: embedded, in the plan, and in the function's role."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from penstock.handlers import (
    DynamoDBChange,
    on_dynamodb_change,
    on_kinesis_record,
    on_sqs_message,
)
from penstock.pipelines import (
    Bucket,
    Function,
    Named,
    Part,
    Pipeline,
    Queue,
    QueueMapping,
    Stream,
    StreamMapping,
    Table,
)
from penstock.pipelines.iam import policy_of
from penstock.pipelines.plan import plan
from penstock.runtime.clock import VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.settings import function_environment
from penstock.runtime.state_folder import new_run

VARIABLE = "PENSTOCK_DEAD_LETTER_QUEUE_URL"
ARN = "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:"


@on_sqs_message
def message(body: dict[str, object]) -> None: ...


@on_kinesis_record
def click(data: dict[str, object]) -> None: ...


@on_dynamodb_change
def change(item: DynamoDBChange[dict[str, int]]) -> None: ...


WORK = Function("work", message, timeout_seconds=5)


def queue(name: str, dead: str | None = None) -> Queue:
    return Queue(name, dead_letter_queue=None if dead is None else Queue(dead))


def run_of(parts: tuple[Part, ...], base: Path) -> Embedded:
    return Embedded(Pipeline("test", parts=parts), new_run("test", base=base), clock=VirtualClock())


def client(run: Embedded, service: str) -> Any:
    return run.client(service)


def reasons(run: Embedded, name: str) -> list[str]:
    return [str(one.attributes["Reason"].string_value) for one in run.queues.find(name).messages.values()]


def test_each_queue_has_its_own_dead_letters(tmp_path: Path) -> None:
    """Also where one function is mapped to several; one without a dead-letter queue keeps its message."""
    parts = tuple(QueueMapping(one, WORK) for one in (queue("a", "dead-a"), queue("b", "dead-b"), queue("c")))
    with run_of(parts, tmp_path) as run:
        for name in ("a", "b", "b"):
            run.queues.send(name, "not JSON")
        run.run_until_idle()
        assert [len(run.queues.find(name).messages) for name in ("dead-a", "dead-b")] == [1, 2]


def test_a_streams_failures_queue_takes_what_cannot_be_decoded(tmp_path: Path) -> None:
    """With its reason, at its first delivery; the shard goes on."""
    table = Table("orders", partition_key="id", stream_view_type="NEW_IMAGE")
    parts = (
        StreamMapping(Stream("clicks"), Function("reader", click), on_failure=Named("failed")),
        StreamMapping(table, Function("changes", change), on_failure=Queue("failed")),
    )
    with run_of(parts, tmp_path) as run:
        began = run.scheduler.now()
        client(run, "kinesis").put_record(StreamName="clicks", Data=b"not JSON", PartitionKey="1")
        client(run, "dynamodb").put_item(TableName="orders", Item={"id": {"S": "no number"}})
        run.run_until_idle()
        assert run.scheduler.now() - began < 60
        assert sorted(reasons(run, "failed"))[1].startswith("the payload is not JSON")
        assert len(reasons(run, "failed")) == 2


@pytest.mark.parametrize("on_failure", [None, Bucket("failed-records")])
def test_without_a_queue_nothing_is_set(on_failure: Bucket | None) -> None:
    """A bucket takes no messages: the record fails, until its attempts are used up."""
    reader = Function("reader", click)
    pipeline = Pipeline("test", parts=(StreamMapping(Stream("clicks"), reader, on_failure=on_failure),))
    assert function_environment(pipeline, reader) == {}


def planned(pipeline: Pipeline) -> Any:
    return plan(pipeline)["Resources"]


def test_the_plan_sets_what_the_embedded_target_sets() -> None:
    """One URL, or JSON with one for each source; the function's role lets it send to them."""
    one = Pipeline("test", parts=(QueueMapping(queue("a", "dead-a"), WORK),))
    assert planned(one)["WorkFunction"]["Properties"]["Environment"]["Variables"] == {
        VARIABLE: {"Ref": "DeadAQueue"}
    }
    two = Pipeline(
        "test", parts=(QueueMapping(queue("a", "dead-a"), WORK), QueueMapping(queue("b", "dead-b"), WORK))
    )
    text = planned(two)["WorkFunction"]["Properties"]["Environment"]["Variables"][VARIABLE]["Fn::Sub"]
    assert json.loads(text) == {f"{ARN}a": "${DeadAQueue}", f"{ARN}b": "${DeadBQueue}"}
    assert list(json.loads(function_environment(two, WORK)[VARIABLE])) == [
        "arn:aws:sqs:us-east-1:123456789012:a",
        "arn:aws:sqs:us-east-1:123456789012:b",
    ]
    (role,) = policy_of(two).roles
    allowed = {one.resource for one in role.grants if one.action == "sqs:SendMessage"}
    assert allowed == {f"{ARN}dead-a", f"{ARN}dead-b"}


def test_a_variable_of_the_functions_own_stays() -> None:
    """Whoever sets it knows where the records shall go."""
    other = Function("work", message, timeout_seconds=5, environment={VARIABLE: Queue("other")})
    pipeline = Pipeline("test", parts=(QueueMapping(queue("a", "dead-a"), other),))
    assert function_environment(pipeline, other)[VARIABLE].endswith("/other")
    assert planned(pipeline)["WorkFunction"]["Properties"]["Environment"]["Variables"] == {
        VARIABLE: {"Ref": "OtherQueue"}
    }
