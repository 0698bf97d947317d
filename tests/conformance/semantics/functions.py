"""Scenarios of asynchronous invocation."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from penstock.pipelines.event_patterns import compile_pattern
from penstock.runtime.events.buses import DEFAULT_BUS, Buses, RuleSettings, RuleTarget
from penstock.runtime.functions import MAXIMUM_THROTTLE_DELAY_SECONDS, Destination, FunctionSettings
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
            dead_letter_queue="dlq" if config.get("DeadLetterConfig") == "sqs" else None,
        )
        self.world = World(folder, invoker, self.function, [queue("failed"), queue("dlq"), queue("events")])
        self.world.functions.buses = Buses(
            frozenset(),
            [
                RuleSettings(
                    name="all",
                    bus=DEFAULT_BUS,
                    arn="arn:aws:events:us-east-1:123456789012:rule/all",
                    pattern=compile_pattern({"source": ["lambda"]}),
                    targets=(RuleTarget(kind="queue", name="events"),),
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
            payload = json.dumps(one["payload"]).encode()
            self.world.functions.queue_event("consumer", payload, source="test")
        self.world.scheduler.run_until_idle()
        self.world.journal.flush()

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


def _equal(actual: object, wanted: object) -> str | None:
    return None if actual == wanted else f"is {actual}, not {wanted}"


def _dead_letters(world: AsyncScenario, wanted: list[Json]) -> str | None:
    found = [
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
    return shape_complaint(wanted, found)


_CHECKS: Mapping[str, Callable[[AsyncScenario, Json], str | None]] = {
    "attempts": lambda world, wanted: _equal(len(world.invoker.deliveries), wanted),
    "handled": lambda world, wanted: _equal(len(world.invoker.deliveries), wanted),
    "delays_s": lambda world, wanted: _equal(world.delays(), wanted),
    "same_request_id": lambda world, wanted: _equal(
        len({one.request_id for one in world.invoker.deliveries}) == 1, wanted
    ),
    "destination": lambda world, wanted: shape_complaint(wanted, world.documents),
    "destination_condition": lambda world, wanted: _equal(
        [one["requestContext"]["condition"] for one in world.documents], [wanted]
    ),
    "approximateInvokeCount": lambda world, wanted: _equal(
        [one["requestContext"]["approximateInvokeCount"] for one in world.documents], [wanted]
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
