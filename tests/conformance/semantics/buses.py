"""Scenarios of EventBridge and SNS: what a rule's target, or a subscription, comes to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import Any

from penstock.pipelines.event_patterns import compile_pattern
from penstock.runtime.delivery.addresses import Address
from penstock.runtime.delivery.deliveries import Deliveries
from penstock.runtime.delivery.faults import Fault, Faults
from penstock.runtime.delivery.targets import Targets
from penstock.runtime.events.buses import Buses, NewEvent, RuleSettings, RuleTarget
from penstock.runtime.functions.settings import Destination, FunctionSettings
from penstock.runtime.journal_events import DeliveryDelayed, DeliveryTried
from penstock.runtime.queues.messages import Message
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.topics.topics import Published, SubscriptionSettings, Topics, TopicSettings
from tests.conformance.semantics.scripted import ScriptedInvoker
from tests.conformance.semantics.world import FUNCTION_ARN, World, queue

Json = Any


class NoExecutions:
    """No state machine is a target here."""

    def start_execution(self, arn: str, name: str | None, value: object) -> object:
        raise AssertionError(f"{arn} is started with {value}, as {name}")


def deliveries_of(world: World) -> Deliveries:
    """What hands things over to the world's queues and its function."""
    faults = Faults(world.scheduler)
    targets = Targets(world.queues, world.functions, NoExecutions(), faults)
    return Deliveries(targets, world.scheduler, world.journal, world.ids)


def complaints(scenario: Mapping[str, Json], folder: Path) -> Iterator[str]:
    """Put the scenario's events and say what is not as expected."""
    setup, expected, handler = scenario["setup"], scenario["expected"], scenario["handler"] or {}
    kind, letters = setup["source"]["kind"], _dead_letter_queue(setup["source"])
    if kind not in ("eventbridge", "eventbridge-bus-v2", "sns"):
        yield f"nothing plays {setup['source']['kind']} with {handler}"
        return

    def invoker(scheduler: Scheduler) -> ScriptedInvoker:
        return ScriptedInvoker(scheduler, handler)

    destination = setup.get("config", {}).get("OnFailure")
    queues = [queue(name) for name in dict.fromkeys((letters, destination)) if name]
    function = FunctionSettings(
        name="consumer",
        arn=FUNCTION_ARN,
        handler="x.y",
        on_failure=destination and Destination("queue", destination),
    )
    world = World(folder, invoker, function, queues)
    failures: list[float] = []
    world.journal.subscribe(lambda event: failures.append(event.at), DeliveryDelayed, DeliveryTried)
    deliveries = deliveries_of(world)
    fault = _fault(handler, setup["source"])
    if fault is not None:
        deliveries.targets.faults.add("consumer", fault)
    if kind == "sns":
        _publish(scenario, world, deliveries, letters)
    else:
        _put(scenario, world, deliveries, letters)
    world.scheduler.run_until_idle()
    assert isinstance(world.invoker, ScriptedInvoker)
    delivered = world.invoker.deliveries
    sizes = {len(one.records) for one in delivered}
    actual: dict[str, object] = {
        "attempts": len(delivered),
        "queues": {one.name: len(world.left_in(one.name)) for one in queues},
        "records_per_invocation": sizes.pop() if len(sizes) == 1 else sorted(sizes),
        "dlq_count": len(world.left_in(letters)) if letters else 0,
        "max_attempts": len(failures),
    }
    dead = list(world.queues.find(letters).messages.values()) if letters else []
    for name, wanted in expected.items():
        if name == "attempt_plan":
            yield from _plan_complaints(wanted, failures)
        elif name in ("dlq", "dlq_attributes", "dlq_message_attributes"):
            yield from _letter_complaints(name, wanted, dead)
        elif name == "attempts" and fault is not None:
            if len(failures) != wanted:
                yield f"{name}: {len(failures)} attempts, not {wanted}"
        elif name == "max_age_s":
            if failures[-1] - failures[0] > wanted:
                yield f"{name}: tried for {failures[-1] - failures[0]} s, longer than {wanted}"
        elif name not in actual:
            yield f'the expectation "{name}" is not understood'
        elif actual[name] != wanted:
            yield f"{name}: is {actual[name]}, not {wanted}"


_REFUSALS = ("missing", "no_permission", "denied", "nonretriable", "non_retriable", "not_found")


