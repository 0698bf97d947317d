"""What a pipeline is made of: one frozen value for each thing that AWS would create.

1. Values only: nothing here checks, resolves or runs. `checks` judges them, `resolve` names them
   on a target, and the embedded target and the CloudFormation plan both read them.
2. Fields bear AWS's words and units; a default is AWS's default unless the field says otherwise.
3. Every value knows where it was declared (`declared_at`), so that an error can show the line.
   That place is no part of the value: it counts neither for equality nor for hashing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from penstock.handlers.spec import HandlerSpec

EventName: TypeAlias = str
"""An S3 event name such as `s3:ObjectCreated:*` (S3, "Supported event types")."""

StreamViewType: TypeAlias = Literal["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"]
StartingPosition: TypeAlias = Literal["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"]
StateMachineKind: TypeAlias = Literal["STANDARD", "EXPRESS"]
FilterPolicyScope: TypeAlias = Literal["MessageAttributes", "MessageBody"]
AttributeType: TypeAlias = Literal["S", "N", "B"]


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a source file, as an error shows it."""

    file: str
    line: int

    def __str__(self) -> str:
        path = Path(self.file)
        shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
        return f"{shown}:{self.line}"


def _declaring_line() -> Place:
    """The first frame that is neither this file nor the `__init__` that dataclasses generate."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename in (__file__, "<string>"):
        frame = frame.f_back
    return Place(frame.f_code.co_filename, frame.f_lineno)


@dataclass(frozen=True, slots=True)
class Part:
    """Anything that a pipeline is declared with."""

    declared_at: Place = field(init=False, compare=False, repr=False, default_factory=_declaring_line)


@dataclass(frozen=True, slots=True)
class Resource(Part):
    """A part with a name of its own, unique among its kind in one account and region."""

    name: str


@dataclass(frozen=True, slots=True)
class Named(Part):
    """A resource of the same pipeline, by its name: for a value that has to be written before the other.

    A function that starts the state machine that runs it, for example. Wherever one stands, the
    resource's own value may stand as well.
    """

    name: str


@dataclass(frozen=True, slots=True)
class Bucket(Resource):
    """An S3 bucket.

    With `event_bridge_enabled` it tells the default event bus of everything that happens to its objects (S3, "Using
    EventBridge"): a rule for `{"source": ["aws.s3"], "detail": {"bucket": {"name": [...]}}}` hears of it.

    With `versioned` it keeps what is overwritten and deleted (S3, "Retaining multiple versions of objects").

    `kms_key_arn` is the ARN of a key of one's own (KMS, "Customer managed keys"), for its objects to be encrypted
    with; None: S3's. A queue, a stream, a table and a topic may have one as well.
    """

    _: KW_ONLY
    event_bridge_enabled: bool = False
    versioned: bool = False
    kms_key_arn: str | None = None


@dataclass(frozen=True, slots=True)
class Queue(Resource):
    """An SQS queue (SQS, "CreateQueue"; https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html).

    Args:
        visibility_timeout_seconds: how long a message that was received is hidden (0 to 43,200).
        message_retention_seconds: how long it is kept (60 to 1,209,600: four days by default, fourteen at most).
        delay_seconds: after which a message can first be received (0 to 900).
        fifo: first in, first out; the name ends with `.fifo`.
        content_based_deduplication: of a FIFO queue: messages of one text within five minutes are one.
        dead_letter_queue: where a message goes that was received more than `max_receive_count` times; None: it is
            delivered until it is too old. Together they are the redrive policy.
        max_receive_count: 1 to 1,000.
        kms_key_arn: of a key of one's own (KMS, "Customer managed keys") that its messages are encrypted with.
    """

    _: KW_ONLY
    visibility_timeout_seconds: int = 30
    message_retention_seconds: int = 345_600
    delay_seconds: int = 0
    fifo: bool = False
    content_based_deduplication: bool = False
    dead_letter_queue: Queue | Named | None = None
    max_receive_count: int = 3
    kms_key_arn: str | None = None


@dataclass(frozen=True, slots=True)
class Stream(Resource):
    """A Kinesis data stream in provisioned mode (Kinesis, "CreateStream").

    Args:
        shard_count: shards that it begins with; each has its own order, by partition key.
        retention_hours: how long a record can be read (24 to 8,760).
        kms_key_arn: of a key of one's own (KMS, "Customer managed keys") that its records are encrypted with.
    """

    _: KW_ONLY
    shard_count: int = 1
    retention_hours: int = 24
    kms_key_arn: str | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """One key attribute of a table: its name and its DynamoDB type."""

    name: str
    type: AttributeType = "S"


@dataclass(frozen=True, slots=True)
class Table(Resource):
    """A DynamoDB table, billed on demand (DynamoDB, "CreateTable").

    Args:
        partition_key: an attribute: its bare name is a text, `Key("n", "N")` a number, `Key("b", "B")` bytes.
        sort_key: likewise; None: there is one item for each partition key.
        stream_view_type: what its stream tells of a change, `KEYS_ONLY`, `NEW_IMAGE`, `OLD_IMAGE` or
            `NEW_AND_OLD_IMAGES`; None: it has no stream.
        time_to_live_attribute: holds the epoch seconds after which an item is deleted (DynamoDB, "Time to Live").
        kms_key_arn: of a key of one's own (KMS, "Customer managed keys") that its items are encrypted with.
    """

    _: KW_ONLY
    partition_key: str | Key
    sort_key: str | Key | None = None
    stream_view_type: StreamViewType | None = None
    time_to_live_attribute: str | None = None
    kms_key_arn: str | None = None


@dataclass(frozen=True, slots=True)
class Access(Part):
    """What a function does with a resource: reads it, writes it, or both, under a key prefix of a bucket.

    Written with `reads`, `writes` or `uses`. The plan's IAM policies and the check for a bucket
    that would trigger itself are made from these.
    """

    resource: Resource | Named
    read: bool
    write: bool
    prefix: str = ""


def reads(resource: Resource | Named, prefix: str = "") -> Access:
    """The function only reads `resource` (of a bucket: the keys that begin with `prefix`)."""
    return Access(resource, read=True, write=False, prefix=prefix)


def writes(resource: Resource | Named, prefix: str = "") -> Access:
    """The function only writes to `resource` (of a bucket: the keys that begin with `prefix`)."""
    return Access(resource, read=False, write=True, prefix=prefix)


def uses(resource: Resource | Named, prefix: str = "") -> Access:
    """The function reads and writes `resource` (of a bucket: the keys that begin with `prefix`)."""
    return Access(resource, read=True, write=True, prefix=prefix)


@dataclass(frozen=True, slots=True)
class Arn(Part):
    """Stands for a resource's ARN, where the resource itself would stand for its name or URL."""

    resource: Resource | Named


@dataclass(frozen=True, slots=True)
class Url(Part):
    """Stands for a queue's URL, where the queue itself would stand for something else."""

    resource: Resource | Named


def arn(resource: Resource | Named) -> Arn:
    """The ARN of `resource`, as an environment value or a substitution."""
    return Arn(resource)


def url(resource: Resource | Named) -> Url:
    """The URL of the queue `resource`, as an environment value or a substitution."""
    return Url(resource)


Value: TypeAlias = "str | Resource | Named | Arn | Url"
"""An environment value or a substitution: plain text, or something that is resolved per target."""


class HasSpec(Protocol):
    """What a declaration needs of a decorated handler; every `penstock.handlers.Handler` has it."""

    @property
    def spec(self) -> HandlerSpec: ...


@dataclass(frozen=True, slots=True)
class Function(Resource):
    """A Lambda function.

    Args:
        handler: a decorated handler, or the text of Lambda's handler setting, `package.module.attribute`.
        timeout_seconds: Lambda's limit is 900. The default here is 30, AWS's is 3.
        memory_mb: 128 to 10,240. The default here is 512, AWS's is 128.
        environment: variables; a resource stands for its name, a queue for its URL,
            a state machine for its ARN.
        reserved_concurrency: how many environments of this function may run at once; None: no reservation.
        maximum_retry_attempts: of asynchronous invocations only (0 to 2).
        maximum_event_age_seconds: of asynchronous invocations only (60 to 21,600).
        on_success: where the record of a successful asynchronous invocation goes.
        on_failure: where the record of a failed asynchronous invocation goes; in a bucket it is an object
            `aws/lambda/async/FUNCTION/2026/03/01/2026-03-01T10.00.00-UUID`.
        dead_letter_queue: where the event of a failed asynchronous invocation goes: a queue or a topic.
        calls: what else it may use: `reads(x)`, `writes(x, "prefix/")`, `uses(x)`, or `x` itself, which
            reads and writes.
    """

    handler: HasSpec | str
    _: KW_ONLY
    timeout_seconds: int = 30
    memory_mb: int = 512
    environment: Mapping[str, Value] = field(default_factory=dict, hash=False)
    reserved_concurrency: int | None = None
    maximum_retry_attempts: int = 2
    maximum_event_age_seconds: int = 21_600
    on_success: Queue | Topic | Function | EventBus | Named | None = None
    on_failure: Queue | Topic | Function | EventBus | Bucket | Named | None = None
    dead_letter_queue: Queue | Topic | Named | None = None
    calls: Sequence[Resource | Named | Access] = ()


@dataclass(frozen=True, slots=True)
class StateMachine(Resource):
    """A Step Functions state machine.

    Args:
        definition: a file (`.asl.json`, `.asl.yaml`; a relative path starts at the project's folder) or the
            States Language document itself.
        substitutions: what `${Name}` in the definition becomes, as AWS SAM's `DefinitionSubstitutions`.
            A function or a state machine stands for its ARN, a queue for its URL, any other for its name.
        kind: AWS's `type`.
    """

    definition: Path | Mapping[str, object] = field(hash=False)
    _: KW_ONLY
    substitutions: Mapping[str, Value] = field(default_factory=dict, hash=False)
    kind: StateMachineKind = "STANDARD"


@dataclass(frozen=True, slots=True)
class EventBus(Resource):
    """An EventBridge event bus. The account's default bus exists without being declared."""


@dataclass(frozen=True, slots=True)
class RuleTarget(Part):
    """A target of a rule with settings of its own (EventBridge, "PutTargets").

    Of `input`, `input_path` and `input_template` one may be given; without them the target gets the event, as another
    event bus always does, whose own rules then look at it; to a third bus it cannot be sent.

    Args:
        input: a constant, anything with a JSON form.
        input_path: a part of the event, `$.detail`.
        input_paths: the variables of the template, `{"id": "$.detail.id"}`.
        input_template: JSON, or a JSON string, in which `<id>` stands for a variable.
        maximum_retry_attempts: of deliveries that the target does not take (0 to 185).
        maximum_event_age_seconds: for how long they are tried (60 to 86,400).
        dead_letter_queue: where the event goes that could not be delivered; None: it is dropped.
        message_group_id: of the messages for a FIFO queue.
    """

    to: Queue | Function | StateMachine | Topic | EventBus
    _: KW_ONLY
    input: object = field(default=None, hash=False)
    input_path: str | None = None
    input_paths: Mapping[str, str] = field(default_factory=dict, hash=False)
    input_template: str | None = None
    maximum_retry_attempts: int = 185
    maximum_event_age_seconds: int = 86_400
    dead_letter_queue: Queue | Named | None = None
    message_group_id: str | None = None


@dataclass(frozen=True, slots=True)
class EventRule(Resource):
    """A rule on an event bus: what matches `pattern` goes to every target (EventBridge, "Rules").

    A rule may have a pattern, a schedule or both.

    Args:
        pattern: an event pattern, as EventBridge writes it.
        schedule: `rate(5 minutes)` or `cron(0 10 * * ? *)` (UTC): the targets get a scheduled event at these times.
        bus: the default bus, if it is left out; a rule with a schedule has no other.
    """

    _: KW_ONLY
    pattern: Mapping[str, object] | None = field(default=None, hash=False)
    schedule: str | None = None
    to: Sequence[Queue | Function | StateMachine | Topic | EventBus | RuleTarget]
    bus: EventBus | None = None

    @property
    def targets(self) -> tuple[RuleTarget, ...]:
        """The targets with their settings written out."""
        return tuple(one if isinstance(one, RuleTarget) else RuleTarget(one) for one in self.to)


@dataclass(frozen=True, slots=True)
class Topic(Resource):
    """An SNS topic. With `content_based_deduplication`, a FIFO topic's messages need no deduplication id."""

    _: KW_ONLY
    fifo: bool = False
    content_based_deduplication: bool = False
    kms_key_arn: str | None = None


@dataclass(frozen=True, slots=True)
class Subscription(Part):
    """What a topic's messages go to (SNS, "Subscribe").

    Args:
        filter_policy: only messages that it matches; None: all.
        filter_policy_scope: whether the policy looks at the message's attributes or at its body.
        raw_message_delivery: a queue gets the message itself instead of SNS's envelope.
        dead_letter_queue: where messages go that cannot be delivered; None: they are dropped.
    """

    topic: Topic
    _: KW_ONLY
    to: Queue | Function
    filter_policy: Mapping[str, object] | None = field(default=None, hash=False)
    filter_policy_scope: FilterPolicyScope = "MessageAttributes"
    raw_message_delivery: bool = False
    dead_letter_queue: Queue | Named | None = None


@dataclass(frozen=True, slots=True)
class BucketNotification(Part):
    """S3 tells a queue, a topic or a function of what happens to a bucket's objects (S3, "Event notifications").

    Args:
        events: their names, such as `s3:ObjectCreated:*`, `s3:ObjectRemoved:Delete`.
        prefix, suffix: of the keys that it tells of; two notifications of one event must not overlap.
    """

    bucket: Bucket
    _: KW_ONLY
    to: Queue | Topic | Function
    events: Sequence[EventName] = ("s3:ObjectCreated:*",)
    prefix: str = ""
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class QueueMapping(Part):
    """Lambda polls a queue and invokes a function with batches (Lambda, "Using Lambda with Amazon SQS").

    Args:
        batch_size: messages at most (1 to 10,000; 10 of a FIFO queue); above 10 there has to be a batching window.
        batching_window_seconds: for how long a batch is gathered (0 to 300; none of a FIFO queue).
        report_batch_item_failures: whether the function's answer names what failed; otherwise a batch fails as a
            whole. On by default here, since handlers settle each record; AWS's is off.
        maximum_concurrency: batches that are with the function at once (2 to 1,000); None: no limit of its own.
        filter_criteria: event patterns over `body` and the message's other members; a message that matches none of
            them is deleted (Lambda, "Control which events Lambda sends to your function").
    """

    queue: Queue
    function: Function
    _: KW_ONLY
    batch_size: int = 10
    batching_window_seconds: float = 0.0
    report_batch_item_failures: bool = True
    maximum_concurrency: int | None = None
    filter_criteria: Sequence[Mapping[str, object]] = field(default=(), hash=False)


@dataclass(frozen=True, slots=True)
class StreamMapping(Part):
    """Lambda reads a Kinesis stream's or a table stream's shards and invokes a function with batches.

    (Lambda, "Using Lambda with Kinesis", "Using Lambda with DynamoDB".)

    Args:
        batch_size: records at most (1 to 10,000), all of one shard.
        batching_window_seconds: for how long a batch is gathered (0 to 300).
        starting_position: where a new mapping begins: at the oldest record, at what comes from now on, or at
            `starting_timestamp` (epoch seconds).
        parallelization_factor: batches of one shard at once, each with partition keys of its own (1 to 10).
        maximum_retry_attempts: of a batch that failed (0 to 10,000); -1: until its records are too old.
        maximum_record_age_seconds: older ones are given up (60 to 604,800); -1: as long as the stream keeps them.
        bisect_batch_on_function_error: cut a batch that failed in two; it uses up no attempt.
        report_batch_item_failures: whether the function's answer names the first record that failed. On by default
            here, since handlers settle each record; AWS's is off.
        tumbling_window_seconds: the length of windows with a state (up to 900); None or 0: no windows.
        on_failure: is told of what was given up: a queue or a topic where it stood, a bucket the records as well;
            None: it is lost.
        filter_criteria: event patterns; a record that matches none of them is passed over.
        consumer: the name of a consumer of a Kinesis stream that the mapping reads as, with throughput of its own
            (Kinesis, "Enhanced fan-out"); it is registered with the mapping.
    """

    stream: Stream | Table
    function: Function
    _: KW_ONLY
    batch_size: int = 100
    batching_window_seconds: float = 0.0
    starting_position: StartingPosition = "TRIM_HORIZON"
    starting_timestamp: float | None = None
    parallelization_factor: int = 1
    maximum_retry_attempts: int = -1
    maximum_record_age_seconds: int = -1
    bisect_batch_on_function_error: bool = False
    report_batch_item_failures: bool = True
    tumbling_window_seconds: int | None = None
    on_failure: Queue | Bucket | Topic | Named | None = None
    filter_criteria: Sequence[Mapping[str, object]] = field(default=(), hash=False)
    consumer: str | None = None


@dataclass(frozen=True, slots=True)
class Entry(Part):
    """Where a file that is given to the pipeline goes: `key_prefix` and the file's own name, in `bucket`.

    `options` are the choices that a run may set (`--option k=v`) with their defaults; they are the
    uploaded object's metadata (`x-amz-meta-k`).
    """

    bucket: Bucket
    _: KW_ONLY
    key_prefix: str = ""
    options: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Results(Part):
    """What the pipeline makes: the objects of `bucket` under `key_prefix`; a run copies them to a folder.

    `announced_in` is the queue that tells of them, so that its messages are no dead letters.
    """

    bucket: Bucket
    _: KW_ONLY
    key_prefix: str = ""
    announced_in: Queue | None = None


@dataclass(frozen=True, slots=True)
class TimedRecord:
    """One record of a feed: when it arrives (epoch seconds, by the data's own calendar), its key and its data.

    Attributes:
        line: of the file, from 1, for errors.
    """

    at: float
    partition_key: str
    data: bytes
    line: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Feed(Part):
    """What is put into a stream when the pipeline runs here: the records of a file, each at its time.

    The file is replayed in virtual time, from midnight of the day of its first record on.

    Args:
        records: reads a file; its records in the order of their arrival.
    """

    stream: Stream
    _: KW_ONLY
    records: Callable[[Path], Iterable[TimedRecord]] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a run shows besides its summary: a table, and pictures by their file names (SVG)."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    pictures: Mapping[str, str] = field(default_factory=dict)


ClientOf: TypeAlias = "Callable[[str], object]"
"""Gives a boto3 client for a service, answered by the run."""

Reporter: TypeAlias = Callable[[ClientOf], Report]

Demo: TypeAlias = Callable[[Path], Path]
"""Writes the demo input into the given folder and returns its path."""

Encrypted: TypeAlias = Bucket | Queue | Stream | Table | Topic
"""What a key of the account may encrypt."""
