"""Every rule of a declaration: one that breaks it is refused with the rule's id, a line and a remedy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import DeclarationError, RuleError
from penstock.handlers import (
    DynamoDBChange,
    Powertools,
    S3Upload,
    on_dynamodb_change,
    on_kinesis_record,
    on_s3_upload,
    on_sqs_message,
    on_task,
)
from penstock.pipelines import (
    Bucket,
    BucketNotification,
    DeliveryStream,
    Entry,
    EventBus,
    EventRule,
    Function,
    HttpApi,
    HttpRoute,
    Key,
    Named,
    Part,
    Pipe,
    Pipeline,
    Queue,
    QueueMapping,
    Results,
    RuleTarget,
    Schedule,
    StateMachine,
    Stream,
    StreamMapping,
    Subscription,
    Table,
    Topic,
    url,
    writes,
)
from penstock.pipelines.checks import RULES


@on_sqs_message
def on_message(message: str) -> None: ...


@on_sqs_message(powertools=Powertools(service="s", idempotency_table="done"))
def once(message: str) -> None: ...


@on_s3_upload
def on_upload(upload: S3Upload) -> None: ...


@dataclass
class Numbers:
    total: int


@dataclass
class Counted:
    count: int


@on_task
def on_numbers(numbers: Numbers) -> Counted:
    return Counted(numbers.total)


@on_kinesis_record
def on_record(data: bytes) -> None: ...


@on_dynamodb_change
def on_change(change: DynamoDBChange[dict[str, object]]) -> None: ...


@on_task
def on_step(value: dict[str, object]) -> dict[str, object]:
    return value


def local_handler() -> Function:
    @on_sqs_message
    def hidden(message: str) -> None: ...

    return Function("f", hidden)


def mapped(queue: Queue, **options: object) -> QueueMapping:
    return QueueMapping(queue, Function("f", on_message, timeout_seconds=2), **options)  # type: ignore[arg-type]


def streamed(**options: object) -> StreamMapping:
    return StreamMapping(Stream("s"), Function("f", on_record), **options)  # type: ignore[arg-type]


def machine(definition: object, **options: object) -> StateMachine:
    return StateMachine("m", definition, **options)  # type: ignore[arg-type]


def one_task(resource: str) -> dict[str, object]:
    return {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": resource, "End": True}}}


def calling(parameters: dict[str, object], **fields: object) -> StateMachine:
    """A machine whose only task calls `on_numbers`."""
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "${F}", **parameters},
        "End": True,
        **fields,
    }
    definition = {"StartAt": "A", "States": {"A": state}}
    return machine(definition, substitutions={"F": Function("f", on_numbers)})


fifo = Queue("q.fifo", fifo=True)
bucket = Bucket("a-bucket")
queue = Queue("q", visibility_timeout_seconds=60)
circle_a = Queue("a", dead_letter_queue=Named("b"))
circle_b = Queue("b", dead_letter_queue=Named("a"))

BROKEN: dict[str, Callable[[], Sequence[Part]]] = {
    "PL100": lambda: [Queue("q", visibility_timeout_seconds="30")],  # type: ignore[arg-type]
    "PL101": lambda: [Function("f", on_message, environment={"Q": Named("nowhere")})],
    "PL102": lambda: [
        Queue("same"),
        Stream("same"),
        Function("f", on_message, environment={"X": Named("same")}),
    ],
    "PL103": lambda: [Queue("q"), Queue("q", delay_seconds=5)],
    "PL104": lambda: [Function("f", on_message, environment={"U": url(Bucket("a-bucket"))})],
    "PL105": lambda: [Bucket("Upper_Case")],
    "PL106": lambda: [Queue("no spaces")],
    "PL107": lambda: [Queue("q", visibility_timeout_seconds=50_000)],
    "PL108": lambda: [Table("tab", partition_key="id", sort_key=Key("id", "N"))],
    "PL110": lambda: [Stream("clicks", on_demand=True, shard_count=4)],
    "PL109": lambda: [Queue("q", kms_key_arn="alias/orders")],
    "PL201": lambda: [Queue("q", fifo=True)],
    "PL202": lambda: [Queue("q", content_based_deduplication=True)],
    "PL203": lambda: [Queue("q", dead_letter_queue=fifo)],
    "PL204": lambda: [Bucket("dead"), Queue("q", dead_letter_queue=Named("dead"))],
    "PL205": lambda: [circle_a, circle_b],
    "PL206": lambda: [Queue("q", dead_letter_queue=Queue("d", message_retention_seconds=60))],
    "PL207": lambda: [Function("f", on_message, dead_letter_queue=fifo)],
    "PL208": lambda: [QueueMapping(Queue("q"), Function("f", on_message, timeout_seconds=30))],
    "PL209": lambda: [
        Bucket("records"),
        Stream("told"),
        Function("f", on_message, on_success=Named("records"), on_failure=Named("told")),
    ],
    "PL210": lambda: [Function("f", on_message, on_failure=Named("f"))],
    "PL301": lambda: [mapped(fifo, batch_size=11)],
    "PL302": lambda: [mapped(fifo, batching_window_seconds=5)],
    "PL303": lambda: [mapped(queue, batch_size=100)],
    "PL304": lambda: [mapped(queue), mapped(queue, batch_size=5)],
    "PL305": lambda: [StreamMapping(Table("t", partition_key="k"), Function("f", on_change))],
    "PL306": lambda: [
        StreamMapping(
            Table("t", partition_key="k", stream_view_type="NEW_IMAGE"),
            Function("f", on_change),
            starting_position="AT_TIMESTAMP",
        )
    ],
    "PL307": lambda: [streamed(on_failure=fifo)],
    "PL308": lambda: [mapped(queue, filter_criteria=[{"body": "text"}])],
    "PL309": lambda: [streamed(tumbling_window_seconds=60)],
    "PL310": lambda: [mapped(queue, batching_window_seconds=0.5)],
    "PL311": lambda: [streamed(consumer="not a name")],
    "PL401": lambda: [BucketNotification(bucket, to=queue, events=("s3:ObjectMade:*",))],
    "PL402": lambda: [BucketNotification(bucket, to=fifo)],
    "PL403": lambda: [
        BucketNotification(bucket, to=queue, prefix="in/"),
        BucketNotification(bucket, to=Queue("other"), prefix="in/csv/"),
    ],
    "PL404": lambda: [
        BucketNotification(bucket, to=Function("f", on_upload, calls=(writes(bucket),)), prefix="in/")
    ],
    "PL405": lambda: [
        BucketNotification(bucket, to=queue),
        Results(bucket, key_prefix="out/"),
    ],
    "PL406": lambda: [Entry(bucket)],
    "PL407": lambda: [BucketNotification(bucket, to=queue, events=("s3:ObjectRemoved:DeleteMarkerCreated",))],
    "PL501": lambda: [Function("f", "handlers.nowhere.handle")],
    "PL502": lambda: [local_handler()],
    "PL503": lambda: [QueueMapping(queue, Function("f", on_record, timeout_seconds=1))],
    "PL504": lambda: [mapped(queue, report_batch_item_failures=False)],
    "PL505": lambda: [
        QueueMapping(
            queue,
            Function("f", on_message, timeout_seconds=2, reserved_concurrency=2),
            maximum_concurrency=10,
        )
    ],
    "PL506": lambda: [Function("f", on_message, environment={"1st": "x"})],
    "PL507": lambda: [Function("f", on_message, environment={"LONG": "é" * 2100})],
    "PL508": lambda: [Function("f", once)],
    "PL509": lambda: [QueueMapping(queue, Function("f", on_message, timeout_seconds=1))],
    "PL601": lambda: [machine(Path("statemachines/nowhere.asl.yaml"))],
    "PL602": lambda: [machine(one_task("${Missing}"))],
    "PL603": lambda: [
        machine({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}, substitutions={"Unused": "x"})
    ],
    "PL604": lambda: [machine(one_task("arn:aws:lambda:us-east-1:123456789012:function:nowhere"))],
    "PL605": lambda: [calling({"Payload": {"total": "many"}})],
    "PL606": lambda: [calling({"Payload": {"total": 1}}, ResultSelector={"c.$": "$.Payload.cuont"})],
    "PL607": lambda: [machine({"StartAt": "A", "States": {"A": {"Type": "Pass"}}})],
    "PL701": lambda: [EventRule("r", pattern={"source": "text"}, to=(queue,))],
    "PL702": lambda: [EventRule("r", pattern={"source": ["a"]}, to=())],
    "PL703": lambda: [Subscription(Topic("t"), to=queue, filter_policy={"a": "text"})],
    "PL704": lambda: [Subscription(Topic("t"), to=fifo)],
    "PL705": lambda: [
        EventRule("r", schedule="rate(1 minutes)", to=(queue,)),
        EventRule("s", schedule="rate(1 minute)", to=(queue,), bus=EventBus("orders")),
        EventRule("t", to=(queue,)),
    ],
    "PL706": lambda: [
        EventRule("t", pattern={"source": ["x"]}, to=(RuleTarget(Queue("q"), input_template='"<id>"'),))
    ],
    "PL707": lambda: [Schedule("s", expression="at(tomorrow)", to=queue)],
    "PL801": lambda: [HttpApi("api", {"jobs": Function("f", "handlers.nowhere.handle")})],
    "PL802": lambda: [HttpApi("api", {"GET /": HttpRoute(Function("f", "json.dumps"), scopes=("read",))})],
    "PL901": lambda: [Pipe("p", Queue("q"), to=Topic("t"), batch_size=11, batching_window_seconds=1)],
    "PL902": lambda: [Pipe("p", Queue("q"), to=Topic("t"), input_template="<body>")],
    "PL903": lambda: [Pipe("p", Queue("q"), to=Stream("s"))],
    "PL951": lambda: [DeliveryStream("d", bucket, prefix="year=!{timestamp:yyyy}/")],
    "PL803": lambda: [HttpApi("api", {"GET /": Function("f", on_message)})],
}


def refused(parts: Sequence[Part]) -> list[RuleError]:
    ends: dict[str, Entry | Results] = {}
    for part in parts:
        if isinstance(part, Entry):
            ends["entry"] = part
        elif isinstance(part, Results):
            ends["results"] = part
    joined = [part for part in parts if not isinstance(part, Entry | Results)]
    with pytest.raises(DeclarationError) as caught:
        Pipeline("broken", parts=joined, **ends)  # type: ignore[arg-type]
    return [problem for problem in caught.value.problems if isinstance(problem, RuleError)]


@pytest.mark.parametrize("rule", sorted(BROKEN))
def test_a_declaration_that_breaks_a_rule_is_refused(rule: str) -> None:
    """The problem has the rule's id, the line of the part, and what to do."""
    found = [problem for problem in refused(BROKEN[rule]()) if problem.rule == rule]
    assert found
    for problem in found:
        assert problem.at is not None
        assert problem.at.startswith("tests/unit/pipelines/test_declaration_rules.py:")
        assert problem.fix


