"""What the functions of the delivery rules do: note what they were given, and answer as the records ask for."""

from __future__ import annotations

import base64
import json
import os
from functools import cache
from typing import Any


def of_queue(event: dict[str, Any], context: object) -> Any:
    """A batch of messages: `breaks` fails it, `fails` names the message, `answers` is what it says."""
    bodies = [json.loads(one["body"]) for one in event["Records"]]
    note([one["n"] for one in bodies])
    if any(one.get("breaks") for one in bodies):
        raise RuntimeError("a message breaks the batch")
    failed = [
        record["messageId"]
        for record, body in zip(event["Records"], bodies, strict=True)
        if body.get("fails")
    ]
    for one in bodies:
        if "answers" in one:
            return one["answers"]
    return {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}


def of_slow_queue(event: dict[str, Any], context: object) -> None:
    """Messages that take `seconds`, which are waited for where nothing ever comes; noted at begin and end."""
    for one in event["Records"]:
        body = json.loads(one["body"])
        count = int(one["attributes"]["ApproximateReceiveCount"])
        note(["begin", body["n"], count])
        silence = os.environ["SEEN_URL"].rpartition("/")[0] + "/delivery-silence"
        _sqs().receive_message(QueueUrl=silence, WaitTimeSeconds=body["seconds"])
        note(["end", body["n"], count])


def of_lines(event: dict[str, Any], context: object) -> None:
    """Messages whose bodies may be any text."""
    note([one["body"] for one in event["Records"]])


def of_lines_shortly(event: dict[str, Any], context: object) -> None:
    """The beginnings of messages' bodies."""
    note([one["body"][:10] for one in event["Records"]])


def of_records(event: dict[str, Any], context: object) -> None:
    """The records as they are."""
    note(event["Records"])


def of_fifo_queue(event: dict[str, Any], context: object) -> dict[str, Any]:
    """In order, group by group: behind a failure in its group, everything has failed."""
    noted, failed, blocked = [], [], set()
    for record in event["Records"]:
        body, group = json.loads(record["body"]), record["attributes"]["MessageGroupId"]
        if group in blocked or body.get("fails"):
            blocked.add(group)
            failed.append({"itemIdentifier": record["messageId"]})
        else:
            noted.append(body["n"])
    note(noted)
    return {"batchItemFailures": failed}


def of_stream(event: dict[str, Any], context: object) -> dict[str, Any]:
    """A batch of records: the first one that fails breaks it, or is named."""
    data = [json.loads(base64.b64decode(one["kinesis"]["data"])) for one in event["Records"]]
    note([one["n"] for one in data])
    for record, one in zip(event["Records"], data, strict=True):
        if one.get("breaks"):
            raise RuntimeError("a record breaks the batch")
        if one.get("fails"):
            return {"batchItemFailures": [{"itemIdentifier": record["kinesis"]["sequenceNumber"]}]}
    return {"batchItemFailures": []}


def of_window(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Adds up what a window holds, and notes the sum at its end."""
    total = event["state"].get("total", 0)
    total += sum(json.loads(base64.b64decode(one["kinesis"]["data"]))["n"] for one in event["Records"])
    if event["isFinalInvokeForWindow"]:
        note(total)
    return {"state": {"total": total}, "batchItemFailures": []}


def of_table(event: dict[str, Any], context: object) -> None:
    """Changes of items, by what they are called and their images."""
    for one in event["Records"]:
        images = one["dynamodb"]
        note([one["eventName"], *(name in images for name in ("OldImage", "NewImage"))])


def invoked(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """An asynchronous invocation: noted, and failed if it asks for that."""
    note(event["n"])
    if event.get("fails"):
        raise RuntimeError(event.get("why", "it was asked for"))
    return {"answered": event["n"], "request": context.aws_request_id}


def waits(event: dict[str, Any], context: object) -> None:
    """Notes its event, and waits for so many seconds where nothing ever comes."""
    note(event["n"])
    silence = os.environ["SEEN_URL"].rpartition("/")[0] + "/delivery-silence"
    for _ in range(0, event["seconds"], 20):
        _sqs().receive_message(QueueUrl=silence, WaitTimeSeconds=min(20, event["seconds"]))


def answers_much(event: dict[str, Any], context: object) -> str:
    """An answer that no queue takes."""
    note(event["n"])
    return "x" * 2_000_000


def whole(event: dict[str, Any], context: object) -> None:
    """Notes all of its event."""
    note(event)


def of_topic(event: dict[str, Any], context: object) -> None:
    """Notifications: what they say, and which members they have."""
    note([[one["Sns"]["Message"], sorted(one["Sns"])] for one in event["Records"]])


def of_rule(event: dict[str, Any], context: object) -> None:
    """An event of a bus: noted, and failed if its detail asks for that."""
    invoked(event["detail"], context)


def enrich(records: list[dict[str, Any]], context: object) -> list[dict[str, Any]]:
    """Of a pipe: drops odd numbers."""
    return [one for one in records if one["n"] % 2 == 0]


def note(seen: object) -> None:
    _sqs().send_message(QueueUrl=os.environ["SEEN_URL"], MessageBody=json.dumps(seen))


@cache
def _sqs() -> Any:  # boto3 makes its clients' types at run time
    import boto3

    return boto3.client("sqs")
