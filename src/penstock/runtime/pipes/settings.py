"""A declared pipe as the embedded target runs it: a worker, and the reader of its source."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.pipelines import EventBus, Function, Pipeline, Queue, Stream, Table, Topic
from penstock.pipelines.filter_criteria import FilterCriteria
from penstock.pipelines.input_transformers import PipeInput
from penstock.pipelines.pipes import Pipe, PipeTarget
from penstock.pipelines.resolve import arn_of, name_of
from penstock.runtime.mappings.queue_mapping import QueueMappingSettings
from penstock.runtime.mappings.stream_settings import StreamMappingSettings
from penstock.runtime.pipes.worker import End, Kind, PipeSettings
from penstock.runtime.streams.table_changes import STREAM_LABEL


def pipe_settings(pipeline: Pipeline) -> Iterator[tuple[Pipe, PipeSettings]]:
    """Every pipe of the pipeline, with its worker's settings."""
    for pipe in pipeline.of(Pipe):
        service = {Queue: "sqs", Stream: "kinesis", Table: "dynamodb"}[type(pipe.source)]
        yield (
            pipe,
            PipeSettings(
                name=name_of(pipe),
                arn=arn_of(pipe),
                source_arn=_source_arn(pipe),
                target=_end(pipe.to, pipe.input_template),
                enrichment=None
                if pipe.enrichment is None
                else _end(pipe.enrichment, pipe.enrichment_template),
                queue=name_of(pipe.source) if isinstance(pipe.source, Queue) else None,
                waits=pipe.waits,
                message_group_id=pipe.message_group_id,
                partition_key=pipe.partition_key,
                detail_type=pipe.detail_type or f"Event from aws:{service}",
                event_source=pipe.event_source or f"Pipe {name_of(pipe)}",
            ),
        )


def queue_reader(pipe: Pipe, queue: Queue, *, concurrency: int) -> QueueMappingSettings:
    """How a pipe reads a queue."""
    criteria = FilterCriteria(pipe.filter_criteria, source="sqs")
    return QueueMappingSettings(
        name=f"pipe/{name_of(pipe)}",
        queue=name_of(queue),
        function=f"pipe/{name_of(pipe)}",
        batch_size=pipe.records_in_a_batch,
        batching_window_seconds=pipe.batching_window_seconds,
        concurrency=concurrency,
        wanted=criteria.accepts if pipe.filter_criteria else None,
    )


def stream_reader(pipe: Pipe, pipeline: Pipeline) -> StreamMappingSettings:
    """How a pipe reads a stream, or a table's stream."""
    kinesis = isinstance(pipe.source, Stream)
    criteria = FilterCriteria(pipe.filter_criteria, source="kinesis" if kinesis else "dynamodb")
    letters = None if pipe.dead_letter_queue is None else pipeline.graph.follow(pipe.dead_letter_queue)
    return StreamMappingSettings(
        name=f"pipe/{name_of(pipe)}",
        stream=name_of(pipe.source) if kinesis else f"table/{name_of(pipe.source)}",
        function=f"pipe/{name_of(pipe)}",
        batch_size=pipe.records_in_a_batch,
        batching_window_seconds=pipe.batching_window_seconds,
        starting_position=pipe.starting_position,
        starting_timestamp=pipe.starting_timestamp or 0.0,
        parallelization_factor=pipe.parallelization_factor,
        maximum_retry_attempts=pipe.maximum_retry_attempts,
        maximum_record_age_seconds=pipe.maximum_record_age_seconds,
        bisect_batch_on_function_error=pipe.automatic_bisect,
        on_failure_queue=None if letters is None else name_of(letters),
        wanted=criteria.accepts if pipe.filter_criteria else None,
        pipe_arn=arn_of(pipe),
    )


def _end(resource: PipeTarget, template: str | None) -> End:
    kind: Kind = "state machine"
    match resource:
        case Queue():
            kind = "queue"
        case Stream():
            kind = "stream"
        case EventBus():
            kind = "event bus"
        case Function():
            kind = "function"
        case Topic():
            kind = "topic"
        case _:
            pass
    arn = arn_of(resource)
    return End(
        kind=kind,
        name=arn if kind in ("state machine", "topic") else name_of(resource),
        arn=arn,
        input=None if template is None else PipeInput(template),
    )


def _source_arn(pipe: Pipe) -> str:
    arn = arn_of(pipe.source)
    return f"{arn}/stream/{STREAM_LABEL}" if isinstance(pipe.source, Table) else arn
