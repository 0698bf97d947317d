"""Stream mappings where batches, filters, windows, sizes and starting positions meet."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import TargetError
from penstock.runtime.clock import VIRTUAL_START
from penstock.runtime.invocation import (
    SYNCHRONOUS_PAYLOAD_LIMIT_BYTES,
    Invocation,
    InvocationOutcome,
    written,
)
from penstock.runtime.mappings.stream_settings import StreamMappingSettings
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.streams.scaling import StreamScaling
from penstock.runtime.streams.streams import NewRecord
from tests.properties.test_stream_mapping_properties import Bench, Crash, Plan

SETTINGS = StreamMappingSettings(name="source->work", stream="source", function="work")
WINDOWED = dataclasses.replace(SETTINGS, tumbling_window_seconds=60)
FIRST = "shardId-000000000000"

Answer = Callable[[dict[str, Any]], object]


class Answering:
    """Invokes `answer` with each event, and keeps when, what, and how many bytes."""

    def __init__(self, scheduler: Scheduler, answer: Answer) -> None:
        self.scheduler = scheduler
        self.answer = answer
        self.began = scheduler.now()
        self.seen: list[tuple[float, dict[str, Any]]] = []
        self.sizes: list[int] = []

    def invoke(self, invocation: Invocation, done: Callable[[InvocationOutcome], None]) -> None:
        event = json.loads(written(invocation.payload))
        self.seen.append((self.scheduler.now() - self.began, event))
        self.sizes.append(len(written(invocation.payload)))
        payload = json.dumps(self.answer(event)).encode()
        outcome = InvocationOutcome(request_id=invocation.request_id, payload=payload)
        self.scheduler.call_soon(lambda: done(outcome))

    def close(self) -> None: ...

    @property
    def counts(self) -> list[tuple[float, int]]:
        """When, and how many records."""
        return [(at, len(event["Records"])) for at, event in self.seen]


def started(
    folder: Path, settings: StreamMappingSettings, answer: Answer = lambda _: None
) -> tuple[Bench, Answering]:
    bench = Bench(Plan({}, report=False), settings, folder / "journal")
    invoker = bench.functions._invoker = Answering(bench.scheduler, answer)
    bench.mapping.start()
    return bench, invoker


def put(bench: Bench, *data: bytes) -> None:
    bench.streams.put("source", [NewRecord(one, "k") for one in data])


def is_last(record: Mapping[str, Any]) -> bool:
    return base64.b64decode(record["kinesis"]["data"]) == b"999"


def test_reading_goes_on_behind_what_the_filter_leaves_out(tmp_path: Path) -> None:
    """However many records in a row match nothing, the one behind them is delivered."""
    bench, invoker = started(tmp_path, dataclasses.replace(SETTINGS, batch_size=10, wanted=is_last))
    put(bench, *(str(number).encode() for number in range(1000)))
    bench.scheduler.run_until_idle()
    assert invoker.counts == [(0.0, 1)]
    assert bench.mapping.checkpoint(FIRST) == 1000


def test_a_batching_window_ends_when_the_event_is_full(tmp_path: Path) -> None:
    """6 MB of records do not wait for the window's end; those behind them do."""
    bench, invoker = started(tmp_path, dataclasses.replace(SETTINGS, batching_window_seconds=60))
    put(bench, *[b"x" * 1_000_000] * 3)
    put(bench, *[b"x" * 1_000_000] * 4)
    bench.scheduler.run_until_idle()
    assert invoker.counts == [(0.0, 4), (60.0, 3)]


def test_a_windows_state_and_its_records_fit_into_one_event(tmp_path: Path) -> None:
    """A state of almost 1 MB leaves less room for records; none is lost for that."""
    bench, invoker = started(
        tmp_path, dataclasses.replace(WINDOWED, batch_size=4), lambda _: {"state": {"pad": "x" * 1_000_000}}
    )
    put(bench, b"1", b"2", b"3", b"4", *[b"x" * 1_000_000] * 4)
    bench.scheduler.run_until_idle()
    assert [count for _, count in invoker.counts] == [4, 3, 1, 0]
    assert max(invoker.sizes) <= SYNCHRONOUS_PAYLOAD_LIMIT_BYTES


