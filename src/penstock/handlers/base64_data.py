"""Base64 as AWS sends it, decoded strictly: what is cut off or not Base64 is an error, not other data."""

from __future__ import annotations

import binascii


class Data(bytes):
    """Bytes that an event holds as Base64; a type of its own, so that msgspec has them decoded here."""

    __slots__ = ()


def base64_bytes(text: str) -> bytes:
    """The bytes that a text stands for.

    Padding beyond what the data needs is tolerated, since nothing is lost by it; missing padding is not, since the
    text may be cut off.

    Raises:
        ValueError: it is no Base64.
    """
    digits = text.rstrip("=")
    needed = -len(digits) % 4
    if needed == 3 or (needed and len(text) - len(digits) < needed):
        raise ValueError("this is not Base64: it is cut off")
    try:
        return binascii.a2b_base64(digits + "=" * needed, strict_mode=True)
    except binascii.Error as error:
        raise ValueError(f"this is not Base64: {error}") from error
