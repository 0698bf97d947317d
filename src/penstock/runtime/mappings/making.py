"""A run's mappings and pipes, put to work on what its declarations say."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.pipelines import Pipeline, Queue
from penstock.runtime import settings
from penstock.runtime.access import Guard
from penstock.runtime.ids import Ids
from penstock.runtime.journal import Journal
from penstock.runtime.mappings.ports import RunsBatches
from penstock.runtime.mappings.queue_mapping import QueueMapping, QueueMappingSettings
from penstock.runtime.mappings.stream_failures import Publish, PutObject
from penstock.runtime.mappings.stream_mapping import StreamMapping, check_starting_time
from penstock.runtime.mappings.stream_settings import StreamMappingSettings
from penstock.runtime.pipes.settings import pipe_settings, queue_reader, stream_reader
from penstock.runtime.pipes.worker import PipeWorker
from penstock.runtime.pipes.worker import Ports as PipePorts
from penstock.runtime.queues.queues import Queues
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.streams.streams import Streams


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingParts:
    """What mappings work with.

    Attributes:
        put_object: puts the documents of an on-failure bucket.
        publish: publishes those of an on-failure topic.
    """

    queues: Queues
    streams: Streams
    scheduler: Scheduler
    journal: Journal
    ids: Ids
    put_object: PutObject
    publish: Publish
    guard: Guard


@dataclass(frozen=True, slots=True)
class Mappings:
    """A run's mappings, those of its pipes among them."""

    queues: tuple[QueueMapping, ...]
    streams: tuple[StreamMapping, ...]

    def start(self) -> None:
        """Begin to consume, each from where it is."""
        for mapping in self.queues:
            mapping.start()
        for stream_mapping in self.streams:
            stream_mapping.start()


def make_mappings(
    pipeline: Pipeline,
    parts: MappingParts,
    *,
    functions: RunsBatches,
    pipes: PipePorts,
    concurrency: int,
) -> Mappings:
    """The mappings of a pipeline's functions, and the readers of its pipes.

    A pipe reads as a mapping does, and gives its batches to a worker instead of a function.

    Args:
        concurrency: how many batches a queue's mapping has with its function at once, if it does not say so.
    """
    queues = [
        _of_queue(one, functions, parts)
        for one in settings.mapping_settings(pipeline, concurrency=concurrency)
    ]
    streams = [_of_stream(one, functions, parts) for one in settings.stream_mapping_settings(pipeline)]
    for pipe, one in pipe_settings(pipeline):
        worker = PipeWorker(one, pipes)
        if isinstance(pipe.source, Queue):
            queues.append(_of_queue(queue_reader(pipe, pipe.source, concurrency=concurrency), worker, parts))
        else:
            streams.append(_of_stream(stream_reader(pipe, pipeline), worker, parts))
    return Mappings(tuple(queues), tuple(streams))


def check_starting_times(pipeline: Pipeline, now: float) -> None:
    """Refuse a pipeline that reads a stream from a moment on that has not come yet.

    Raises:
        TargetError: names the mapping.
    """
    for one in settings.stream_mapping_settings(pipeline):
        check_starting_time(one, now)
    for pipe, _ in pipe_settings(pipeline):
        if not isinstance(pipe.source, Queue):
            check_starting_time(stream_reader(pipe, pipeline), now)


def _of_queue(one: QueueMappingSettings, functions: RunsBatches, parts: MappingParts) -> QueueMapping:
    return QueueMapping(
        one,
        queues=parts.queues,
        functions=functions,
        scheduler=parts.scheduler,
        journal=parts.journal,
        guard=parts.guard,
    )


def _of_stream(one: StreamMappingSettings, functions: RunsBatches, parts: MappingParts) -> StreamMapping:
    return StreamMapping(
        one,
        streams=parts.streams,
        functions=functions,
        queues=parts.queues,
        scheduler=parts.scheduler,
        journal=parts.journal,
        ids=parts.ids,
        put_object=parts.put_object,
        guard=parts.guard,
        publish=parts.publish,
    )
