"""What one queue holds: the messages, where each one is, and which may be received next.

1. No clock, no journal, no I/O: every method is told the time. A queue changes only by the methods under
   "changes", each of which is one journal event applied.
2. Every message is delayed, visible, in flight, or gone (deleted, dead-lettered, expired).
3. Standard queues give messages in about the order in which they became visible. FIFO queues give the
   messages of a group in the order in which they were sent, and none of a group of which one is in flight.
4. The cost of an operation does not depend on how many messages the queue holds (but for the heap's
   logarithm).

Source: SQS, "Visibility timeout", "FIFO queue delivery logic", "Using dead-letter queues".
"""

from __future__ import annotations

import heapq
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from penstock.runtime.journal_events import MessageSent
from penstock.runtime.queues.messages import Message, Where

DEDUPLICATION_SECONDS: Final = 300.0
FIRST_SEQUENCE_NUMBER: Final = 18_849_496_460_467_696_128


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings:
    """A queue's attributes, in AWS's units. `dead_letter_queue` is a name; None: no redrive policy."""

    name: str
    arn: str
    url: str
    visibility_timeout_seconds: float = 30.0
    message_retention_seconds: float = 345_600.0
    delay_seconds: float = 0.0
    receive_wait_seconds: float = 0.0
    fifo: bool = False
    content_based_deduplication: bool = False
    dead_letter_queue: str | None = None
    max_receive_count: int = 3


@dataclass(slots=True)
class _Group:
    """A message group: its messages in order (gone ones leave from the left), and how many are in flight."""

    messages: deque[Message]
    in_flight: int = 0


