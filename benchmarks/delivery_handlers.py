"""The functions that benchmarks.delivery delivers to."""

from __future__ import annotations

import msgspec

from penstock.handlers import on_kinesis_record, on_sqs_message


class Click(msgspec.Struct):
    """One click of 200 bytes."""

    user: str
    page: int
    padding: str


COUNTED: dict[int, int] = {}
FAILED_ONCE: set[int] = set()


@on_kinesis_record
def count(click: Click) -> None:
    """Count the clicks of each page."""
    COUNTED[click.page] = COUNTED.get(click.page, 0) + 1


@on_sqs_message
def take(body: str) -> None:
    """Take a message; one in a hundred fails the first time."""
    number = int(body)
    if number % 100 == 0 and number not in FAILED_ONCE:
        FAILED_ONCE.add(number)
        raise RuntimeError("the first time")
