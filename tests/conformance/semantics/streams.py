"""Scenarios of event source mappings for Kinesis and DynamoDB streams."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import takewhile
from pathlib import Path
from typing import Any

from penstock.pipelines.filter_criteria import FilterCriteria
from penstock.runtime.functions.settings import FunctionSettings
from penstock.runtime.mappings.stream_mapping import StreamMapping
from penstock.runtime.mappings.stream_settings import StreamMappingSettings
from penstock.runtime.streams.shards import Shard
from penstock.runtime.streams.streams import NewRecord, StreamSettings
from tests.conformance.semantics import declaring
from tests.conformance.semantics.scripted import Crash, Delivery, ScriptedInvoker, shape_complaint
from tests.conformance.semantics.world import FUNCTION_ARN, World, queue

Json = Any


class StreamScenario:
    """One scenario at work: the records are put, the mapping reads them."""

    def __init__(self, scenario: Mapping[str, Json], folder: Path) -> None:
        self.scenario = scenario
        self.setup = scenario["setup"]
        self.kind = self.setup["source"]["kind"]
        self.handler = scenario["handler"] or {}
        self.folder = folder
        self.numbers: dict[str, str] = {}
        self.deliveries: list[Delivery] = []
        self.published: list[str] = []
        self._begin(crash_at=self.setup.get("inject", {}).get("crash_before_checkpoint_of_invocation"))

    # --- Running ------------------------------------------------------------------------------------------

    def _begin(self, crash_at: int | None) -> None:
        esm, source = self.setup["esm"], self.setup["source"]

        def invoker(scheduler: Any) -> ScriptedInvoker:
            return ScriptedInvoker(
                scheduler,
                self.handler,
                self._id_of,
                lambda one: self.numbers.get(one, one),
                crash_at=crash_at,
            )

        self.world = World(
            self.folder,
            invoker,
            FunctionSettings(name="consumer", arn=FUNCTION_ARN, handler="x.y"),
            [queue("failed")],
            [
                StreamSettings(
                    name="source",
                    arn=f"arn:aws:{self.kind}:us-east-1:123456789012:stream/source",
                    kind=self.kind,
                    shard_count=source.get("shards", 1),
                )
            ],
        )
        self.invoker = self.world.invoker
        assert isinstance(self.invoker, ScriptedInvoker)
        self.mapping = StreamMapping(
            _settings(esm, self.kind),
            streams=self.world.streams,
            functions=self.world.functions,
            queues=self.world.queues,
            scheduler=self.world.scheduler,
            journal=self.world.journal,
            ids=self.world.ids,
            put_object=self.world.put_object,
            publish=lambda arn, message: self.published.append(message),
        )
        self.world.replay()
        for event in self.world.past:
            self.mapping.apply(event)

    def run(self) -> None:
        """Put the records that are there before, start, put the others, and wait."""
        inputs = self.scenario["inputs"]
        before, after = inputs, []
        if any("after_enabled" in one for one in inputs):
            before = [one for one in inputs if not one["after_enabled"]]
            after = [one for one in inputs if one["after_enabled"]]
        latest = max((one.get("at_s", 0) for one in inputs), default=0)
        if latest:
            self.world.scheduler.run_for(latest)
        self._put_all(before)
        self.mapping.start()
        try:
            self._put_all(after)
            self._let_it_work()
        except Crash:
            self._remember()
            self._begin(crash_at=None)
            self.mapping.start()
            self._let_it_work()
        self._remember()

    def _let_it_work(self) -> None:
        """Until nothing is left to do; with windows, until just before the last one ends."""
        if self.setup["esm"].get("TumblingWindowInSeconds"):
            self.world.scheduler.run_for(10)
        else:
            self.world.scheduler.run_until_idle()
        self.world.journal.flush()

    def _put_all(self, inputs: list[Json]) -> None:
        for one in inputs:
            parents = self.setup["source"].get("graph", {}).get(str(one["shard"]), ())
            if parents and int(one["shard"]) >= len(self.world.streams.find("source").shards):
                self._reshard([int(parent) for parent in parents])
            self._put(one)
        self.world.journal.flush()

    def _reshard(self, parents: list[int]) -> None:
        """Two shards follow one, or one follows two."""
        streams = self.world.streams
        shards = list(streams.find("source").shards.values())
        first = shards[parents[0]]
        if len(parents) == 1:
            streams.split("source", first.id, (first.first_hash_key + first.last_hash_key) // 2)
        else:
            streams.merge("source", first.id, shards[parents[1]].id)

    def _put(self, one: Json) -> None:
        stream = self.world.streams.find("source")
        shard: Shard = list(stream.shards.values())[int(one["shard"])]
        now = self.world.started_at
        arrived = now - one["age_s"] if "age_s" in one else now + one["at_s"] if "at_s" in one else None
        number = shard.sequence_number(shard.end)
        data = self._data(one, number)
        record = NewRecord(data, self.key_of(one), shard.first_hash_key, arrived)
        self.world.streams.put("source", [record])
        self.numbers[str(one["seq"])] = number

    @staticmethod
    def key_of(one: Json) -> str:
        """What keeps records in order: a partition key, or an item's keys."""
        return str(next((one[name] for name in _KEYS if name in one), one["seq"]))

    def _data(self, one: Json, number: str) -> bytes:
        if self.kind == "kinesis":
            return str(one["data_raw"]).encode() if "data_raw" in one else json.dumps(one["data"]).encode()
        image = one.get("NewImage") or {
            name: {"N": str(value)} for name, value in one.get("data", {}).items()
        }
        change = {"SequenceNumber": number, "Keys": {"seq": {"N": str(one["seq"])}}, "NewImage": image}
        record = {"eventID": number, "eventName": one.get("eventName", "INSERT"), "dynamodb": change}
        record |= {name: one[name] for name in ("userIdentity",) if name in one}
        return json.dumps({**record, "eventSource": "aws:dynamodb", "awsRegion": "us-east-1"}).encode()

    def _id_of(self, record: Mapping[str, Json]) -> str:
        number = (
            record["kinesis"]["sequenceNumber"]
            if "kinesis" in record
            else record["dynamodb"]["SequenceNumber"]
        )
        return next(name for name, one in self.numbers.items() if one == number)

    def _remember(self) -> None:
        assert isinstance(self.invoker, ScriptedInvoker)
        self.deliveries += self.invoker.deliveries

    # --- What came of it ----------------------------------------------------------------------------------

    @property
    def batches(self) -> list[list[int]]:
        return [[int(one) for one in delivery.ids] for delivery in self.deliveries if delivery.ids]

    @property
    def documents(self) -> list[dict[str, Any]]:
        sent = [json.loads(body) for body in (*self.world.left_in("failed"), *self.published)]
        return sent + [json.loads(content) for _, _, content in self.world.objects]

    def checkpoint(self) -> int:
        """The scenario's number of the last record that is done with."""
        shard = next(iter(self.world.streams.find("source").shards.values()))
        position = self.mapping.checkpoint(shard.id) - 1
        number = shard.sequence_number(position)
        return int(next((name for name, one in self.numbers.items() if one == number), 0))

    def succeeded(self) -> list[int]:
        """The records that an invocation did not fail with: those before the first one that it names, too."""
        found = {
            int(one)
            for delivery in self.deliveries
            if not delivery.failed
            for one in self._before_failures(delivery)
        }
        return sorted(found)

    def _before_failures(self, delivery: Delivery) -> list[str]:
        names = {number: name for name, number in self.numbers.items()}
        named = {names.get(one, one) for one in delivery.response_failures or ()}
        if not named <= set(delivery.ids):
            return []
        return list(takewhile(lambda one: one not in named, delivery.ids))


