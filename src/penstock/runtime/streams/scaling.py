"""Answers Kinesis's `UpdateShardCount` and `UpdateStreamMode`.

Sources: the Kinesis Data Streams API reference, `UpdateShardCount`, `UpdateStreamMode`; the developer guide, "Choose
the data stream capacity mode".

1. Scaling is splits and merges, each an event of its own in the journal, so shards have parents as after
   `SplitShard` and `MergeShards`. It takes no time here: the stream is `ACTIVE` all the while.
2. AWS does not say which shards it splits and merges. Here it goes through the hash keys from the lowest on, and
   makes one shard of the target after the other; four shards become three as they were seen to on AWS.
3. A stream in on-demand mode keeps the shards that it has, or the four that it begins with: a shard has no limit of
   throughput here, so nothing makes them more.
"""

from __future__ import annotations

import bisect
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final, cast

from penstock.runtime.journal_events import ShardCountUpdated, StreamModeChanged
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import ServiceError
from penstock.runtime.streams.shards import HASH_KEYS, Shard
from penstock.runtime.streams.streams import Stream, Streams

MOST_SHARDS: Final = 10_000
MOST_SCALINGS: Final = 10
"""Of one stream within `_DAY_SECONDS`."""

MOST_SWITCHES: Final = 2
"""Between modes, of one stream within `_DAY_SECONDS`."""

_DAY_SECONDS: Final = 24 * 3600.0

Parameters = Mapping[str, object]
Answer = dict[str, object]


class StreamScaling:
    """Changes how many shards a stream has, and in which mode it is."""

    def __init__(self, streams: Streams, scheduler: Scheduler) -> None:
        self._streams = streams
        self._scheduler = scheduler

    def update_shard_count(self, stream: Stream, parameters: Parameters) -> Answer:
        """`UpdateShardCount`: so many shards, whose ranges are even.

        Raises:
            ServiceError: `InvalidArgumentException`, `LimitExceededException`, `ValidationException`.
        """
        check_provisioned(stream, "UpdateShardCount")
        if parameters["ScalingType"] != "UNIFORM_SCALING":
            raise ServiceError("InvalidArgumentException", "ScalingType may be UNIFORM_SCALING.")
        now, name = self._scheduler.now(), stream.settings.name
        target, current = int(str(parameters["TargetShardCount"])), len(_open(stream))
        _check_target(target, current)
        if _of_last_day(stream.scaled_at, now) >= MOST_SCALINGS:
            raise ServiceError(
                "LimitExceededException",
                f"Stream {name} has been scaled {MOST_SCALINGS} times within the last 24 hours, "
                "as often as it may be.",
            )
        self._streams.change(ShardCountUpdated(at=now, stream=name, target=target))
        self._scale(stream, target)
        return {
            "StreamName": name,
            "StreamARN": stream.settings.arn,
            "CurrentShardCount": current,
            "TargetShardCount": target,
        }

    def update_stream_mode(self, stream: Stream, parameters: Parameters) -> Answer:
        """`UpdateStreamMode`: the shards stay as they are.

        Raises:
            ServiceError: `InvalidArgumentException`, `LimitExceededException`.
        """
        mode = cast("Parameters", parameters["StreamModeDetails"])["StreamMode"]
        if mode not in ("PROVISIONED", "ON_DEMAND"):
            raise ServiceError("InvalidArgumentException", "StreamMode may be PROVISIONED or ON_DEMAND.")
        now, name = self._scheduler.now(), stream.settings.name
        if mode == stream.mode:
            return {}
        if _of_last_day(stream.switched_at, now) >= MOST_SWITCHES:
            raise ServiceError(
                "LimitExceededException",
                f"Stream {name} has changed its mode {MOST_SWITCHES} times within the last 24 hours, "
                "as often as it may.",
            )
        self._streams.change(StreamModeChanged(at=now, stream=name, mode=mode))
        return {}

    def _scale(self, stream: Stream, count: int) -> None:
        name, waiting = stream.settings.name, deque(_open(stream))
        for end in _even_ends(count, waiting):
            low = waiting.popleft()
            while low.last_hash_key != end:
                if low.last_hash_key > end:
                    low, behind = self._streams.split(name, low.id, end + 1)
                    waiting.appendleft(behind)
                    continue
                high = waiting.popleft()
                if high.last_hash_key > end:
                    high, behind = self._streams.split(name, high.id, end + 1)
                    waiting.appendleft(behind)
                low = self._streams.merge(name, low.id, high.id)


def check_provisioned(stream: Stream, operation: str) -> None:
    """Refuse what AWS does for streams in provisioned mode only.

    Raises:
        ServiceError: `ValidationException`.
    """
    if stream.mode != "PROVISIONED":
        raise ServiceError(
            "ValidationException",
            f"{operation} is supported in provisioned mode only; stream {stream.settings.name} is in mode "
            f"{stream.mode}.",
        )


def _check_target(target: int, current: int) -> None:
    counts = f"Current open shard count: {current}, Target shard count: {target}"
    if target < 1:
        raise ServiceError("InvalidArgumentException", f"TargetShardCount has to be 1 at least. {counts}")
    if target > MOST_SHARDS:
        raise ServiceError(
            "LimitExceededException",
            f"Target shard count or number of open shards cannot be greater than {MOST_SHARDS}. {counts}",
        )
    if target > current * 2:
        raise ServiceError(
            "LimitExceededException",
            f"UpdateShardCount cannot scale up over double your current open shard count. {counts}",
        )
    if target * 2 < current:
        raise ServiceError(
            "LimitExceededException",
            f"UpdateShardCount cannot scale down below half your current open shard count. {counts}",
        )


def _open(stream: Stream) -> list[Shard]:
    """The open shards, by their hash keys."""
    return sorted(
        (one for one in stream.shards.values() if not one.closed), key=lambda one: one.first_hash_key
    )


def _even_ends(count: int, shards: Iterable[Shard]) -> list[int]:
    """The last hash keys of so many even ranges: as they are now, where rounding alone makes the difference."""
    there = [one.last_hash_key for one in shards]
    ends = []
    for number in range(1, count + 1):
        end = number * HASH_KEYS // count - 1
        place = bisect.bisect_left(there, end - count)
        near = [one for one in there[place : place + 2 * count + 1] if one <= end + count]
        ends.append(min(near, key=lambda one: abs(one - end), default=end))
    return ends


def _of_last_day(moments: Iterable[float], now: float) -> int:
    return sum(moment > now - _DAY_SECONDS for moment in moments)
