"""Child executions of a Distributed Map: how one begins, how it is refused, what its parent is told of its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from penstock.runtime.access import Guard
from penstock.runtime.executions.drive import Drive
from penstock.runtime.executions.reading import ItemReaders
from penstock.runtime.executions.writing import ResultWriters
from penstock.runtime.services import Call
from penstock.statemachines import ChildFinished, Finished, StartChild, Step, start_child


def begun(
    parent: Drive, command: StartChild, answer: Callable[[Call], dict[str, object]]
) -> tuple[Drive, Step]:
    """A child that begins, and its first step.

    Args:
        answer: answers the S3 calls of its readers and writers.
    """
    step = start_child(parent.machine, command, at=parent.execution.now)
    child = Drive(
        arn=command.execution_arn,
        name=command.name,
        state_machine=parent.state_machine,
        state_machine_arn=command.state_machine_arn,
        machine=parent.machine,
        execution=step.execution,
        kind=command.kind,
        started_at=parent.execution.now,
        readers=ItemReaders(answer),
        writers=ResultWriters(answer),
        parent=parent,
        child=command,
    )
    return child, step


def refusal(
    guard: Guard, child: Drive, command: StartChild, *, redriven: bool, at: float
) -> ChildFinished | None:
    """How a child ends that the machine's role does not allow to be started, or to be redriven; None if it may."""
    # The Map state's own machine is `MACHINE/LABEL`; the permission is on the machine.
    machine = child.state_machine_arn.partition("/")[0]
    operation, resource = ("RedriveExecution", child.arn) if redriven else ("StartExecution", machine)
    refused = guard.refusal(child.caller, "stepfunctions", operation, (f"states:{operation}", resource))
    if refused is None:
        return None
    return ChildFinished(
        child_id=command.child_id,
        status="FAILED",
        error="StepFunctions.AWSStepFunctionsException",
        cause=refused.message,
        at=at,
    )


def keep(parent: Drive, child: Drive) -> None:
    """Keep a child for a redrive, which goes on where it failed: only Standard ones can be redriven."""
    if child.kind == "STANDARD":
        parent.unsuccessful[child.arn] = child


def kept(drives: Iterable[Drive]) -> Iterator[Drive]:
    """The children that are kept by these executions, and by those children."""
    for drive in drives:
        for child in drive.unsuccessful.values():
            yield child
            yield from kept((child,))


def end_of(drive: Drive) -> Finished:
    """The end of an execution that is over."""
    execution = drive.execution
    return Finished(
        status=execution.status.value,
        output=execution.output,
        error=execution.error,
        cause=execution.cause,
        at=drive.ended_at if drive.ended_at is not None else execution.now,
    )
