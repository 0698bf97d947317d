"""Scenarios of event source mappings for SQS."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from penstock.handlers import on_sqs_message
from penstock.pipelines import Function
from penstock.pipelines import Queue as DeclaredQueue
from penstock.pipelines import QueueMapping as DeclaredMapping
from penstock.pipelines.filter_criteria import FilterCriteria
from penstock.runtime.functions.settings import Destination, FunctionSettings
from penstock.runtime.journal_events import Attribute, MessagesDeleted
from penstock.runtime.mappings.queue_mapping import (
    QueueMapping,
    QueueMappingSettings,
    visibility_timeout_seconds,
)
from penstock.runtime.services import ServiceError
from penstock.testing.context import FakeContext
from tests.conformance.semantics import declaring, plain_handlers
from tests.conformance.semantics.scripted import Delivery, ScriptedInvoker
from tests.conformance.semantics.world import FUNCTION_ARN, World, queue

Json = Any


FUNCTION_LETTERS = "function-letters"
"""Where the function's asynchronous invocations would end."""


class QueueScenario:
    """One scenario at work: messages are sent, the mapping receives them."""

    def __init__(self, scenario: Mapping[str, Json], folder: Path) -> None:
        self.scenario = scenario
        self.setup = scenario["setup"]
        self.source = self.setup["source"]
        self.esm = self.setup["esm"]
        self.handler = scenario["handler"] or {}
        self.fifo = bool(self.source.get("fifo"))
        self.ids: dict[str, str] = {}
        self.effects: dict[str, int] = {}
        self._acted_on: set[str] = set()
        self._to_forget = set(self.setup.get("inject", {}).get("duplicate", ()))
        self.world = World(
            folder, self._make_invoker, self._function(), self._queues(), forgets=self._forgets
        )
        self.deleted: list[list[str]] = []
        self.world.journal.subscribe(self._note_deleted, MessagesDeleted)
        self.mapping = QueueMapping(
            self._settings(),
            queues=self.world.queues,
            functions=self.world.functions,
            scheduler=self.world.scheduler,
            journal=self.world.journal,
        )

    def run(self) -> None:
        """Send the messages, start, and wait."""
        for one in self.scenario["inputs"]:
            attributes = {
                name: Attribute(data_type=value["dataType"], string_value=value.get("stringValue"))
                for name, value in one.get("attributes", {}).items()
            }
            sent = self.world.queues.send(
                self.name,
                one["body"],
                attributes=attributes,
                group_id=one.get("group"),
                deduplication_id=one["id"] if self.fifo else None,
            )
            self.ids[one["id"]] = sent.message_id
        self.mapping.start()
        self.world.scheduler.run_until_idle()
        self.world.journal.flush()

    @property
    def name(self) -> str:
        return "source.fifo" if self.fifo else "source"

    @property
    def deliveries(self) -> list[Delivery]:
        assert isinstance(self.world.invoker, ScriptedInvoker)
        return self.world.invoker.deliveries

    @property
    def most_running(self) -> int:
        assert isinstance(self.world.invoker, ScriptedInvoker)
        return self.world.invoker.most_running

    def named(self, message_id: str) -> str:
        return next((name for name, one in self.ids.items() if one == message_id), message_id)

    def dead(self) -> list[str]:
        if "redrive" not in self.source:
            return []
        return [self.named(one) for one in self.world.queues.find(self._dead_name).messages]

    def left(self) -> list[str]:
        return [self.named(one) for one in self.world.queues.find(self.name).messages]

    # --- Making -------------------------------------------------------------------------------------------

    @property
    def _dead_name(self) -> str:
        return "dlq.fifo" if self.fifo else "dlq"

    def _queues(self) -> list[Any]:
        redrive = self.source.get("redrive")
        options: dict[str, Any] = {"visibility_timeout_seconds": self.source.get("visibility_timeout", 30)}
        if self.fifo:
            options["fifo"] = True
        if redrive:
            options |= {
                "dead_letter_queue": self._dead_name,
                "max_receive_count": redrive["maxReceiveCount"],
            }
        made = [] if self.source.get("missing") else [queue(self.name, **options)]
        return [*made, queue(self._dead_name, fifo=self.fifo), queue(FUNCTION_LETTERS)]

    def _function(self) -> FunctionSettings:
        function = self.setup.get("function", {})
        return FunctionSettings(
            name="consumer",
            arn=FUNCTION_ARN,
            handler="x.y",
            timeout_seconds=function.get("timeout", 3),
            reserved_concurrency=function.get("reserved_concurrency"),
            dead_letter_queue=Destination("queue", FUNCTION_LETTERS),
            on_failure=Destination("queue", FUNCTION_LETTERS),
        )

    def _settings(self) -> QueueMappingSettings:
        criteria = self.esm.get("FilterCriteria")
        return QueueMappingSettings(
            name="source->consumer",
            queue=self.name,
            function="consumer",
            batch_size=self.esm.get("BatchSize", 10),
            batching_window_seconds=self.esm.get("MaximumBatchingWindowInSeconds", 0),
            report_batch_item_failures="ReportBatchItemFailures" in self.esm.get("FunctionResponseTypes", ()),
            concurrency=self.esm.get("ScalingConfig", {}).get("MaximumConcurrency", 5),
            wanted=FilterCriteria(criteria, source="sqs").accepts if criteria else None,
        )

    def _make_invoker(self, scheduler: Any) -> ScriptedInvoker:
        invoker = ScriptedInvoker(
            scheduler,
            self.handler,
            self._id_of,
            lambda one: self.ids.get(one, one),
            timeout_seconds=self.setup.get("function", {}).get("timeout", 3),
        )
        if "library" in self.setup:
            invoker.library = self._library
        return invoker

    def _id_of(self, record: Mapping[str, Json]) -> str:
        name = self.named(record["messageId"])
        if "idempotent_by" in self.handler:
            assert self.handler["idempotent_by"] == "messageId"
            if record["messageId"] not in self._acted_on:
                self._acted_on.add(record["messageId"])
                self.effects[name] = self.effects.get(name, 0) + 1
        return name

    def _library(self, event: Json, invoker: ScriptedInvoker, delivery: Delivery) -> Json:
        """The function is a handler of ours, written for one message."""

        def handle(body: str) -> None:
            delivery.handled.append(body)
            plan = self.handler["per_record"].get(body)
            if plan and invoker.fail_times(body, plan["fail_times"]):
                raise RuntimeError(f"message {body} fails")

        verdict = on_sqs_message(handle).invoke(event, FakeContext())
        assert isinstance(verdict, dict)
        failures = verdict["batchItemFailures"]
        assert isinstance(failures, list)
        delivery.response_failures = [self.named(one["itemIdentifier"]) for one in failures]
        return verdict

    def _forgets(self, name: str, message_id: str) -> bool:
        wanted = self.named(message_id)
        if wanted in self._to_forget:
            self._to_forget.discard(wanted)
            return True
        return False

    def _note_deleted(self, event: MessagesDeleted) -> None:
        if event.queue == self.name:
            self.deleted.append([self.named(one) for one in event.message_ids])


