"""Replaying a file into a stream: each record is put at its time, by the run's clock.

1. The first record's day begins when the run begins; from there the file's calendar and the run's go together.
2. The file is read as the clock goes on, never whole.
3. How many records were put is in the journal, in the same turn as the records: a resumed run goes on behind them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from penstock.pipelines.resources import TimedRecord
from penstock.runtime.journal import Journal
from penstock.runtime.journal_events import FeedAdvanced
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.streams.streams import NewRecord, Streams, checked

DAY_SECONDS: Final = 86_400
MOST_AT_ONCE: Final = 500
"""As many as one `PutRecords` call takes."""


def midnight(at: float) -> float:
    """When the day of that moment began."""
    return at // DAY_SECONDS * DAY_SECONDS


class Feeder:
    """Puts records into a stream, one moment after another.

    Args:
        done: how many of the records were put before.
        began_at: when the run began.
    """

    def __init__(
        self,
        stream: str,
        records: Iterable[TimedRecord],
        *,
        streams: Streams,
        scheduler: Scheduler,
        journal: Journal,
        done: int = 0,
        began_at: float,
    ) -> None:
        self._stream = stream
        self._streams = streams
        self._scheduler = scheduler
        self._journal = journal
        self._began_at = began_at
        self._shift: float | None = None
        self._records = self._shifted(records)
        self._waiting = next(islice(self._records, done, None), None)

    def start(self) -> None:
        """Begin, or go on."""
        if self._waiting is not None:
            self._scheduler.call_at(self._waiting.at, self._put)

    def _shifted(self, records: Iterable[TimedRecord]) -> Iterator[TimedRecord]:
        for record in records:
            if self._shift is None:
                self._shift = self._began_at - midnight(record.at)
            yield TimedRecord(record.at + self._shift, record.partition_key, record.data)

    def _put(self) -> None:
        """Put everything that is due, and come back for the rest."""
        now = self._scheduler.now()
        due: list[NewRecord] = []
        record = self._waiting
        while record is not None and record.at <= now and len(due) < MOST_AT_ONCE:
            due.append(checked(NewRecord(record.data, record.partition_key)))
            record = next(self._records, None)
        self._waiting = record
        self._streams.put(self._stream, due)
        self._journal.append(FeedAdvanced(at=now, stream=self._stream, count=len(due)))
        self.start()
