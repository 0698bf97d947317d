"""What may be packed into the data of one stream record: several records of the Kinesis Producer Library, or gzip.

Source: Kinesis Producer Library, "aggregation-format.md"; CloudWatch Logs, "Using subscription filters".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from penstock.errors import DecodeError

AGGREGATED = b"\xf3\x89\x9a\xc2"
"""What an aggregated record begins with."""

GZIPPED = b"\x1f\x8b"
MAX_UNPACKED_BYTES = 64 * 1024 * 1024
"""Nothing is unpacked to more than this: a stream record has at most 10 MiB of packed data."""

_CHECKSUM_BYTES = 16
_VARINT, _FIXED_64, _LENGTH, _FIXED_32 = 0, 1, 2, 5
_PARTITION_KEYS, _RECORDS = 1, 3
_KEY_INDEX, _DATA = 1, 3


class UserRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One record as its producer made it; `subsequence_number` is its place in the stream's record, from 0."""

    data: bytes
    partition_key: str
    subsequence_number: int


class RefusedPart(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a record that cannot be decoded; `number` is its place in the record, from 0."""

    data: bytes
    number: int
    error: DecodeError


class PartlyOpened(list[object]):
    """The payloads of a record of which some parts cannot be decoded: these take no neighbours along.

    Attributes:
        numbers: the payloads' places in the record, from 0, whatever can be decoded beside them.
    """

    def __init__(self, payloads: Mapping[int, object], refused: Sequence[RefusedPart]) -> None:
        super().__init__(payloads.values())
        self.numbers = tuple(payloads)
        self.refused = tuple(refused)


def opened_parts(parts: Sequence[tuple[bytes, Callable[[], object]]]) -> Sequence[object]:
    """The payloads of a record that several were packed into, each with its data and how it is decoded.

    Returns:
        The payloads, or a `PartlyOpened`.

    Raises:
        DecodeError: the record has one part, which cannot be decoded.
    """
    if len(parts) == 1:
        return [parts[0][1]()]
    opened: dict[int, object] = {}
    refused: list[RefusedPart] = []
    for number, (data, decode) in enumerate(parts):
        try:
            opened[number] = decode()
        except DecodeError as error:
            refused.append(RefusedPart(data=data, number=number, error=error))
    return PartlyOpened(opened, refused) if refused else list(opened.values())


def user_records(data: bytes, partition_key: str = "") -> list[UserRecord]:
    """The records that are packed into one, or the one itself.

    Data that begins like an aggregated record but does not match its checksum is a record of another kind, as AWS's
    own libraries treat it.

    Raises:
        ValueError: the checksum matches, and what it covers cannot be read.
    """
    if data[: len(AGGREGATED)] == AGGREGATED:
        from hashlib import md5

        message, checksum = data[len(AGGREGATED) : -_CHECKSUM_BYTES], data[-_CHECKSUM_BYTES:]
        if md5(message, usedforsecurity=False).digest() == checksum:
            return _aggregated(message)
    return [UserRecord(data=data, partition_key=partition_key, subsequence_number=0)]


def unpacked(data: str | bytes) -> str | bytes:
    """Data without the gzip that CloudWatch Logs puts around it; no text and no JSON begins like gzip.

    Raises:
        ValueError: it is not whole; see `gunzipped`.
    """
    return gunzipped(data) if isinstance(data, bytes) and data[: len(GZIPPED)] == GZIPPED else data


def gunzipped(data: bytes) -> bytes:
    """What gzip'd data holds.

    Raises:
        ValueError: it is no gzip, is cut off, or holds more than MAX_UNPACKED_BYTES.
    """
    import zlib

    found = bytearray()
    while True:  # gzip may be written in several members, one after the other (RFC 1952)
        unpacker = zlib.decompressobj(wbits=31)
        try:
            found += unpacker.decompress(data, MAX_UNPACKED_BYTES - len(found) + 1)
        except zlib.error as error:
            raise ValueError(f"this is not gzip: {error}") from error
        if len(found) > MAX_UNPACKED_BYTES:
            raise ValueError(f"the gzip stream holds more than {MAX_UNPACKED_BYTES} bytes")
        if not unpacker.eof:
            raise ValueError("the gzip stream is cut off")
        data = unpacker.unused_data.lstrip(b"\0")
        if not data:
            return bytes(found)


def _aggregated(message: bytes) -> list[UserRecord]:
    keys: list[str] = []
    packed: list[bytes] = []
    for field, value in _fields(message):
        if field == _PARTITION_KEYS and isinstance(value, bytes):
            keys.append(value.decode())
        elif field == _RECORDS and isinstance(value, bytes):
            packed.append(value)
    return [_user_record(record, keys, number) for number, record in enumerate(packed)]


def _user_record(message: bytes, keys: list[str], number: int) -> UserRecord:
    members = dict(_fields(message))
    index, data = members.get(_KEY_INDEX), members.get(_DATA)
    if not isinstance(index, int) or index >= len(keys) or not isinstance(data, bytes):
        raise ValueError(f"user record {number} of an aggregated record has no data or no partition key")
    return UserRecord(data=data, partition_key=keys[index], subsequence_number=number)


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protocol buffer's message: number, and an integer or bytes."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        kind = tag & 7
        if kind == _VARINT:
            value, place = _varint(message, place)
            yield tag >> 3, value
            continue
        if kind == _LENGTH:
            size, place = _varint(message, place)
        elif kind in (_FIXED_32, _FIXED_64):
            size = 4 if kind == _FIXED_32 else 8
        else:
            raise ValueError(f"an aggregated record has a field of the unknown kind {kind}")
        if place + size > len(message):
            raise ValueError("an aggregated record is cut off")
        yield tag >> 3, message[place : place + size]
        place += size


def _varint(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while place < len(message):
        byte = message[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place
    raise ValueError("an aggregated record is cut off")
