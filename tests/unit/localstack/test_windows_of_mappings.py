"""Windows of the plugin's stream mappings."""

from __future__ import annotations

import pytest

from penstock.localstack.plugin.windows import STATE_LIMIT_BYTES, Window, window_of


@pytest.mark.parametrize(("arrived", "start"), [(120.0, 120.0), (139.999, 120.0), (140.0, 140.0)])
def test_a_record_belongs_to_the_window_in_which_it_arrived(arrived: float, start: float) -> None:
    """The end belongs to the next one."""
    window = window_of(arrived, 20)
    assert (window.start, window.end) == (start, start + 20)


def test_an_event_tells_of_its_window() -> None:
    """With the names that Lambda uses."""
    window = Window(1607497440, 1607497560, state={"1": 282})
    assert window.event(["record"], shard="shardId-000000000006", source_arn="arn") == {
        "Records": ["record"],
        "window": {"start": "2020-12-09T07:04:00Z", "end": "2020-12-09T07:06:00Z"},
        "state": {"1": 282},
        "shardId": "shardId-000000000006",
        "eventSourceARN": "arn",
        "isFinalInvokeForWindow": False,
        "isWindowTerminatedEarly": False,
    }


def test_a_window_is_full_by_the_bytes_of_its_state() -> None:
    """A state of exactly as many is none too large."""
    around = len('{"a":""}')
    assert not Window(0, 20, state={"a": "x" * (STATE_LIMIT_BYTES - around)}).is_full
    assert Window(0, 20, state={"a": "x" * (STATE_LIMIT_BYTES - around + 1)}).is_full


def test_a_window_that_was_ended_early_goes_on_without_a_state() -> None:
    """With the same boundaries."""
    ended = Window(0, 20, state={"n": 1}, final=True, early=True)
    assert ended.again() == Window(0, 20, state={})
