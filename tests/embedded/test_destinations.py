"""Destinations on the embedded target: the records of asynchronous invocations, by how they ended."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from penstock.handlers import on_event, on_task
from penstock.pipelines import (
    Bucket,
    BucketNotification,
    EventBus,
    EventRule,
    Function,
    Pipeline,
    Queue,
    Subscription,
    Topic,
)
from penstock.pipelines.iam import policy_of
from penstock.runtime.clock import VirtualClock
from penstock.runtime.dead_letters.kept_objects import letters_kept_in
from penstock.runtime.dead_letters.letters import FromInvocation
from penstock.runtime.dead_letters.queues import failure_buckets
from penstock.runtime.dead_letters.redrive import redrive
from penstock.runtime.embedded import Embedded
from penstock.runtime.journal import read_journal
from penstock.runtime.journal_events import DestinationFailed, InvocationFinished, InvocationSettled
from penstock.runtime.readers.summary import summarize
from penstock.runtime.s3.objects import ObjectWritten
from penstock.runtime.state_folder import last_run, new_run
from penstock.testing.events import bus_event


@on_event
def work(detail: dict[str, Any]) -> None:
    if detail.get("fails"):
        raise RuntimeError("boom")


@on_task
def step(value: dict[str, Any]) -> dict[str, Any]:
    if "fails" in value["detail"]:
        raise RuntimeError("boom")
    return {"done": value["detail"]["n"]}


RESULTS = EventBus("results")
DONE, RECORDS = Queue("done"), Queue("records")
NEWS, TOLD = Topic("news"), Queue("told")
FAILURES, FOUND = Bucket("failures"), Queue("found")
LETTERS, LETTER = Topic("letters"), Queue("letter")
PARTS = (
    Function("to-queue", step, on_success=DONE),
    Function("to-bus", work, maximum_retry_attempts=0, on_success=RESULTS, on_failure=RESULTS),
    EventRule("records", bus=RESULTS, pattern={"source": ["lambda"]}, to=(RECORDS,)),
    Function("to-topic", step, maximum_retry_attempts=0, on_success=NEWS, on_failure=NEWS),
    Subscription(NEWS, to=TOLD, raw_message_delivery=True),
    Function("to-bucket", work, maximum_retry_attempts=0, on_failure=FAILURES, dead_letter_queue=LETTERS),
    Subscription(LETTERS, to=LETTER),
    BucketNotification(FAILURES, to=FOUND),
)


def invoked(base: Path, function: str, queue: str, *details: dict[str, Any]) -> list[dict[str, Any]]:
    """The function is invoked with events of these details; what is in the queue then."""
    with Embedded(Pipeline("test", parts=PARTS), new_run("test", base=base), clock=VirtualClock()) as run:
        client: Any = run.client("lambda")
        for detail in details:
            payload = json.dumps(bus_event(detail)).encode()
            client.invoke(FunctionName=function, InvocationType="Event", Payload=payload)
        run.run_until_idle()
        return [json.loads(message.body) for message in run.queues.find(queue).messages.values()]


def test_the_record_of_a_success_goes_to_its_destination(tmp_path: Path) -> None:
    """Lambda, "Adding a destination": what was asked, what was answered, and that it was the first try."""
    (record,) = invoked(tmp_path, "to-queue", "done", {"n": 1})
    assert record["requestPayload"]["detail"] == {"n": 1}
    assert record["requestContext"]["condition"] == "Success"
    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}
    assert record["responsePayload"] == {"done": 1}


def test_a_topic_is_told_of_both(tmp_path: Path) -> None:
    """Lambda, "Adding a destination": SNS topics get the invocation record as the message."""
    success, failure = invoked(tmp_path, "to-topic", "told", {"n": 1}, {"fails": True})
    assert success["responsePayload"] == {"done": 1}
    assert failure["requestContext"]["condition"] == "RetriesExhausted"


def test_a_failure_does_not_go_to_the_destination_of_successes(tmp_path: Path) -> None:
    """Each condition has its own destination; this function has none for failures."""
    assert invoked(tmp_path, "to-queue", "done", {"fails": True}) == []


def test_an_event_bus_gets_the_record_as_an_event(tmp_path: Path) -> None:
    """As recorded on AWS: the source is `lambda`, the detail the record, the detail type says how it ended."""
    events = invoked(tmp_path, "to-bus", "records", {"n": 1}, {"fails": True})
    assert [(event["source"], event["detail-type"]) for event in events] == [
        ("lambda", "Lambda Function Invocation Result - Success"),
        ("lambda", "Lambda Function Invocation Result - Failure"),
    ]
    assert [event["detail"]["requestContext"]["condition"] for event in events] == [
        "Success",
        "RetriesExhausted",
    ]
    assert events[0]["resources"] == [
        "arn:aws:events:us-east-1:123456789012:event-bus/results",
        "arn:aws:lambda:us-east-1:123456789012:function:to-bus:$LATEST",
    ]
    assert events[1]["detail"]["responsePayload"]["errorMessage"] == "boom"


KEY = re.compile(
    r"aws/lambda/async/to-bucket/(\d{4}/\d\d/\d\d)/(\d{4}-\d\d-\d\d)T\d\d\.\d\d\.\d\d-[0-9a-f-]{36}"
)


def failing(run: Embedded) -> None:
    client: Any = run.client("lambda")
    payload = json.dumps(bus_event({"fails": True})).encode()
    client.invoke(FunctionName="to-bucket", InvocationType="Event", Payload=payload)
    run.run_until_idle()


def objects(run: Embedded) -> list[tuple[str, dict[str, Any]]]:
    client: Any = run.client("s3")
    found = client.list_objects_v2(Bucket="failures").get("Contents", ())
    return [
        (one["Key"], json.loads(client.get_object(Bucket="failures", Key=one["Key"])["Body"].read()))
        for one in found
    ]


def test_a_bucket_gets_an_object_for_each_failure(tmp_path: Path) -> None:
    """Lambda, "Capturing records of Lambda asynchronous invocations": its key names the function and the day."""
    with Embedded(Pipeline("test", parts=PARTS), new_run("test", base=tmp_path), clock=VirtualClock()) as run:
        failing(run)
        failing(run)
        found = objects(run)
        notified = len(run.queues.find("found").messages)
    assert len(found) == notified == 2
    for key, record in found:
        named = KEY.fullmatch(key)
        assert named is not None
        assert named[1].replace("/", "-") == named[2]
        assert record["requestContext"]["condition"] == "RetriesExhausted"
        assert record["responsePayload"]["errorMessage"] == "boom"


def test_a_topic_may_be_told_of_dead_letters(tmp_path: Path) -> None:
    """The message is the event alone; what a dead letter in a queue says are attributes of the message."""
    with Embedded(Pipeline("test", parts=PARTS), new_run("test", base=tmp_path), clock=VirtualClock()) as run:
        failing(run)
        (letter,) = run.queues.find("letter").messages.values()
        ((_, record),) = objects(run)
    envelope = json.loads(letter.body)
    assert json.loads(envelope["Message"])["detail"] == {"fails": True}
    assert envelope["MessageAttributes"] == {
        "RequestID": {"Type": "String", "Value": record["requestContext"]["requestId"]},
        "ErrorCode": {"Type": "Number", "Value": "200"},
        "ErrorMessage": {"Type": "String", "Value": "boom"},
    }


@pytest.mark.parametrize(
    "action",
    ["s3:PutObject", "s3:ListBucket", "sns:Publish"],
)
def test_a_role_has_to_allow_what_lambda_does(tmp_path: Path, action: str) -> None:
    """The role that the pipeline's own policy has is enough; without one action of it nothing is delivered there."""
    pipeline = Pipeline("test", parts=PARTS)
    whole = policy_of(pipeline)
    lacking = replace(
        whole,
        roles=tuple(
            replace(role, grants=tuple(one for one in role.grants if one.action != action))
            for role in whole.roles
        ),
    )
    for policy, delivered in ((whole, True), (lacking, False)):
        folder = new_run("test", base=tmp_path)
        with Embedded(pipeline, folder, clock=VirtualClock(), policy=policy) as run:
            failing(run)
            there = run.queues.find("letter").messages if action == "sns:Publish" else objects(run)
            run.journal.flush()
            lost = [one for one in read_journal(folder.journal) if isinstance(one, DestinationFailed)]
            assert bool(there) is delivered
            assert bool(lost) is not delivered


