"""What happens in a run, as values: one struct for each kind of event in the journal.

1. Only data is here. Writing, reading and subscribing are `journal.py`; nothing here imports a service.
2. Every event has `at`, in epoch seconds of the run's clock, and stands on a line of its own as JSON, tagged
   by `type` with the name of its class.
3. The state of a run is a fold of these events, so an event holds what is needed to do its change again, and
   a service changes its state only by applying the event that it has just appended.
4. Resources are named as the pipeline names them (`incoming`, not its URL), executions by their ARN.
"""

from __future__ import annotations

import msgspec

from penstock.runtime.s3.objects import BucketCreated, BucketDeleted, ObjectRemoved, ObjectWritten
from penstock.statemachines.protocol import Happening


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """The common part of this file's events."""

    at: float


# --- The run ----------------------------------------------------------------------------------------------


class GivenInputs(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a run was asked to take in: a resumed one takes in what is missing of it.

    Attributes:
        files: absolute paths and `s3://` URLs; none stands for the pipeline's demo.
        options: of the uploads.
        copy: large files are copied, too.
    """

    files: tuple[str, ...] = ()
    options: dict[str, str] = {}
    copy: bool = False


class RunStarted(_Event, frozen=True, kw_only=True, tag=True):
    """A run began in an empty state folder. `clock` is `virtual` or `real`; `enforces_iam`: roles are enforced."""

    run_id: str
    pipeline: str
    seed: int
    clock: str
    workers: int = 1
    given: GivenInputs | None = None
    enforces_iam: bool = False


class RunResumed(_Event, frozen=True, kw_only=True, tag=True):
    """A run that was cut off goes on: no consumer of before is alive, every delivery in flight is undone."""


class RunFinished(_Event, frozen=True, kw_only=True, tag=True):
    """Nothing was left to do. A run may go on after it, when something new is sent."""


# --- Queues -----------------------------------------------------------------------------------------------


class Attribute(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message attribute: `data_type` is `String`, `Number` or `Binary`, with a label (`Number.int`)."""

    data_type: str
    string_value: str | None = None
    binary_value: bytes | None = None


class MessageSent(_Event, frozen=True, kw_only=True, tag=True):
    """A message is in a queue; it can be received from `visible_at` on.

    Attributes:
        sender: a function's name, `s3`, or empty for the program that runs the pipeline.
    """

    queue: str
    message_id: str
    body: str
    visible_at: float
    attributes: dict[str, Attribute] = {}
    trace_header: str | None = None
    group_id: str | None = None
    deduplication_id: str | None = None
    sequence_number: str | None = None
    sender: str = ""


class MessagesReceived(_Event, frozen=True, kw_only=True, tag=True):
    """Messages are in flight until `visible_at`. `consumer` is a mapping's name, a function's, or empty."""

    queue: str
    message_ids: tuple[str, ...]
    visible_at: float
    consumer: str = ""


class MessagesDeleted(_Event, frozen=True, kw_only=True, tag=True):
    """Messages were acknowledged. `filtered`: a mapping's filter criteria dropped them undelivered."""

    queue: str
    message_ids: tuple[str, ...]
    consumer: str = ""
    filtered: bool = False


class MessageVisibilityChanged(_Event, frozen=True, kw_only=True, tag=True):
    """Messages in flight become visible at `visible_at` instead."""

    queue: str
    message_ids: tuple[str, ...]
    visible_at: float


class MessageDeadLettered(_Event, frozen=True, kw_only=True, tag=True):
    """A message was received `receive_count` times without being deleted, and moves with its id and body."""

    queue: str
    dead_letter_queue: str
    message_id: str
    receive_count: int
    sequence_number: str | None = None


class MessagesExpired(_Event, frozen=True, kw_only=True, tag=True):
    """Messages were older than the queue's retention period: the only way to lose one by rule."""

    queue: str
    message_ids: tuple[str, ...]


class QueuePurged(_Event, frozen=True, kw_only=True, tag=True):
    """`PurgeQueue`: every message is gone."""

    queue: str


# --- Streams ----------------------------------------------------------------------------------------------


class StreamRecord(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One record of a shard. Sequence numbers are decimal text that grows within the shard."""

    sequence_number: str
    partition_key: str
    data: bytes
    arrived_at: float


class RecordsPut(_Event, frozen=True, kw_only=True, tag=True):
    """Records were appended to one shard of a stream."""

    stream: str
    shard: str
    records: tuple[StreamRecord, ...]


class FeedAdvanced(_Event, frozen=True, kw_only=True, tag=True):
    """That many further records of the run's file were put into the stream that it feeds."""

    stream: str
    count: int


class ShardsChanged(_Event, frozen=True, kw_only=True, tag=True):
    """A stream was resharded: `closed` take no more records, `opened` follow them.

    Attributes:
        opened: for each new shard its id, its parents' ids, and the hash keys it begins and ends with.
    """

    stream: str
    closed: tuple[str, ...]
    opened: tuple[tuple[str, tuple[str, ...], str, str], ...]


class ConsumerRegistered(_Event, frozen=True, kw_only=True, tag=True):
    """A consumer of a stream with throughput of its own, by name (Kinesis, `RegisterStreamConsumer`)."""

    stream: str
    consumer: str


class ConsumerDeregistered(_Event, frozen=True, kw_only=True, tag=True):
    """A stream has this consumer no longer."""

    stream: str
    consumer: str


class RetentionChanged(_Event, frozen=True, kw_only=True, tag=True):
    """From now on a stream keeps its records for so long."""

    stream: str
    hours: int


class DeliveryStreamPut(_Event, frozen=True, kw_only=True, tag=True):
    """A delivery stream has taken records in (Firehose, `PutRecordBatch`)."""

    stream: str
    records: tuple[bytes, ...]


class DeliveryStreamSettled(_Event, frozen=True, kw_only=True, tag=True):
    """So many of a delivery stream's oldest records were written, dropped or put aside."""

    stream: str
    count: int


class BatchDelivered(_Event, frozen=True, kw_only=True, tag=True):
    """A mapping gave a batch to its function.

    Attributes:
        source: the queue, or `stream/shard`.
        first, last: message ids or sequence numbers at the ends of the batch.
        attempt: 1 for the first delivery of exactly this batch (streams only; a queue counts receives).
    """

    mapping: str
    source: str
    function: str
    request_id: str
    count: int
    first: str
    last: str
    attempt: int = 1


class BatchSettled(_Event, frozen=True, kw_only=True, tag=True):
    """What the function's answer meant: `failed` of the batch's records stay with their source."""

    mapping: str
    request_id: str
    failed: int
    error: str | None = None


class Checkpointed(_Event, frozen=True, kw_only=True, tag=True):
    """Everything of the shard up to and including `sequence_number` is done with, for this mapping."""

    mapping: str
    shard: str
    sequence_number: str


class WindowAdvanced(_Event, frozen=True, kw_only=True, tag=True):
    """A tumbling window of a shard has a new state, or is over (`state` is None).

    Attributes:
        start: when the window begins, epoch seconds.
        state: what the function returned, JSON text.
    """

    mapping: str
    shard: str
    start: float
    state: str | None


class BatchBisected(_Event, frozen=True, kw_only=True, tag=True):
    """A failing batch was split: `first`..`middle` is tried before what follows it, up to `last`."""

    mapping: str
    shard: str
    first: str
    middle: str
    last: str


class RecordsDiscarded(_Event, frozen=True, kw_only=True, tag=True):
    """A mapping gave records up.

    Attributes:
        condition: `RetryAttemptsExhausted`, `RecordAgeExceeded`, or `Expired` where the stream's retention
            ended first.
        destination: where their metadata went, by name.
    """

    mapping: str
    shard: str
    first: str
    last: str
    count: int
    condition: str
    destination: str | None = None


# --- Event buses and topics -------------------------------------------------------------------------------


class EventPut(_Event, frozen=True, kw_only=True, tag=True):
    """An event was put on a bus, and given to the targets of these rules."""

    bus: str
    event_id: str
    source: str
    detail_type: str
    rules: tuple[str, ...] = ()


class MessagePublished(_Event, frozen=True, kw_only=True, tag=True):
    """A message was published to a topic, and given to these subscriptions.

    Attributes:
        deduplication_id, sequence_number: of a FIFO topic's message.
    """

    topic: str
    message_id: str
    subscriptions: tuple[str, ...] = ()
    deduplication_id: str | None = None
    sequence_number: int | None = None


class Parcel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is handed over to a target: `kind` is `queue`, `function`, `state machine` or `topic`.

    Attributes:
        name: of a queue or a function its name, of the others the ARN.
    """

    kind: str
    name: str
    body: str
    sender: str = ""
    attributes: dict[str, Attribute] = {}
    group_id: str | None = None
    deduplication_id: str | None = None


class ScheduleInvoked(_Event, frozen=True, kw_only=True, tag=True):
    """A schedule was due, at `due`, and gave its target what is for it."""

    schedule: str
    due: float
    execution: str
    target: str


class Terms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How long a delivery is tried: `service` (`events`, `scheduler`, `sns`) says how long the pauses are.

    Attributes:
        source_arn: of the rule, the schedule or the subscription.
        described: what else a dead letter says.
    """

    service: str
    source_arn: str
    target_arn: str
    maximum_retry_attempts: int
    maximum_age_seconds: float | None = None
    dead_letter_queue: str | None = None
    described: dict[str, str] = {}


class DeliveryDelayed(_Event, frozen=True, kw_only=True, tag=True):
    """A target did not take what it was given; it will be given it again, as the terms say."""

    delivery: str
    parcel: Parcel
    terms: Terms
    error: str
    message: str


class DeliveryTried(_Event, frozen=True, kw_only=True, tag=True):
    """It did not take it again."""

    delivery: str
    attempts: int
    error: str
    message: str


class DeliverySettled(_Event, frozen=True, kw_only=True, tag=True):
    """A delayed delivery is over: `outcome` is Delivered, DeadLettered or Dropped."""

    delivery: str
    target: str
    attempts: int
    outcome: str


# --- Functions --------------------------------------------------------------------------------------------


class InvocationQueued(_Event, frozen=True, kw_only=True, tag=True):
    """An asynchronous invocation was accepted; `payload` is the event's JSON text."""

    request_id: str
    function: str
    payload: str
    source: str = ""


class InvocationStarted(_Event, frozen=True, kw_only=True, tag=True):
    """A function began to run. `source`: a mapping, `async`, an execution's ARN, or the caller."""

    request_id: str
    function: str
    attempt: int = 1
    source: str = ""


class InvocationFinished(_Event, frozen=True, kw_only=True, tag=True):
    """A function came to its end. `billed_seconds` is the duration rounded up to a millisecond.

    Attributes:
        error: Lambda's errorType, None if the function answered.
    """

    request_id: str
    function: str
    attempt: int = 1
    duration_seconds: float
    billed_seconds: float
    memory_mb: int
    cold_start: bool = False
    error: str | None = None
    error_message: str | None = None


class InvocationThrottled(_Event, frozen=True, kw_only=True, tag=True):
    """The function's reserved concurrency was used up; nothing ran."""

    request_id: str
    function: str
    source: str = ""


class InvocationSettled(_Event, frozen=True, kw_only=True, tag=True):
    """An asynchronous invocation is over.

    Attributes:
        condition: `Success`, `RetriesExhausted`, `EventAgeExceeded` or `ZeroReservedConcurrency`.
    """

    request_id: str
    function: str
    condition: str
    destination: str | None = None


class DestinationFailed(_Event, frozen=True, kw_only=True, tag=True):
    """A destination or dead-letter queue did not take what became of an asynchronous invocation: it is lost."""

    request_id: str
    function: str
    destination: str
    error: str
    message: str


# --- Executions -------------------------------------------------------------------------------------------


class ExecutionStarted(_Event, frozen=True, kw_only=True, tag=True):
    """A state machine began to run. The children of a Distributed Map have no such event of their own."""

    execution: str
    state_machine: str
    name: str
    kind: str
    input: object
    seed: int


class Happened(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The engine was told something; replaying these rebuilds an execution, or a child of its Map Run."""

    execution: str
    happening: Happening

    @property
    def at(self) -> float:
        return self.happening.at


class StateEntered(_Event, frozen=True, kw_only=True, tag=True):
    """An execution entered a state (not told of the children of a Distributed Map)."""

    execution: str
    state: str


class StateRetried(_Event, frozen=True, kw_only=True, tag=True):
    """A state has failed, and a retrier has it tried again at `due_at`; told of the children of a Map Run, too."""

    execution: str
    due_at: float


class StateExited(_Event, frozen=True, kw_only=True, tag=True):
    """An execution left a state (not told of the children of a Distributed Map)."""

    execution: str
    state: str


class MapRunStarted(_Event, frozen=True, kw_only=True, tag=True):
    """A Distributed Map state began."""

    execution: str
    map_run: str
    state: str


class MapItemsCounted(_Event, frozen=True, kw_only=True, tag=True):
    """How many items a Map Run has read so far; `total` is final if `complete`."""

    map_run: str
    total: int
    complete: bool


class MapItemDone(_Event, frozen=True, kw_only=True, tag=True):
    """A child of a Map Run ended, with AWS's status. `items` is more than 1 where items are batched."""

    map_run: str
    index: int
    status: str
    items: int = 1
    error: str | None = None


class ExecutionFinished(_Event, frozen=True, kw_only=True, tag=True):
    """An execution is over: SUCCEEDED, FAILED, TIMED_OUT or ABORTED."""

    execution: str
    state_machine: str
    status: str
    output: object = None
    error: str | None = None
    cause: str | None = None


# --- Calls ------------------------------------------------------------------------------------------------


class CallMade(_Event, frozen=True, kw_only=True, tag=True):
    """An AWS call was answered, or refused with `error`.

    Attributes:
        function: who called: a function's name, `stateMachine/NAME`, `rule/NAME`, or empty for the program itself.
        needs: the IAM actions that the call needs and the ARNs that they are on, its own resource's first.
        count: how many equal calls this line stands for.
        denied: which of the needs the caller's role does not allow.
    """

    function: str
    service: str
    operation: str
    needs: tuple[tuple[str, str], ...] = ()
    error: str | None = None
    count: int = 1
    denied: tuple[str, str] | None = None

    @property
    def resource(self) -> str:
        """The ARN that the call is about; empty if it names none."""
        return self.needs[0][1] if self.needs else ""


class BridgedCall(_Event, frozen=True, kw_only=True, tag=True):
    """A call that changed something behind the bridge (a DynamoDB write); a resumed run makes it again."""

    service: str
    operation: str
    method: str
    url: str
    headers: dict[str, str]
    body: bytes


Event = (
    RunStarted
    | RunResumed
    | RunFinished
    | BucketCreated
    | BucketDeleted
    | ObjectWritten
    | ObjectRemoved
    | MessageSent
    | MessagesReceived
    | MessagesDeleted
    | MessageVisibilityChanged
    | MessageDeadLettered
    | MessagesExpired
    | QueuePurged
    | RecordsPut
    | FeedAdvanced
    | ShardsChanged
    | ConsumerRegistered
    | ConsumerDeregistered
    | RetentionChanged
    | DeliveryStreamPut
    | DeliveryStreamSettled
    | BatchDelivered
    | BatchSettled
    | Checkpointed
    | WindowAdvanced
    | BatchBisected
    | RecordsDiscarded
    | EventPut
    | MessagePublished
    | ScheduleInvoked
    | DeliveryDelayed
    | DeliveryTried
    | DeliverySettled
    | InvocationQueued
    | InvocationStarted
    | InvocationFinished
    | InvocationThrottled
    | InvocationSettled
    | DestinationFailed
    | ExecutionStarted
    | Happened
    | StateEntered
    | StateRetried
    | StateExited
    | MapRunStarted
    | MapItemsCounted
    | MapItemDone
    | ExecutionFinished
    | CallMade
    | BridgedCall
)
