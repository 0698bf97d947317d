"""Answers Kinesis's `SubscribeToShard`: records are handed over as they are asked for, until there are no more.

Sources: the Kinesis Data Streams API reference, `SubscribeToShard`, `SubscribeToShardEvent`; what readers of the end
of a shard rely on (the Kinesis Client Library: an event without a continuation).

1. On AWS a subscription pushes for five minutes. Here nobody moves the run's time while a reader waits: it ends when
   the reader has all that is there, as one does that is cut off, and is made again with the continuation.
2. It has one event at least, so that a reader always has a continuation. The event that ends a shard has the shards
   that follow it, and no continuation.
3. A subscription that is still being read is not made again within five seconds; later, the new one takes over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import MORE_EVENTS, ServiceError
from penstock.runtime.streams.consumers import StreamConsumers
from penstock.runtime.streams.listing import child_shards, described_record
from penstock.runtime.streams.positions import starting_position
from penstock.runtime.streams.shards import Shard, within
from penstock.runtime.streams.streams import Stream, Streams

LIFETIME_SECONDS: Final = 300.0
TAKEOVER_SECONDS: Final = 5.0
MOST_IN_AN_EVENT: Final = 10_000
_EVENT_BYTES: Final = 2 * 1_048_576
"""A consumer has 2 MB a second of each shard (Kinesis, "Develop enhanced fan-out consumers")."""

Parameters = Mapping[str, object]
Answer = dict[str, object]


@dataclass(slots=True)
class _Subscription:
    number: int
    made_at: float
    position: int
    told: bool = False


class StreamSubscriptions:
    """The subscriptions of a run's consumers; they end with the process."""

    def __init__(self, streams: Streams, scheduler: Scheduler, consumers: StreamConsumers) -> None:
        self._streams = streams
        self._scheduler = scheduler
        self._consumers = consumers
        self._open: dict[tuple[str, str], _Subscription] = {}
        self._made = 0

    def subscribe(self, parameters: Parameters) -> Answer:
        """`SubscribeToShard`: the first events, and with what the next ones are asked for.

        Raises:
            ServiceError: `ResourceNotFoundException`, `ResourceInUseException`, `InvalidArgumentException`.
        """
        stream, name = self._consumers.find(parameters)
        identifier = str(parameters["ShardId"])
        shard = stream.shards.get(identifier)
        if shard is None:
            raise ServiceError(
                "ResourceNotFoundException",
                f"Shard {identifier} in stream {stream.settings.name} under account 123456789012 does not exist",
            )
        key = (f"{stream.settings.arn}/{name}", identifier)
        if MORE_EVENTS in parameters:
            return self._more(stream, shard, key, parameters)
        return self._begin(stream, shard, key, parameters)

    def _begin(self, stream: Stream, shard: Shard, key: tuple[str, str], parameters: Parameters) -> Answer:
        now = self._scheduler.now()
        before = self._open.get(key)
        if before is not None and now - before.made_at < TAKEOVER_SECONDS:
            raise ServiceError(
                "ResourceInUseException",
                f"Another active subscription exists for this consumer and shard {shard.id}.",
            )
        asked = cast("Parameters", parameters["StartingPosition"])
        position = starting_position(
            self._streams,
            stream,
            shard,
            str(asked["Type"]),
            number=asked.get("SequenceNumber"),
            moment=asked.get("Timestamp"),
            now=now,
        )
        if position < -1 or position > shard.end:
            raise ServiceError(
                "InvalidArgumentException",
                f"SequenceNumber used in SubscribeToShard on shard {shard.id} in stream {stream.settings.name} is "
                "invalid: the shard has no such record.",
            )
        self._made += 1
        self._open[key] = _Subscription(self._made, now, max(0, position))
        return {"EventStream": [], MORE_EVENTS: {**parameters, MORE_EVENTS: self._made}}

    def _more(self, stream: Stream, shard: Shard, key: tuple[str, str], parameters: Parameters) -> Answer:
        found, now = self._open.get(key), self._scheduler.now()
        if found is None or found.number != parameters[MORE_EVENTS]:
            raise ServiceError(
                "ResourceInUseException",
                f"Another subscription of this consumer has taken over shard {shard.id}.",
            )
        if now - found.made_at >= LIFETIME_SECONDS:
            return self._end(key, [])
        name = stream.settings.name
        found.position = max(found.position, self._streams.horizon(name, shard.id))
        records = within(self._streams.read(name, shard.id, found.position, MOST_IN_AN_EVENT), _EVENT_BYTES)
        found.position += len(records)
        if records or not (found.told or shard.closed):
            found.told = True
            behind = self._streams.read(name, shard.id, found.position, 1)
            event: Answer = {
                "Records": [described_record(one) for one in records],
                "ContinuationSequenceNumber": shard.sequence_number(found.position - 1),
                "MillisBehindLatest": max(0, int((now - behind[0].arrived_at) * 1000)) if behind else 0,
            }
            return {"EventStream": [{"SubscribeToShardEvent": event}], MORE_EVENTS: dict(parameters)}
        if not shard.closed:
            return self._end(key, [])
        last: Answer = {"Records": [], "MillisBehindLatest": 0, "ChildShards": child_shards(stream, shard)}
        return self._end(key, [{"SubscribeToShardEvent": last}])

    def _end(self, key: tuple[str, str], events: Sequence[Answer]) -> Answer:
        del self._open[key]
        return {"EventStream": list(events)}
