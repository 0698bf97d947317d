"""PL503: whether what invokes a function gives it what its handler takes, as every event of a run would show."""

import json
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import pytest
from pydantic import BaseModel, Field

from penstock.errors import DeclarationError, RuleError
from penstock.handlers import (
    EventBridgeEvent,
    S3Upload,
    SNSMessage,
    SQSMessage,
    on_event,
    on_s3_upload,
    on_schedule,
    on_sqs_message,
    on_task,
)
from penstock.pipelines import (
    Bucket,
    BucketNotification,
    EventRule,
    Function,
    Part,
    Pipeline,
    Queue,
    QueueMapping,
    RuleTarget,
    Schedule,
    Subscription,
    Topic,
)
from penstock.testing.plugin import StartPipeline

seen: list[object] = []


class Named(BaseModel):
    """A model whose JSON has another name for its member."""

    total: int = Field(alias="sum")


@on_event
def of_a_bus(event: EventBridgeEvent[dict[str, Any]]) -> None:
    seen.append(event.detail)


@on_schedule
def of_a_schedule(detail: dict[str, Any]) -> None:
    seen.append(detail)


@on_task
def of_anything(given: dict[str, Any]) -> None:
    seen.append(given)


@on_s3_upload
def of_a_bucket(upload: S3Upload) -> None:
    seen.append(upload.key)


@on_sqs_message
def of_a_queue(upload: S3Upload) -> None:
    seen.append(upload.key)


def rule(handler: Any, **settings: Any) -> Part:
    target = RuleTarget(Function("f", handler, timeout_seconds=5), **settings)
    return EventRule("r", pattern={"source": ["shop"]}, to=(target,))


def schedule(handler: Any, **settings: Any) -> Part:
    return Schedule("s", expression="rate(1 hour)", to=Function("f", handler, timeout_seconds=5), **settings)


OWN = {"a": 1}
TEMPLATE = {"input_paths": {"d": "$.detail"}}

FITTING = [
    (rule(of_a_bus), {"n": 1}),
    (rule(of_a_bus, input={"detail": OWN}), OWN),
    (rule(of_a_bus, input_template='{"detail": <d>}', **TEMPLATE), {"n": 1}),
    (rule(of_a_bus, input_path="$"), {"n": 1}),
    (rule(of_a_bus, input_template="<aws.events.event.json>"), {"n": 1}),
    (rule(of_a_bus, input_paths={"e": "$"}, input_template=" <e>"), {"n": 1}),
    (rule(of_anything, input=OWN), OWN),
    (rule(of_anything, input_template=" <d>", **TEMPLATE), {"n": 1}),
    (rule(of_anything, input_path="$.detail"), {"n": 1}),
    (rule(of_anything, input_template='{"given": <d>}', **TEMPLATE), {"given": {"n": 1}}),
]


@pytest.mark.parametrize(("part", "given"), FITTING)
def test_a_rules_input_comes_to_a_handler_that_takes_it(
    part: Part, given: object, embedded: StartPipeline
) -> None:
    """The event, or what the target has instead of it."""
    seen.clear()
    with embedded(Pipeline("fits", parts=(part,))) as run:
        entry = {"Source": "shop", "DetailType": "t", "Detail": json.dumps({"n": 1})}
        run.client("events").put_events(Entries=[entry])
        run.run_until_idle()
    assert seen == [given]


@pytest.mark.parametrize(
    "part",
    [
        schedule(of_a_schedule),
        schedule(of_anything, input=OWN),
        schedule(of_a_schedule, input={"detail": OWN}),
    ],
)
def test_a_schedules_input_comes_to_a_handler_that_takes_it(part: Part, embedded: StartPipeline) -> None:
    """Scheduler's own event, or the schedule's input."""
    seen.clear()
    with embedded(Pipeline("fits", parts=(part,))) as run:
        run.scheduler.run_for(3601)
    assert seen
    assert all(one in ({}, OWN) for one in seen)


INBOX = Bucket("inbox-of-files")
TOLD = Queue("told", visibility_timeout_seconds=60)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([rule(of_a_bus, input=OWN)], "a rule gives it an input of its own"),
        ([rule(of_a_bus, input_path="$.detail")], "a rule gives it an input of its own"),
        ([rule(of_a_bus, input_template='{"x": <d>}', **TEMPLATE)], "a rule gives it an input of its own"),
        ([rule(of_anything, input_path="$")], 'the rule "r" has it as a target'),
        ([rule(of_anything)], 'the rule "r" has it as a target'),
        ([schedule(of_a_schedule, input=OWN)], 'the schedule "s" invokes it with an input of its own'),
        (
            [
                BucketNotification(INBOX, to=TOLD),
                QueueMapping(TOLD, Function("f", of_a_bucket, timeout_seconds=5)),
            ],
            'the queue "told" is mapped to it',
        ),
    ],
)
def test_what_no_event_would_fit_is_told_of(parts: list[Part], words: str) -> None:
    """Every event would be one that cannot be decoded; the remedy is another decorator."""
    with pytest.raises(DeclarationError) as caught:
        Pipeline("misfits", parts=parts)
    (problem,) = caught.value.problems
    assert isinstance(problem, RuleError)
    assert problem.rule == "PL503"
    assert words in problem.what