def test_every_rule_has_a_case() -> None:
    """And every rule has an id of its own, a title and a source."""
    assert [rule.id for rule in RULES] == sorted(BROKEN)
    assert all(rule.title and rule.source for rule in RULES)


def test_all_problems_are_found_at_once() -> None:
    """Not only the first one."""
    found = refused(
        [Bucket("Upper_Case"), Queue("q", fifo=True), Queue("r", content_based_deduplication=True)]
    )
    assert [problem.rule for problem in found] == ["PL105", "PL201", "PL202"]


def test_who_hears_of_a_file_that_enters() -> None:
    """A rule of the bus does, too; and files of an API's bucket are for those who ask for them."""
    on_bus = Bucket("a-bucket", event_bridge_enabled=True)
    rule = EventRule("told", pattern={"source": ["aws.s3"]}, to=(Queue("heard"),))
    assert Pipeline("told", parts=(rule,), entry=Entry(on_bus)).of(Entry)
    api = HttpApi("api", {"GET /": Function("f", "json.dumps")})
    assert Pipeline("asked", parts=(api,), entry=Entry(bucket)).of(Entry)
    with pytest.raises(DeclarationError, match="1 problem"):
        Pipeline("told", parts=(rule,), entry=Entry(bucket))


def test_a_notification_names_an_event() -> None:
    """S3 refuses one without."""
    found = refused([BucketNotification(bucket, to=queue, events=())])
    assert [problem.rule for problem in found] == ["PL401"]


