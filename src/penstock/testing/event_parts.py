"""What the events made for tests have in common: account, region, time, and how payloads are written."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec

REGION: Final = "us-east-1"
ACCOUNT: Final = "123456789012"
AT_SECONDS: Final = 1767225600.0
"""When every event happened, in epoch seconds: 2026-01-01T00:00:00Z."""

TIME: Final = "2026-01-01T00:00:00Z"
TIME_MILLIS: Final = "2026-01-01T00:00:00.000Z"

Event = dict[str, object]


def arn(service: str, resource: str) -> str:
    """An ARN of the embedded account and region."""
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def message_id(number: int) -> str:
    """The id of message `number` (from 0) of an event made here: what a verdict names."""
    return f"059f36b4-87a3-44ab-83d2-{number:012d}"


def text_of(payload: object) -> str:
    """A payload as a text: itself, or its JSON.

    Raises:
        UnicodeDecodeError: it is bytes that are no UTF-8, and the source takes text alone.
        TypeError: it has no JSON form.
    """
    if isinstance(payload, str):
        return payload
    if isinstance(payload, bytes):
        return payload.decode()
    return msgspec.json.encode(payload, enc_hook=_model).decode()


def bytes_of(payload: object) -> bytes:
    """A payload as bytes: itself, a text in UTF-8, or its JSON."""
    return payload if isinstance(payload, bytes) else text_of(payload).encode()


def json_of(payload: object) -> Any:
    """A payload as values of JSON: models and dataclasses as objects."""
    return msgspec.to_builtins(payload, enc_hook=_model)


def md5_of(data: bytes) -> str:
    """The checksum that SQS and S3 tell."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _model(value: object) -> object:
    dump = getattr(value, "model_dump", None)
    if dump is None:
        raise TypeError(f"{type(value).__name__} has no JSON form")
    return dump(mode="json", by_alias=True)
