"""What the functions of the delivery rules do: note what they were given, and answer as the records ask for."""

from __future__ import annotations

import base64
import json
import os
from functools import cache
from typing import Any


def of_queue(event: dict[str, Any], context: object) -> dict[str, Any]:
    """A batch of messages: `breaks` fails it, `fails` names the message, `unknown` names one that is none."""
    bodies = [json.loads(one["body"]) for one in event["Records"]]
    note([one["n"] for one in bodies])
    if any(one.get("breaks") for one in bodies):
        raise RuntimeError("a message breaks the batch")
    failed = [
        record["messageId"]
        for record, body in zip(event["Records"], bodies, strict=True)
        if body.get("fails")
    ]
    if any(one.get("unknown") for one in bodies):
        failed.append("nobody")
    return {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}


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


def invoked(event: dict[str, Any], context: object) -> None:
    """An asynchronous invocation: noted, and failed if it asks for that."""
    note(event["n"])
    if event.get("fails"):
        raise RuntimeError("it was asked for")


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
