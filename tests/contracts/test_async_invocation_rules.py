"""How Lambda treats asynchronous and synchronous invocations, rule by rule."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contracts.conftest import Running
from tests.contracts.delivery import invocations
from tests.contracts.delivery.asking import LAMBDA, left, notes, seen, states

pipeline = invocations.pipeline

MINUTES = "it waits for minutes between the attempts"
ALONE = "its function is declared for the embedded target only, to keep the deployment small"

ONLY_EMBEDDED = {
    "test_an_old_event_is_given_up": MINUTES,
    "test_an_age_limit_cuts_the_retries_short": MINUTES,
    "test_a_timeout_uses_up_retries": MINUTES,
    "test_throttles_end_with_the_age_of_the_event": MINUTES,
    "test_a_record_that_is_too_large_is_lost": MINUTES,
    "test_a_throttled_invocation_is_no_attempt": MINUTES,
    "test_the_pauses_are_a_minute_and_two": MINUTES,
}

NOT_ON_LOCALSTACK = {
    "test_an_asynchronous_invocation_is_tried_three_times": MINUTES,
    "test_a_function_without_concurrency_is_given_up_at_once": ALONE,
    "test_a_record_may_invoke_a_function": ALONE,
    "test_a_record_of_a_failure_may_be_an_object": "LocalStack sends records to no bucket",
    "test_a_dead_letter_may_be_a_message_of_a_topic": "LocalStack makes the request id of a dead letter up",
    "test_what_is_no_json_is_refused": "LocalStack takes it",
    "test_a_dead_letter_is_the_event": "LocalStack makes the request id of a dead letter up",
    "test_a_record_may_be_an_event_of_a_bus": "LocalStack does not name the bus among the resources",
}


def invoke(run: Running, function: str, **event: Any) -> None:
    answer = run.client("lambda").invoke(
        FunctionName=f"delivery-{function}", InvocationType="Event", Payload=json.dumps(event)
    )
    assert answer["StatusCode"] == 202


def records(run: Running, queue: str, *, count: int = 1) -> list[Any]:
    return [json.loads(one) for one in run.letters(queue, count=count)]


@states(f"{LAMBDA}/invocation-async-error-handling.html")
def test_an_asynchronous_invocation_is_tried_three_times(delivering: Running, page: str) -> None:
    """A function's error is retried twice; then event and record go to the dead-letter queue and destination."""
    payload = {"n": 1, "fails": True}
    invoke(delivering, "invoked", **payload)
    assert seen(delivering, "invoked", count=3) == [1, 1, 1]
    assert records(delivering, "delivery-letters") == [payload]
    (record,) = records(delivering, "delivery-failures")
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["requestPayload"] == payload


@states(f"{LAMBDA}/invocation-async-error-handling.html")
def test_the_pauses_are_a_minute_and_two(delivering: Running, page: str) -> None:
    """One minute passes between the first two attempts, two minutes between the second and the third."""
    invoke(delivering, "invoked", n=1, fails=True)
    first, second, third = (one.at for one in notes(delivering, "invoked", count=3))
    assert (second - first, third - second) == (60, 120)


@states(f"{LAMBDA}/invocation-async-retain-records.html")
def test_a_success_has_a_record(delivering: Running, page: str) -> None:
    """The record of a success has the event and the function's answer, and goes to the on-success destination."""
    invoke(delivering, "once", n=1)
    (record,) = records(delivering, "delivery-successes")
    context = record["requestContext"]
    assert record["version"] == "1.0"
    assert (context["condition"], context["approximateInvokeCount"]) == ("Success", 1)
    assert context["functionArn"].endswith(":function:delivery-once:$LATEST")
    assert record["requestPayload"] == {"n": 1}
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}
    assert record["responsePayload"] == {"answered": 1, "request": context["requestId"]}
    assert left(delivering, "delivery-failures") == left(delivering, "delivery-letters") == 0
    seen(delivering, "once", count=1)


