"""Stream mappings under any pattern of failures: order holds, nothing is lost, and the model agrees.

`expected` is a reference model of one lane: a list of batches and a loop. The mapping is compared with it, and its
invariants are checked again with several lanes, resharding and a crash between handler and checkpoint.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from penstock.runtime.clock import VirtualClock
from penstock.runtime.functions.functions import Functions
from penstock.runtime.functions.settings import FunctionSettings
from penstock.runtime.ids import Ids
from penstock.runtime.invocation import FunctionError, Invocation, InvocationOutcome, written
from penstock.runtime.journal import Journal, read_journal
from penstock.runtime.journal_events import BatchBisected, Event, RecordsDiscarded
from penstock.runtime.mappings.stream_mapping import StreamMapping
from penstock.runtime.mappings.stream_settings import StreamMappingSettings
from penstock.runtime.queues.queue import QueueSettings
from penstock.runtime.queues.queues import Queues
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.streams.streams import NewRecord, Streams, StreamSettings
from tests.properties.sometimes import Sometimes

ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/source"


class Crash(Exception):
    """The process ends."""


@dataclass
class Plan:
    """How often each record fails before it succeeds, and how the function says so."""

    failures: dict[int, int]
    report: bool
    crash_at: int | None = None
    deliveries: list[list[int]] = field(default_factory=list)
    done: list[int] = field(default_factory=list)

    def work(self, numbers: list[int]) -> int | None:
        """Work on the records in order; the index of the first that fails."""
        self.deliveries.append(numbers)
        for index, number in enumerate(numbers):
            if self.failures.get(number, 0) > 0:
                self.failures[number] -= 1
                return index
            self.done.append(number)
        return None


@dataclass
class PlannedInvoker:
    """Does what the plan says; a crash comes after the handler's work and before anyone is told of it."""

    scheduler: Scheduler
    plan: Plan

    def invoke(self, invocation: Invocation, done: Callable[[InvocationOutcome], None]) -> None:
        records = json.loads(written(invocation.payload))["Records"]
        numbers = [int(base64.b64decode(record["kinesis"]["data"])) for record in records]
        failed = self.plan.work(numbers)
        if self.plan.crash_at == len(self.plan.deliveries):
            raise Crash
        outcome = InvocationOutcome(request_id=invocation.request_id, payload=b"null")
        if failed is not None and self.plan.report:
            items = [{"itemIdentifier": records[failed]["kinesis"]["sequenceNumber"]}]
            payload = json.dumps({"batchItemFailures": items}).encode()
            outcome = InvocationOutcome(request_id=invocation.request_id, payload=payload)
        elif failed is not None:
            error = FunctionError(error_type="ValueError", error_message="boom")
            outcome = InvocationOutcome(request_id=invocation.request_id, error=error)
        self.scheduler.call_soon(lambda: done(outcome))

    def close(self) -> None: ...


class Bench:
    """A stream, a mapping and a function; `again` makes them anew from the journal."""

    def __init__(
        self,
        plan: Plan,
        options: StreamMappingSettings,
        path: Path,
        shards: int = 1,
        retention_hours: int = 24,
    ) -> None:
        self.objects: list[bytes] = []
        self.published: list[str] = []
        past = tuple(read_journal(path)) if path.exists() else ()
        clock = VirtualClock()
        if past:
            clock.advance_to(past[-1].at)
        self.journal = Journal(path)
        self.scheduler = scheduler = Scheduler(clock, after_turn=self.journal.flush)
        ids = Ids(0, resumed_at=len(past))
        failed = QueueSettings(name="failed", arn="arn:failed", url="https://failed")
        self.queues = Queues([failed], scheduler=scheduler, journal=self.journal, ids=ids)
        source = StreamSettings(name="source", arn=ARN, shard_count=shards, retention_hours=retention_hours)
        self.streams = Streams([source], scheduler=scheduler, journal=self.journal)
        self.functions = Functions(
            [
                FunctionSettings(
                    name="work", arn="arn:aws:lambda:us-east-1:123456789012:function:work", handler="a.b"
                )
            ],
            invoker=PlannedInvoker(scheduler, plan),
            scheduler=scheduler,
            journal=self.journal,
            ids=ids,
            queues=self.queues,
        )
        self.mapping = StreamMapping(
            options,
            streams=self.streams,
            functions=self.functions,
            queues=self.queues,
            scheduler=scheduler,
            journal=self.journal,
            ids=ids,
            put_object=lambda bucket, key, content: self.objects.append(content),
            publish=lambda arn, message: self.published.append(message),
        )
        self.events: list[Event] = list(past)
        self.journal.subscribe(self.events.append)
        for one in past:
            self.queues.apply(one)
            self.streams.apply(one)
            self.mapping.apply(one)

    def put(self, numbers: range, keys: int) -> None:
        for number in numbers:
            key = number % keys
            record = NewRecord(str(number).encode(), str(key), hash_key(key, keys))
            self.streams.put("source", [record])

    def discarded(self) -> set[int]:
        """The numbers of the records that the mapping gave up, by its journal."""
        found: set[int] = set()
        for one in self.events:
            if isinstance(one, RecordsDiscarded):
                shard = self.streams.find("source").shards[one.shard]
                first, last = shard.position(one.first), shard.position(one.last)
                for record in self.streams.read("source", shard.id, first, last - first + 1):
                    found.add(int(record.data))
        return found


