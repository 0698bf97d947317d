"""The streams of moto's tables, read as AWS's are.

Source: the DynamoDB Streams API reference. moto's own reader keeps hold of a shard that a failed transaction has put
back; so only the store is moto's, and what it stores is said by `table_changes`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from localstack.aws.api import RequestContext
from localstack.aws.api.dynamodbstreams import (
    DescribeStreamOutput,
    DynamodbstreamsApi,
    GetRecordsOutput,
    GetShardIteratorOutput,
    ListStreamsOutput,
    ResourceNotFoundException,
)
from localstack.aws.api.dynamodbstreams import Stream as StreamName
from localstack.services.plugins import ServiceLifecycleHook
from moto.dynamodb.models import dynamodb_backends

from penstock.localstack.plugin.table_changes import view_type

if TYPE_CHECKING:
    from moto.dynamodb.models.table import StreamShard, Table

MAXIMUM_RECORDS: Final = 1000
"""GetRecords, "Limit"."""


class TableStreams(DynamodbstreamsApi, ServiceLifecycleHook):  # type: ignore[misc]  # LocalStack is not typed
    """DynamoDB Streams: one shard for each table, and nothing is trimmed."""

    def describe_stream(
        self, context: RequestContext, stream_arn: str, **_others: object
    ) -> DescribeStreamOutput:
        """The stream of a table."""
        shard = _shard(context, stream_arn)
        table = shard.table
        return DescribeStreamOutput(
            StreamDescription={
                "StreamArn": stream_arn,
                "StreamLabel": table.latest_stream_label,
                "StreamStatus": "ENABLED",
                "StreamViewType": view_type(table),
                "CreationRequestDateTime": shard.created_on,
                "TableName": table.name,
                "KeySchema": table.schema,
                "Shards": [shard.to_json()],
            }
        )

    def list_streams(
        self, context: RequestContext, table_name: str | None = None, **_others: object
    ) -> ListStreamsOutput:
        """All streams of the account in the region, or the one of a table."""
        tables = _tables(context).values()
        return ListStreamsOutput(
            Streams=[
                StreamName(
                    StreamArn=_stream_arn(one), TableName=one.name, StreamLabel=one.latest_stream_label
                )
                for one in tables
                if one.stream_shard is not None and table_name in (None, one.name)
            ]
        )

    def get_shard_iterator(
        self,
        context: RequestContext,
        stream_arn: str,
        shard_id: str,
        shard_iterator_type: str,
        sequence_number: str | None = None,
        **_others: object,
    ) -> GetShardIteratorOutput:
        """An iterator: the stream, and the number among its records."""
        shard = _shard(context, stream_arn)
        if shard.id != shard_id:
            raise ResourceNotFoundException(f"Requested resource not found: Shard: {shard_id} not found")
        first = shard.starting_sequence_number
        match shard_iterator_type:
            case "LATEST":
                position = len(shard.items)
            case "AT_SEQUENCE_NUMBER":
                position = int(sequence_number or first) - first
            case "AFTER_SEQUENCE_NUMBER":
                position = int(sequence_number or first) - first + 1
            case _:
                position = 0
        return GetShardIteratorOutput(ShardIterator=_iterator(stream_arn, position))

    def get_records(
        self, context: RequestContext, shard_iterator: str, limit: int | None = None, **_others: object
    ) -> GetRecordsOutput:
        """Records from the iterator on, and the iterator behind them."""
        stream_arn, position = _position(shard_iterator)
        items = _shard(context, stream_arn).items
        found = items[position : position + min(limit or MAXIMUM_RECORDS, MAXIMUM_RECORDS)]
        return GetRecordsOutput(
            Records=[one.record for one in found],
            NextShardIterator=_iterator(stream_arn, position + len(found)),
        )


def _tables(context: RequestContext) -> Mapping[str, Table]:
    tables: Mapping[str, Table] = dynamodb_backends[context.account_id][context.region].tables
    return tables


def _shard(context: RequestContext, stream_arn: str) -> StreamShard:
    for one in _tables(context).values():
        if one.stream_shard is not None and _stream_arn(one) == stream_arn:
            return one.stream_shard
    raise ResourceNotFoundException(f"Requested resource not found: Stream: {stream_arn} not found")


def _stream_arn(table: Table) -> str:
    return f"{table.table_arn}/stream/{table.latest_stream_label}"


def _iterator(stream_arn: str, position: int) -> str:
    return base64.urlsafe_b64encode(f"{position}|{stream_arn}".encode()).decode()


def _position(iterator: str) -> tuple[str, int]:
    try:
        position, _, stream_arn = base64.urlsafe_b64decode(iterator).decode().partition("|")
        return stream_arn, int(position)
    except (binascii.Error, ValueError) as error:
        raise ResourceNotFoundException("Requested resource not found: the iterator is none") from error
