"""Answers the DynamoDB Streams API (`boto3.client("dynamodbstreams")`) from the tables' streams.

Source: the Amazon DynamoDB Streams API reference.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import Call, ServiceError, unanswered
from penstock.runtime.streams.iterators import (
    TABLE_LIFETIME_SECONDS,
    ShardIterator,
    iterator_text,
    read_iterator,
)
from penstock.runtime.streams.shards import within
from penstock.runtime.streams.streams import Streams
from penstock.runtime.streams.table_changes import STREAM_LABEL, TableStreamSettings

MOST_READ: Final = 1000
"""Of records that one `GetRecords` returns; they have at most 1 MB."""

MOST_LISTED: Final = 100

_READ_BYTES: Final = 1_048_576

Parameters = Mapping[str, object]
Answer = dict[str, object]


class TableStreamsService:
    """DynamoDB Streams for one run. See `OPERATIONS` for what it answers."""

    def __init__(
        self, settings: Iterable[TableStreamSettings], *, streams: Streams, scheduler: Scheduler
    ) -> None:
        self._tables = {one.arn: one for one in settings}
        self._streams = streams
        self._scheduler = scheduler

    def answer(self, call: Call) -> Answer:
        """Answer one call; see `Service.answer`."""
        operation = OPERATIONS.get(call.operation)
        if operation is None:
            raise unanswered("dynamodbstreams", call.operation)
        return operation(self, call.parameters)

    def _table(self, parameters: Parameters) -> TableStreamSettings:
        found = self._tables.get(str(parameters.get("StreamArn")))
        if found is None:
            raise ServiceError("ResourceNotFoundException", "Requested resource not found: Stream not found")
        return found

    def _list_streams(self, parameters: Parameters) -> Answer:
        """A page of the streams: "the maximum number of streams to return. The upper limit is 100"."""
        wanted, limit = parameters.get("TableName"), int(str(parameters.get("Limit", MOST_LISTED)))
        if not 1 <= limit <= MOST_LISTED:
            raise ServiceError("ValidationException", f"Limit may be 1 to {MOST_LISTED}.")
        known = {one.arn: one.table for one in self._tables.values() if wanted in (None, one.table)}
        first = str(parameters.get("ExclusiveStartStreamArn", ""))
        arns = [arn for arn in sorted(known) if arn > first]
        answer: Answer = {
            "Streams": [
                {"StreamArn": arn, "TableName": known[arn], "StreamLabel": STREAM_LABEL}
                for arn in arns[:limit]
            ]
        }
        return {**answer, "LastEvaluatedStreamArn": arns[limit - 1]} if len(arns) > limit else answer

    def _describe_stream(self, parameters: Parameters) -> Answer:
        table = self._table(parameters)
        shards = self._streams.find(table.stream).shards.values()
        kinds = ("HASH", "RANGE")
        return {
            "StreamDescription": {
                "StreamArn": table.arn,
                "StreamLabel": STREAM_LABEL,
                "StreamStatus": "ENABLED",
                "StreamViewType": table.view_type,
                "TableName": table.table,
                "KeySchema": [
                    {"AttributeName": name, "KeyType": kind}
                    for name, kind in zip(table.keys, kinds, strict=False)
                ],
                "Shards": [
                    {
                        "ShardId": shard.id,
                        "SequenceNumberRange": {"StartingSequenceNumber": shard.sequence_number(0)},
                    }
                    for shard in shards
                ],
            }
        }

    def _get_shard_iterator(self, parameters: Parameters) -> Answer:
        table = self._table(parameters)
        shard = self._streams.find(table.stream).shards.get(str(parameters["ShardId"]))
        if shard is None:
            raise ServiceError("ResourceNotFoundException", "Requested resource not found: Shard not found")
        match parameters["ShardIteratorType"]:
            case "TRIM_HORIZON":
                position = self._streams.horizon(table.stream, shard.id)
            case "LATEST":
                position = shard.end
            case "AT_SEQUENCE_NUMBER" | "AFTER_SEQUENCE_NUMBER" as kind:
                number = str(parameters.get("SequenceNumber"))
                if not number.isdecimal() or not 0 <= shard.position(number) < shard.end:
                    raise ServiceError("ValidationException", f"Invalid SequenceNumber: {number}")
                position = shard.position(number) + (kind == "AFTER_SEQUENCE_NUMBER")
                if position < self._streams.horizon(table.stream, shard.id):
                    raise _trimmed()
            case other:
                raise ServiceError(
                    "ValidationException",
                    f"1 validation error detected: Value '{other}' at 'shardIteratorType' failed to satisfy "
                    "constraint: Member must satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST, "
                    "AT_SEQUENCE_NUMBER, TRIM_HORIZON]",
                )
        made = ShardIterator(table.stream, shard.id, position, self._scheduler.now())
        return {"ShardIterator": iterator_text(made)}

    def _get_records(self, parameters: Parameters) -> Answer:
        now = self._scheduler.now()
        iterator = read_iterator(
            str(parameters["ShardIterator"]),
            now,
            lifetime_seconds=TABLE_LIFETIME_SECONDS,
            invalid="ValidationException",
        )
        limit = int(str(parameters.get("Limit", MOST_READ)))
        if limit > MOST_READ:
            raise ServiceError(
                "ValidationException",
                f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: "
                f"Member must have value less than or equal to {MOST_READ}",
            )
        position = iterator.position
        if position < self._streams.horizon(iterator.stream, iterator.shard):
            raise _trimmed()
        records = within(self._streams.read(iterator.stream, iterator.shard, position, limit), _READ_BYTES)
        after = ShardIterator(iterator.stream, iterator.shard, position + len(records), now)
        return {
            "Records": [_described(record.data) for record in records],
            "NextShardIterator": iterator_text(after),
        }


def _trimmed() -> ServiceError:
    return ServiceError(
        "TrimmedDataAccessException",
        "The operation attempted to read past the oldest stream record in a shard: a record is kept for 24 hours.",
    )


def _described(data: bytes) -> Answer:
    record: Answer = json.loads(data)
    record.pop("eventSourceARN")
    change = record["dynamodb"]
    if isinstance(change, dict):
        moment = change["ApproximateCreationDateTime"]
        change["ApproximateCreationDateTime"] = dt.datetime.fromtimestamp(moment, dt.UTC)
    return record


OPERATIONS: Final[Mapping[str, Callable[[TableStreamsService, Parameters], Answer]]] = {
    "ListStreams": TableStreamsService._list_streams,
    "DescribeStream": TableStreamsService._describe_stream,
    "GetShardIterator": TableStreamsService._get_shard_iterator,
    "GetRecords": TableStreamsService._get_records,
}
"""What is answered, by AWS's operation name."""
