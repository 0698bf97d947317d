"""The checksums that come with a write: computed again, compared, and kept to be returned.

Source: "Checking object integrity" in the S3 user guide. A write without a checksum gets the one that boto3
sends by itself (CRC32), or that of its `ChecksumAlgorithm`. CRC32C and CRC64NVME need a compiled library that
is no dependency of this project: their values are kept and returned, not computed again.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, Self

from penstock.runtime.services import ServiceError

CHECKSUM_MEMBERS: Final = (
    "ChecksumCRC32",
    "ChecksumCRC32C",
    "ChecksumCRC64NVME",
    "ChecksumSHA1",
    "ChecksumSHA256",
)


DEFAULT: Final = "ChecksumCRC32"
"""What boto3 adds to a write that has no checksum of its own."""

_PIECE_BYTES: Final = 4 * 1024 * 1024


class _Running(Protocol):
    def update(self, data: bytes | memoryview, /) -> None: ...

    def digest(self) -> bytes: ...


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes | memoryview, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


@dataclass(slots=True)
class Checksums:
    """The checksums of one body, while it passes: those that were given, and one that is computed at least."""

    given: dict[str, str]
    content_md5: str | None
    running: dict[str, _Running] = field(default_factory=dict)

    @classmethod
    def of(cls, parameters: Mapping[str, object]) -> Self:
        """Read what `ContentMD5` and `Checksum...` parameters promise."""
        given = {name: value for name in CHECKSUM_MEMBERS if isinstance(value := parameters.get(name), str)}
        promised = parameters.get("ContentMD5")
        made = cls(given=given, content_md5=promised if isinstance(promised, str) else None)
        for name in given or (f"Checksum{parameters.get('ChecksumAlgorithm')}",):
            running = _computed(name)
            if running is not None:
                made.running[name] = running
        if not given and not made.running:
            made.running[DEFAULT] = _Crc32()
        return made

    def update(self, piece: bytes | memoryview) -> None:
        for running in self.running.values():
            running.update(piece)

    def verified(self, md5: bytes) -> dict[str, str]:
        """Return the checksums to keep.

        Raises:
            ServiceError: `InvalidDigest` or `BadDigest`.
        """
        if self.content_md5 is not None and _decoded(self.content_md5) != md5:
            raise ServiceError("BadDigest", "The Content-MD5 you specified did not match what we received.")
        computed = {name: running.digest() for name, running in self.running.items()}
        for name, digest in computed.items():
            if name in self.given and _decoded(self.given[name]) != digest:
                algorithm = name.removeprefix("Checksum")
                raise ServiceError(
                    "BadDigest", f"The {algorithm} you specified did not match the calculated checksum."
                )
        return self.given or {name: base64.b64encode(digest).decode() for name, digest in computed.items()}


ChecksumType = Literal["COMPOSITE", "FULL_OBJECT"]
"""How the checksum of an object in parts is made: of its parts' checksums, or of its bytes."""


def type_of(checksums: Mapping[str, str]) -> ChecksumType:
    """How an object's checksums were made: one that is made of checksums ends with the number of parts."""
    return "COMPOSITE" if any("-" in value for value in checksums.values()) else "FULL_OBJECT"


def is_computed(algorithm: object) -> bool:
    """Whether checksums of this algorithm are computed here."""
    return _computed(f"Checksum{algorithm}") is not None


def composite(member: str, parts: Sequence[str]) -> str:
    """The checksum of the parts' checksums, with their number ("Checking object integrity": composite checksums).

    Args:
        member: AWS's name, of an algorithm that is computed here.
    """
    running = _begun(member)
    for part in parts:
        running.update(_decoded(part))
    return f"{base64.b64encode(running.digest()).decode()}-{len(parts)}"


def of_file(member: str, path: str) -> str:
    """The checksum of a file's bytes."""
    running = _begun(member)
    with open(path, "rb") as file:
        while piece := file.read(_PIECE_BYTES):
            running.update(piece)
    return base64.b64encode(running.digest()).decode()


def _begun(member: str) -> _Running:
    running = _computed(member)
    if running is None:
        raise ValueError(f"{member} is not computed here")
    return running


def _computed(name: str) -> _Running | None:
    match name:
        case "ChecksumCRC32":
            return _Crc32()
        case "ChecksumSHA1":
            return hashlib.sha1(usedforsecurity=False)
        case "ChecksumSHA256":
            return hashlib.sha256()
        case _:
            return None


def _decoded(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except ValueError:
        raise ServiceError("InvalidDigest", "The digest you specified is invalid.") from None
