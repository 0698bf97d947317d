"""What the functions of the rules of streams do: note what they were given, and answer as the records ask for.

A record's data says it: `breaks` (always), `breaks_first` (so many times), `exits`, `fails` (is named), `answers`.
`name` tells those apart that count their tries.
"""

from __future__ import annotations

import base64
import json
import sys
from collections import Counter
from typing import Any

from penstock.handlers import LogEvent
from penstock.handlers.transformations import on_firehose_record
from tests.contracts.delivery.functions import note

_tries: Counter[str] = Counter()


def of_records(event: dict[str, Any], context: object) -> Any:
    """A batch of a Kinesis stream: notes its numbers."""
    numbers = [one["kinesis"]["sequenceNumber"] for one in event["Records"]]
    data = [opened(one) for one in event["Records"]]
    note([one.get("n") for one in data])
    return answer_to(data, numbers)


def of_plain_records(event: dict[str, Any], context: object) -> None:
    """A batch of any data: notes shards, keys and texts."""
    note(
        [
            [
                one["eventID"].partition(":")[0],
                one["kinesis"]["partitionKey"],
                base64.b64decode(one["kinesis"]["data"]).decode(errors="replace")[:20],
            ]
            for one in event["Records"]
        ]
    )


def of_changes(event: dict[str, Any], context: object) -> Any:
    """A batch of a table's stream: notes what is called what, and answers as the new images ask for."""
    numbers = [one["dynamodb"]["SequenceNumber"] for one in event["Records"]]
    data = [
        json.loads(one["dynamodb"].get("NewImage", {}).get("data", {"S": "{}"})["S"])
        for one in event["Records"]
    ]
    note([[one["eventName"], one["dynamodb"]["Keys"]["id"]["S"]] for one in event["Records"]])
    return answer_to(data, numbers)


def of_images(event: dict[str, Any], context: object) -> None:
    """Changes of items: notes each record without what differs from run to run."""
    for one in event["Records"]:
        change = {
            name: value for name, value in one["dynamodb"].items() if name.endswith(("Keys", "Image", "Type"))
        }
        note([one["eventName"], change, one.get("userIdentity")])


def of_tumbling_window(event: dict[str, Any], context: object) -> Any:
    """Counts what a window holds, and notes how each invocation stands in it."""
    data = [opened(one) for one in event["Records"]]
    state = event["state"]
    shown = {name: value for name, value in state.items() if name != "pad"}
    note(
        {
            "n": [one["n"] for one in data],
            "state": shown,
            "final": event["isFinalInvokeForWindow"],
            "early": event["isWindowTerminatedEarly"],
            "window": event["window"],
            "shard": event["shardId"],
        }
    )
    answer_to(data, ["" for _ in data])
    if any(one.get("forgets") for one in data) and is_one_of_the_first(data[0]):
        return {}
    counted = {"count": state.get("count", 0) + len(data)}
    return {"state": {**counted, "pad": "x" * sum(one.get("pad", 0) for one in data)}}


def of_pipe(records: list[dict[str, Any]], context: object) -> Any:
    """A batch of a pipe: notes what it is of, and answers as the records ask for."""
    data = [of_record(one) for one in records]
    note([one.get("n") for one in data])
    return answer_to(data, [one.get("messageId") or one.get("eventID", "") for one in records])


def of_record(record: dict[str, Any]) -> dict[str, Any]:
    """What a pipe's record says: a message, or a record of a stream."""
    text = record["body"] if "body" in record else base64.b64decode(record["data"])
    found: dict[str, Any] = json.loads(text)
    return found


def widen(records: list[dict[str, Any]], context: object) -> Any:
    """An enrichment: so many of each record as it asks for."""
    data = [of_record(one) for one in records]
    note([one["n"] for one in data])
    return [{"n": one["n"], "copy": copy} for one in data for copy in range(one.get("copies", 1))]


def transform(event: dict[str, Any], context: object) -> Any:
    """A batch of Firehose: notes its records, and answers for each what it asks for; `Ok`, if it asks for nothing."""
    data = [json.loads(base64.b64decode(one["data"])) for one in event["records"]]
    note([one["n"] for one in data])
    answer_to(data, ["" for _ in data])
    answers = [
        {
            "recordId": record["recordId"],
            "result": one.get("result", "Ok"),
            "data": one.get("as", record["data"]),
        }
        for record, one in zip(event["records"], data, strict=True)
        for _ in range(one.get("times", 1))
    ]
    return {"records": answers}


def answer_to(data: list[dict[str, Any]], identifiers: list[str]) -> Any:
    """What the records ask for; the first one that fails is named."""
    for one, identifier in zip(data, identifiers, strict=True):
        if one.get("exits"):
            sys.exit(1)
        if one.get("breaks") or ("breaks_first" in one and is_one_of_the_first(one)):
            raise RuntimeError("a record breaks the batch")
        if "answers" in one:
            return one["answers"]
        if one.get("fails"):
            return {"batchItemFailures": [{"itemIdentifier": identifier}]}
    return {"batchItemFailures": []}


def is_one_of_the_first(record: dict[str, Any]) -> bool:
    """Whether this try of a record is one of so many that are to fail."""
    _tries[record["name"]] += 1
    return _tries[record["name"]] <= int(record.get("breaks_first", 1))


def opened(record: dict[str, Any]) -> dict[str, Any]:
    """The JSON of a record's data; of other data, nothing."""
    try:
        found = json.loads(base64.b64decode(record["kinesis"]["data"]))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


@on_firehose_record
def log_lines(event: LogEvent[str]) -> str | None:
    """Log events of a subscription: a line for each, but for those that are to be left out."""
    if event.message == "fails":
        raise RuntimeError("it was asked for")
    return None if event.message == "left out" else f"{event.log_group} {event.message}\n"