def test_a_run_that_is_cut_off_after_a_record_makes_no_second_one(tmp_path: Path) -> None:
    """An object ends a turn of the journal, which has all of the invocation: it neither runs nor is told of again."""
    pipeline, folder = Pipeline("test", parts=PARTS), new_run("test", base=tmp_path)
    with Embedded(pipeline, folder, clock=VirtualClock()) as run:
        failing(run)
    lines = folder.journal.read_bytes().splitlines(keepends=True)
    events = list(read_journal(folder.journal))
    written = next(n for n, one in enumerate(events) if isinstance(one, ObjectWritten))
    end = next(n for n in range(written, len(lines)) if not lines[n].endswith(b" \n"))
    assert any(isinstance(one, InvocationSettled) for one in events[: end + 1])
    folder.journal.write_bytes(b"".join(lines[: end + 1]))
    with Embedded(pipeline, last_run("test", base=tmp_path), clock=VirtualClock()) as run:
        run.run_until_idle()
        assert len(objects(run)) == 1
        assert len(run.queues.find("letter").messages) == 1
    finished = [one for one in read_journal(folder.journal) if isinstance(one, InvocationFinished)]
    assert [one.function for one in finished] == ["to-bucket"]


def test_a_record_that_a_bucket_keeps_goes_back(tmp_path: Path) -> None:
    """It is a letter like one in a queue: its event is invoked once more, and the object is deleted."""
    pipeline = Pipeline("test", parts=PARTS)
    assert failure_buckets(pipeline) == ["failures"]
    with Embedded(pipeline, new_run("test", base=tmp_path), clock=VirtualClock()) as run:
        failing(run)
        ((before, _),) = objects(run)
        with letters_kept_in(run.client("s3"), "failures") as (letter,):
            assert before.endswith(letter.message_id)
            assert isinstance(letter.origin, FromInvocation)
            redrive(letter, cast("Any", run.client))
        assert objects(run) == []
        run.run_until_idle()
        ((after, record),) = objects(run)
    assert after != before
    assert record["requestPayload"]["detail"] == {"fails": True}


def test_the_summary_says_where_failures_went(tmp_path: Path) -> None:
    """What the destination did not take is lost, and went nowhere."""
    pipeline = Pipeline("test", parts=PARTS)
    for kept in (True, False):
        folder = new_run("test", base=tmp_path)
        with Embedded(pipeline, folder, clock=VirtualClock()) as run:
            if not kept:
                client: Any = run.client("s3")
                client.delete_bucket(Bucket="failures")
            failing(run)
        summary = summarize(read_journal(folder.journal))
        assert (summary.given_up, summary.lost) == (1, 0 if kept else 1)
        assert summary.destinations["failures"] == kept


def test_a_record_that_no_event_can_hold_is_lost(tmp_path: Path) -> None:
    """ "Delivery errors can also occur due to [...] size limits": the journal has why, and nobody is told."""
    room = 1_048_576 - len(json.dumps(bus_event({"n": 1, "padding": ""})).encode())
    assert invoked(tmp_path, "to-bus", "records", {"n": 1, "padding": "x" * room}) == []
    journal = read_journal(last_run("test", base=tmp_path).journal)
    (failed,) = [one for one in journal if isinstance(one, DestinationFailed)]
    assert (failed.destination, failed.error) == ("results", "ValidationException")
