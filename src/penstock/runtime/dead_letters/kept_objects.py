"""Letters that functions and stream mappings keep in a bucket: their failures' records and documents.

Sources: Lambda, "Retain discarded batch records for a Kinesis Data Streams event source": an object for each batch
below `aws/lambda/<mapping>/<shard>/`, with the whole event as its `payload`; "Capturing records of Lambda
asynchronous invocations": one for each invocation below `aws/lambda/async/<function>/`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from penstock.errors import UsageError
from penstock.runtime.dead_letters.letters import Letter, origin_of

PREFIX: Final = "aws/lambda/"
_ID_CHARACTERS: Final = 36
"""A key ends with a UUID, which is the letter's id."""


def count_kept(s3: Any, bucket: str) -> int:
    """How many failure documents lie in a bucket.

    Raises:
        UsageError: there is no such bucket.
    """
    return len(_keys(s3, bucket))


@contextmanager
def letters_kept_in(s3: Any, bucket: str) -> Iterator[list[Letter]]:
    """Every failure document in a bucket, in the order of its key; they stay there, but for those that are deleted.

    Raises:
        UsageError: there is no such bucket.
    """
    letters = [_letter(s3, bucket, key) for key in _keys(s3, bucket)]
    yield [letter for letter in letters if letter.origin is not None]


def kept_records(letter: Letter) -> list[Mapping[str, Any]] | None:
    """The records that the letter itself has, as the service's `GetRecords` has them; None if it has none."""
    if letter.key is None:
        return None
    try:
        payload = json.loads(letter.body).get("payload")
        event = json.loads(payload) if isinstance(payload, str) else payload
        return [_as_read(record) for record in event["Records"]]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UsageError(
            "the object has no records as Lambda writes them",
            at=f"s3://{letter.queue}/{letter.key}",
            fix="look at it with `penstock dlq show`, and delete it if it is none of Lambda's",
        ) from error


def _keys(s3: Any, bucket: str) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=PREFIX)
    try:
        return [one["Key"] for page in pages for one in page.get("Contents", ())]
    except s3.exceptions.NoSuchBucket as error:
        raise UsageError(f'there is no bucket "{bucket}"', fix="`penstock dlq ls` lists them") from error


def _letter(s3: Any, bucket: str, key: str) -> Letter:
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode("utf-8", "backslashreplace")
    return Letter(
        queue=bucket,
        message_id=key[-_ID_CHARACTERS:],
        receipt_handle="",
        body=body,
        attributes={},
        system={},
        origin=origin_of(body),
        key=key,
    )


def _as_read(record: Mapping[str, Any]) -> Mapping[str, Any]:
    kinesis = record.get("kinesis")
    if kinesis is None:
        change = dict(record["dynamodb"])
        change["ApproximateCreationDateTime"] = _moment(change["ApproximateCreationDateTime"])
        return {**record, "dynamodb": change}
    return {
        "SequenceNumber": kinesis["sequenceNumber"],
        "PartitionKey": kinesis["partitionKey"],
        "ApproximateArrivalTimestamp": _moment(kinesis["approximateArrivalTimestamp"]),
        "Data": base64.b64decode(kinesis["data"]),
    }


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