def complaints(scenario: Mapping[str, Json], folder: Path) -> Iterator[str]:
    """Run a scenario and say what is not as expected."""
    expected = scenario["expected"]
    if "create_error" in expected:
        yield from declaring.refusal_complaints(scenario)
        return
    mappings = scenario["setup"].get("esms", scenario["setup"].get("esm"))
    if isinstance(mappings, list):
        yield from _several(scenario, mappings, folder)
        return
    world = StreamScenario(scenario, folder)
    world.run()
    for name, wanted in expected.items():
        check = _check(name)
        if check is None:
            yield f'the expectation "{name}" is not understood'
            continue
        complaint = check(world, wanted)
        if complaint:
            yield f"{name}: {complaint}"


def _several(scenario: Mapping[str, Json], mappings: list[Json], folder: Path) -> Iterator[str]:
    """Mappings of one stream know nothing of each other: what is expected is given for each of them."""
    expected = scenario["expected"]
    for index, esm in enumerate(mappings):
        mine = {
            name: (list(one.values()) if isinstance(one, dict) else one)[index]
            for name, one in expected.items()
        }
        place = folder / str(index)
        place.mkdir()
        yield from complaints(
            {**scenario, "setup": {**scenario["setup"], "esm": esm}, "expected": mine}, place
        )


