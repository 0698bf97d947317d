"""Answers the Kinesis API from `Streams`: parameters in, answers as boto3 gives them.

Source: the Kinesis Data Streams API reference; error codes are those that boto3 raises. Streams are those that
the pipeline declares: they are not created or deleted here. There is no limit on the throughput of a shard.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, cast

from penstock.runtime.journal_events import RetentionChanged
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import Call, ServiceError, unanswered
from penstock.runtime.streams.consumers import StreamConsumers
from penstock.runtime.streams.iterators import ShardIterator, iterator_text, read_iterator
from penstock.runtime.streams.listing import StreamListing, child_shards, described_record
from penstock.runtime.streams.positions import starting_position
from penstock.runtime.streams.scaling import StreamScaling, check_provisioned
from penstock.runtime.streams.shards import Shard, within
from penstock.runtime.streams.streams import NewRecord, Stream, Streams, checked
from penstock.runtime.streams.subscriptions import StreamSubscriptions

MAXIMUM_RECORDS: Final = 500
MAXIMUM_REQUEST_BYTES: Final = 10 * 1_048_576
MOST_READ: Final = 10_000
"""Of records that one `GetRecords` returns."""

LEAST_RETENTION_HOURS: Final = 24
MOST_RETENTION_HOURS: Final = 8760

_HASH_KEY: Final = re.compile(r"0|[1-9][0-9]{0,38}")
_READ_BYTES: Final = 10 * 1_048_576

Parameters = Mapping[str, object]
Answer = dict[str, object]


class KinesisService:
    """Kinesis for one run. See `OPERATIONS` for what it answers."""

    def __init__(self, streams: Streams, scheduler: Scheduler) -> None:
        self.streams = streams
        self._scheduler = scheduler
        self.listing = StreamListing(streams, scheduler)
        self.consumers = StreamConsumers(streams, scheduler)
        self.subscriptions = StreamSubscriptions(streams, scheduler, self.consumers)
        self.scaling = StreamScaling(streams, scheduler)

    def answer(self, call: Call) -> Answer:
        """Answer one call; see `Service.answer`."""
        operation = OPERATIONS.get(call.operation)
        if operation is None:
            raise unanswered("kinesis", call.operation)
        if call.parameters.get("DryRun"):
            raise unanswered(
                "kinesis", call.operation, because="nothing is only tried here: leave DryRun out"
            )
        return operation(self, call.parameters)

    def _stream(self, parameters: Parameters) -> Stream:
        name = parameters.get("StreamName") or parameters.get("StreamARN")
        if not name:
            raise ServiceError("InvalidArgumentException", "Either StreamName or StreamARN must be given.")
        return self.streams.find(str(name))

    # --- Writing ------------------------------------------------------------------------------------------

    def _put_record(self, parameters: Parameters) -> Answer:
        stream = self._stream(parameters)
        ((shard, number),) = self.streams.put(stream.settings.name, [checked(_record(parameters))])
        return {"ShardId": shard, "SequenceNumber": number, "EncryptionType": "NONE"}

    def _put_records(self, parameters: Parameters) -> Answer:
        stream = self._stream(parameters)
        given = cast("Sequence[Parameters]", parameters["Records"])
        if not 1 <= len(given) <= MAXIMUM_RECORDS:
            raise ServiceError(
                "ValidationException",
                f"1 validation error detected: Value at 'records' has {len(given)} members; "
                f"it may have 1 to {MAXIMUM_RECORDS}",
            )
        records = [checked(_record(one)) for one in given]
        if sum(len(one.data) + len(one.partition_key.encode()) for one in records) > MAXIMUM_REQUEST_BYTES:
            raise ServiceError(
                "InvalidArgumentException", f"Records size exceeds {MAXIMUM_REQUEST_BYTES >> 20} MB limit"
            )
        placed = self.streams.put(stream.settings.name, records)
        return {
            "FailedRecordCount": 0,
            "Records": [{"SequenceNumber": number, "ShardId": shard} for shard, number in placed],
            "EncryptionType": "NONE",
        }

    # --- Reading ------------------------------------------------------------------------------------------

    def _get_shard_iterator(self, parameters: Parameters) -> Answer:
        stream = self._stream(parameters)
        shard = _shard(stream, str(parameters["ShardId"]))
        name = stream.settings.name
        position = starting_position(
            self.streams,
            stream,
            shard,
            str(parameters["ShardIteratorType"]),
            number=parameters.get("StartingSequenceNumber"),
            moment=parameters.get("Timestamp"),
            now=self._scheduler.now(),
        )
        if position < 0 or position > shard.end:
            raise ServiceError(
                "InvalidArgumentException",
                f"StartingSequenceNumber used in GetShardIterator on shard {shard.id} in stream {name} "
                "is invalid: the shard has no such record.",
            )
        return {"ShardIterator": self._iterator(stream, shard, position)}

    def _get_records(self, parameters: Parameters) -> Answer:
        now = self._scheduler.now()
        iterator = read_iterator(str(parameters["ShardIterator"]), now)
        limit = int(str(parameters.get("Limit", MOST_READ)))
        if not 1 <= limit <= MOST_READ:
            raise ServiceError("InvalidArgumentException", f"Limit may be 1 to {MOST_READ}.")
        stream = self.streams.find(iterator.stream)
        shard = _shard(stream, iterator.shard)
        position = max(iterator.position, self.streams.horizon(iterator.stream, shard.id))
        records = within(self.streams.read(iterator.stream, shard.id, position, limit), _READ_BYTES)
        after = position + len(records)
        answer: Answer = {
            "Records": [described_record(record) for record in records],
            "MillisBehindLatest": 0,
        }
        if after < shard.end:
            behind = self.streams.read(iterator.stream, shard.id, after, 1)[0]
            answer["MillisBehindLatest"] = max(0, int((now - behind.arrived_at) * 1000))
        if shard.closed and after >= shard.end:
            answer["ChildShards"] = child_shards(stream, shard)
        else:
            answer["NextShardIterator"] = self._iterator(stream, shard, after)
        return answer

    def _iterator(self, stream: Stream, shard: Shard, position: int) -> str:
        made = ShardIterator(stream.settings.name, shard.id, position, self._scheduler.now())
        return iterator_text(made)

    # --- Streams and shards -------------------------------------------------------------------------------

    def _list_shards(self, parameters: Parameters) -> Answer:
        token = parameters.get("NextToken")
        if token is None:
            return self.listing.list_shards(self._stream(parameters), parameters)
        if "StreamName" in parameters or "ExclusiveStartShardId" in parameters:
            raise ServiceError(
                "InvalidArgumentException", "NextToken and StreamName cannot be provided together."
            )
        name, _, after = str(token).partition("/")
        return self.listing.list_shards(self.streams.find(name), {**parameters, "NextToken": after})

    def _increase_retention(self, parameters: Parameters) -> Answer:
        stream, hours = self._stream(parameters), int(str(parameters["RetentionPeriodHours"]))
        if not stream.retention_hours <= hours <= MOST_RETENTION_HOURS:
            raise ServiceError(
                "InvalidArgumentException",
                f"Requested retention period ({hours} hours) for stream {stream.settings.name} can not be "
                f"shorter than existing retention period ({stream.retention_hours} hours) or longer than "
                f"{MOST_RETENTION_HOURS} hours. Use DecreaseRetentionPeriod API.",
            )
        return self._keep_for(stream, hours)

    def _decrease_retention(self, parameters: Parameters) -> Answer:
        stream, hours = self._stream(parameters), int(str(parameters["RetentionPeriodHours"]))
        if not LEAST_RETENTION_HOURS <= hours <= stream.retention_hours:
            raise ServiceError(
                "InvalidArgumentException",
                f"Requested retention period ({hours} hours) for stream {stream.settings.name} can not be "
                f"longer than existing retention period ({stream.retention_hours} hours) or shorter than "
                f"{LEAST_RETENTION_HOURS} hours. Use IncreaseRetentionPeriod API.",
            )
        return self._keep_for(stream, hours)

    def _keep_for(self, stream: Stream, hours: int) -> Answer:
        now = self._scheduler.now()
        self.streams.change(RetentionChanged(at=now, stream=stream.settings.name, hours=hours))
        return {}

    def _split_shard(self, parameters: Parameters) -> Answer:
        stream = self._stream(parameters)
        check_provisioned(stream, "SplitShard")
        self.streams.split(
            stream.settings.name,
            str(parameters["ShardToSplit"]),
            _hash_key(str(parameters["NewStartingHashKey"]), "NewStartingHashKey"),
        )
        return {}

    def _merge_shards(self, parameters: Parameters) -> Answer:
        stream = self._stream(parameters)
        check_provisioned(stream, "MergeShards")
        self.streams.merge(
            stream.settings.name,
            str(parameters["ShardToMerge"]),
            str(parameters["AdjacentShardToMerge"]),
        )
        return {}


def _record(parameters: Parameters) -> NewRecord:
    data = parameters["Data"]
    explicit = parameters.get("ExplicitHashKey")
    return NewRecord(
        data.encode() if isinstance(data, str) else bytes(cast("bytes", data)),
        str(parameters["PartitionKey"]),
        None if explicit is None else _hash_key(str(explicit), "ExplicitHashKey"),
    )


def _hash_key(text: str, name: str) -> int:
    """The number that a text is ("0|([1-9]\\d{0,38})" in the API reference).

    Raises:
        ServiceError: `InvalidArgumentException`.
    """
    if not _HASH_KEY.fullmatch(text):
        raise ServiceError("InvalidArgumentException", f"Invalid {name} {text}.")
    return int(text)


def _shard(stream: Stream, identifier: str) -> Shard:
    shard = stream.shards.get(identifier)
    if shard is None:
        raise ServiceError(
            "ResourceNotFoundException",
            f"Shard {identifier} in stream {stream.settings.name} under account 123456789012 does not exist",
        )
    return shard


OPERATIONS: Final[Mapping[str, Callable[[KinesisService, Parameters], Answer]]] = {
    "PutRecord": KinesisService._put_record,
    "PutRecords": KinesisService._put_records,
    "GetShardIterator": KinesisService._get_shard_iterator,
    "GetRecords": KinesisService._get_records,
    "ListStreams": lambda self, parameters: self.listing.list_streams(parameters),
    "DescribeStream": lambda self, given: self.listing.describe_stream(self._stream(given), given),
    "DescribeStreamSummary": lambda self, given: self.listing.describe_stream_summary(self._stream(given)),
    "ListShards": KinesisService._list_shards,
    "SplitShard": KinesisService._split_shard,
    "MergeShards": KinesisService._merge_shards,
    "UpdateShardCount": lambda self, given: self.scaling.update_shard_count(self._stream(given), given),
    "UpdateStreamMode": lambda self, given: self.scaling.update_stream_mode(self._stream(given), given),
    "IncreaseStreamRetentionPeriod": KinesisService._increase_retention,
    "DecreaseStreamRetentionPeriod": KinesisService._decrease_retention,
    "RegisterStreamConsumer": lambda self, parameters: self.consumers.register(parameters),
    "DescribeStreamConsumer": lambda self, parameters: self.consumers.describe(parameters),
    "ListStreamConsumers": lambda self, parameters: self.consumers.listed(parameters),
    "DeregisterStreamConsumer": lambda self, parameters: self.consumers.deregister(parameters),
    "SubscribeToShard": lambda self, parameters: self.subscriptions.subscribe(parameters),
}
"""What is answered, by AWS's operation name."""
