"""Destinations on the embedded target: the records of asynchronous invocations, by how they ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from penstock.handlers import on_event, on_task
from penstock.pipelines import EventBus, EventRule, Function, Pipeline, Queue, Subscription, Topic
from penstock.runtime.clock import VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.state_folder import new_run
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
PARTS = (
    Function("to-queue", step, on_success=DONE),
    Function("to-bus", work, maximum_retry_attempts=0, on_success=RESULTS, on_failure=RESULTS),
    EventRule("records", bus=RESULTS, pattern={"source": ["lambda"]}, to=(RECORDS,)),
    Function("to-topic", step, maximum_retry_attempts=0, on_success=NEWS, on_failure=NEWS),
    Subscription(NEWS, to=TOLD, raw_message_delivery=True),
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