def hash_key(key: int, keys: int) -> int:
    """Keys lie evenly over the range of hash keys."""
    return ((1 << 128) - 1) // keys * key


def expected(plan: Plan, numbers: list[int], options: StreamMappingSettings) -> set[int]:
    """The reference model: plays the plan over one lane; the records that are given up."""
    size, retries = options.batch_size, options.maximum_retry_attempts
    batches = [(numbers[i : i + size], 0) for i in range(0, len(numbers), size)]
    given_up: set[int] = set()
    while batches:
        batch, failures = batches.pop(0)
        failed = plan.work(batch)
        if failed is None:
            continue
        if plan.report and failed > 0:
            batches.insert(0, (batch[failed:], 0))
        elif options.bisect_batch_on_function_error and len(batch) > 1:
            middle = len(batch) // 2
            batches[:0] = [(batch[:middle], 0), (batch[middle:], 0)]
        elif 0 <= retries <= failures:
            given_up.update(batch)
        else:
            batches.insert(0, (batch, failures + 1))
    return given_up


FAILURES = st.dictionaries(st.integers(0, 29), st.integers(1, 4), max_size=6)
OPTIONS = st.builds(
    StreamMappingSettings,
    name=st.just("source->work"),
    stream=st.just("source"),
    function=st.just("work"),
    batch_size=st.integers(1, 12),
    maximum_retry_attempts=st.sampled_from([-1, 0, 1, 3]),
    bisect_batch_on_function_error=st.booleans(),
    on_failure_queue=st.just("failed"),
)


@given(failures=FAILURES, report=st.booleans(), count=st.integers(0, 30), options=OPTIONS)
@settings(deadline=None)
def test_the_mapping_does_what_the_model_does(
    tmp_path_factory: pytest.TempPathFactory,
    failures: dict[int, int],
    report: bool,
    count: int,
    options: StreamMappingSettings,
) -> None:
    """The same batches in the same order, and the same records given up."""
    plan, model = Plan(dict(failures), report), Plan(dict(failures), report)
    bench = Bench(plan, options, tmp_path_factory.mktemp("run") / "journal")
    bench.put(range(count), keys=1)
    bench.mapping.start()
    bench.scheduler.run_until_idle()
    given_up = expected(model, list(range(count)), options)
    assert plan.deliveries == model.deliveries
    assert bench.discarded() == given_up
    assert bool(given_up) == bool(bench.queues.find("failed").messages)
    if any(isinstance(one, BatchBisected) for one in bench.events):
        event("a batch was bisected")
    if given_up:
        event("records were given up")


