"""A pipe: from one source, through a filter and an enrichment, to one target ("Amazon EventBridge Pipes")."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Literal, TypeAlias

from penstock.pipelines.graph import Reference, references
from penstock.pipelines.resources import (
    EventBus,
    Function,
    Named,
    Queue,
    Resource,
    StartingPosition,
    StateMachine,
    Stream,
    Table,
    Topic,
)

Invocation: TypeAlias = Literal["REQUEST_RESPONSE", "FIRE_AND_FORGET"]
PipeTarget: TypeAlias = Queue | Stream | EventBus | Function | StateMachine | Topic


@dataclass(frozen=True, slots=True)
class Pipe(Resource):
    """What arrives in `source` goes to `to`, batch by batch, as a JSON array or one by one, as the target takes it.

    A template stands for each record: `{"id": <$.body.id>}`. -1 means without limit.

    Args:
        enrichment: is given the batch, and answers with what goes on: an array of any length. An empty answer ends
            the batch there. A state machine is an EXPRESS one.
        batch_size: 10 from a queue, 100 from a stream, if it is left out.
        filter_criteria: of which one has to match, as for a mapping.
        automatic_bisect: cut a failing batch of a stream in two (`OnPartialBatchItemFailure`).
        dead_letter_queue: of a stream: where it is told what was given up. Of a queue, the queue's own is used.
        enrichment_template, input_template: what the enrichment and the target are given of each record.
        invocation: whether a function or a state machine is waited for; REQUEST_RESPONSE, if it is left out, but for
            STANDARD state machines, which are never waited for.
        message_group_id: for a FIFO queue: a text, or a path such as `$.body.customer`.
        partition_key: for a stream: a text, or a path.
        detail_type: for an event bus; `Event from aws:sqs`, if it is left out.
        event_source: for an event bus; `Pipe NAME`, if it is left out.
    """

    source: Queue | Stream | Table
    _: KW_ONLY
    to: PipeTarget
    enrichment: Function | StateMachine | None = None
    batch_size: int | None = None
    batching_window_seconds: int = 0
    filter_criteria: Sequence[Mapping[str, object]] = field(default=(), hash=False)
    starting_position: StartingPosition = "TRIM_HORIZON"
    starting_timestamp: float | None = None
    parallelization_factor: int = 1
    maximum_retry_attempts: int = -1
    maximum_record_age_seconds: int = -1
    automatic_bisect: bool = False
    dead_letter_queue: Queue | Named | None = None
    enrichment_template: str | None = None
    input_template: str | None = None
    invocation: Invocation | None = None
    message_group_id: str | None = None
    partition_key: str | None = None
    detail_type: str | None = None
    event_source: str | None = None

    @property
    def records_in_a_batch(self) -> int:
        """The batch size, written out."""
        return self.batch_size or (10 if isinstance(self.source, Queue) else 100)

    @property
    def waits(self) -> bool:
        """Whether the target's answer is waited for."""
        if isinstance(self.to, StateMachine) and self.to.kind == "STANDARD":
            return False
        return self.invocation != "FIRE_AND_FORGET"


@references.register(Pipe)
def _of_pipe(part: Pipe) -> Iterator[Reference]:
    yield Reference("source", part.source)
    if part.enrichment is not None:
        yield Reference("enrichment", part.enrichment)
    yield Reference("to", part.to)
    if part.dead_letter_queue is not None:
        yield Reference("dead_letter_queue", part.dead_letter_queue)