def complaints(scenario: Mapping[str, Json], folder: Path) -> Iterator[str]:
    """Run a scenario and say what is not as expected."""
    expected = scenario["expected"]
    if "create_error" in expected and not scenario["setup"]["source"].get("missing"):
        yield from declaring.refusal_complaints(scenario)
        return
    world = QueueScenario(scenario, folder)
    if "create_error" in expected:
        yield from _missing_queue_complaints(world, expected)
        return
    world.run()
    for name, wanted in expected.items():
        check = _CHECKS.get(name)
        complaint = f'the expectation "{name}" is not understood' if check is None else check(world, wanted)
        if complaint:
            yield f"{name}: {complaint}"


def _missing_queue_complaints(world: QueueScenario, expected: Mapping[str, Json]) -> Iterator[str]:
    try:
        world.mapping.start()
    except ServiceError as error:
        if expected.get("message_contains", "") not in str(error):
            yield f"the refusal is {error}"
        return
    yield "create_error: it was accepted"


def _equal(actual: object, wanted: object) -> str | None:
    return None if actual == wanted else f"is {actual}, not {wanted}"


def _invocations(world: QueueScenario, wanted: list[Json]) -> str | None:
    if len(wanted) != len(world.deliveries):
        return f"there are {[one.ids for one in world.deliveries]}"
    for index, (one, delivery) in enumerate(zip(wanted, world.deliveries, strict=True)):
        plan = one if isinstance(one, dict) else {"ids": one}
        before = world.deliveries[index - 1] if index else None
        complaint = _delivery_complaint(plan, delivery, before, world)
        if complaint:
            return f"invocation {index + 1} {complaint}"
    return None


def _delivery_complaint(
    plan: Mapping[str, Json], delivery: Delivery, before: Delivery | None, world: QueueScenario
) -> str | None:
    counts = {int(record["attributes"]["ApproximateReceiveCount"]) for record in delivery.records}
    if plan["ids"] != delivery.ids:
        return f"has {delivery.ids}, not {plan['ids']}"
    if "receive_count" in plan and counts != {plan["receive_count"]}:
        return f"has receive counts {counts}"
    if "not_before_s" in plan and delivery.at - world.world.started_at < plan["not_before_s"]:
        return f"came after {delivery.at - world.world.started_at} s"
    latest = plan.get("not_after_s", plan.get("before_s"))
    if latest is not None and delivery.at - world.world.started_at > latest:
        return f"came after {delivery.at - world.world.started_at} s"
    if plan.get("receipt_handle_changes"):
        assert before is not None
        handles = [{record["receiptHandle"] for record in one.records} for one in (before, delivery)]
        if handles[0] & handles[1]:
            return "has the same receipt handle"
    if "response_failures" in plan and delivery.response_failures != plan["response_failures"]:
        return f"reports {delivery.response_failures}"
    if "handled" in plan and delivery.handled != plan["handled"]:
        return f"handled {delivery.handled}"
    unknown = plan.keys() - {
        "ids",
        "receive_count",
        "not_before_s",
        "not_after_s",
        "before_s",
        "receipt_handle_changes",
        "response_failures",
        "handled",
    }
    return f"is expected to have {sorted(unknown)}, which is not understood" if unknown else None


