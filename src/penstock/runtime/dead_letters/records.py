"""The records that a failure document tells of: read from their stream, and shown.

Sources: Kinesis, "GetRecords"; DynamoDB Streams, "GetRecords"; Lambda, "Retain discarded batch records".
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

from penstock.errors import UsageError
from penstock.runtime.dead_letters.letters import ClientOf, FromStream

_EMPTY_ANSWERS: Final = 20
"""How many answers without records are read on from: a stream may give some before what was asked for."""

_BASE64: Final = "base64:"


def records_of(origin: FromStream, client_of: ClientOf) -> list[Mapping[str, Any]]:
    """The records that a failure document tells of, as the service's `GetRecords` has them.

    Those between the first and the last one, all of them: which of these were not in the batch (filtered out, or of
    another batch of the same shard) the document does not tell.

    Raises:
        UsageError: the stream does not keep them any longer.
    """
    from botocore.exceptions import ClientError

    client = client_of("kinesis" if origin.is_kinesis else "dynamodbstreams")
    number = "StartingSequenceNumber" if origin.is_kinesis else "SequenceNumber"
    stream = {"StreamARN" if origin.is_kinesis else "StreamArn": origin.arn}
    found: list[Mapping[str, Any]] = []
    try:
        iterator = client.get_shard_iterator(
            **stream, ShardId=origin.shard, ShardIteratorType="AT_SEQUENCE_NUMBER", **{number: origin.first}
        )["ShardIterator"]
        empty = 0
        while iterator is not None and empty < _EMPTY_ANSWERS:
            answer = client.get_records(ShardIterator=iterator)
            told = answer["Records"]
            found += [one for one in told if _number_of(one) <= int(origin.last)]
            if told and _number_of(told[-1]) >= int(origin.last):
                break
            empty = 0 if told else empty + 1
            iterator = answer.get("NextShardIterator")
    except (ClientError, ValueError) as error:
        raise _gone(origin, str(error)) from error
    if not found or _number_of(found[0]) != int(origin.first):
        raise _gone(origin, "its first record is not there")
    return found


def shown_record(record: Mapping[str, Any]) -> str:
    """A record as text: its data, or a table's change as JSON."""
    if "Data" in record:
        return text_of(record["Data"])
    return json.dumps(record["dynamodb"], default=_plain)


def text_of(data: bytes) -> str:
    """Data as text; what is no text is shown as Base64."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return f"{_BASE64}{base64.b64encode(data).decode()}"


def data_in(text: str, *, like: bytes, at: str) -> bytes:
    """The data that a text stands for, if it was shown as `like` is.

    Raises:
        UsageError: it is no Base64.
    """
    if not text_of(like).startswith(_BASE64) or not text.startswith(_BASE64):
        return text.encode()
    try:
        return base64.b64decode(text.removeprefix(_BASE64), validate=True)
    except ValueError as error:
        raise UsageError(
            f"what was edited is no Base64: {error}", at=at, fix=f"write a text, or Base64 behind {_BASE64}"
        ) from error


def _number_of(record: Mapping[str, Any]) -> int:
    return int(
        record["SequenceNumber"] if "SequenceNumber" in record else record["dynamodb"]["SequenceNumber"]
    )


def _plain(value: object) -> object:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def _gone(origin: FromStream, why: str) -> UsageError:
    return UsageError(
        f"the records of {origin} cannot be read: {why}",
        fix="a stream keeps its records for its retention period only; an on-failure bucket keeps them for longer",
    )
