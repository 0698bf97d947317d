"""The journal: one file to which everything that happens in a run is appended, and from which it is read.

1. A *turn* is what the scheduler does between two looks at the clock. The events of a turn are written by
   one `flush`, and read back whole or not at all: a line that ends with a space before its newline is
   followed by another line of the same turn. (A space there is still valid JSON Lines.)
2. `flush` is called before any effect leaves the process: an answer to a worker, an invocation, the rename of
   a file. What `kill -9` leaves is therefore whole turns and at most one torn one, which readers drop.
3. Nothing here knows what an event means. The progress bar, the summary, the cost estimate and resumption
   subscribe, or read the file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from penstock.errors import StateFolderError
from penstock.runtime.journal_events import Event
from penstock.runtime.state_folder import state_folder_error

EventT = TypeVar("EventT")
Reader = Callable[[EventT], None]

_MORE_FOLLOWS: Final = b" \n"
_TURN_ENDS: Final = b"\n"

_encode = msgspec.json.Encoder().encode
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


class Journal:
    """Appends events and tells subscribers of them.

    Args:
        path: the file; an existing one is continued, after its torn last turn was cut off. None keeps
            nothing: events are only told to subscribers (simulations, benchmarks).

    Raises:
        StateFolderError: the file cannot be opened.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._descriptor: int | None = None
        self._lines: list[bytes] = []
        self._end = 0
        self._readers: dict[type, list[Reader[Event]]] = {}
        self._every: list[Reader[Event]] = []
        if path is not None:
            self._descriptor = _open_for_append(path)
            self._end = os.fstat(self._descriptor).st_size

    @property
    def end(self) -> int | None:
        """The byte offset of the next event's line; None if nothing is kept."""
        return None if self._descriptor is None else self._end

    def append(self, event: Event) -> None:
        """Add an event to this turn and tell the subscribers, who may append in turn.

        Raises:
            StateFolderError: the journal was closed, or an earlier flush failed.
        """
        if self._descriptor is not None:
            line = _encode(event)
            self._lines.append(line)
            self._end += len(line) + len(_MORE_FOLLOWS)
        elif self.path is not None:
            raise StateFolderError(
                "the journal can no longer be written", at=str(self.path), fix="resume the run with --resume"
            )
        readers = self._readers.get(type(event))
        if readers is not None:
            for reader in readers:
                reader(event)
        for reader in self._every:
            reader(event)

    def flush(self) -> None:
        """Write the events of this turn with one append.

        Raises:
            StateFolderError: the disk is full or the file cannot be written; nothing more can be appended.
        """
        if not self._lines or self._descriptor is None:
            return
        turn = _MORE_FOLLOWS.join(self._lines) + _TURN_ENDS
        self._lines.clear()
        self._end -= len(_MORE_FOLLOWS) - len(_TURN_ENDS)
        try:
            written = os.write(self._descriptor, turn)
            while written < len(turn):
                written += os.write(self._descriptor, turn[written:])
        except OSError as error:
            self._abandon()
            raise state_folder_error(error, self.path or "") from error

    def read(self, offset: int) -> Event:
        """The event whose line begins at `offset`, as `end` told it before the event was appended.

        Raises:
            StateFolderError: the journal was closed or cannot be read.
        """
        self.flush()
        if self._descriptor is None or self.path is None:
            raise StateFolderError(
                "the journal is closed", fix="keep the run open while its records are read"
            )
        try:
            with open(self.path, "rb") as file:
                file.seek(offset)
                line = file.readline()
        except OSError as error:
            raise state_folder_error(error, self.path) from error
        return _decoder.decode(line)

    def subscribe(self, reader: Reader[EventT], *kinds: type[EventT]) -> Callable[[], None]:
        """Have `reader` called with every event of these kinds (of all kinds, if none is given).

        Returns:
            A function that ends the subscription.
        """
        lists = [self._readers.setdefault(kind, []) for kind in kinds] if kinds else [self._every]
        for readers in lists:
            readers.append(reader)  # type: ignore[arg-type]  # its kinds are what it is called with

        def unsubscribe() -> None:
            for readers in lists:
                readers.remove(reader)  # type: ignore[arg-type]

        return unsubscribe

    def close(self) -> None:
        """Write what is left and close the file."""
        self.flush()
        self._abandon()

    def _abandon(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def read_journal(path: Path) -> Iterator[Event]:
    """Yield the events of a journal in order, without its torn last turn.

    A journal that another process is writing may be read too: it ends at that process's last whole turn.

    Raises:
        StateFolderError: the file cannot be read, or a line in it is not an event.
    """
    decode = _decoder.decode
    turn: list[Event] = []
    try:
        with open(path, "rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(_TURN_ENDS):
                    return
                try:
                    turn.append(decode(line))
                except msgspec.DecodeError as error:
                    raise StateFolderError(
                        f"this line of the journal is not an event: {error}",
                        at=f"{path}:{number}",
                        fix="the file was changed by something else; start a new run",
                    ) from error
                if not line.endswith(_MORE_FOLLOWS):
                    yield from turn
                    turn.clear()
    except OSError as error:
        raise state_folder_error(error, path) from error


def _open_for_append(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        size = os.fstat(descriptor).st_size
        whole = _end_of_last_turn(descriptor, size)
        if whole < size:
            os.ftruncate(descriptor, whole)
    except OSError as error:
        raise state_folder_error(error, path) from error
    return descriptor


def _end_of_last_turn(descriptor: int, size: int, *, step: int = 1 << 16) -> int:
    """Find the offset after the last newline that ends a turn, reading backwards."""
    end, tail = size, b""
    while end > 0:
        begin = max(0, end - step)
        tail = os.pread(descriptor, end - begin, begin) + tail[:1]
        found = len(tail)
        while (found := tail.rfind(_TURN_ENDS, 0, found)) >= 0:
            if found > 0 and tail[found - 1 : found] != b" ":
                return begin + found + 1
            if found == 0 and (begin == 0 or os.pread(descriptor, 1, begin - 1) != b" "):
                return begin + 1
        end = begin
    return 0
