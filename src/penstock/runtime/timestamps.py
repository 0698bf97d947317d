"""Epoch seconds as AWS's JSON documents write them."""

from __future__ import annotations

import datetime as dt


def seconds_text(at: float) -> str:
    """`2026-01-01T00:00:00Z`."""
    return f"{dt.datetime.fromtimestamp(at, dt.UTC):%Y-%m-%dT%H:%M:%SZ}"


def dated_key(prefix: str, at: float, identifier: str) -> str:
    """`PREFIX/2026/01/01/2026-01-01T00.00.00-IDENTIFIER`, as Lambda calls the objects that it makes."""
    moment = dt.datetime.fromtimestamp(at, dt.UTC)
    return f"{prefix}/{moment:%Y/%m/%d}/{moment:%Y-%m-%dT%H.%M.%S}-{identifier}"


def milliseconds_text(at: float) -> str:
    """`2026-01-01T00:00:00.000Z`."""
    moment = dt.datetime.fromtimestamp(at, dt.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
