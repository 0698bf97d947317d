"""The calls of the Step Functions API that ask and change nothing: machines, executions, histories, Map Runs.

Source: the Step Functions API reference.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from penstock.runtime.executions.answers import (
    Answer,
    Parameters,
    described,
    moment,
    page,
    redrive_status,
    summary,
    without_data,
)
from penstock.runtime.executions.drive import Drive
from penstock.runtime.executions.driver import Driver
from penstock.runtime.executions.map_runs import MapRunRecord
from penstock.runtime.executions.reports import item_count
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import ServiceError
from penstock.statemachines import Machine, as_api
from penstock.statemachines.values import compact

_ARN: Final = re.compile(r"arn:aws[a-z-]*:states:[a-z0-9-]+:\d{12}:([A-Za-z]+):.+", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSettings:
    """A state machine on this target. `kind` is STANDARD or EXPRESS."""

    name: str
    arn: str
    machine: Machine
    kind: str = "STANDARD"
    role_arn: str = "arn:aws:iam::123456789012:role/penstock"


class Questions:
    """What can be asked of the state machines of one run and their executions."""

    def __init__(self, machines: Mapping[str, MachineSettings], driver: Driver, scheduler: Scheduler) -> None:
        self.machines = machines
        self._driver = driver
        self._scheduler = scheduler

    def machine(self, arn: str) -> MachineSettings:
        """The machine of an ARN.

        Raises:
            ServiceError: `InvalidArn`, `ValidationException` or `StateMachineDoesNotExist`.
        """
        found = self.machines.get(arn)
        if found is None:
            _check_arn(arn, "stateMachine")
            if "/" in arn:
                raise ServiceError("ValidationException", "The ARN is that of a Distributed Map state")
            raise ServiceError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")
        return found

    def drive(self, arn: str) -> Drive:
        """The execution of an ARN.

        Raises:
            ServiceError: `InvalidArn`, also of the executions of EXPRESS machines, which these calls do not know, or
                `ExecutionDoesNotExist`.
        """
        _check_arn(arn, "execution")
        found = self._driver.find(arn)
        if found is None:
            raise ServiceError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
        return found

    def asked_drive(self, parameters: Parameters) -> Drive:
        """The execution that a call is about."""
        return self.drive(str(parameters["executionArn"]))

    def _describe_execution(self, parameters: Parameters) -> Answer:
        drive = self.asked_drive(parameters)
        return described(drive, parameters) | redrive_status(drive, self._scheduler.now())

    def _describe_state_machine_for_execution(self, parameters: Parameters) -> Answer:
        drive = self.asked_drive(parameters)
        found = next(one for one in self.machines.values() if one.name == drive.state_machine)
        answer: Answer = {
            "stateMachineArn": drive.state_machine_arn,
            "name": drive.state_machine_arn.rpartition(":")[2],
            "roleArn": found.role_arn,
            "updateDate": moment(0.0),
        }
        if drive.child is not None:
            answer["mapRunArn"] = drive.child.map_run_arn
            answer["label"] = drive.state_machine_arn.rpartition("/")[2]
        if parameters.get("includedData") != "METADATA_ONLY":
            answer["definition"] = compact(found.machine.source)
        return answer

    def _describe_state_machine(self, parameters: Parameters) -> Answer:
        found = self.machine(str(parameters["stateMachineArn"]))
        answer: Answer = {
            "stateMachineArn": found.arn,
            "name": found.name,
            "status": "ACTIVE",
            "type": found.kind,
            "roleArn": found.role_arn,
            "creationDate": moment(0.0),
        }
        if parameters.get("includedData") != "METADATA_ONLY":
            answer["definition"] = compact(found.machine.source)
        return answer

    def _list_state_machines(self, parameters: Parameters) -> Answer:
        shown, token = page(list(self.machines.values()), parameters)
        machines = [
            {
                "stateMachineArn": one.arn,
                "name": one.name,
                "type": one.kind,
                "creationDate": moment(0.0),
            }
            for one in shown
        ]
        return {"stateMachines": machines, **token}

    def _list_executions(self, parameters: Parameters) -> Answer:
        status, redriven = parameters.get("statusFilter"), parameters.get("redriveFilter")
        found = [
            drive
            for drive in self._listed(parameters)
            if status in (None, drive.execution.status.value)
            and redriven in (None, "REDRIVEN" if drive.execution.redrive_count else "NOT_REDRIVEN")
        ]
        found.sort(key=_listed_at, reverse=True)
        shown, token = page(found, parameters)
        return {"executions": [_listed_entry(drive) for drive in shown], **token}

    def _listed(self, parameters: Parameters) -> list[Drive]:
        """The executions of a machine, or the children of a Map Run."""
        map_run, machine_arn = parameters.get("mapRunArn"), parameters.get("stateMachineArn")
        if (map_run is None) is (machine_arn is None):
            raise ServiceError("ValidationException", "Give either stateMachineArn or mapRunArn")
        if map_run is not None:
            self._map_run(str(map_run))
            return self._driver.children_of(str(map_run))
        for name, only in (("redriveFilter", None), ("statusFilter", "PENDING_REDRIVE")):
            if name in parameters and only in (None, parameters[name]):
                raise ServiceError(
                    "ValidationException",
                    f"{name} {parameters[name]} is for the child executions of a Map Run: give mapRunArn",
                )
        machine = self.machine(str(machine_arn))
        if machine.kind == "EXPRESS":
            raise ServiceError(
                "StateMachineTypeNotSupported",
                "This operation is not supported by this type of state machine",
            )
        drives = self._driver.drives.values()
        return [one for one in drives if one.child is None and one.state_machine == machine.name]

    # --- Map Runs -----------------------------------------------------------------------------------------

    def _map_run(self, arn: str) -> MapRunRecord:
        found = self._driver.map_runs.find(arn)
        if found is None:
            raise ServiceError("ResourceNotFound", f"Resource not found: '{arn}'")
        return found

    def _describe_map_run(self, parameters: Parameters) -> Answer:
        return self._map_run(str(parameters["mapRunArn"])).describe()

    def _list_map_runs(self, parameters: Parameters) -> Answer:
        """The Map Runs of an execution; children that have succeeded are counted by them, and not kept."""
        drive = self.asked_drive(parameters)
        shown, token = page(self._driver.map_runs.of(drive.arn), parameters)
        return {"mapRuns": [one.summary() for one in shown], **token}

    def _get_execution_history(self, parameters: Parameters) -> Answer:
        drive = self.asked_drive(parameters)
        events = [as_api(event) for event in drive.execution.history]
        for rendered, event in zip(events, drive.execution.history, strict=True):
            rendered["timestamp"] = moment(event.at)
            if parameters.get("includeExecutionData") is False:
                without_data(rendered)
        if parameters.get("reverseOrder"):
            events.reverse()
        shown, token = page(events, parameters)
        return {"events": shown, **token}


def _check_arn(arn: str, kind: str) -> None:
    shape = _ARN.fullmatch(arn)
    if shape is None:
        raise ServiceError("InvalidArn", f"Invalid Arn: '{arn}'")
    if shape[1] != kind:
        raise ServiceError(
            "InvalidArn", f"Invalid Arn: 'Resource type not valid in this context: {shape[1]}'"
        )


def _listed_at(drive: Drive) -> float:
    """ListExecutions: "Running executions are sorted by their startDate or redriveDate", others by their stopDate."""
    if drive.ended_at is not None:
        return drive.ended_at
    return drive.execution.redriven_at if drive.execution.redrive_count else drive.started_at


def _listed_entry(drive: Drive) -> Answer:
    entry = summary(drive)
    if drive.child is not None and drive.parent is not None:
        entry["itemCount"] = item_count(drive.parent.execution, drive.child.child_id)
    return entry


OPERATIONS: Final[Mapping[str, Callable[[Questions, Parameters], Answer]]] = {
    "DescribeExecution": Questions._describe_execution,
    "DescribeMapRun": Questions._describe_map_run,
    "DescribeStateMachine": Questions._describe_state_machine,
    "DescribeStateMachineForExecution": Questions._describe_state_machine_for_execution,
    "GetExecutionHistory": Questions._get_execution_history,
    "ListExecutions": Questions._list_executions,
    "ListMapRuns": Questions._list_map_runs,
    "ListStateMachines": Questions._list_state_machines,
}