def test_a_state_that_no_event_could_hold_fails_the_invocation(tmp_path: Path) -> None:
    """It cannot be handed on, so the batch counts as failed."""
    settings = dataclasses.replace(WINDOWED, maximum_retry_attempts=0, on_failure_queue="failed")
    bench, _ = started(tmp_path, settings, lambda _: {"state": "x" * SYNCHRONOUS_PAYLOAD_LIMIT_BYTES})
    put(bench, b"1")
    bench.scheduler.run_for(1)
    assert len(bench.queues.find("failed").messages) == 1


def test_a_window_ends_with_its_shard(tmp_path: Path) -> None:
    """The shards that follow begin windows of their own after that, with a fresh state."""
    bench, invoker = started(tmp_path, WINDOWED, lambda event: {"state": {"n": len(event["Records"])}})
    put(bench, b"1", b"2")
    bench.streams.split("source", FIRST, 1 << 127)
    put(bench, b"3")
    bench.scheduler.run_until_idle()
    told = [
        (at, event["shardId"][-1], event["isFinalInvokeForWindow"], event["state"])
        for at, event in invoker.seen
    ]
    child = told[2][1]
    assert told == [
        (0.0, "0", False, {}),
        (0.0, "0", True, {"n": 2}),
        (0.0, child, False, {}),
        (60.0, child, True, {"n": 1}),
    ]
    assert not any(event["isWindowTerminatedEarly"] for _, event in invoker.seen)


def test_latest_stands_for_the_moment_when_the_mapping_began(tmp_path: Path) -> None:
    """What was put into an empty stream after that is delivered again when the first batch was cut off."""
    plan, path = Plan({}, report=False, crash_at=1), tmp_path / "journal"
    settings = dataclasses.replace(SETTINGS, starting_position="LATEST")
    bench = Bench(plan, settings, path)
    bench.mapping.start()
    put(bench, b"1", b"2")
    try:
        bench.scheduler.run_until_idle()
    except Crash:
        bench.journal.flush()
    plan.crash_at = None
    bench = Bench(plan, settings, path)
    bench.mapping.start()
    bench.scheduler.run_until_idle()
    assert plan.deliveries == [[1, 2], [1, 2]]


def test_a_starting_time_before_the_horizon_is_the_horizon(tmp_path: Path) -> None:
    """Records that had expired when the mapping began are none of its own: it discards none."""
    settings = dataclasses.replace(SETTINGS, starting_position="AT_TIMESTAMP", starting_timestamp=1.0)
    bench = Bench(Plan({}, report=False), settings, tmp_path / "journal", retention_hours=1)
    put(bench, b"1")
    bench.scheduler.run_for(4000)
    put(bench, b"2")
    bench.mapping.start()
    bench.scheduler.run_until_idle()
    assert bench.discarded() == set()
    assert bench.mapping.checkpoint(FIRST) == 2


def test_a_starting_time_in_the_future_is_refused(tmp_path: Path) -> None:
    """As by Lambda; the error says what time it is for the run, and what to do."""
    settings = dataclasses.replace(
        SETTINGS, starting_position="AT_TIMESTAMP", starting_timestamp=VIRTUAL_START + 1
    )
    bench = Bench(Plan({}, report=False), settings, tmp_path / "journal")
    with pytest.raises(TargetError, match=r"from 2026-01-01T00:00:01Z on, which is in the future") as refused:
        bench.mapping.start()
    assert "VirtualClock" in str(refused.value.fix)


def test_shards_that_never_had_records_lead_to_their_children(tmp_path: Path) -> None:
    """Shards that scaling opens and closes at once hold nothing up; what came before comes first."""
    plan = Plan({}, report=False)
    bench = Bench(plan, SETTINGS, tmp_path / "journal")
    stream = bench.streams.find("source")
    scaling = StreamScaling(bench.streams, bench.scheduler)
    numbers = iter(range(100))
    bench.mapping.start()
    for count in (2, 4, 3, 5, 3, 2, 1):
        put(bench, *(str(next(numbers)).encode() for _ in range(4)))
        scaling.update_shard_count(stream, {"TargetShardCount": count, "ScalingType": "UNIFORM_SCALING"})
    put(bench, str(next(numbers)).encode())
    bench.scheduler.run_until_idle()
    assert plan.done == list(range(29))
    assert sum(not shard.closed for shard in stream.shards.values()) == 1
