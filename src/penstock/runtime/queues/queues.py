"""The queues of one run: changes, the redrive, and who is told that a message can be received.

1. A change is one journal event, appended and then applied; `apply` alone rebuilds the queues of a run.
2. Nothing polls. Who consumes a queue subscribes and is told when something becomes receivable.
3. A message that was received `max_receive_count` times moves to the dead-letter queue instead of being
   received again (SQS, "Using dead-letter queues").
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from penstock.runtime.ids import Ids
from penstock.runtime.journal import Journal
from penstock.runtime.journal_events import (
    Attribute,
    Event,
    MessageDeadLettered,
    MessagesDeleted,
    MessageSent,
    MessagesExpired,
    MessagesReceived,
    MessageVisibilityChanged,
    QueuePurged,
    RunResumed,
)
from penstock.runtime.queues.messages import (
    MAXIMUM_MESSAGE_BYTES,
    Message,
    Where,
    check_attributes,
    check_body,
    size_bytes,
)
from penstock.runtime.queues.queue import Queue, QueueSettings
from penstock.runtime.scheduler import Scheduler, Timer
from penstock.runtime.services import ServiceError

MAXIMUM_IN_FLIGHT: Final = 120_000
MAXIMUM_DELAY_SECONDS: Final = 900
MAXIMUM_VISIBILITY_SECONDS: Final = 43_200
MESSAGE_OVERHEAD_BYTES: Final = 1024
"""What a record has around a body: handles, sums, system attributes."""

Listener = Callable[[], None]

Forgets = Callable[[str, str], bool]
"""Does the queue of this name acknowledge that it deleted this message, and deliver it once more?"""


class Queues:
    """The queues of one run.

    Args:
        settings: every queue; a dead-letter queue that they name is among them.
        ids: draws message ids.
        forgets: which deletions of a standard queue get lost, so that the message is delivered again (SQS,
            "At-least-once delivery"); none by default.
    """

    def __init__(
        self,
        settings: Iterable[QueueSettings],
        *,
        scheduler: Scheduler,
        journal: Journal,
        ids: Ids,
        forgets: Forgets = lambda queue, message_id: False,
    ) -> None:
        self._forgets = forgets
        self._scheduler = scheduler
        self._journal = journal
        self._ids = ids
        self._queues: dict[str, Queue] = {}
        self._listeners: dict[str, list[_Listening]] = {}
        self._timers: dict[str, Timer] = {}
        self._applied_at = scheduler.now()
        for one in settings:
            self.add(one)

    def add(self, settings: QueueSettings) -> None:
        """Make a queue."""
        self._queues[settings.name] = Queue(settings)
        self._listeners.setdefault(settings.name, [])

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._queues)

    def find(self, name: str) -> Queue:
        """The queue called `name`.

        Raises:
            ServiceError: `QueueDoesNotExist`.
        """
        queue = self._queues.get(name)
        if queue is None:
            raise queue_does_not_exist()
        return queue

    def listen(self, name: str, listener: Listener) -> Callable[[], None]:
        """Have `listener` called, in a turn of its own, whenever messages may have become receivable.

        Returns:
            A function that ends this.
        """
        queue = self.find(name)
        listeners = self._listeners[name]
        listening = _Listening(listener)
        listeners.append(listening)
        self._look_after(queue)
        return lambda: listeners.remove(listening)

    # --- Acts ---------------------------------------------------------------------------------------------

    def send(
        self,
        name: str,
        body: str,
        *,
        attributes: Mapping[str, Attribute] | None = None,
        delay_seconds: float | None = None,
        group_id: str | None = None,
        deduplication_id: str | None = None,
        trace_header: str | None = None,
        sender: str = "",
    ) -> MessageSent:
        """Put a message into a queue.

        Returns:
            What was journaled; for a FIFO duplicate (five minutes), what stands for the earlier message.

        Raises:
            ServiceError: as SQS refuses it.
        """
        queue = self.find(name)
        settings = queue.settings
        given = dict(attributes or {})
        check_body(body)
        check_attributes(given)
        if size_bytes(body, given) > MAXIMUM_MESSAGE_BYTES:
            raise ServiceError(
                "InvalidParameterValue",
                "One or more parameters are invalid. Reason: Message must be shorter than "
                f"{MAXIMUM_MESSAGE_BYTES} bytes.",
            )
        now = self._scheduler.now()
        sequence_number = None
        if settings.fifo:
            deduplication_id = self._deduplication_id(queue, body, group_id, deduplication_id)
            sequence_number = queue.next_sequence_number()
        elif deduplication_id is not None:
            raise ServiceError(
                "InvalidParameterValue",
                "The request includes a parameter that is not valid for this queue type: "
                "MessageDeduplicationId",
            )
        delay = settings.delay_seconds if delay_seconds is None or settings.fifo else delay_seconds
        sent = MessageSent(
            at=now,
            queue=settings.name,
            message_id=self._ids.uuid(),
            body=body,
            visible_at=now + delay,
            attributes=given,
            trace_header=trace_header,
            group_id=group_id,
            deduplication_id=deduplication_id,
            sequence_number=sequence_number,
            sender=sender,
        )
        if settings.fifo and deduplication_id is not None:
            known = queue.duplicate_of(deduplication_id, now)
            if known is not None:
                return _standing_for(sent, *known)
        self._change(sent)
        self._look_after(queue)
        return sent

    def receive(
        self,
        name: str,
        most: int,
        *,
        visibility_timeout_seconds: float | None = None,
        consumer: str = "",
        one_group: bool = False,
        most_bytes: int | None = None,
    ) -> list[Message]:
        """Receive up to `most` messages; those that were received too often are dead-lettered on the way.

        Args:
            most_bytes: of the messages together, as JSON; the first one is received however long it is.
        """
        queue = self.find(name)
        now = self._scheduler.now()
        self._expire(queue, now)
        queue.wake(now)
        if queue.in_flight >= MAXIMUM_IN_FLIGHT:
            raise ServiceError("OverLimit", "Too many messages are in flight.", 403)
        while True:
            found = queue.receivable(most, one_group=one_group)
            spent = [message for message in found if self._is_spent(queue, message)]
            if not spent:
                break
            for message in spent:
                self._dead_letter(queue, message, now)
        if most_bytes is not None:
            found = _within(found, most_bytes)
        if found:
            timeout = visibility_timeout_seconds
            until = now + (queue.settings.visibility_timeout_seconds if timeout is None else timeout)
            self._change(
                MessagesReceived(
                    at=now,
                    queue=queue.settings.name,
                    message_ids=tuple(message.message_id for message in found),
                    visible_at=until,
                    consumer=consumer,
                )
            )
            self._look_after(queue)
        return found

    def delete(
        self, name: str, message_ids: Sequence[str], *, consumer: str = "", filtered: bool = False
    ) -> None:
        """Acknowledge messages; those that are gone already do not matter."""
        queue = self.find(name)
        alive = tuple(
            message_id
            for message_id in message_ids
            if message_id in queue.messages
            and not (not queue.settings.fifo and self._forgets(name, message_id))
        )
        if alive:
            self._change(
                MessagesDeleted(
                    at=self._scheduler.now(),
                    queue=queue.settings.name,
                    message_ids=alive,
                    consumer=consumer,
                    filtered=filtered,
                )
            )
            self._look_after(queue)

    def change_visibility(self, name: str, message_ids: Sequence[str], seconds: float) -> None:
        """Make messages in flight visible `seconds` from now; others are left as they are."""
        queue = self.find(name)
        flying = tuple(
            message_id
            for message_id in message_ids
            if message_id in queue.messages and queue.messages[message_id].where is Where.IN_FLIGHT
        )
        if flying:
            now = self._scheduler.now()
            self._change(
                MessageVisibilityChanged(
                    at=now, queue=queue.settings.name, message_ids=flying, visible_at=now + seconds
                )
            )
            self._look_after(queue)

    def look_at(self, name: str) -> Queue:
        """The queue as it is now: what is due is visible, what is too old is gone."""
        queue, now = self.find(name), self._scheduler.now()
        queue.wake(now)
        self._expire(queue, now)
        return queue

    def purge(self, name: str) -> None:
        """Delete every message."""
        self._change(QueuePurged(at=self._scheduler.now(), queue=self.find(name).settings.name))

    # --- Changes ------------------------------------------------------------------------------------------

    def apply(self, event: Event) -> None:
        """Do the change of one journal event; events of other services are not for here."""
        match event:
            case MessageSent():
                self._queues[event.queue].add(event)
            case MessagesReceived():
                queue = self._queues[event.queue]
                queue.wake(event.at)  # time makes messages visible, and time is not in the journal
                messages = [queue.messages[message_id] for message_id in event.message_ids]
                queue.take(messages, event.visible_at, event.at)
            case MessagesDeleted() | MessagesExpired():
                for message_id in event.message_ids:
                    self._queues[event.queue].remove(message_id)
            case MessageVisibilityChanged():
                queue = self._queues[event.queue]
                for message_id in event.message_ids:
                    queue.change_visibility(queue.messages[message_id], event.visible_at, event.at)
            case MessageDeadLettered():
                self._apply_dead_letter(event)
            case QueuePurged():
                self._queues[event.queue].clear()
            case RunResumed():
                for queue in self._queues.values():
                    queue.wake(self._applied_at)  # what was visible again by then had really been received
                    for message in list(queue.messages.values()):
                        if message.where is Where.IN_FLIGHT:
                            queue.undo_receive(message)
            case _:
                pass
        self._applied_at = event.at

    def after_resume(self) -> None:
        """Wake what waits, once every event of before was applied."""
        for queue in self._queues.values():
            queue.wake(self._scheduler.now())
            self._look_after(queue)

    def _change(self, event: Event) -> None:
        self._journal.append(event)
        self.apply(event)

    def _apply_dead_letter(self, event: MessageDeadLettered) -> None:
        source = self._queues[event.queue]
        message = source.remove(event.message_id)
        if message is not None:
            self._queues[event.dead_letter_queue].accept_dead_letter(
                message, source_arn=source.settings.arn, sequence_number=event.sequence_number, at=event.at
            )

    # --- How ----------------------------------------------------------------------------------------------

    def _is_spent(self, queue: Queue, message: Message) -> bool:
        settings = queue.settings
        return settings.dead_letter_queue is not None and message.receive_count >= settings.max_receive_count

    def _dead_letter(self, queue: Queue, message: Message, now: float) -> None:
        name = queue.settings.dead_letter_queue
        if name is None:
            return
        target = self.find(name)
        self._change(
            MessageDeadLettered(
                at=now,
                queue=queue.settings.name,
                dead_letter_queue=name,
                message_id=message.message_id,
                receive_count=message.receive_count,
                sequence_number=target.next_sequence_number() if target.settings.fifo else None,
            )
        )
        self._look_after(target)

    def _expire(self, queue: Queue, now: float) -> None:
        expired = queue.expired(now)
        if expired:
            self._change(MessagesExpired(at=now, queue=queue.settings.name, message_ids=tuple(expired)))

    def _deduplication_id(self, queue: Queue, body: str, group_id: str | None, given: str | None) -> str:
        if group_id is None:
            raise ServiceError("MissingParameter", "The request must contain the parameter MessageGroupId.")
        if given is not None:
            return given
        if queue.settings.content_based_deduplication:
            return hashlib.sha256(body.encode()).hexdigest()
        raise ServiceError(
            "InvalidParameterValue",
            "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId "
            "provided explicitly",
        )

    def _look_after(self, queue: Queue) -> None:
        """Tell the listeners if something can be received now, and come back when something will be."""
        name = queue.settings.name
        listeners = self._listeners[name]
        if not listeners:
            return
        if queue.visible > 0:
            for listening in listeners:
                if not listening.asked:
                    listening.asked = True
                    self._scheduler.call_soon(listening.look)
        when = queue.next_wake()
        timer = self._timers.get(name)
        if timer is not None and timer.waiting:
            if when == timer.when:
                return
            timer.cancel()
        if when is not None:
            self._timers[name] = self._scheduler.call_at(when, lambda: self._wake(queue))

    def _wake(self, queue: Queue) -> None:
        queue.wake(self._scheduler.now())
        self._look_after(queue)


class _Listening:
    """A listener, and whether its turn is asked for already: one look is enough for all that comes until then."""

    __slots__ = ("asked", "listener")

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.asked = False

    def look(self) -> None:
        self.asked = False
        self.listener()


def queue_does_not_exist() -> ServiceError:
    """SQS's answer for a queue that does not exist."""
    return ServiceError(
        "AWS.SimpleQueueService.NonExistentQueue",
        "The specified queue does not exist.",
        fields={"QueryErrorCode": "QueueDoesNotExist"},
    )


def _within(messages: list[Message], most_bytes: int) -> list[Message]:
    return messages[: max(1, fitting(messages, most_bytes))]


def fitting(messages: Sequence[Message], most_bytes: int) -> int:
    """How many of the messages, from the first on, have so many bytes together, as JSON."""
    size = 0
    for message in messages:
        size += len(message.body) + MESSAGE_OVERHEAD_BYTES
    # No character of a body takes more than four bytes. Most batches are far from the limit: they are not measured.
    if 4 * size <= most_bytes and not any(message.attributes for message in messages):
        return len(messages)
    size = 0
    for count, message in enumerate(messages):
        attributes = size_bytes("", message.attributes) * 4 // 3 + 100 * len(message.attributes)
        size += len(msgspec.json.encode(message.body)) + attributes + MESSAGE_OVERHEAD_BYTES
        if size > most_bytes:
            return count
    return len(messages)


def _standing_for(sent: MessageSent, message_id: str, sequence_number: str) -> MessageSent:
    return MessageSent(
        at=sent.at,
        queue=sent.queue,
        message_id=message_id,
        body=sent.body,
        visible_at=sent.visible_at,
        attributes=sent.attributes,
        sequence_number=sequence_number,
    )
