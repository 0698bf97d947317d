"""Map Runs: how far each Distributed Map is, in constant memory whatever the number of its children.

Counts follow from what executions are told, so a resumed run has them again. Source: Step Functions,
"DescribeMapRun".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from penstock.runtime.executions.answers import moment

_MEMBERS: Final = {
    "SUCCEEDED": "succeeded",
    "FAILED": "failed",
    "TIMED_OUT": "timedOut",
    "ABORTED": "aborted",
}
_AGAIN: Final = ("failed", "timedOut", "aborted")


@dataclass(slots=True)
class Counts:
    """Items, or child executions, by what has become of them."""

    total: int = 0
    running: int = 0
    ended: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_MEMBERS.values(), 0))
    written: int = 0

    def start(self, count: int) -> None:
        self.running += count

    def end(self, status: str, count: int) -> None:
        self.running -= count
        self.ended[_MEMBERS[status]] += count

    def again(self) -> None:
        """Redriven: what did not succeed waits to be run once more."""
        for member in _AGAIN:
            self.ended[member] = 0

    @property
    def pending(self) -> int:
        return self.total - self.running - sum(self.ended.values())

    def as_api(self) -> dict[str, object]:
        return {
            "total": self.total,
            "pending": self.pending,
            "running": self.running,
            **self.ended,
            "resultsWritten": self.written,
        }


@dataclass(slots=True, kw_only=True)
class MapRunRecord:
    """One Map Run. `state` is the name of its Map state; times are in epoch seconds."""

    arn: str
    execution_arn: str
    state_machine_arn: str
    state: str
    started_at: float
    stopped_at: float | None = None
    status: str = "RUNNING"
    max_concurrency: int = 0
    tolerated_count: int = 0
    tolerated_percentage: float = 0.0
    redrive_count: int = 0
    redriven_at: float | None = None
    items: Counts = field(default_factory=Counts)
    executions: Counts = field(default_factory=Counts)

    def child_started(self, items: int) -> None:
        """A child was given so many items; one that is run again is counted once."""
        if not self.executions.pending:
            self.executions.total += 1
        self.executions.start(1)
        self.items.start(items)

    def child_ended(self, status: str, items: int) -> None:
        """A child is over, with AWS's status."""
        self.executions.end(status, 1)
        self.items.end(status, items)

    def results_written(self) -> None:
        """What has ended so far is in the files of a ResultWriter."""
        for counts in (self.items, self.executions):
            counts.written = sum(counts.ended.values())

    def end(self, status: str, at: float) -> None:
        """The Map state is over; children that still run are stopped with it."""
        self.status, self.stopped_at = status, at
        for counts in (self.items, self.executions):
            counts.end("ABORTED", counts.running)

    def redrive(self, at: float) -> None:
        """It goes on, with what did not succeed."""
        self.status, self.stopped_at, self.redriven_at = "RUNNING", None, at
        self.redrive_count += 1
        self.items.again()
        self.executions.again()

    def summary(self) -> dict[str, object]:
        """The entry of `ListMapRuns`."""
        listed: dict[str, object] = {
            "executionArn": self.execution_arn,
            "mapRunArn": self.arn,
            "stateMachineArn": self.state_machine_arn,
            "startDate": moment(self.started_at),
        }
        if self.stopped_at is not None:
            listed["stopDate"] = moment(self.stopped_at)
        return listed

    def describe(self) -> dict[str, object]:
        """The answer of `DescribeMapRun`."""
        described = self.summary()
        del described["stateMachineArn"]
        described |= {
            "status": self.status,
            "maxConcurrency": self.max_concurrency,
            "toleratedFailureCount": self.tolerated_count,
            "toleratedFailurePercentage": self.tolerated_percentage,
            "itemCounts": self.items.as_api(),
            "executionCounts": self.executions.as_api(),
            "redriveCount": self.redrive_count,
        }
        if self.redriven_at is not None:
            described["redriveDate"] = moment(self.redriven_at)
        return described


class MapRuns:
    """The Map Runs of one run of a pipeline, by ARN."""

    def __init__(self) -> None:
        self._records: dict[str, MapRunRecord] = {}

    def add(self, record: MapRunRecord) -> None:
        """A Map Run begins."""
        self._records[record.arn] = record

    def find(self, arn: str) -> MapRunRecord | None:
        """The Map Run of that ARN, if there is one."""
        return self._records.get(arn)

    def of(self, execution_arn: str) -> list[MapRunRecord]:
        """An execution's Map Runs, in the order of their beginning."""
        return [one for one in self._records.values() if one.execution_arn == execution_arn]

    def abandon(self, arns: Iterable[str], at: float) -> None:
        """An execution is over: those of its Map Runs that were not are stopped with it."""
        for arn in arns:
            record = self._records[arn]
            if record.status == "RUNNING":
                record.end("ABORTED", at)
