"""Delivery streams on the embedded target: from handlers to objects, resumed, and within what their role allows."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import DeclarationError
from penstock.handlers import on_sqs_message
from penstock.handlers.transformations import on_firehose_record
from penstock.pipelines import Bucket, DeliveryStream, Function, Pipeline, Queue, QueueMapping, writes
from penstock.pipelines.iam import Policy, policy_of
from penstock.runtime.clock import VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.journal import read_journal
from penstock.runtime.journal_events import DeliveryStreamPut, DeliveryStreamSettled, InvocationStarted
from penstock.runtime.state_folder import last_run, new_run

BUCKET = Bucket("archive")


@on_firehose_record
def clean(click: dict[str, Any]) -> dict[str, Any] | None:
    if click.get("bad"):
        raise ValueError("a bad click")
    return None if click.get("boring") else {"page": click["page"]}


@on_sqs_message
def forward(click: dict[str, Any]) -> None:
    import boto3

    boto3.client("firehose").put_record(
        DeliveryStreamName="clicks", Record={"Data": json.dumps(click).encode()}
    )


CLICKS = DeliveryStream("clicks", BUCKET, prefix="clicks/", transformation=Function("clean", clean))
INBOX = Queue("inbox", visibility_timeout_seconds=180)
PIPELINE = Pipeline(
    "archive",
    parts=(QueueMapping(INBOX, Function("forward", forward, calls=(writes(CLICKS),))), CLICKS),
)


@contextmanager
def running(base: Path, *, resume: bool = False, policy: Policy | None = None) -> Iterator[Embedded]:
    folder = last_run("archive", base=base) if resume else new_run("archive", base=base)
    with Embedded(PIPELINE, folder, clock=VirtualClock(), policy=policy) as run:
        yield run


def put(run: Embedded, *clicks: dict[str, Any]) -> None:
    client: Any = run.client("firehose")
    records = [{"Data": json.dumps(one).encode()} for one in clicks]
    assert client.put_record_batch(DeliveryStreamName="clicks", Records=records)["FailedPutCount"] == 0


def kept(run: Embedded, prefix: str = "clicks/20") -> list[bytes]:
    client: Any = run.client("s3")
    found = client.list_objects_v2(Bucket="archive", Prefix=prefix).get("Contents", [])
    return [client.get_object(Bucket="archive", Key=one["Key"])["Body"].read() for one in found]


def test_from_a_queue_through_a_transformation_into_a_bucket(tmp_path: Path) -> None:
    """Each record is cleaned, dropped, or put aside as it came; everything within what the roles allow."""
    with running(tmp_path, policy=policy_of(PIPELINE)) as run:
        for click in (
            {"page": 1, "x": 2},
            {"page": 2, "boring": True},
            {"page": 3, "bad": True},
            {"page": 4},
        ):
            run.queues.send("inbox", json.dumps(click))
        run.run_until_idle()
        assert kept(run) == [b'{"page":1}\n{"page":4}\n']
        (aside,) = kept(run, "clicks/processing-failed/")
        assert json.loads(aside)["errorCode"] == "Lambda.ProcessingFailedStatus"
        client: Any = run.client("firehose")
        described = client.describe_delivery_stream(DeliveryStreamName="clicks")["DeliveryStreamDescription"]
        assert described["DeliveryStreamStatus"] == "ACTIVE"
        assert client.list_delivery_streams()["DeliveryStreamNames"] == ["clicks"]


def test_a_resumed_run_delivers_what_was_put(tmp_path: Path) -> None:
    """What was not in an object when the run was cut off is transformed again; what was is not."""
    with running(tmp_path) as run:
        put(run, {"page": 1})
        run.run_until_idle()
        put(run, {"page": 2}, {"page": 3})
        run.scheduler.run_for(90)
    with running(tmp_path, resume=True) as run:
        put(run, {"page": 4})
        run.run_until_idle()
        assert sorted(kept(run)) == [b'{"page":1}\n', b'{"page":2}\n{"page":3}\n{"page":4}\n']
    run.journal.close()
    events = list(read_journal(run.folder.journal))
    accepted = sum(len(one.records) for one in events if isinstance(one, DeliveryStreamPut))
    assert accepted == sum(one.count for one in events if isinstance(one, DeliveryStreamSettled)) == 4


def test_many_small_records_make_several_events(tmp_path: Path) -> None:
    """1 MB of data may be more than 6 MB of JSON, which no invocation takes."""
    with running(tmp_path) as run:
        for _ in range(100):
            put(run, *[{"page": 1}] * 500)
        run.run_until_idle()
        assert b"".join(kept(run)).count(b"\n") == 50_000
    invoked = [
        one
        for one in read_journal(run.folder.journal)
        if isinstance(one, InvocationStarted) and one.function == "clean"
    ]
    assert len(invoked) > 1


def test_what_its_role_does_not_allow_is_not_written(tmp_path: Path) -> None:
    """It is tried for a day; an invocation that is refused puts its records aside."""
    allowed = policy_of(PIPELINE)
    for action, prefix, count in (
        ("s3:PutObject", "", 0),
        ("lambda:InvokeFunction", "clicks/processing-failed/", 1),
    ):
        roles = tuple(
            dataclasses.replace(role, grants=tuple(one for one in role.grants if one.action != action))
            if isinstance(role.resource, DeliveryStream)
            else role
            for role in allowed.roles
        )
        with running(tmp_path, policy=Policy("archive", roles)) as run:
            put(run, {"page": 1})
            run.run_until_idle()
            assert len(kept(run, prefix)) == count
            assert kept(run) == []


def test_a_transformation_is_a_handler_of_firehoses_records() -> None:
    """PL503 tells of another one, with the decorator that it needs."""
    with pytest.raises(DeclarationError, match=r"PL503(?s:.*)@on_firehose_record"):
        Pipeline("archive", parts=(DeliveryStream("d", BUCKET, transformation=Function("f", forward)),))