def _dead_letters(world: QueueScenario, wanted: list[Json]) -> str | None:
    names = [one["id"] if isinstance(one, dict) else one for one in wanted]
    complaint = _equal(sorted(world.dead()), sorted(names))
    if complaint:
        return complaint
    if "redrive" not in world.source:
        return None
    bodies = {one["id"]: one["body"] for one in world.scenario["inputs"]}
    dead = world.world.queues.find(world._dead_name).messages
    for one in wanted:
        if isinstance(one, dict):
            message = dead[world.ids[one["id"]]]
            body = one.get("body", bodies[one["id"]])
            if message.body != body:
                return f"{one['id']} has the body {message.body}"
            attributes = {name: value.string_value for name, value in message.attributes.items()}
            given = next(i for i in world.scenario["inputs"] if i["id"] == one["id"]).get("attributes", {})
            if attributes != {name: value.get("stringValue") for name, value in given.items()}:
                return f"{one['id']} has the attributes {attributes}"
    return None


def _function_letters(world: QueueScenario, wanted: Json) -> str | None:
    """What the function's own dead-letter queue and destination have: those of asynchronous invocations."""
    found = world.world.left_in(FUNCTION_LETTERS)
    return _equal(len(found), wanted if isinstance(wanted, int) else len(wanted))


def _deleted_after(world: QueueScenario, wanted: Mapping[str, list[str]]) -> str | None:
    return _equal(
        {number: sorted(world.deleted[int(number) - 1]) for number in wanted},
        {number: sorted(ids) for number, ids in wanted.items()},
    )


def _per_group_order(world: QueueScenario, wanted: Mapping[str, list[str]]) -> str | None:
    groups = {one["id"]: one["group"] for one in world.scenario["inputs"]}
    seen: dict[str, list[str]] = {}
    for delivery in world.deliveries:
        for one in delivery.ids:
            seen.setdefault(groups[one], []).append(one)
    return _equal(seen, dict(wanted))


def _record(world: QueueScenario, wanted: Mapping[str, Json]) -> str | None:
    (record,) = world.deliveries[0].records
    return _equal({name: record.get(name) for name in wanted}, dict(wanted))


def _created(world: QueueScenario, wanted: Mapping[str, Json]) -> str | None:
    mapping = DeclaredMapping(DeclaredQueue("source"), Function("consumer", plain_handlers.message))
    names = {"BatchSize": "batch_size", "MaximumBatchingWindowInSeconds": "batching_window_seconds"}
    return _equal({name: getattr(mapping, names[name]) for name in wanted}, dict(wanted))


def _effective_visibility(world: QueueScenario, wanted: float) -> str | None:
    seconds = visibility_timeout_seconds(
        world.source["visibility_timeout"],
        batching_window_seconds=world.esm.get("MaximumBatchingWindowInSeconds", 0),
        function_timeout_seconds=world.setup["function"]["timeout"],
    )
    return _equal(seconds, wanted)


def _receive_counts(world: QueueScenario, wanted: int) -> str | None:
    counts = {
        int(record["attributes"]["ApproximateReceiveCount"])
        for delivery in world.deliveries
        for record in delivery.records
    }
    return _equal(counts, {wanted})


def _counted(deliveries: list[Delivery], wanted: Mapping[str, int]) -> dict[str, int]:
    return {name: sum(name in one.ids for one in deliveries) for name in wanted}


_CHECKS: Mapping[str, Callable[[QueueScenario, Json], str | None]] = {
    "invocations": _invocations,
    "deleted": lambda world, wanted: _equal(sorted(chain.from_iterable(world.deleted)), sorted(wanted)),
    "left": lambda world, wanted: _equal(sorted(world.left()), sorted(wanted)),
    "dlq": _dead_letters,
    **dict.fromkeys(("function_dlq", "lambda_dlq", "function_destination"), _function_letters),
    "dlq_order": lambda world, wanted: _equal(wanted, "any"),
    "deleted_after": _deleted_after,
    "processing_order": lambda world, wanted: _equal(
        [name for one in world.deliveries for name in one.handled], wanted
    ),
    "per_group_order": _per_group_order,
    "max_concurrent_invocations": lambda world, wanted: _equal(world.most_running, wanted),
    "union_of_invocations": lambda world, wanted: _equal(
        sorted(name for one in world.deliveries for name in one.ids), sorted(wanted)
    ),
    "max_batch": lambda world, wanted: (
        None if max(len(one.ids) for one in world.deliveries) <= wanted else "a batch is larger"
    ),
    "deleted_count": lambda world, wanted: _equal(sum(map(len, world.deleted)), wanted),
    "created": _created,
    "effective_visibility_timeout_s": _effective_visibility,
    "every_receive_count": _receive_counts,
    "deliveries": lambda world, wanted: _equal(_counted(world.deliveries, wanted), dict(wanted)),
    "effects": lambda world, wanted: _equal(world.effects, dict(wanted)),
    "record": _record,
}