def _settings(esm: Mapping[str, Json], kind: str) -> StreamMappingSettings:
    criteria = esm.get("FilterCriteria")
    wanted = None
    if criteria:
        wanted = FilterCriteria(criteria, source="kinesis" if kind == "kinesis" else "dynamodb").accepts
    window = esm.get("TumblingWindowInSeconds")
    return StreamMappingSettings(
        name="source->consumer",
        stream="source",
        function="consumer",
        batch_size=esm.get("BatchSize", 100),
        batching_window_seconds=esm.get("MaximumBatchingWindowInSeconds", 0),
        starting_position=esm["StartingPosition"],
        starting_timestamp=1767225600.0 + esm.get("StartingPositionTimestamp", 0),
        parallelization_factor=esm.get("ParallelizationFactor", 1),
        maximum_retry_attempts=esm.get("MaximumRetryAttempts", -1),
        maximum_record_age_seconds=esm.get("MaximumRecordAgeInSeconds", -1),
        bisect_batch_on_function_error=esm.get("BisectBatchOnFunctionError", False),
        report_batch_item_failures="ReportBatchItemFailures" in esm.get("FunctionResponseTypes", ()),
        tumbling_window_seconds=window,
        on_failure_queue="failed" if esm.get("OnFailure") == "sqs" else None,
        on_failure_bucket="failed" if esm.get("OnFailure") == "s3" else None,
        on_failure_topic="arn:aws:sns:us-east-1:123456789012:failed"
        if esm.get("OnFailure") == "sns"
        else None,
        wanted=wanted,
    )


def _equal(actual: object, wanted: object) -> str | None:
    return None if actual == wanted else f"is {actual}, not {wanted}"


def _destination(world: StreamScenario, wanted: list[Json]) -> str | None:
    return shape_complaint([_with_numbers(one, world.numbers) for one in wanted], world.documents)


def _with_numbers(document: Json, numbers: Mapping[str, str]) -> Json:
    """The expected document with real sequence numbers in it."""
    changed = dict(document.get("Message", document))
    for part in ("KinesisBatchInfo", "DDBStreamBatchInfo"):
        if part in changed:
            info = dict(changed[part])
            for name in ("startSequenceNumber", "endSequenceNumber"):
                info[name] = numbers[str(info[name])]
            changed[part] = info
    if isinstance(changed.get("payload"), dict):
        changed["payload"] = {"Records": "<original records>"}
    return changed


def _per_shard_order(world: StreamScenario, wanted: Mapping[str, list[int]]) -> str | None:
    inputs = {one["seq"]: str(one["shard"]) for one in world.scenario["inputs"]}
    seen: dict[str, list[int]] = {}
    for batch in world.batches:
        for one in batch:
            seen.setdefault(inputs[one], []).append(one)
    return _equal_or_first(seen, wanted)


def _per_key_order(world: StreamScenario, wanted: Mapping[str, list[int]]) -> str | None:
    """The deliveries of each key; `true` says that the first ones are in order."""
    keys = {one["seq"]: world.key_of(one) for one in world.scenario["inputs"]}
    seen: dict[str, list[int]] = {}
    for batch in world.batches:
        for one in batch:
            seen.setdefault(keys[one], []).append(one)
    if not isinstance(wanted, Mapping):
        wanted = {key: sorted(set(ones)) for key, ones in seen.items()}
    return _equal_or_first(seen, wanted)


def _equal_or_first(seen: Mapping[str, list[int]], wanted: Mapping[str, list[int]]) -> str | None:
    """Deliveries in order; what is delivered again may be left out of what is expected."""
    first = {name: list(dict.fromkeys(ones)) for name, ones in seen.items()}
    return None if dict(wanted) == first else _equal(seen, dict(wanted))


def _most_running(world: StreamScenario, wanted: int) -> str | None:
    invoker = world.invoker
    assert isinstance(invoker, ScriptedInvoker)
    return None if invoker.most_running <= wanted else f"{invoker.most_running} ran at once"


def _most_of_a_key(world: StreamScenario, wanted: int) -> str | None:
    keys = {str(one["seq"]): world.key_of(one) for one in world.scenario["inputs"]}
    spans = [
        (one.at, one.ended, {keys[name] for name in one.ids})
        for one in world.deliveries
        if one.ended > one.at
    ]
    for at, _, mine in spans:
        running = [names & mine for began, ended, names in spans if began <= at < ended]
        most = max((sum(key in names for names in running) for key in mine), default=0)
        if most > wanted:
            return f"{most} batches of a key ran at once"
    return None


def _ended_early(world: StreamScenario, wanted: object) -> str | None:
    """Which invocations say that the window has ended early: a flag for each, or whether one does."""
    flags = [one.event["isWindowTerminatedEarly"] for one in world.deliveries]
    return _equal(flags if isinstance(wanted, list) else any(flags), wanted)