@dataclass
class Order:
    """What events and envelopes have no member of."""

    total: int


@on_sqs_message
def of_orders(order: Order) -> None: ...


@on_sqs_message
def of_lists(orders: SQSMessage[list[int]]) -> None: ...


@on_sqs_message
def of_notifications(order: SNSMessage[Order]) -> None: ...


@on_sqs_message
def of_events(order: SQSMessage[EventBridgeEvent[Order]]) -> None: ...


@on_sqs_message
def of_texts(order: str) -> None: ...


@on_sqs_message
def of_all(order: SQSMessage[dict[str, Any]]) -> None: ...


@on_sqs_message
def of_named(order: Named) -> None: ...


class Tagged(msgspec.Struct, tag=True):
    """One of several, which is decoded without its tag when it stands by itself."""

    source: str


class TaggedOrder(msgspec.Struct, tag=True):
    total: int


@on_sqs_message
def of_tagged(event: Tagged) -> None: ...


@on_sqs_message
def of_tagged_orders(order: TaggedOrder) -> None: ...


@on_sqs_message
def of_constrained(order: Annotated[str, msgspec.Meta(min_length=1)]) -> None: ...


@on_sqs_message
def of_constrained_bytes(order: SQSMessage[Annotated[bytes, msgspec.Meta(min_length=1)]]) -> None: ...


TOPIC = Topic("orders")
SENDERS: dict[str, Part] = {
    "topic": Subscription(TOPIC, to=TOLD),
    "raw": Subscription(TOPIC, to=TOLD, raw_message_delivery=True),
    "rule": EventRule("r", pattern={"source": ["shop"]}, to=(TOLD,)),
    "detail": EventRule("r", pattern={"source": ["shop"]}, to=(RuleTarget(TOLD, input_path="$.detail"),)),
    "bucket": BucketNotification(INBOX, to=TOLD),
}


@pytest.mark.parametrize(
    ("sender", "handler", "words"),
    [
        ("topic", of_orders, 'the topic "orders" sends to "told" is SNS\'s envelope, which has no "total"'),
        ("topic", of_lists, "which is an object"),
        ("topic", of_events, "which is not opened as EventBridgeEvent"),
        ("rule", of_orders, 'the rule "r" sends to "told" is EventBridge\'s event, which has no "total"'),
        ("rule", of_named, 'which has no "sum"'),
        ("rule", of_tagged_orders, 'which has no "total"'),
        ("rule", of_notifications, "which is not opened as SNSMessage"),
        (
            "bucket",
            of_orders,
            'the bucket "inbox-of-files" sends to "told" is S3\'s event, which has no "total"',
        ),
        ("bucket", of_events, "which is not opened as EventBridgeEvent"),
    ],
)
def test_an_envelope_that_nobody_opens_is_told_of(sender: str, handler: Any, words: str) -> None:
    """Every message would be a dead letter; the remedy names what opens it."""
    mapping = QueueMapping(TOLD, Function("f", handler, timeout_seconds=5))
    with pytest.raises(DeclarationError) as caught:
        Pipeline("misfits", parts=(SENDERS[sender], mapping))
    (problem,) = caught.value.problems
    assert isinstance(problem, RuleError)
    assert (problem.rule, words in problem.what) == ("PL503", True), problem.what


@pytest.mark.parametrize(
    ("sender", "handler"),
    [
        *[(sender, handler) for sender in SENDERS for handler in (of_texts, of_all)],
        *[(sender, handler) for sender in SENDERS for handler in (of_constrained, of_constrained_bytes)],
        ("rule", of_tagged),
        *[(sender, of_a_queue) for sender in SENDERS],
        *[(sender, of_orders) for sender in ("raw", "detail")],
        ("topic", of_notifications),
        ("rule", of_events),
    ],
)
def test_an_envelope_that_may_be_opened_is_not(sender: str, handler: Any) -> None:
    """What is sent raw, or taken as it is, is for the handler to know."""
    mapping = QueueMapping(TOLD, Function("f", handler, timeout_seconds=5))
    Pipeline("fits", parts=(SENDERS[sender], mapping))


def test_uploads_in_a_queue_are_for_its_own_decorator(embedded: StartPipeline) -> None:
    """A queue's messages stand each for themselves, also those that tell of objects."""
    seen.clear()
    mapping = QueueMapping(TOLD, Function("f", of_a_queue, timeout_seconds=5))
    with embedded(Pipeline("told", parts=(BucketNotification(INBOX, to=TOLD), mapping))) as run:
        run.s3_client().put_object(Bucket="inbox-of-files", Key="a b.csv", Body=b"x")
        run.run_until_idle()
    assert seen == ["a b.csv"]
