"""Where a reader of a shard begins: the types of starting positions that Kinesis has.

Sources: the Kinesis Data Streams API reference, `GetShardIterator`, `StartingPosition`.
"""

from __future__ import annotations

from penstock.runtime.services import ServiceError
from penstock.runtime.streams.listing import seconds_of
from penstock.runtime.streams.shards import Shard
from penstock.runtime.streams.streams import Stream, Streams


def starting_position(
    streams: Streams, stream: Stream, shard: Shard, kind: str, *, number: object, moment: object, now: float
) -> int:
    """The position of the first record to read.

    Args:
        kind: `TRIM_HORIZON`, `LATEST`, `AT_TIMESTAMP`, `AT_SEQUENCE_NUMBER` or `AFTER_SEQUENCE_NUMBER`.
        number, moment: the sequence number and the point in time that were given, if they were.

    Returns:
        It may be one that the shard does not have, if it follows from a sequence number.

    Raises:
        ServiceError: `InvalidArgumentException`, `ValidationException`.
    """
    match kind:
        case "TRIM_HORIZON":
            return streams.horizon(stream.settings.name, shard.id)
        case "LATEST":
            return shard.end
        case "AT_TIMESTAMP":
            return shard.first_since(_passed(seconds_of(moment), now))
        case "AT_SEQUENCE_NUMBER":
            return shard.position(_sequence_number(number))
        case "AFTER_SEQUENCE_NUMBER":
            return shard.position(_sequence_number(number)) + 1
        case _:
            raise ServiceError(
                "ValidationException",
                f"1 validation error detected: Value '{kind}' at 'shardIteratorType' failed to satisfy constraint: "
                "Member must satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, "
                "AT_SEQUENCE_NUMBER, TRIM_HORIZON]",
            )


def _passed(moment: float, now: float) -> float:
    if round(moment * 1000) > round(now * 1000):
        raise ServiceError(
            "InvalidArgumentException",
            "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. "
            f"timestampInMillis: {moment * 1000:.0f}, currentTimestampInMillis: {now * 1000:.0f}",
        )
    return moment


def _sequence_number(number: object) -> str:
    if not isinstance(number, str) or not number.isdecimal():
        raise ServiceError(
            "InvalidArgumentException",
            "Must either specify (1) AT_SEQUENCE_NUMBER and StartingSequenceNumber or "
            "(2) AFTER_SEQUENCE_NUMBER and StartingSequenceNumber",
        )
    return number