class Queue:
    """One queue's state.

    Args:
        settings: fixed for the life of the queue.
    """

    def __init__(self, settings: QueueSettings) -> None:
        self.settings = settings
        self.messages: dict[str, Message] = {}
        self.in_flight = 0
        self.delayed = 0
        self.held_characters = 0
        self._moved_here: list[tuple[float, str]] = []
        self._ready: deque[tuple[Message, int]] = deque()
        self._waiting: list[tuple[float, int, Message]] = []
        self._order = 0
        self._groups: dict[str, _Group] = {}
        self._ready_groups: OrderedDict[str, None] = OrderedDict()
        self._deduplicated: OrderedDict[str, tuple[float, str, str]] = OrderedDict()
        self._sequence = FIRST_SEQUENCE_NUMBER

    # --- Looking ------------------------------------------------------------------------------------------

    @property
    def visible(self) -> int:
        """`ApproximateNumberOfMessages`, exact here once `wake` was called for the present moment."""
        return len(self.messages) - self.in_flight - self.delayed

    def next_wake(self) -> float | None:
        """When the next delayed message or message in flight becomes visible; None if there is none."""
        waiting = self._waiting
        while waiting and not _still_waits(waiting[0]):
            heapq.heappop(waiting)
        return waiting[0][0] if waiting else None

    def duplicate_of(self, deduplication_id: str, now: float) -> tuple[str, str] | None:
        """The message id and sequence number that this deduplication id stands for (five minutes)."""
        known = self._deduplicated
        while known:
            first = next(iter(known))
            if known[first][0] > now:
                break
            del known[first]
        found = known.get(deduplication_id)
        return None if found is None else (found[1], found[2])

    def next_sequence_number(self) -> str:
        """The number that a message sent now would bear; only grows when one is sent."""
        return str(self._sequence)

    def expired(self, now: float) -> list[str]:
        """Ids of the messages that are older than the retention period.

        Messages that were sent here are looked for at the oldest end only; those that were moved here by their age,
        which began elsewhere.
        """
        oldest = now - self.settings.message_retention_seconds
        found: dict[str, None] = {}
        for message in self.messages.values():
            if message.sent_at > oldest:
                break
            found[message.message_id] = None
        moved = self._moved_here
        while moved and (moved[0][0] <= oldest or moved[0][1] not in self.messages):
            message_id = heapq.heappop(moved)[1]
            if message_id in self.messages:
                found[message_id] = None
        return list(found)

    def receivable(self, most: int, *, one_group: bool = False) -> list[Message]:
        """The messages that a receive would take now, at most `most`, without taking them.

        Args:
            one_group: of a FIFO queue, only messages of the first available group.
        """
        if self.settings.fifo:
            return self._receivable_fifo(most, one_group=one_group)
        return self._receivable_standard(most)

    def _receivable_standard(self, most: int) -> list[Message]:
        """Places in the line of messages that were taken since are stale: they are dropped when they come first."""
        ready, found = self._ready, list[Message]()
        while ready and not _still_ready(ready[0]):
            ready.popleft()
        for place in ready:
            if _still_ready(place):
                found.append(place[0])
                if len(found) == most:
                    break
        return found

    def _receivable_fifo(self, most: int, *, one_group: bool) -> list[Message]:
        found: list[Message] = []
        for name in self._ready_groups:
            for message in _alive(self._groups[name].messages):
                if message.where is not Where.VISIBLE or len(found) == most:
                    break
                found.append(message)
            if len(found) == most or (found and one_group):
                break
        return found

    # --- Changes ------------------------------------------------------------------------------------------

    def add(self, event: MessageSent) -> Message:
        """A message was sent."""
        message = Message.of(event)
        if event.deduplication_id is not None and self.settings.fifo:
            self._deduplicated[event.deduplication_id] = (
                event.at + DEDUPLICATION_SECONDS,
                event.message_id,
                event.sequence_number or "",
            )
        self._put(message, event.at)
        return message

    def accept_dead_letter(
        self, message: Message, *, source_arn: str, sequence_number: str | None, at: float
    ) -> None:
        """A message was moved here from another queue; it keeps its id, and in a standard queue its age.

        SQS, "Setting-up dead-letter queue retention": in a FIFO queue its age begins anew.
        """
        message.dead_letter_source = source_arn
        if self.settings.fifo:
            message.sent_at = at
        else:
            heapq.heappush(self._moved_here, (message.sent_at, message.message_id))
        message.visible_at = message.sent_at
        if sequence_number is not None:
            message.sequence_number = sequence_number
        self._put(message, message.sent_at)

    def take(self, messages: Iterable[Message], visible_at: float, at: float) -> None:
        """Messages were received; they are in flight until `visible_at`."""
        for message in messages:
            message.receive_count += 1
            if message.first_received_at is None:
                message.first_received_at = at
            message.where = Where.IN_FLIGHT
            self.in_flight += 1
            group = self._group_of(message)
            if group is not None:
                group.in_flight += 1
                self._ready_groups.pop(message.group_id or "", None)
            self._wait(message, visible_at)

    def remove(self, message_id: str) -> Message | None:
        """A message was deleted, dead-lettered or expired; None if it was gone already."""
        message = self.messages.pop(message_id, None)
        if message is None:
            return None
        self.held_characters -= len(message.body)
        where, message.where = message.where, Where.GONE
        if where is Where.DELAYED:
            self.delayed -= 1
        if where is Where.IN_FLIGHT:
            self.in_flight -= 1
        self._left(message, was_in_flight=where is Where.IN_FLIGHT)
        return message

    def change_visibility(self, message: Message, visible_at: float, at: float) -> None:
        """A message in flight becomes visible at `visible_at` instead."""
        if visible_at <= at:
            self._show(message)
        else:
            self._wait(message, visible_at)

    def undo_receive(self, message: Message) -> None:
        """The consumer died with the process: the delivery never was, and the message is visible."""
        message.receive_count -= 1
        self._show(message)

    def wake(self, now: float) -> int:
        """Make visible what is due; returns how many messages became so."""
        waiting, woken = self._waiting, 0
        while waiting and waiting[0][0] <= now:
            entry = heapq.heappop(waiting)
            if _still_waits(entry):
                self._show(entry[2])
                woken += 1
        return woken

    def clear(self) -> None:
        """`PurgeQueue`."""
        for message_id in list(self.messages):
            self.remove(message_id)

    # --- How ----------------------------------------------------------------------------------------------

    def _put(self, message: Message, at: float) -> None:
        self.messages[message.message_id] = message
        self.held_characters += len(message.body)
        if self.settings.fifo:
            group = self._groups.setdefault(message.group_id or "", _Group(deque()))
            group.messages.append(message)
            self._sequence += 256
        if message.visible_at > at:
            message.where = Where.DELAYED
            self.delayed += 1
            self._wait(message, message.visible_at)
        else:
            self._offer(message)

    def _wait(self, message: Message, visible_at: float) -> None:
        message.visible_at = visible_at
        self._order += 1
        heapq.heappush(self._waiting, (visible_at, self._order, message))

    def _show(self, message: Message) -> None:
        was_in_flight = message.where is Where.IN_FLIGHT
        if was_in_flight:
            self.in_flight -= 1
        elif message.where is Where.DELAYED:
            self.delayed -= 1
        if was_in_flight and (group := self._group_of(message)) is not None:
            group.in_flight -= 1
        self._offer(message)

    def _offer(self, message: Message) -> None:
        message.where = Where.VISIBLE
        if self.settings.fifo:
            self._offer_group(message.group_id or "")
        else:
            message.offered += 1
            self._ready.append((message, message.offered))

    def _offer_group(self, name: str) -> None:
        group = self._groups[name]
        messages = group.messages
        while messages and messages[0].where is Where.GONE:
            messages.popleft()
        if not messages:
            del self._groups[name]
            self._ready_groups.pop(name, None)
        elif group.in_flight == 0 and messages[0].where is Where.VISIBLE:
            self._ready_groups.setdefault(name, None)
        else:
            self._ready_groups.pop(name, None)

    def _left(self, message: Message, *, was_in_flight: bool) -> None:
        group = self._group_of(message)
        if group is not None:
            if was_in_flight:
                group.in_flight -= 1
            self._offer_group(message.group_id or "")

    def _group_of(self, message: Message) -> _Group | None:
        return self._groups.get(message.group_id or "") if self.settings.fifo else None


def _still_ready(place: tuple[Message, int]) -> bool:
    message, offered = place
    return message.where is Where.VISIBLE and message.offered == offered


def _still_waits(entry: tuple[float, int, Message]) -> bool:
    message = entry[2]
    return message.visible_at == entry[0] and message.where in (Where.DELAYED, Where.IN_FLIGHT)


def _alive(messages: Iterable[Message]) -> Iterator[Message]:
    return (message for message in messages if message.where is not Where.GONE)
