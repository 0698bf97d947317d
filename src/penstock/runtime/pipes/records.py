"""The records of a pipe: as its source gives them, and as templates and paths look at them.

Sources: EventBridge Pipes, "Amazon Kinesis stream as a source" (the members of `kinesis` stand at the top), "Amazon
EventBridge Pipes input transformation" (implicit body data parsing: `body` and `data`).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence

Record = dict[str, object]


def flattened(record: Record) -> Record:
    """A record of a mapping's event as a pipe has it."""
    kinesis = record.get("kinesis")
    if not isinstance(kinesis, dict):
        return record
    return {**kinesis, **{name: value for name, value in record.items() if name != "kinesis"}}


def opened(record: object) -> object:
    """A record with the JSON in its `body` or its `data` decoded; what is no JSON stays as it is."""
    if not isinstance(record, dict):
        return record
    found = dict(record)
    if isinstance(found.get("body"), str):
        found["body"] = _decoded(found["body"], found["body"])
    if isinstance(found.get("data"), str):
        try:
            text = base64.b64decode(found["data"], validate=True).decode()
        except ValueError:  # no Base64, not even ASCII, or no text within: an enrichment may give anything
            return found
        found["data"] = _decoded(text, text)
    return found


def _decoded(text: str, otherwise: object) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return otherwise


def identifier(record: Mapping[str, object]) -> str:
    """What the mapping knows a record by: a message's id, a stream record's sequence number."""
    dynamodb = record.get("dynamodb")
    if isinstance(dynamodb, dict):
        return str(dynamodb["SequenceNumber"])
    return str(record["messageId"] if "messageId" in record else record["sequenceNumber"])


def source_identifier(record: Mapping[str, object]) -> str:
    """What a pipe's target knows a record by: a message's id, a stream record's event id."""
    return str(record["messageId"] if "messageId" in record else record["eventID"])


def told(failed: Sequence[str]) -> bytes:
    """The answer that tells a mapping which records have failed."""
    return json.dumps({"batchItemFailures": [{"itemIdentifier": one} for one in failed]}).encode()
