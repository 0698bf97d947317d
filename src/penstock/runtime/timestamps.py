"""Epoch seconds as AWS's JSON documents write them, and as boto3's callers do."""

from __future__ import annotations

import datetime as dt


def epoch_seconds(moment: object) -> float | None:
    """A point in time that boto3 takes: a datetime, epoch seconds, or either as a text. None: it is none.

    A datetime without a time zone is UTC, as it is on Lambda.
    """
    if isinstance(moment, dt.datetime):
        return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()
    if isinstance(moment, bool) or not isinstance(moment, int | float | str):
        return None
    from botocore.utils import parse_to_aware_datetime

    try:
        parsed: dt.datetime = parse_to_aware_datetime(moment)  # type: ignore[arg-type]  # numbers, too
    except (ValueError, TypeError):
        return None
    return parsed.timestamp()


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
