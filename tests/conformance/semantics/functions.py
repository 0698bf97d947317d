"""Scenarios of asynchronous invocation."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from penstock.pipelines.event_patterns import compile_pattern
from penstock.runtime.delivery.addresses import Address
from penstock.runtime.events.buses import DEFAULT_BUS, Buses, RuleSettings, RuleTarget
from penstock.runtime.functions.functions import MAXIMUM_THROTTLE_DELAY_SECONDS
from penstock.runtime.functions.settings import Destination, FunctionSettings
from penstock.runtime.invocation import InvocationOutcome
from penstock.runtime.scheduler import Scheduler
from tests.conformance.semantics import declaring
from tests.conformance.semantics.buses import deliveries_of
from tests.conformance.semantics.scripted import ScriptedInvoker, shape_complaint
from tests.conformance.semantics.world import FUNCTION_ARN, World, queue

Json = Any

_DESTINATIONS = {
    "sqs": Destination("queue", "failed"),
    "eventbridge": Destination("event bus", DEFAULT_BUS),
}
_UNKNOWN_DESTINATION = "is a destination that this target does not have"


class AsyncScenario:
    """One scenario at work: its payloads are queued for the function."""

    def __init__(self, scenario: Mapping[str, Json], folder: Path) -> None:
        self.scenario = scenario
        config = scenario["setup"]["config"]
        handler = scenario["handler"] or {}

        def invoker(scheduler: Scheduler) -> ScriptedInvoker:
            return ScriptedInvoker(scheduler, handler)

        self.function = FunctionSettings(
            name="consumer",
            arn=FUNCTION_ARN,
            handler="x.y",
            maximum_retry_attempts=config.get("MaximumRetryAttempts", 2),
            maximum_event_age_seconds=config.get("MaximumEventAgeInSeconds", 21_600.0),
            on_success=_DESTINATIONS.get(config.get("OnSuccess")),
            on_failure=_DESTINATIONS.get(config.get("OnFailure")),
            dead_letter_queue=Destination("queue", "dlq") if config.get("DeadLetterConfig") else None,
            reserved_concurrency=_reserved(scenario["setup"]),
            timeout_seconds=scenario["setup"].get("function", {}).get("timeout", 30),
        )
        self.world = World(folder, invoker, self.function, [queue("failed"), queue("dlq"), queue("events")])
        self._to_repeat = len(scenario["setup"].get("inject", {}).get("duplicate", ()))
        self.world.functions.comes_again = self._comes_again
        self.errors: list[str | None] = []
        self.world.functions.records.buses = Buses(
            frozenset(),
            [
                RuleSettings(
                    name="all",
                    bus=DEFAULT_BUS,
                    arn="arn:aws:events:us-east-1:123456789012:rule/all",
                    pattern=compile_pattern({"source": ["lambda"]}),
                    targets=(RuleTarget(Address(kind="queue", name="events")),),
                )
            ],
            self.world.scheduler,
            self.world.journal,
            self.world.ids,
            deliveries_of(self.world),
        )

    def run(self) -> None:
        """Queue the payloads, and wait."""
        for one in self.scenario["inputs"]:
            payload = json.dumps(one.get("payload")).encode()
            if self.scenario["setup"].get("invoke") == "RequestResponse":
                self.world.functions.run("consumer", payload, self._answered, source="test")
            else:
                self.world.functions.queue_event("consumer", payload, source="test")
        self.world.scheduler.run_until_idle()
        self.world.journal.flush()

    def _answered(self, outcome: InvocationOutcome) -> None:
        self.errors.append(None if outcome.error is None else "Unhandled")

    def _comes_again(self, _function: str) -> bool:
        self._to_repeat -= 1
        return self._to_repeat >= 0

    @property
    def effects(self) -> int:
        """What a handler does that acts once for each request."""
        return len({one.request_id for one in self.invoker.deliveries})

    @property
    def invoker(self) -> ScriptedInvoker:
        assert isinstance(self.world.invoker, ScriptedInvoker)
        return self.world.invoker

    @property
    def documents(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.world.left_in("failed")]

    def delays(self) -> list[float]:
        """Between one try and the next, throttled ones included."""
        moments = sorted([*self.invoker.throttled_at, *(one.at for one in self.invoker.deliveries)])
        return [after - before for before, after in pairwise(moments)]


def complaints(scenario: Mapping[str, Json], folder: Path) -> Iterator[str]:
    """Run a scenario and say what is not as expected."""
    expected, config = scenario["expected"], scenario["setup"]["config"]
    if "config_error" in expected:
        yield from declaring.refusal_complaints(scenario)
        return
    for name in ("OnSuccess", "OnFailure"):
        if name in config and config[name] not in _DESTINATIONS:
            yield f"{name}: {config[name]} {_UNKNOWN_DESTINATION}"
    world = AsyncScenario(scenario, folder)
    world.run()
    for name, wanted in expected.items():
        check = _CHECKS.get(name)
        complaint = f'the expectation "{name}" is not understood' if check is None else check(world, wanted)
        if complaint:
            yield f"{name}: {complaint}"


def _reserved(setup: Mapping[str, Json]) -> int | None:
    """The reserved concurrency, wherever a scenario says it."""
    config, function = setup["config"], setup.get("function", {})
    names = ("ReservedConcurrentExecutions", "ReservedConcurrency", "reserved_concurrency")
    found = [place[name] for place in (config, function) for name in names if name in place]
    return int(found[0]) if found else None


def _one_of(actual: Json, wanted: Json) -> str | None:
    """Whether it is what is wanted, or one of the values of a list."""
    return (
        None if actual in (wanted if isinstance(wanted, list) else [wanted]) else f"is {actual}, not {wanted}"
    )


def _equal(actual: object, wanted: object) -> str | None:
    return None if actual == wanted else f"is {actual}, not {wanted}"


def _each(documents: list[Json], complaint: Callable[[Json], str | None]) -> str | None:
    if not documents:
        return "there is no record"
    return next((one for one in map(complaint, documents) if one), None)


def _documents(world: AsyncScenario, wanted: Json) -> str | None:
    """The records of the destination: as a list of shapes, or how many there are."""
    if isinstance(wanted, int):
        return _equal(len(world.documents), wanted)
    return shape_complaint(wanted, world.documents)


def _dead_letters(world: AsyncScenario, wanted: Json) -> str | None:
    """The dead letters: as a list of shapes with a body, attributes or both, or how many there are."""
    if isinstance(wanted, int):
        return _equal(len(world.world.left_in("dlq")), wanted)
    found: list[dict[str, Json]] = [
        {
            "body": json.loads(message.body),
            "attributes": {
                name: {"DataType": value.data_type, "StringValue": value.string_value}
                for name, value in message.attributes.items()
            },
        }
        for message in world.world.queues.find("dlq").messages.values()
    ]
    for one in found:
        one["attributes"]["RequestID"] = one["attributes"]["RequestID"]["StringValue"]
    if len(found) == len(wanted) and all(isinstance(one, dict) for one in wanted):
        found = [
            {name: value for name, value in one.items() if name in shape}
            for one, shape in zip(found, wanted, strict=True)
        ]
    return shape_complaint(wanted, found)


_CHECKS: Mapping[str, Callable[[AsyncScenario, Json], str | None]] = {
    "attempts": lambda world, wanted: _equal(len(world.invoker.deliveries), wanted),
    "handled": lambda world, wanted: _equal(len(world.invoker.deliveries), wanted),
    "delays_s": lambda world, wanted: _equal(world.delays(), wanted),
    "same_request_id": lambda world, wanted: _equal(
        len({one.request_id for one in world.invoker.deliveries}) == 1, wanted
    ),
    "deliveries": lambda world, wanted: _equal(len(world.invoker.deliveries), wanted),
    "effects": lambda world, wanted: _equal(world.effects, wanted),
    "function_error": lambda world, wanted: _equal(world.errors, [wanted]),
    "destination": lambda world, wanted: _documents(world, wanted),
    "destination_count": lambda world, wanted: _equal(len(world.documents), wanted),
    "dlq_count": lambda world, wanted: _equal(len(world.world.left_in("dlq")), wanted),
    "destination_condition": lambda world, wanted: _each(
        world.documents, lambda one: _one_of(one["requestContext"]["condition"], wanted)
    ),
    "approximateInvokeCount": lambda world, wanted: _each(
        world.documents, lambda one: _one_of(one["requestContext"]["approximateInvokeCount"], wanted)
    ),
    "dlq": _dead_letters,
    "events": lambda world, wanted: shape_complaint(
        wanted,
        [
            {name: event[name] for name in ("source", "detail-type")}
            for event in map(json.loads, world.world.left_in("events"))
        ],
    ),
    "max_delay_s": lambda world, wanted: _equal(MAXIMUM_THROTTLE_DELAY_SECONDS, wanted),
    "max_age_s": lambda world, wanted: _equal(world.function.maximum_event_age_seconds, wanted),
}