def _fault(handler: Mapping[str, Json], source: Mapping[str, Json]) -> Fault | None:
    """What the target answers: nothing at all, or a refusal, which is not tried again."""
    if handler.get("unreachable"):
        return Fault(code="ServiceUnavailable", message="The target cannot be reached.", status=503)
    if any(handler.get(name) or source.get(name) or source.get(f"target_{name}") for name in _REFUSALS):
        return Fault(code="ResourceNotFoundException", message="There is no such target.", status=404)
    return None


def _letter_complaints(name: str, wanted: Json, dead: Sequence[Message]) -> Iterator[str]:
    """Whether the dead letters are as many, and described by such attributes, as is wanted."""
    if isinstance(wanted, int):
        if len(dead) != wanted:
            yield f"{name}: {len(dead)} dead letters, not {wanted}"
        return
    for shape, letter in zip_longest(wanted if name == "dlq" else [{"attributes": wanted}], dead):
        if shape is None or letter is None:
            yield f"{name}: there are {len(dead)} dead letters"
            return
        values = {
            one: value.string_value if value.data_type == "String" else int(value.string_value or "0")
            for one, value in letter.attributes.items()
        }
        asked: Json = {}
        if isinstance(shape, dict):
            asked = shape.get("attributes", shape.get("message_attributes", {}))
        if missing := set(asked) - values.keys():
            yield f"{name}: {sorted(missing)} are not told"
        for one, value in asked.items() if isinstance(asked, dict) else ():
            if not str(value).startswith("<") and str(values.get(one)) != str(value):
                yield f"{name}: {one} is {values.get(one)}, not {value}"
        body = json.loads(letter.body)
        if isinstance(shape, dict) and isinstance(shape.get("body"), dict):
            different = {one for one, value in shape["body"].items() if body.get(one) != value}
            yield from (f"{name}: the body's {one} is {body.get(one)}" for one in sorted(different))


def _plan_complaints(plan: Sequence[Mapping[str, Json]], failures: Sequence[float]) -> Iterator[str]:
    """Whether the retries, after the first attempt, come as the plan's phases say."""
    pauses = [round(later - earlier, 6) for earlier, later in pairwise(failures)]
    if len(pauses) != sum(phase["n"] for phase in plan):
        yield f"attempt_plan: {len(pauses)} retries"
    for phase in plan:
        taken, pauses = pauses[: phase["n"]], pauses[phase["n"] :]
        if phase["delay_s"] == "1..20 exponential":
            if (taken[0], taken[-1]) != (1, 20) or taken != sorted(taken):
                yield f"attempt_plan: backs off by {taken}"
        elif set(taken) != {phase["delay_s"]}:
            yield f"attempt_plan: pauses of {sorted(set(taken))} s where {phase['delay_s']} s are planned"


def _dead_letter_queue(source: Mapping[str, Json]) -> str | None:
    found: str | None = source.get("dlq") or source.get("subscription_dlq")
    return found


def _publish(scenario: Mapping[str, Json], world: World, deliveries: Deliveries, letters: str | None) -> None:
    topic = TopicSettings(name="topic", arn="arn:aws:sns:us-east-1:123456789012:topic")
    subscription = SubscriptionSettings(
        arn=f"{topic.arn}:1", topic="topic", function="consumer", dead_letter_queue=letters
    )
    topics = Topics([topic], [subscription], world.scheduler, world.journal, world.ids, deliveries)
    for one in scenario["inputs"]:
        topics.publish(topic.arn, Published(message=one["message"]))


def _put(scenario: Mapping[str, Json], world: World, deliveries: Deliveries, letters: str | None) -> None:
    target = Address(kind="function", name="consumer", dead_letter_queue=letters)
    if scenario["setup"]["source"]["kind"] == "eventbridge-bus-v2":
        # "By default 5 attempts or 300 seconds": the first one and four more.
        target = replace(target, maximum_retry_attempts=4, maximum_age_seconds=300)
    retry = scenario["setup"]["source"].get("retry", {})
    target = replace(
        target,
        maximum_retry_attempts=retry.get("MaximumRetryAttempts", target.maximum_retry_attempts),
        maximum_age_seconds=retry.get("MaximumEventAgeInSeconds", target.maximum_age_seconds),
    )
    rule = RuleSettings(
        name="rule",
        bus="default",
        arn="arn:aws:events:us-east-1:123456789012:rule/rule",
        pattern=compile_pattern({"source": ["scenario"]}),
        targets=(RuleTarget(target),),
    )
    buses = Buses(frozenset(), [rule], world.scheduler, world.journal, world.ids, deliveries)
    for one in scenario["inputs"]:
        buses.put(NewEvent(source="scenario", detail_type="test", detail=one["detail"]))
