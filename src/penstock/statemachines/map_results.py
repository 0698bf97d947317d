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


class Results:
    """What the children of one Map Run gave.

    Args:
        too_large: the outputs are more than a payload may hold.
    """

    __slots__ = (
        "arn",
        "config",
        "folder",
        "kept_bytes",
        "outputs",
        "parameters",
        "records",
        "resource",
        "too_large",
        "write_id",
    )

    def __init__(
        self, execution: Execution, branch: Branch, writer: ResultWriter | None, arn: str, folder: str
    ) -> None:
        self.arn = arn
        self.folder = folder
        self.outputs: dict[int, JSON] = {}
        self.kept_bytes = 0
        self.too_large = False
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

    def add(
        self, execution: Execution, child: StartChild, started_at: float, happened: ChildFinished
    ) -> None:
        """A child is over."""
        if self.resource is not None:
            self.records.append(_record(child, started_at, happened))
            if len(self.records) >= PAGE_RECORDS:
                execution.commands.append(self._page(last=False))
            return
        if self.too_large or happened.status != "SUCCEEDED":
            return
        output = happened.output
        if self.config.get("Transformation") == "NONE":
            output = _record(child, started_at, happened)
        self.outputs[child.index] = output
        self.kept_bytes += size_bytes(output) + 1
        if self.kept_bytes > MAXIMUM_PAYLOAD_BYTES:
            self.too_large = True
            self.outputs.clear()

    def value(self, arn: str) -> JSON:
        """The state's result, where no writer has written it."""
        outputs = [output for _, output in sorted(self.outputs.items(), key=lambda entry: entry[0])]
        if self.config.get("Transformation") != "FLATTEN":
            return outputs
        flat: list[JSON] = []
        for output in outputs:
            if isinstance(output, list):
                flat.extend(output)
            else:
                flat.append(output)
        return flat

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


def _record(child: StartChild, started_at: float, happened: ChildFinished) -> Mapping[str, JSON]:
    """A child as the result files describe it (Developer Guide, "ResultWriter (Map)")."""
    record: dict[str, JSON] = {
        "ExecutionArn": child.execution_arn,
        "Input": compact(child.input),
        "InputDetails": {"Included": True},
        "Name": child.name,
        "StartDate": iso_date_time(started_at),
        "StateMachineArn": child.state_machine_arn,
        "Status": happened.status,
        "StopDate": iso_date_time(happened.at),
    }
    if happened.status == "SUCCEEDED":
        record["Output"] = compact(happened.output)
        record["OutputDetails"] = {"Included": True}
    if happened.error is not None:
        record["Error"] = happened.error
    if happened.cause is not None:
        record["Cause"] = happened.cause
    return record
