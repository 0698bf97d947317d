"""The results of a Map Run: kept for the state's output, or sent to S3 page by page.

Without a ResultWriter the state's output is the array of the children's outputs, held to the payload limit:
once they are larger than that together, none of them is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from penstock.statemachines import dataflow
from penstock.statemachines.dataflow import scope_of
from penstock.statemachines.execution import Branch, Execution
from penstock.statemachines.model import ResultWriter
from penstock.statemachines.protocol import ChildFinished, StartChild, WriteResults
from penstock.statemachines.values import JSON, MAXIMUM_PAYLOAD_BYTES, compact, iso_date_time, size_bytes

if TYPE_CHECKING:
    from penstock.statemachines.map_run import MapRun

PAGE_RECORDS = 500


class Child:
    """A child execution that is running: what its result will need.

    Args:
        redrive_count: how often a Standard child was redriven.
    """

    __slots__ = ("command", "item_count", "redrive_count", "started_at")

    def __init__(
        self, command: StartChild, item_count: int, started_at: float, redrive_count: int = 0
    ) -> None:
        self.command = command
        self.item_count = item_count
        self.started_at = started_at
        self.redrive_count = redrive_count


class Results:
    """What the children of one Map Run gave."""

    __slots__ = (
        "_failed_bytes",
        "_failures",
        "_kept_bytes",
        "_outputs",
        "arn",
        "config",
        "folder",
        "parameters",
        "records",
        "resource",
        "write_id",
    )

    def __init__(
        self, execution: Execution, branch: Branch, writer: ResultWriter | None, arn: str, folder: str
    ) -> None:
        self.arn = arn
        self.folder = folder
        self._outputs: dict[int, JSON] = {}
        self._kept_bytes = 0
        self._failures: dict[int, JSON] = {}
        self._failed_bytes = 0
        self.records: list[Mapping[str, JSON]] = []
        self.resource = None if writer is None else writer.resource
        self.parameters: JSON = None
        self.config: dict[str, JSON] = {}
        self.write_id = 0
        if writer is None:
            return
        scope = scope_of(execution, branch)
        value = dataflow.filtered_input(branch.state, branch.input, scope)
        if writer.arguments is not None:
            self.parameters = writer.arguments(value, scope)
        config = None if writer.config is None else writer.config(value, scope)
        if isinstance(config, Mapping):
            self.config = dict(config)
        if self.resource is not None:
            self.write_id = execution.next_id()

    def add(self, execution: Execution, child: Child, happened: ChildFinished) -> None:
        """A child is over.

        "If a child workflow execution fails, ... the results would be equivalent to having set Transformation to
        NONE": what the guide says of ResultWriter holds for the state's output as well.
        """
        if self.resource is not None:
            self.records.append(_record(child, happened))
            if len(self.records) >= PAGE_RECORDS:
                execution.commands.append(self._page(last=False))
            return
        if happened.status != "SUCCEEDED":
            self._keep_failure(child.command.index, _record(child, happened))
            return
        output = happened.output
        if self.config.get("Transformation") == "NONE":
            output = _record(child, happened)
        self._kept_bytes += size_bytes(output) + 1
        if self._kept_bytes > MAXIMUM_PAYLOAD_BYTES:
            self._outputs.clear()
        else:
            self._outputs[child.command.index] = output

    def _keep_failure(self, index: int, record: JSON) -> None:
        self._failed_bytes += size_bytes(record) + 1
        if self._failed_bytes > MAXIMUM_PAYLOAD_BYTES:
            self._failures.clear()
        else:
            self._failures[index] = record

    def redriven(self) -> None:
        """What did not succeed runs once more: its results are to come."""
        self._failures.clear()
        self._failed_bytes = 0

    @property
    def too_large(self) -> bool:
        """Whether the results are more than a payload may hold."""
        return self._kept_bytes + self._failed_bytes > MAXIMUM_PAYLOAD_BYTES

    def value(self) -> JSON:
        """The state's result, where no writer has written it and it is not too large."""
        flattens = self.config.get("Transformation") == "FLATTEN"
        results: list[JSON] = []
        for index in sorted({*self._outputs, *self._failures}):
            if index in self._failures:
                results.append(self._failures[index])
                continue
            output = self._outputs[index]
            if flattens and isinstance(output, list):
                results.extend(output)
            else:
                results.append(output)
        return results

    def write_rest(self, execution: Execution, run: MapRun) -> bool:
        """Ask for the last page and the manifest. False if nothing is written to S3."""
        if self.resource is None:
            return False
        execution.writes[self.write_id] = run
        execution.commands.append(self._page(last=True))
        return True

    def stop(self, execution: Execution) -> None:
        """The Map Run has failed: what its children gave so far is still written, and nobody waits for it."""
        if self.resource is not None and execution.writes.pop(self.write_id, None) is None:
            execution.commands.append(self._page(last=True))

    def _page(self, *, last: bool) -> WriteResults:
        records, self.records = tuple(self.records), []
        return WriteResults(
            write_id=self.write_id,
            resource=self.resource or "",
            parameters=self.parameters,
            config=self.config,
            map_run_arn=self.arn,
            folder=self.folder,
            records=records,
            last=last,
        )


def _record(child: Child, happened: ChildFinished) -> Mapping[str, JSON]:
    """A child as the result files describe it (Developer Guide, "ResultWriter (Map)")."""
    command, succeeded = child.command, happened.status == "SUCCEEDED"
    record: dict[str, JSON] = {
        "ExecutionArn": command.execution_arn,
        "Input": compact(command.input),
        "InputDetails": {"Included": True},
        "Name": command.name,
        "RedriveCount": child.redrive_count,
        "RedriveStatus": "NOT_REDRIVABLE" if succeeded else "REDRIVABLE_BY_MAP_RUN",
        "StartDate": iso_date_time(child.started_at),
        "StateMachineArn": command.state_machine_arn,
        "Status": happened.status,
        "StopDate": iso_date_time(happened.at),
    }
    if succeeded:
        record["RedriveStatusReason"] = "Execution is SUCCEEDED and cannot be redriven"
        record["Output"] = compact(happened.output)
        record["OutputDetails"] = {"Included": True}
    if happened.error is not None:
        record["Error"] = happened.error
    if happened.cause is not None:
        record["Cause"] = happened.cause
    return record
