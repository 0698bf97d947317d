"""Lambda's event source mapping for SQS: it receives batches, invokes the function, deletes what succeeded.

1. What failed is left in flight, and becomes receivable when its visibility timeout is over; the queue's own
   redrive policy ends that (Lambda, "Handling errors for an SQS event source"). What was received again meanwhile,
   since the function gave up its visibility, is not deleted by the delivery of before.
2. A batch is complete when it has `batch_size` messages or 6 MB, or when the batching window is over.
3. No more than `concurrency` batches are with the function at once.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from penstock.pipelines.iam.functions import QUEUE_ACTIONS
from penstock.runtime.access import EVERYTHING_ALLOWED, Guard
from penstock.runtime.invocation import SYNCHRONOUS_PAYLOAD_LIMIT_BYTES, InvocationOutcome
from penstock.runtime.journal import Journal
from penstock.runtime.journal_events import Attribute, BatchDelivered, BatchSettled
from penstock.runtime.mappings.ports import RunsBatches
from penstock.runtime.mappings.responses import failed_identifiers
from penstock.runtime.queues.messages import Message, md5_of_attributes, md5_of_text
from penstock.runtime.queues.queue import Queue
from penstock.runtime.queues.queues import MESSAGE_OVERHEAD_BYTES, Queues, fitting
from penstock.runtime.scheduler import Scheduler, Timer
from penstock.runtime.services import Need

BATCH_LIMIT_BYTES: Final = SYNCHRONOUS_PAYLOAD_LIMIT_BYTES - 1024
"""Of the records; the event around them has a few more."""

Filter = Callable[[Mapping[str, object]], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueMappingSettings:
    """A mapping's configuration; queue and function by name.

    Attributes:
        concurrency: `MaximumConcurrency`, or what the machine can do.
        wanted: filter criteria; None lets everything through. What is filtered out is deleted.
    """

    name: str
    queue: str
    function: str
    batch_size: int = 10
    batching_window_seconds: float = 0.0
    report_batch_item_failures: bool = True
    concurrency: int = 5
    wanted: Filter | None = None


class QueueMapping:
    """One mapping at work."""

    def __init__(
        self,
        settings: QueueMappingSettings,
        *,
        queues: Queues,
        functions: RunsBatches,
        scheduler: Scheduler,
        journal: Journal,
        guard: Guard = EVERYTHING_ALLOWED,
    ) -> None:
        self.settings = settings
        self._guard = guard
        self._queues = queues
        self._functions = functions
        self._scheduler = scheduler
        self._journal = journal
        self._running = 0
        self._window: Timer | None = None

    def start(self) -> None:
        """Begin to consume the queue, if the function's role allows it: a mapping polls in the function's name."""
        arn = self._queues.find(self.settings.queue).settings.arn
        if refused_to_poll(self._guard, self.settings.function, "sqs", QUEUE_ACTIONS, arn):
            return
        self._queues.listen(self.settings.queue, self._look)

    def _look(self) -> None:
        settings = self.settings
        queue = self._queues.find(settings.queue)
        while self._running < settings.concurrency and queue.visible > 0:
            if settings.batching_window_seconds and not self._is_full(queue):
                self._open_window()
                return
            self._end_window()
            if not self._deliver():
                return

    def _open_window(self) -> None:
        if self._window is None:
            when = self._scheduler.now() + self.settings.batching_window_seconds
            self._window = self._scheduler.call_at(when, self._close_window)

    def _end_window(self) -> None:
        """The batch that was gathered is complete; the next message opens a window of its own."""
        if self._window is not None:
            self._window.cancel()
            self._window = None

    def _is_full(self, queue: Queue) -> bool:
        """Whether a batch is complete before its window is over: by its messages, or by their size."""
        settings = self.settings
        if queue.visible >= settings.batch_size:
            return True
        if 4 * (queue.held_characters + queue.visible * MESSAGE_OVERHEAD_BYTES) < BATCH_LIMIT_BYTES:
            return False
        waiting = queue.receivable(settings.batch_size)
        return fitting(waiting, BATCH_LIMIT_BYTES) < len(waiting)

    def _close_window(self) -> None:
        self._window = None
        if self._running < self.settings.concurrency:
            self._deliver()
        self._look()

    def _deliver(self) -> bool:
        """Receive one batch and invoke the function with it; False if there was nothing to deliver."""
        messages = self._receive()
        if not messages:
            return False
        settings = self.settings
        arn = self._queues.find(settings.queue).settings.arn
        records = [event_record(message, arn) for message in messages]
        if settings.wanted is not None:
            messages, records = self._filter(messages, records)
            if not messages:
                return True
        self._running += 1
        payload = msgspec.json.encode({"Records": records})
        deliveries = [message.receive_count for message in messages]
        request_id = self._functions.run(
            settings.function,
            payload,
            lambda outcome: self._settle(messages, deliveries, outcome),
            source=settings.name,
        )
        self._journal.append(
            BatchDelivered(
                at=self._scheduler.now(),
                mapping=settings.name,
                source=settings.queue,
                function=settings.function,
                request_id=request_id,
                count=len(messages),
                first=messages[0].message_id,
                last=messages[-1].message_id,
            )
        )
        return True

    def _receive(self) -> list[Message]:
        settings = self.settings
        return self._queues.receive(
            settings.queue,
            settings.batch_size,
            visibility_timeout_seconds=visibility_timeout_seconds(
                self._queues.find(settings.queue).settings.visibility_timeout_seconds,
                batching_window_seconds=settings.batching_window_seconds,
                function_timeout_seconds=self._functions.find(settings.function).timeout_seconds,
            ),
            consumer=settings.name,
            most_bytes=BATCH_LIMIT_BYTES,
        )

    def _filter(
        self, messages: list[Message], records: list[dict[str, object]]
    ) -> tuple[list[Message], list[dict[str, object]]]:
        wanted = self.settings.wanted
        pairs = list(zip(messages, records, strict=True))
        kept = [(message, record) for message, record in pairs if wanted is None or wanted(record)]
        keep = {message.message_id for message, _ in kept}
        dropped = [message.message_id for message in messages if message.message_id not in keep]
        self._queues.delete(self.settings.queue, dropped, consumer=self.settings.name, filtered=True)
        return [message for message, _ in kept], [record for _, record in kept]

    def _settle(
        self, messages: Sequence[Message], deliveries: Sequence[int], outcome: InvocationOutcome
    ) -> None:
        settings = self.settings
        self._running -= 1
        ids = [message.message_id for message in messages]
        failed: frozenset[str] | None = None
        if outcome.error is None:
            failed = frozenset()
            if settings.report_batch_item_failures:
                failed = failed_identifiers(outcome.payload, ids)
        succeeded = [] if failed is None else [one for one in ids if one not in failed]
        current = {
            message.message_id
            for message, delivery in zip(messages, deliveries, strict=True)
            if message.receive_count == delivery
        }
        self._queues.delete(
            settings.queue, [one for one in succeeded if one in current], consumer=settings.name
        )
        self._journal.append(
            BatchSettled(
                at=self._scheduler.now(),
                mapping=settings.name,
                request_id=outcome.request_id,
                failed=len(ids) - len(succeeded),
                error=None if outcome.error is None else outcome.error.error_type,
            )
        )
        self._look()


def refused_to_poll(
    guard: Guard, function: str, service: str, actions: Iterable[str], source_arn: str, *further: Need
) -> bool:
    """Whether the function's role lacks one of the actions that Lambda polls the source with; each is noted.

    Args:
        further: what is not on the source.

    Lambda, "CreateEventSourceMapping", refuses a mapping whose role lacks one.
    """
    needs = [*((action, source_arn) for action in actions), *further]
    refusals = [guard.refusal(function, service, need[0].partition(":")[2], need) for need in needs]
    return any(one is not None for one in refusals)


def visibility_timeout_seconds(
    configured: float, *, batching_window_seconds: float, function_timeout_seconds: float
) -> float:
    """For how long Lambda hides the messages that it receives.

    That is the queue's own visibility timeout, unless a batching window and the function's timeout together are
    longer: then it is their sum and 30 seconds (Lambda, "Creating and configuring an Amazon SQS event source
    mapping").
    """
    needed = batching_window_seconds + function_timeout_seconds
    if batching_window_seconds and needed > configured:
        return needed + 30
    return configured


def event_record(message: Message, queue_arn: str) -> dict[str, object]:
    """One record of the event that Lambda makes of a message (Lambda, "Example SQS message event")."""
    record: dict[str, object] = {
        "messageId": message.message_id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": message.system_attributes(),
        "messageAttributes": {name: _attribute(value) for name, value in message.attributes.items()},
        "md5OfBody": md5_of_text(message.body),
        **({"md5OfMessageAttributes": md5_of_attributes(message.attributes)} if message.attributes else {}),
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": "us-east-1",
    }
    return record


def _attribute(attribute: Attribute) -> dict[str, object]:
    described: dict[str, object] = {
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": attribute.data_type,
    }
    if attribute.binary_value is not None:
        return {"binaryValue": base64.b64encode(attribute.binary_value).decode(), **described}
    return {"stringValue": attribute.string_value, **described}
