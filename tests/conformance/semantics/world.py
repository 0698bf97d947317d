"""A small world for one scenario: the parts of the embedded target around one function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from penstock.runtime.clock import VirtualClock
from penstock.runtime.functions.functions import Functions
from penstock.runtime.functions.settings import FunctionSettings
from penstock.runtime.ids import Ids
from penstock.runtime.invocation import Invoker
from penstock.runtime.journal import Journal, read_journal
from penstock.runtime.journal_events import RunResumed
from penstock.runtime.queues.queue import QueueSettings
from penstock.runtime.queues.queues import Forgets, Queues
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.streams.streams import Streams, StreamSettings

FUNCTION_ARN = "arn:aws:lambda:us-east-1:123456789012:function:consumer"


@dataclass
class World:
    """Scheduler, journal, queues, streams and one function, put together as a run does.

    Args:
        past: the clock's moment and the journal of a run that was cut off.
    """

    folder: Path
    make_invoker: Callable[[Scheduler], Invoker]
    function: FunctionSettings
    queue_settings: list[QueueSettings] = field(default_factory=list)
    stream_settings: list[StreamSettings] = field(default_factory=list)
    forgets: Forgets = lambda queue, message_id: False
    objects: list[tuple[str, str, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        path = self.folder / "journal.jsonl"
        self.past = tuple(read_journal(path)) if path.exists() else ()
        clock = VirtualClock()
        if self.past:
            clock.advance_to(self.past[-1].at)
        self.journal = Journal(path)
        self.scheduler = Scheduler(clock, after_turn=self.journal.flush)
        self.started_at = self.scheduler.now()
        self.ids = Ids(0, resumed_at=len(self.past))
        self.queues = Queues(
            self.queue_settings,
            scheduler=self.scheduler,
            journal=self.journal,
            ids=self.ids,
            forgets=self.forgets,
        )
        self.streams = Streams(self.stream_settings, scheduler=self.scheduler, journal=self.journal)
        self.invoker = self.make_invoker(self.scheduler)
        self.functions = Functions(
            [self.function],
            invoker=self.invoker,
            scheduler=self.scheduler,
            journal=self.journal,
            ids=self.ids,
            queues=self.queues,
        )

    def replay(self) -> None:
        """Do what the journal of the run that was cut off says."""
        for event in self.past:
            self.queues.apply(event)
            self.streams.apply(event)
            self.functions.apply(event)
        self.queues.apply(RunResumed(at=self.scheduler.now()))

    def put_object(self, bucket: str, key: str, content: bytes) -> None:
        """Where an on-failure bucket's objects go."""
        self.objects.append((bucket, key, content))

    def left_in(self, queue: str) -> list[str]:
        """The bodies of the messages that are in a queue, received or not."""
        return [message.body for message in self.queues.find(queue).messages.values()]


def queue(
    name: str,
    *,
    visibility_timeout_seconds: float = 30,
    fifo: bool = False,
    dead_letter_queue: str | None = None,
    max_receive_count: int = 3,
) -> QueueSettings:
    """A queue's settings with what a scenario sets."""
    return QueueSettings(
        name=name,
        arn=f"arn:aws:sqs:us-east-1:123456789012:{name}",
        url=f"https://sqs.us-east-1.amazonaws.com/123456789012/{name}",
        visibility_timeout_seconds=visibility_timeout_seconds,
        fifo=fifo,
        dead_letter_queue=dead_letter_queue,
        max_receive_count=max_receive_count,
    )
