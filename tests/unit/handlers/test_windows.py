"""Tumbling windows: the state comes and goes with the records."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import pytest

from penstock.errors import HandlerError
from penstock.handlers import (
    FailedRecordsError,
    LambdaContext,
    LogEvent,
    TumblingWindow,
    on_kinesis_record,
    on_sqs_message,
)
from penstock.testing.context import FakeContext
from penstock.testing.events import kinesis_event, packed_logs, sequence_number


class Counts(msgspec.Struct):
    """How many there were."""

    clicks: int = 0


class Needy(msgspec.Struct):
    """A state that cannot begin empty."""

    clicks: int


def event(*clicks: object, state: object = None, final: bool = False) -> dict[str, Any]:
    return {
        **kinesis_event(*clicks),
        "window": {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:01:00Z"},
        "state": {} if state is None else state,
        "shardId": "shardId-000000000000",
        "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/clicks",
        "isFinalInvokeForWindow": final,
        "isWindowTerminatedEarly": False,
    }


def test_the_state_is_given_and_returned() -> None:
    """Typed, with the window's times."""
    windows: list[TumblingWindow[Counts]] = []

    @on_kinesis_record
    def count(clicks: list[int], window: TumblingWindow[Counts], context: LambdaContext) -> Counts:
        windows.append(window)
        return Counts(window.state.clicks + sum(clicks))

    first = count.invoke(event(1, 2), FakeContext())
    assert first == {"batchItemFailures": [], "state": {"clicks": 3}}
    assert count.invoke(event(4, state={"clicks": 3}), FakeContext()) == {
        "batchItemFailures": [],
        "state": {"clicks": 7},
    }
    assert windows[0].start == dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    assert (windows[0].end - windows[0].start).total_seconds() == 60


def test_the_last_invocation_may_have_no_records() -> None:
    """It is made all the same."""

    @on_kinesis_record
    def count(clicks: list[int], window: TumblingWindow[Counts]) -> Counts:
        assert window.is_final
        assert clicks == []
        return window.state

    assert count.invoke(event(state={"clicks": 9}, final=True), FakeContext()) == {
        "batchItemFailures": [],
        "state": {"clicks": 9},
    }


def test_a_batch_that_fails_leaves_the_state_as_it_was() -> None:
    """The records are named, and come again."""

    @on_kinesis_record
    def count(clicks: list[int], window: TumblingWindow[Counts]) -> Counts:
        raise FailedRecordsError(0)

    assert count.invoke(event(1, state={"clicks": 5}), FakeContext()) == {
        "batchItemFailures": [{"itemIdentifier": sequence_number(0)}],
        "state": {"clicks": 5},
    }


def test_where_later_records_fail_all_of_them_come_again() -> None:
    """A function that raises returns no state: those before the failure would be counted nowhere."""

    @on_kinesis_record
    def count(clicks: list[int], window: TumblingWindow[Counts]) -> Counts:
        raise FailedRecordsError(2)

    assert count.invoke(event(1, 2, 3, state={"clicks": 5}), FakeContext()) == {
        "batchItemFailures": [{"itemIdentifier": sequence_number(0)}],
        "state": {"clicks": 5},
    }


def test_the_last_invocation_is_made_when_none_of_its_records_has_a_payload() -> None:
    """What a window came to is not lost with them; if they come again, so does the invocation."""
    finals: list[tuple[list[str], bool]] = []

    @on_kinesis_record
    def count(lines: list[LogEvent[str]], window: TumblingWindow[Counts]) -> Counts:
        finals.append(([line.message for line in lines], window.is_final))
        return window.state

    done = {"batchItemFailures": [], "state": {"clicks": 9}}
    assert count.invoke(event(packed_logs(), state={"clicks": 9}), FakeContext()) == done
    assert finals == []
    assert count.invoke(event(packed_logs(), state={"clicks": 9}, final=True), FakeContext()) == done
    assert finals == [([], True)]
    assert count.invoke(event(b"no logs", state={"clicks": 9}, final=True), FakeContext()) != done
    assert finals == [([], True)]


def test_a_function_without_a_state_fails() -> None:
    """Lambda would take its answer for a failure too, and not say why."""

    @on_kinesis_record
    def count(clicks: list[int], window: TumblingWindow[Counts]) -> None: ...

    with pytest.raises(HandlerError, match="returned no state"):
        count.invoke(event(1), FakeContext())


def test_a_mapping_without_a_window_is_refused() -> None:
    """The error says what to set."""

    @on_kinesis_record
    def count(clicks: list[int], window: TumblingWindow[Counts]) -> Counts:
        return window.state

    with pytest.raises(HandlerError, match="no window"):
        count.invoke(kinesis_event(1), FakeContext())


def test_what_cannot_be_windowed_is_refused_at_once() -> None:
    """Single records, other sources, and a state that cannot begin as {}."""

    with pytest.raises(HandlerError, match="not a batch"):

        @on_kinesis_record
        def one(click: int, window: TumblingWindow[Counts]) -> Counts:
            return window.state

    with pytest.raises(HandlerError, match="not a batch"):

        @on_sqs_message
        def message(bodies: list[str], window: TumblingWindow[Counts]) -> Counts:
            return window.state

    with pytest.raises(HandlerError, match="begins as"):

        @on_kinesis_record
        def needy(clicks: list[int], window: TumblingWindow[Needy]) -> Needy:
            return window.state