def test_failures_that_come_back() -> None:
    """Over a topic, or over another function; not what a filter policy lets through, nor the record of a success."""
    letters = Topic("letters")
    work = Function("work", "json.dumps", dead_letter_queue=letters)
    assert [one.rule for one in refused([work, Subscription(letters, to=work)])] == ["PL210"]
    Pipeline("sound", parts=[work, Subscription(letters, to=work, filter_policy={"ErrorCode": [1]})])
    other = Function("other", "json.dumps", on_failure=Named("third"))
    third = Function("third", "json.dumps", on_failure=other)
    assert [one.rule for one in refused([other, third])] == ["PL210", "PL210"]
    Pipeline("sound", parts=[Function("third", "json.dumps", on_success=other), other])


def test_an_event_bus_as_a_target() -> None:
    """It gets the event as it is, from another bus; what the target of a rule may have besides, it has."""
    orders, copies = EventBus("orders"), EventBus("copies")

    def forwarding(to: EventBus | RuleTarget) -> EventRule:
        return EventRule("r", bus=orders, pattern={"source": ["a"]}, to=(to,))

    assert [one.rule for one in refused([forwarding(orders)])] == ["PL702"]
    for changed in ({"input": 0}, {"input_path": "$.detail"}, {"input_template": '"late"'}):
        assert [one.rule for one in refused([forwarding(RuleTarget(copies, **changed))])] == ["PL706"]
    Pipeline("sound", parts=[forwarding(RuleTarget(copies, dead_letter_queue=Queue("dead")))])


