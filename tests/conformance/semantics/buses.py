"""Scenarios of EventBridge and SNS: what a rule's target, or a subscription, comes to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from penstock.pipelines.event_patterns import compile_pattern
from penstock.runtime.events.buses import Buses, NewEvent, RuleSettings, RuleTarget
from penstock.runtime.functions import Destination, FunctionSettings
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.topics.topics import Published, SubscriptionSettings, Topics, TopicSettings
from tests.conformance.semantics.scripted import ScriptedInvoker
from tests.conformance.semantics.world import FUNCTION_ARN, World, queue

Json = Any


class NoExecutions:
    """No state machine is a target here."""

    def start_execution(self, arn: str, name: str | None, value: object) -> object:
        raise AssertionError(f"{arn} is started with {value}, as {name}")


def complaints(scenario: Mapping[str, Json], folder: Path) -> Iterator[str]:
    """Put the scenario's events and say what is not as expected."""
    setup, expected, handler = scenario["setup"], scenario["expected"], scenario["handler"] or {}
    kind = setup["source"]["kind"]
    if kind not in ("eventbridge", "sns") or handler.get("unreachable"):
        yield f"nothing plays {setup['source']['kind']} with {handler}"
        return

    def invoker(scheduler: Scheduler) -> ScriptedInvoker:
        return ScriptedInvoker(scheduler, handler)

    destination = setup.get("config", {}).get("OnFailure")
    queues = [queue(name) for name in dict.fromkeys((setup["source"].get("dlq"), destination)) if name]
    function = FunctionSettings(
        name="consumer",
        arn=FUNCTION_ARN,
        handler="x.y",
        on_failure=destination and Destination("queue", destination),
    )
    world = World(folder, invoker, function, queues)
    if kind == "sns":
        _publish(scenario, world)
    else:
        _put(scenario, world)
    world.scheduler.run_until_idle()
    assert isinstance(world.invoker, ScriptedInvoker)
    deliveries = world.invoker.deliveries
    sizes = {len(one.records) for one in deliveries}
    actual = {
        "attempts": len(deliveries),
        "queues": {one.name: len(world.left_in(one.name)) for one in queues},
        "records_per_invocation": sizes.pop() if len(sizes) == 1 else sorted(sizes),
    }
    for name, wanted in expected.items():
        if name not in actual:
            yield f'the expectation "{name}" is not understood'
        elif actual[name] != wanted:
            yield f"{name}: is {actual[name]}, not {wanted}"


def _publish(scenario: Mapping[str, Json], world: World) -> None:
    topic = TopicSettings(name="topic", arn="arn:aws:sns:us-east-1:123456789012:topic")
    subscription = SubscriptionSettings(arn=f"{topic.arn}:1", topic="topic", function="consumer")
    topics = Topics(
        [topic],
        [subscription],
        world.scheduler,
        world.journal,
        world.ids,
        world.queues,
        world.functions,
    )
    for one in scenario["inputs"]:
        topics.publish(topic.arn, Published(message=one["message"]))


def _put(scenario: Mapping[str, Json], world: World) -> None:
    rule = RuleSettings(
        name="rule",
        bus="default",
        arn="arn:aws:events:us-east-1:123456789012:rule/rule",
        pattern=compile_pattern({"source": ["scenario"]}),
        targets=(RuleTarget(kind="function", name="consumer"),),
    )
    buses = Buses(
        frozenset(),
        [rule],
        world.scheduler,
        world.journal,
        world.ids,
        world.queues,
        world.functions,
        NoExecutions(),
    )
    for one in scenario["inputs"]:
        buses.put(NewEvent(source="scenario", detail_type="test", detail=one["detail"]))