def _expired(world: StreamScenario, wanted: object) -> str | None:
    """The deletions that the service made, by their numbers, or for each number what its identity is."""
    found = {
        int(name): record.get("userIdentity")
        for one in world.deliveries
        for name, record in zip(one.ids, one.records, strict=True)
    }
    if isinstance(wanted, Mapping):
        told = {
            name: found[int(name)] is not None if isinstance(one, bool) else found[int(name)]
            for name, one in wanted.items()
        }
        return _equal(told, dict(wanted))
    return _equal(sorted(name for name, one in found.items() if one is not None), wanted)


def _before(world: StreamScenario, wanted: Mapping[str, list[int]]) -> str | None:
    """Every record was delivered for the first time after those were delivered for the last time."""
    for later, earlier in wanted.items():
        first = next(i for i, batch in enumerate(world.batches) if int(later) in batch)
        last = max(i for i, batch in enumerate(world.batches) if set(batch) & set(earlier))
        if last >= first:
            return f"{later} came before {earlier}"
    return None


def _in_order(world: StreamScenario, _: object) -> str | None:
    first_seen = list(dict.fromkeys(one for batch in world.batches for one in batch))
    return _equal(first_seen, sorted(first_seen))


def _single_shard(world: StreamScenario, _: object) -> str | None:
    inputs = {one["seq"]: one["shard"] for one in world.scenario["inputs"]}
    mixed = [batch for batch in world.batches if len({inputs[one] for one in batch}) > 1]
    return f"{mixed} mix shards" if mixed else None


def _destination_records(world: StreamScenario, wanted: list[list[int]]) -> str | None:
    info = "KinesisBatchInfo" if world.kind == "kinesis" else "DDBStreamBatchInfo"
    names = {number: int(name) for name, number in world.numbers.items()}
    spans = [
        (names[one[info]["startSequenceNumber"]], names[one[info]["endSequenceNumber"]])
        for one in world.documents
    ]
    return _equal([list(range(first, last + 1)) for first, last in spans], wanted)


def _lost(world: StreamScenario, wanted: list[int]) -> str | None:
    """Those records are done with, but no invocation with them succeeded and nothing tells of them."""
    if world.documents:
        return f"something tells of them: {world.documents}"
    done = range(1, world.checkpoint() + 1)
    return _equal([one for one in done if one not in world.succeeded()], wanted)


def _delivered(world: StreamScenario, wanted: object) -> str | None:
    return _equal(sorted({one for batch in world.batches for one in batch}), wanted)


def _counts(world: StreamScenario, wanted: Mapping[str, int]) -> str | None:
    counted = {name: sum(int(name) in batch for batch in world.batches) for name in wanted}
    return _equal(counted, dict(wanted))


def _check(name: str) -> Callable[[StreamScenario, Json], str | None] | None:
    """How an expectation is checked, by its name or by what its name tells of."""
    if name in _CHECKS:
        return _CHECKS[name]
    return next((check for part, check in _BY_PART.items() if part in name.lower()), None)


_KEYS = ("key", "partition_key", "partitionKey", "pk", "item_key")

_CHECKS: Mapping[str, Callable[[StreamScenario, Json], str | None]] = {
    "invocations": lambda world, wanted: _equal(world.batches, wanted),
    "checkpoint": lambda world, wanted: _equal(world.checkpoint(), wanted),
    "destination": _destination,
    "deliveries": _counts,
    "order_strict": _in_order,
    "in_order_per_shard": _in_order,
    "lost": _lost,
    "succeeded": lambda world, wanted: _equal(world.succeeded(), wanted),
    "destination_records": _destination_records,
    "max_invocations": lambda world, wanted: (
        None if len(world.batches) <= wanted else f"{len(world.batches)} are more than {wanted}"
    ),
    "delivered": _delivered,
    "handled": _delivered,
    "states_in": lambda world, wanted: _equal([one.event["state"] for one in world.deliveries], wanted),
    "final_flags": lambda world, wanted: _equal(
        [one.event["isFinalInvokeForWindow"] for one in world.deliveries], wanted
    ),
    "note": lambda world, wanted: None,
    "every_batch_single_shard": _single_shard,
    "per_shard_order": _per_shard_order,
    "before": _before,
    "destination_conditions": lambda world, wanted: _equal(
        [one["requestContext"]["condition"] for one in world.documents], wanted
    ),
    "approximateInvokeCount_at_least": lambda world, wanted: (
        None
        if all(one["requestContext"]["approximateInvokeCount"] >= wanted for one in world.documents)
        else f"is less than {wanted}"
    ),
}

_BY_PART: Mapping[str, Callable[[StreamScenario, Json], str | None]] = {
    "early": _ended_early,
    "ttl": _expired,
    "identity": _expired,
    "key_order": _per_key_order,
    "concurrent_per_key": _most_of_a_key,
    "max_concurrent": _most_running,
}
"""Expectations whose names are told apart by a part of them."""