def test_a_point_in_time_is_given() -> None:
    """AT_TIMESTAMP alone says nothing."""
    found = refused([streamed(starting_position="AT_TIMESTAMP")])
    assert [problem.rule for problem in found] == ["PL306"]
    Pipeline("sound", parts=[streamed(starting_position="AT_TIMESTAMP", starting_timestamp=1.5)])


def test_a_point_in_time_is_for_those_who_read_from_it() -> None:
    """Lambda and pipes refuse a StartingPositionTimestamp beside TRIM_HORIZON, and none beside AT_TIMESTAMP."""
    assert [one.rule for one in refused([streamed(starting_timestamp=1.5)])] == ["PL306"]
    worker, stream = Function("f", "json.dumps"), Stream("s")
    for fields in ({"starting_timestamp": 1.5}, {"starting_position": "AT_TIMESTAMP"}):
        pipe = Pipe("p", stream, to=worker, **fields)
        assert [one.rule for one in refused([pipe])] == ["PL901"]


def test_what_a_fifo_topic_sends_to() -> None:
    """Queues only, and of dead letters to a FIFO queue; a subscriber is subscribed once."""
    line, plain = Topic("news.fifo", fifo=True), Topic("news")
    worker, standard, other = Function("f", "json.dumps"), Queue("q"), Queue("other.fifo", fifo=True)
    assert [one.rule for one in refused([Subscription(line, to=worker)])] == ["PL704"]
    lettered = Subscription(line, to=other, dead_letter_queue=standard)
    assert [one.rule for one in refused([lettered])] == ["PL706"]
    twice = [Subscription(plain, to=standard), Subscription(plain, to=standard, raw_message_delivery=True)]
    assert [one.rule for one in refused(twice)] == ["PL704"]
    Pipeline("sound", parts=[Subscription(line, to=standard, dead_letter_queue=other)])


def test_names_that_a_log_group_takes() -> None:
    """Machines and APIs have log groups that bear their names."""
    worker = Function("f", "json.dumps")
    passes: dict[str, object] = {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}
    for part in (
        StateMachine("fl\u00f6w", passes),
        StateMachine("a.b", passes),
        HttpApi("a b", {"$default": worker}),
    ):
        assert [one.rule for one in refused([part])] == ["PL106"]


def test_a_batching_window_counts() -> None:
    """The visibility timeout covers it."""
    short = Queue("q", visibility_timeout_seconds=6)
    assert [one.rule for one in refused([mapped(short, batching_window_seconds=1)])] == ["PL208"]


def test_a_sound_declaration_is_a_value() -> None:
    """Frozen, comparable, and it collects what its parts refer to."""

    def declare() -> Pipeline:
        dead = Queue("dead", message_retention_seconds=1_209_600)
        orders = Queue("orders", visibility_timeout_seconds=60, dead_letter_queue=dead)
        return Pipeline(
            "orders", parts=(QueueMapping(orders, Function("f", on_message, timeout_seconds=10)),)
        )

    pipeline = declare()
    assert pipeline == declare()
    assert [resource.name for resource in pipeline.resources] == ["orders", "dead", "f"]
    with pytest.raises(AttributeError):
        pipeline.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("schedule", "told"),
    [
        ({"expression": "rate(5 minute)"}, "wrong number"),
        ({"expression": "at(2026-03-29T02:30:00)", "timezone": "Europe/Berlin"}, "leaves out"),
        ({"timezone": "Mars/Olympus"}, "no time zone"),
        ({"timezone": "../etc/passwd"}, "no time zone"),
        ({"start": "2026-01-01"}, "no moment in UTC"),
        ({"start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"}, "before it begins"),
        ({"flexible_window_minutes": 1441}, "flexible_window_minutes=1441"),
        ({"maximum_retry_attempts": 186}, "maximum_retry_attempts=186"),
        ({"message_group_id": "g"}, "is no FIFO queue"),
        ({"to": Queue("x.fifo", fifo=True, content_based_deduplication=True)}, "is a FIFO queue"),
        ({"to": Queue("x.fifo", fifo=True), "message_group_id": "g"}, "without a deduplication id"),
        ({"to": Topic("x.fifo", fifo=True)}, "FIFO topic"),
        ({"dead_letter_queue": Queue("x.fifo", fifo=True)}, "dead-letter queue"),
    ],
)
def test_a_schedule_that_is_refused(schedule: dict[str, Any], told: str) -> None:
    """What EventBridge Scheduler would not take is told of, with a remedy."""
    whole = {"expression": "rate(5 minutes)", "to": Queue("q"), **schedule}
    found = refused([Schedule("s", **whole)])
    assert any(told in str(one) for one in found), found
