"""Answers what Kinesis is asked about streams and their shards.

Sources: the Kinesis Data Streams API reference, `DescribeStream`, `DescribeStreamSummary`, `ListShards`,
`ListStreams`; the developer guide, "Consider data routing, data persistence, and shard state after a reshard".
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Final, cast

from penstock.runtime.journal_events import StreamRecord
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import ServiceError
from penstock.runtime.streams.pages import names_after, page_of
from penstock.runtime.streams.shards import Shard
from penstock.runtime.streams.streams import Stream, Streams
from penstock.runtime.timestamps import epoch_seconds

_SHARDS_DESCRIBED: Final = 100
_SHARDS_LISTED: Final = 1000
_STREAMS_LISTED: Final = 100

Parameters = Mapping[str, object]
Answer = dict[str, object]


class StreamListing:
    """What a run's streams and shards are, as Kinesis tells of them."""

    def __init__(self, streams: Streams, scheduler: Scheduler) -> None:
        self._streams = streams
        self._scheduler = scheduler

    def list_streams(self, parameters: Parameters) -> Answer:
        """`ListStreams`."""
        kinesis = [
            one for one in map(self._streams.find, self._streams.names) if one.settings.kind == "kinesis"
        ]
        by_name = {one.settings.name: one for one in kinesis}
        names = sorted(by_name)
        if (first := parameters.get("ExclusiveStartStreamName")) is not None:
            names = list(names_after(names, str(first)))
        page, after = page_of(
            names, after=parameters.get("NextToken"), most=parameters.get("Limit"), default=_STREAMS_LISTED
        )
        answer: Answer = {
            "StreamNames": list(page),
            "HasMoreStreams": after is not None,
            "StreamSummaries": [_summary(by_name[name]) for name in page],
        }
        return answer if after is None else {**answer, "NextToken": after}

    def describe_stream(self, stream: Stream, parameters: Parameters) -> Answer:
        """`DescribeStream`: the stream, and a page of its shards."""
        shards = {one.id: one for one in self._known(stream)}
        first = parameters.get("ExclusiveStartShardId")
        names = list(shards) if first is None else list(names_after(list(shards), str(first)))
        page, after = page_of(names, after=None, most=parameters.get("Limit"), default=_SHARDS_DESCRIBED)
        return {
            "StreamDescription": {
                **_described(stream),
                "Shards": [described_shard(shards[name]) for name in page],
                "HasMoreShards": after is not None,
            }
        }

    def describe_stream_summary(self, stream: Stream) -> Answer:
        """`DescribeStreamSummary`."""
        return {
            "StreamDescriptionSummary": {
                **_described(stream),
                "OpenShardCount": sum(not shard.closed for shard in stream.shards.values()),
                "ConsumerCount": len(stream.consumers),
            }
        }

    def list_shards(self, stream: Stream, parameters: Parameters) -> Answer:
        """`ListShards`: a page of the shards that a filter chooses; expired ones are not among them."""
        chosen = self._chosen(stream, cast("Parameters", parameters.get("ShardFilter") or {}))
        shards = {one.id: one for one in chosen}
        first = parameters.get("ExclusiveStartShardId")
        names = list(shards) if first is None else list(names_after(list(shards), str(first)))
        page, after = page_of(
            names,
            after=parameters.get("NextToken"),
            most=parameters.get("MaxResults"),
            default=_SHARDS_LISTED,
        )
        answer: Answer = {"Shards": [described_shard(shards[name]) for name in page]}
        if after is not None:
            # The token alone says what the next page is of.
            answer["NextToken"] = f"{stream.settings.name}/{after}"
        return answer

    def _chosen(self, stream: Stream, wanted: Parameters) -> list[Shard]:
        shards, now = self._known(stream), self._scheduler.now()
        horizon = now - stream.retention_hours * 3600
        match wanted.get("Type", "FROM_TRIM_HORIZON"):
            case "FROM_TRIM_HORIZON":
                return shards
            case "AFTER_SHARD_ID":
                after = str(wanted.get("ShardId", ""))
                return [one for one in shards if one.id > after]
            case "AT_LATEST":
                return [one for one in shards if not one.closed]
            case "AT_TRIM_HORIZON":
                return _open_at(shards, horizon)
            case "AT_TIMESTAMP":
                return _open_at(shards, max(horizon, seconds_of(wanted.get("Timestamp"))))
            case "FROM_TIMESTAMP":
                moment = seconds_of(wanted.get("Timestamp"))
                return [one for one in shards if one.closed_at is None or one.closed_at > moment]
            case other:
                raise ServiceError("InvalidArgumentException", f"Invalid ShardFilter type {other}.")

    def _known(self, stream: Stream) -> list[Shard]:
        """The shards that have not expired: a closed shard expires with its last record."""
        horizon = self._scheduler.now() - stream.retention_hours * 3600
        return [one for one in stream.shards.values() if one.closed_at is None or one.closed_at >= horizon]


def seconds_of(moment: object) -> float:
    """A caller's point in time, in epoch seconds.

    Raises:
        ServiceError: `InvalidArgumentException` if there is none.
    """
    found = epoch_seconds(moment)
    if found is None:
        raise ServiceError("InvalidArgumentException", "Must specify a timestamp for the type AT_TIMESTAMP.")
    return found


def described_shard(shard: Shard) -> Answer:
    """A shard as `ListShards` tells of it."""
    numbers: Answer = {"StartingSequenceNumber": shard.sequence_number(0)}
    if shard.closed:
        numbers["EndingSequenceNumber"] = shard.sequence_number(shard.end)
    described: Answer = {
        "ShardId": shard.id,
        "HashKeyRange": hash_key_range(shard),
        "SequenceNumberRange": numbers,
    }
    for name, parent in zip(("ParentShardId", "AdjacentParentShardId"), shard.parents, strict=False):
        described[name] = parent
    return described


def described_record(record: StreamRecord) -> Answer:
    """A record as its readers are given it."""
    return {
        "SequenceNumber": record.sequence_number,
        "ApproximateArrivalTimestamp": dt.datetime.fromtimestamp(record.arrived_at, dt.UTC),
        "Data": record.data,
        "PartitionKey": record.partition_key,
        "EncryptionType": "NONE",
    }


def child_shards(stream: Stream, shard: Shard) -> list[Answer]:
    """The shards that follow one, as its readers are told of them at its end."""
    return [
        {"ShardId": one.id, "ParentShards": list(one.parents), "HashKeyRange": hash_key_range(one)}
        for one in stream.shards.values()
        if shard.id in one.parents
    ]


def hash_key_range(shard: Shard) -> Answer:
    """The hash keys of a shard, both ends included."""
    return {"StartingHashKey": str(shard.first_hash_key), "EndingHashKey": str(shard.last_hash_key)}


def _open_at(shards: Iterable[Shard], moment: float) -> list[Shard]:
    return [one for one in shards if one.was_open_at(moment)]


def _summary(stream: Stream) -> Answer:
    return {
        "StreamName": stream.settings.name,
        "StreamARN": stream.settings.arn,
        "StreamStatus": "ACTIVE",
        "StreamModeDetails": {"StreamMode": stream.mode},
        "StreamCreationTimestamp": dt.datetime.fromtimestamp(stream.made_at, dt.UTC),
    }


def _described(stream: Stream) -> Answer:
    return {
        **_summary(stream),
        "RetentionPeriodHours": stream.retention_hours,
        "EnhancedMonitoring": [{"ShardLevelMetrics": []}],
        "EncryptionType": "NONE",
    }
