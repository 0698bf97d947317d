"""What Lambda polls for a function: queues and streams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Literal, TypeAlias

from penstock.pipelines.resources.compute import Function
from penstock.pipelines.resources.parts import Named, Part
from penstock.pipelines.resources.storage import Bucket, Queue, Stream, Table, Topic

StartingPosition: TypeAlias = Literal["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"]


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