@states(f"{LAMBDA}/invocation-async-retain-records.html")
def test_a_failure_has_a_record(delivering: Running, page: str) -> None:
    """The record of a failure has the event and the error as the function's runtime tells it."""
    invoke(delivering, "once", n=1, fails=True)
    (record,) = records(delivering, "delivery-failures")
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert record["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    assert record["responsePayload"]["errorType"] == "RuntimeError"
    assert record["responsePayload"]["errorMessage"] == "it was asked for"
    assert seen(delivering, "once", count=1) == [1]
    assert len(delivering.letters("delivery-letters")) == 1


@states(f"{LAMBDA}/invocation-async-retain-records.html#invocation-dlq")
def test_a_dead_letter_is_the_event(delivering: Running, page: str) -> None:
    """A dead letter is the event alone; id, status and the first kilobyte of the error are its attributes."""
    why = "é" * 1000
    invoke(delivering, "once", n=2, fails=True, why=why)
    (letter,) = delivering.messages("delivery-letters")
    (record,) = records(delivering, "delivery-failures")
    assert json.loads(letter["Body"]) == {"n": 2, "fails": True, "why": why}
    told = letter["MessageAttributes"]
    assert told["RequestID"]["StringValue"] == record["requestContext"]["requestId"]
    assert told["ErrorCode"] == {"DataType": "Number", "StringValue": "200"}
    assert why.startswith(told["ErrorMessage"]["StringValue"])
    assert len(told["ErrorMessage"]["StringValue"].encode()) <= 1024
    seen(delivering, "once", count=1)


@states(f"{LAMBDA}/invocation-async-retain-records.html")
def test_a_record_may_be_an_event_of_a_bus(delivering: Running, page: str) -> None:
    """On an event bus a record is the detail of an event of lambda, which names the bus and the function."""
    invoke(delivering, "by-bus", n=1)
    invoke(delivering, "by-bus", n=2, fails=True)
    events = {event["detail-type"]: event for event in records(delivering, "delivery-told-by-bus", count=2)}
    kinds = [f"Lambda Function Invocation Result - {one}" for one in ("Failure", "Success")]
    assert sorted(events) == kinds
    for kind, number in zip(kinds, (2, 1), strict=True):
        event = events[kind]
        assert event["source"] == "lambda"
        assert event["detail"]["requestPayload"]["n"] == number
        bus, function = event["resources"]
        assert bus.endswith(":event-bus/delivery-results")
        assert function.endswith(":function:delivery-by-bus:$LATEST")


@states(f"{LAMBDA}/invocation-async-retain-records.html")
def test_a_record_may_be_a_message_of_a_topic(delivering: Running, page: str) -> None:
    """To a topic the record is published as a message."""
    invoke(delivering, "by-topic", n=1, fails=True)
    (envelope,) = records(delivering, "delivery-failure-heard")
    record = json.loads(envelope["Message"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestPayload"]["n"] == 1


@states(f"{LAMBDA}/invocation-async-retain-records.html")
def test_a_record_of_a_failure_may_be_an_object(delivering: Running, page: str) -> None:
    """In a bucket the record of a failure is an object of its own, whose key names the function and the time."""
    s3 = delivering.client("s3")
    invoke(delivering, "by-bucket", n=1, fails=True)

    def found() -> list[str]:
        listed = s3.list_objects_v2(Bucket="penstock-delivery-failures").get("Contents", ())
        return [one["Key"] for one in listed]

    (key,) = delivering.settle(found, of="the record")
    stamp = r"(\d{4})/(\d\d)/(\d\d)/\1-\2-\3T\d\d\.\d\d\.\d\d"
    assert re.fullmatch(rf"aws/lambda/async/delivery-by-bucket/{stamp}-[0-9a-f-]{{36}}", key)
    record = json.loads(s3.get_object(Bucket="penstock-delivery-failures", Key=key)["Body"].read())
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestPayload"] == {"n": 1, "fails": True}
    assert record["responsePayload"]["errorMessage"] == "it was asked for"
    seen(delivering, "by-bucket", count=1)


@states(f"{LAMBDA}/invocation-async-retain-records.html#invocation-dlq")
def test_a_dead_letter_may_be_a_message_of_a_topic(delivering: Running, page: str) -> None:
    """To a topic the event is published as the message; what a dead letter says of itself are its attributes."""
    why = "é" * 1000
    invoke(delivering, "by-letter-topic", n=1, fails=True, why=why)
    (envelope,) = records(delivering, "delivery-letter-heard")
    assert json.loads(envelope["Message"]) == {"n": 1, "fails": True, "why": why}
    told = envelope["MessageAttributes"]
    assert told["RequestID"]["Type"] == told["ErrorMessage"]["Type"] == "String"
    assert told["ErrorCode"] == {"Type": "Number", "Value": "200"}
    assert why.startswith(told["ErrorMessage"]["Value"])
    assert len(told["ErrorMessage"]["Value"].encode()) == 1024
    seen(delivering, "by-letter-topic", count=1)


@states(f"{LAMBDA}/invocation-async-retain-records.html")
def test_a_record_may_invoke_a_function(delivering: Running, page: str) -> None:
    """A function as the destination is invoked asynchronously, with the record as its event."""
    invoke(delivering, "to-function", n=1, fails=True)
    (record,) = seen(delivering, "chained", count=1)
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestPayload"] == {"n": 1, "fails": True}


@states(f"{LAMBDA}/invocation-async-configuring.html")
def test_an_old_event_is_given_up(delivering: Running, page: str) -> None:
    """An event that would be older than MaximumEventAgeInSeconds at its next attempt is not tried again."""
    invoke(delivering, "impatient", n=1, fails=True)
    delivering.settle(lambda: left(delivering, "delivery-failures"), of="the record")
    (record,) = records(delivering, "delivery-failures")
    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert seen(delivering, "impatient", count=1) == [1]
    assert len(delivering.letters("delivery-letters")) == 1


@states(f"{LAMBDA}/invocation-async-configuring.html")
def test_an_age_limit_cuts_the_retries_short(delivering: Running, page: str) -> None:
    """With three minutes to go, the third attempt, which is due after three, does not come in 170 seconds."""
    invoke(delivering, "patient", n=1, fails=True)
    assert len(seen(delivering, "patient", count=2)) == 2
    (record,) = records(delivering, "delivery-failures")
    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert record["requestContext"]["approximateInvokeCount"] == 2
    assert record["requestPayload"] == {"n": 1, "fails": True}


@states(f"{LAMBDA}/invocation-async-error-handling.html")
def test_a_timeout_uses_up_retries(delivering: Running, page: str) -> None:
    """A function that runs out of its time has failed, and is tried again like any other."""
    invoke(delivering, "timed", n=1, seconds=10)
    first, second = notes(delivering, "timed", count=2)
    assert second.at - first.at == 2 + 60
    (record,) = records(delivering, "delivery-failures")
    assert record["responsePayload"].keys() == {"errorType", "errorMessage"}
    assert record["responsePayload"]["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 2.00 seconds" in record["responsePayload"]["errorMessage"]


@states(f"{LAMBDA}/invocation-async-error-handling.html")
def test_a_throttled_invocation_is_no_attempt(delivering: Running, page: str) -> None:
    """A throttled event is tried again after 1, 2, 4, ... seconds, which uses up none of its retries."""
    invoke(delivering, "busy", n=1, seconds=20)
    invoke(delivering, "busy", n=2, seconds=1)
    first, second = notes(delivering, "busy", count=2)
    assert (first.what, second.what) == (1, 2)
    assert second.at - first.at == 1 + 2 + 4 + 8 + 16
    found = records(delivering, "delivery-successes", count=2)
    assert [one["requestContext"]["approximateInvokeCount"] for one in found] == [1, 1]


@states(f"{LAMBDA}/invocation-async-error-handling.html")
def test_throttles_end_with_the_age_of_the_event(delivering: Running, page: str) -> None:
    """What is throttled for longer than an event may be old is given up without ever having run."""
    invoke(delivering, "busy-for-long", n=1, seconds=100)
    invoke(delivering, "busy-for-long", n=2, seconds=1)
    (record,) = records(delivering, "delivery-failures")
    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert record["requestPayload"]["n"] == 2
    (letter,) = delivering.messages("delivery-letters")
    assert letter["MessageAttributes"]["ErrorCode"]["StringValue"] == "429"
    assert seen(delivering, "busy-for-long", count=1) == [1]


@states(f"{LAMBDA}/configuration-concurrency.html")
def test_a_function_without_concurrency_is_given_up_at_once(delivering: Running, page: str) -> None:
    """With a reserved concurrency of zero, events go to the dead-letter queue and destination without retries."""
    invoke(delivering, "never", n=1)
    delivering.wait(0)
    (record,) = records(delivering, "delivery-failures")
    assert record["requestContext"]["condition"] == "ZeroReservedConcurrency"
    assert record["requestContext"]["approximateInvokeCount"] == 0
    assert record["requestPayload"] == {"n": 1}
    assert records(delivering, "delivery-letters") == [{"n": 1}]
    assert left(delivering, "delivery-never-saw") == 0


@states(f"{LAMBDA}/monitoring-metrics-types.html")
def test_a_record_that_is_too_large_is_lost(delivering: Running, page: str) -> None:
    """A record that its destination does not take is lost; the invocation has succeeded all the same."""
    invoke(delivering, "verbose", n=1)
    assert seen(delivering, "verbose", count=1) == [1]
    delivering.wait(600)
    assert left(delivering, "delivery-successes") == left(delivering, "delivery-verbose-saw") == 0


@states(f"{LAMBDA}/invocation-sync.html")
def test_a_synchronous_invocation_is_not_retried(delivering: Running, page: str) -> None:
    """A synchronous invocation runs once; the function's error comes back to the caller, and nowhere else."""
    answer = delivering.client("lambda").invoke(
        FunctionName="delivery-once", Payload=json.dumps({"n": 5, "fails": True})
    )
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert json.loads(answer["Payload"].read())["errorType"] == "RuntimeError"
    assert seen(delivering, "once", count=1) == [5]
    assert left(delivering, "delivery-failures") == left(delivering, "delivery-letters") == 0


@states("https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html")
def test_what_is_no_json_is_refused(delivering: Running, page: str) -> None:
    """An event is JSON; anything else is refused by Invoke, whatever the kind of invocation."""
    for kind in ("Event", "RequestResponse"):
        with pytest.raises(ClientError) as refused:
            delivering.client("lambda").invoke(
                FunctionName="delivery-once", InvocationType=kind, Payload=b"no json"
            )
        assert refused.value.response["Error"]["Code"] == "InvalidRequestContentException"
    assert left(delivering, "delivery-once-saw") == 0