@given(
    failures=FAILURES,
    report=st.booleans(),
    count=st.integers(1, 30),
    keys=st.integers(1, 5),
    shards=st.integers(1, 3),
    factor=st.integers(1, 4),
    crash_at=st.none() | st.integers(1, 12),
    split_after=st.none() | st.integers(0, 29),
    options=OPTIONS,
)
@settings(deadline=None)
def test_nothing_is_lost_and_keys_keep_their_order(
    tmp_path_factory: pytest.TempPathFactory,
    failures: dict[int, int],
    report: bool,
    count: int,
    keys: int,
    shards: int,
    factor: int,
    crash_at: int | None,
    split_after: int | None,
    options: StreamMappingSettings,
) -> None:
    """Every record ends done or given up; the first success of each key's records is in order, also after a crash.

    What was given up before a crash may be delivered again after it, so it has no place in the order.
    """
    options = dataclasses.replace(options, parallelization_factor=factor)
    plan = Plan(dict(failures), report, crash_at)
    path = tmp_path_factory.mktemp("run") / "journal"
    bench = Bench(plan, options, path, shards)
    head = count if split_after is None else min(split_after, count)
    bench.put(range(head), keys)
    if split_after is not None:
        parent = next(iter(bench.streams.find("source").shards.values()))
        bench.streams.split("source", parent.id, (parent.first_hash_key + parent.last_hash_key) // 2)
        bench.put(range(head, count), keys)
    bench.mapping.start()
    bench.journal.flush()
    try:
        bench.scheduler.run_until_idle()
    except Crash:
        event("the process crashed")
        plan.crash_at = None
        bench.journal.flush()
        bench = Bench(plan, options, path, shards)
        bench.mapping.start()
        bench.scheduler.run_until_idle()
    given_up = bench.discarded()
    assert set(plan.done) | given_up == set(range(count))
    for key in range(keys):
        done = [number for number in plan.done if number % keys == key and number not in given_up]
        first_done = list(dict.fromkeys(done))
        assert first_done == sorted(first_done)
    for shard in bench.streams.find("source").shards.values():
        assert bench.mapping.checkpoint(shard.id) == shard.end


ROUTES = ("queue", "bucket", "topic", "nowhere")


def test_every_rare_path_was_reached(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Bisecting, each reason to give up, expiry, each route of dead letters; on none of them anything is lost."""
    sometimes = Sometimes()

    @given(
        failures=st.dictionaries(st.integers(0, 19), st.integers(1, 60), max_size=4),
        pauses=st.lists(st.sampled_from([0, 1, 100, 4000]), min_size=4, max_size=4),
        route=st.sampled_from(ROUTES),
        retries=st.sampled_from([-1, 0, 2]),
        age=st.sampled_from([-1, 60, 3600]),
        bisect=st.booleans(),
        size=st.integers(1, 6),
    )
    @settings(max_examples=150, deadline=None)
    def play(
        failures: dict[int, int],
        pauses: list[int],
        route: str,
        retries: int,
        age: int,
        bisect: bool,
        size: int,
    ) -> None:
        options = StreamMappingSettings(
            name="source->work",
            stream="source",
            function="work",
            batch_size=size,
            maximum_retry_attempts=retries,
            maximum_record_age_seconds=age,
            bisect_batch_on_function_error=bisect,
            on_failure_queue="failed" if route == "queue" else None,
            on_failure_bucket="failed" if route == "bucket" else None,
            on_failure_topic="arn:failed" if route == "topic" else None,
        )
        plan = Plan(dict(failures), report=False)
        bench = Bench(plan, options, tmp_path_factory.mktemp("run") / "journal", retention_hours=1)
        bench.mapping.start()
        for number, pause in enumerate(pauses):
            bench.put(range(5 * number, 5 * number + 5), keys=1)
            bench.scheduler.run_for(pause)
        bench.scheduler.run_until_idle()
        discarded = [one for one in bench.events if isinstance(one, RecordsDiscarded)]
        told = [one for one in discarded if one.condition != "Expired"]
        sometimes.reach("bisected", any(isinstance(one, BatchBisected) for one in bench.events))
        for one in discarded:
            sometimes.reach(one.condition)
        sometimes.reach(f"told to a {route}", told)
        letters = {
            "queue": len(bench.queues.find("failed").messages),
            "bucket": len(bench.objects),
            "topic": len(bench.published),
        }
        wanted = dict.fromkeys(letters, 0)
        if route in letters:
            wanted[route] = len(told)
        assert letters == wanted
        assert set(plan.done) | bench.discarded() == set(range(20))

    play()
    sometimes.check(
        "bisected",
        "RetryAttemptsExhausted",
        "RecordAgeExceeded",
        "Expired",
        *(f"told to a {route}" for route in ROUTES),
    )
