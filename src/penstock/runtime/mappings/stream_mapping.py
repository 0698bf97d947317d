"""Lambda's event source mapping for a stream: one reader for each shard, parents before children.

Source: Lambda, "Using Lambda to process records from Amazon Kinesis Data Streams", "Polling and batching
streams"; Kinesis, "Resharding a stream".

1. A shard that follows others is read once those are exhausted, from its first record.
2. Where a mapping stands is the fold of its journal events; a run that was cut off goes on from there, and
   what was given to the function but not checkpointed is given to it again.
"""

from __future__ import annotations

import datetime as dt
import hashlib

from penstock.errors import TargetError
from penstock.pipelines.iam.functions import (
    CONSUMER_ACTIONS,
    LIST_STREAMS,
    STREAM_ACTIONS,
    TABLE_STREAM_ACTIONS,
)
from penstock.runtime.access import EVERYTHING_ALLOWED, Guard
from penstock.runtime.ids import Ids
from penstock.runtime.journal import Journal
from penstock.runtime.journal_events import Checkpointed, Event, WindowAdvanced
from penstock.runtime.mappings.ports import RunsBatches
from penstock.runtime.mappings.queue_mapping import refused_to_poll
from penstock.runtime.mappings.shard_reader import ReaderPorts, ShardReader
from penstock.runtime.mappings.stream_failures import FailureDestination, Publish, PutObject
from penstock.runtime.mappings.stream_records import Window
from penstock.runtime.mappings.stream_settings import StreamMappingSettings
from penstock.runtime.queues.queues import Queues
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.streams.consumers import consumer_arn
from penstock.runtime.streams.shards import Shard
from penstock.runtime.streams.streams import Streams, StreamSettings


class StreamMapping:
    """One mapping at work.

    Args:
        put_object: puts the documents of an on-failure bucket.
        publish: publishes those of an on-failure topic.
    """

    def __init__(
        self,
        settings: StreamMappingSettings,
        *,
        streams: Streams,
        functions: RunsBatches,
        queues: Queues,
        scheduler: Scheduler,
        journal: Journal,
        ids: Ids,
        put_object: PutObject,
        publish: Publish,
        guard: Guard = EVERYTHING_ALLOWED,
    ) -> None:
        self.settings = settings
        self._guard = guard
        self._streams = streams
        self._journal = journal
        self._scheduler = scheduler
        self._ports = ReaderPorts(
            streams=streams,
            functions=functions,
            scheduler=scheduler,
            journal=journal,
            destination=FailureDestination(
                queue=settings.on_failure_queue,
                bucket=settings.on_failure_bucket,
                topic=settings.on_failure_topic,
                mapping_id=mapping_id(settings.name),
                pipe_arn=settings.pipe_arn,
                queues=queues,
                put_object=put_object,
                publish=publish,
                ids=ids,
                guard=guard,
            ),
        )
        self._readers: dict[str, ShardReader] = {}
        self._checkpoints: dict[str, int] = {}
        self._windows: dict[str, Window] = {}
        self._exhausted: set[str] = set()

    def start(self) -> None:
        """Begin to read the stream, or go on where the journal says, if the function's role allows it."""
        stream = self._streams.find(self.settings.stream)
        if self._refused(stream.settings):
            return
        if not self._checkpoints:
            for shard in stream.shards.values():
                self._begin_at(shard, self._starting_position(shard))
        self._streams.listen(self.settings.stream, self._look)
        self._open_readers()

    def _refused(self, stream: StreamSettings) -> bool:
        function, consumer = self.settings.function, self.settings.consumer
        if stream.kind != "kinesis":
            return refused_to_poll(
                self._guard,
                function,
                "dynamodbstreams",
                TABLE_STREAM_ACTIONS,
                stream.arn,
                (LIST_STREAMS, "*"),
            )
        refused = refused_to_poll(self._guard, function, "kinesis", STREAM_ACTIONS, stream.arn)
        if consumer is not None:
            arn = consumer_arn(self._streams.find(self.settings.stream), consumer)
            refused |= refused_to_poll(self._guard, function, "kinesis", CONSUMER_ACTIONS, arn)
        return refused

    def checkpoint(self, shard: str) -> int:
        """The position of the first record of the shard that is not done with."""
        reader = self._readers.get(shard)
        return self._checkpoints.get(shard, 0) if reader is None else reader.checkpoint

    def apply(self, event: Event) -> None:
        """Do the change of one journal event."""
        match event:
            case Checkpointed(mapping=self.settings.name):
                shard = self._streams.find(self.settings.stream).shards[event.shard]
                self._checkpoints[shard.id] = shard.position(event.sequence_number) + 1
            case WindowAdvanced(mapping=self.settings.name, state=None):
                self._windows.pop(event.shard, None)
            case WindowAdvanced(mapping=self.settings.name, state=str() as state):
                window = self.settings.window_of(event.start)
                self._windows[event.shard] = Window(start=window.start, end=window.end, state=state)
            case _:
                return

    def _starting_position(self, shard: Shard) -> int:
        match self.settings.starting_position:
            case "LATEST":
                return shard.end
            case "AT_TIMESTAMP":
                check_starting_time(self.settings, self._scheduler.now())
                since = shard.first_since(self.settings.starting_timestamp)
                return max(since, self._streams.horizon(self.settings.stream, shard.id))
            case "TRIM_HORIZON":
                return self._streams.horizon(self.settings.stream, shard.id)

    def _begin_at(self, shard: Shard, position: int) -> None:
        """Journal where reading begins, so that a resumed run begins there too."""
        if position > 0 or self.settings.starting_position != "TRIM_HORIZON":
            event = Checkpointed(
                at=self._scheduler.now(),
                mapping=self.settings.name,
                shard=shard.id,
                sequence_number=shard.sequence_number(position - 1),
            )
            self._journal.append(event)
            self.apply(event)

    def _open_readers(self) -> None:
        """Read every shard whose parents are exhausted."""
        shards = self._streams.find(self.settings.stream).shards
        for shard in tuple(shards.values()):
            if shard.id in self._readers or any(parent not in self._exhausted for parent in shard.parents):
                continue
            reader = self._readers[shard.id] = ShardReader(
                self.settings,
                self._ports,
                shard,
                self._checkpoints.get(shard.id, 0),
                window=self._windows.get(shard.id),
                on_exhausted=self._on_exhausted,
            )
            self._scheduler.call_soon(reader.look)

    def _on_exhausted(self, shard: Shard) -> None:
        self._exhausted.add(shard.id)
        self._open_readers()

    def _look(self, shard: str) -> None:
        reader = self._readers.get(shard)
        if reader is not None:
            reader.look()


def check_starting_time(settings: StreamMappingSettings, now: float) -> None:
    """Lambda, `CreateEventSourceMapping`: a starting position cannot be in the future.

    Raises:
        TargetError: it is, by the run's clock.
    """
    moment = settings.starting_timestamp
    if settings.starting_position == "AT_TIMESTAMP" and moment > now:
        raise TargetError(
            f'the stream "{settings.stream}" is to be read from {_text(moment)} on, which is in the future: '
            f"by the run's clock it is {_text(now)}",
            at=f"the mapping {settings.name}",
            fix='starting_position="LATEST", or a clock that is further on: --clock real, or VirtualClock(start=...)',
        )


def _text(moment: float) -> str:
    return f"{dt.datetime.fromtimestamp(moment, dt.UTC):%Y-%m-%dT%H:%M:%SZ}"


def mapping_id(name: str) -> str:
    """The mapping's UUID, which follows from its name."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"
