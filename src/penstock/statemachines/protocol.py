"""What goes into the engine and what comes out: happenings, commands and steps.

1. Only data lives here: frozen structs that msgspec can encode. No behaviour, no clock, no I/O.
2. A *happening* is a fact that the world tells the engine; a runner journals happenings, and replaying them
   from `start` rebuilds an execution exactly. Each one carries `at`, in epoch seconds.
3. A *command* is what the engine asks the world for. Commands are not journaled: they follow from
   happenings.
4. Ids (`task_id`, `timer_id`, `child_id`, `read_id`, `write_id`) are unique within one execution, count up
   from 1 and are the same on every replay.

A happening about something that is over already (a task that timed out, a cancelled timer, a finished
execution) is ignored, so a runner need not win races.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from penstock.statemachines.failures import RESULT_WRITER

if TYPE_CHECKING:
    from penstock.statemachines.execution import Execution

__all__ = [
    "ActivityTaken",
    "CancelChild",
    "CancelTask",
    "CancelTimer",
    "ChildFinished",
    "Command",
    "Finished",
    "Happening",
    "IntegrationPattern",
    "ItemsRead",
    "ItemsReadFailed",
    "ReadItems",
    "Redriven",
    "ResultsWriteFailed",
    "ResultsWritten",
    "RunTask",
    "SetTimer",
    "StartChild",
    "Step",
    "StopReading",
    "Stopped",
    "TaskFailed",
    "TaskHeartbeat",
    "TaskSubmitted",
    "TaskSucceeded",
    "TimerFired",
    "WriteResults",
]


class IntegrationPattern(Enum):
    """How a task ends (Developer Guide, "Service integration patterns")."""

    REQUEST_RESPONSE = "request_response"
    SYNC = "sync"
    SYNC_2 = "sync:2"
    WAIT_FOR_TASK_TOKEN = "waitForTaskToken"


# --- Commands ---------------------------------------------------------------------------------------------


class RunTask(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """Run one attempt of a Task state. Answer with `TaskSucceeded` or `TaskFailed`.

    Before that, and only where `pattern` is not `REQUEST_RESPONSE`, answer with `TaskSubmitted` when the
    service has accepted the call; for an activity, with `ActivityTaken` when a worker has polled the task.

    Args:
        resource: the ARN as the definition writes it (`arn:aws:states:::sqs:sendMessage.waitForTaskToken`,
            a Lambda function's ARN, an activity's ARN).
        resource_type: `lambda` for a direct Lambda ARN, `activity`, else the integration's service: `sqs`,
            `lambda` (with `action` `invoke`), `aws-sdk:s3`.
        action: the integration's API without its pattern: `sendMessage`; empty for a direct ARN.
        parameters: the payload (Lambda ARN, activity) or the API's parameters.
        task_token: the token that this attempt answers to (`$$.Task.Token`).
        timeout_seconds: after it, the engine itself ends the attempt (the runner need not watch it).
        credentials: the RoleArn of the state's Credentials, if any.
    """

    task_id: int
    state_name: str
    resource: str
    resource_type: str
    action: str = ""
    pattern: IntegrationPattern = IntegrationPattern.REQUEST_RESPONSE
    parameters: object = None
    task_token: str
    attempt: int = 0
    timeout_seconds: int | None = None
    heartbeat_seconds: int | None = None
    credentials: object = None


class CancelTask(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The attempt is over for the engine (it timed out, or its branch was stopped)."""

    task_id: int
    reason: str


class SetTimer(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Answer with `TimerFired` at the time `at` (epoch seconds) or later.

    Args:
        retry: a state has failed, and is tried again at that time.
    """

    timer_id: int
    at: float
    retry: bool = False


class CancelTimer(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The timer is not needed any more; firing it would be ignored."""

    timer_id: int


class StartChild(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Start a child workflow execution of a Distributed Map. Answer with `ChildFinished`.

    `penstock.statemachines.start_child(machine, command, at=...)`, given the parent's machine, makes the
    child's own first `Step`; the runner drives it like any other execution.

    Args:
        pointer: where the item processor stands in the parent's definition (a JSON pointer).
        context: what the child's context object has besides its own execution and state.
        redrive: the child was there before and did not succeed: tell it `Redriven` instead of starting it.
    """

    child_id: int
    pointer: str
    index: int
    input: object
    name: str
    execution_arn: str
    state_machine_arn: str
    map_run_arn: str
    role_arn: str
    kind: str
    seed: int
    context: Mapping[str, object]
    redrive: bool = False


class CancelChild(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Stop the child execution: its Map state has ended (failed, timed out, or was stopped)."""

    child_id: int


class ReadItems(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Read the next page of a Distributed Map's items. Answer with `ItemsRead` or `ItemsReadFailed`.

    The first command of a `read_id` opens the reader (page 0); the following ones go on where the last page
    ended. A page is at most `limit` items, fewer only at the end.

    Args:
        resource: `arn:aws:states:::s3:getObject` or `arn:aws:states:::s3:listObjectsV2`.
        parameters: `{"Bucket": ..., "Key": ...}` and the like, resolved.
        config: the resolved ReaderConfig: InputType, CSVHeaderLocation, CSVHeaders, CSVDelimiter, MaxItems,
            ManifestType, ItemsPointer; `MaxItemsPath` is resolved into `MaxItems`.
    """

    read_id: int
    page: int
    limit: int
    resource: str
    parameters: object
    config: Mapping[str, object]


class StopReading(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """No further page of this reader will be asked for: close it."""

    read_id: int


class WriteResults(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Append results of child executions to a Map Run's result files in S3.

    The engine sends full pages as children finish, and answers none of its own until the page with `last`,
    which also asks for `manifest.json`; answer that one with `ResultsWritten` or `ResultsWriteFailed`.

    Args:
        parameters: `{"Bucket": ..., "Prefix": ...}`, resolved.
        config: the resolved WriterConfig (Transformation, OutputType), empty if the state has none.
        folder: the Map Run's id: the files are `Prefix/folder/SUCCEEDED_0.json`, `FAILED_0.json` and so on.
        records: AWS's description of each child: ExecutionArn, Input, Output or Error and Cause, Status...
    """

    write_id: int
    resource: str
    parameters: object
    config: Mapping[str, object]
    map_run_arn: str
    folder: str
    records: tuple[Mapping[str, object], ...]
    last: bool


class Finished(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """The execution is over; `status` is SUCCEEDED, FAILED, TIMED_OUT or ABORTED."""

    status: str
    output: object = None
    error: str | None = None
    cause: str | None = None
    at: float


Command = (
    RunTask
    | CancelTask
    | SetTimer
    | CancelTimer
    | StartChild
    | CancelChild
    | ReadItems
    | StopReading
    | WriteResults
    | Finished
)


# --- Happenings -------------------------------------------------------------------------------------------


class TaskSubmitted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The service accepted the call of a `.sync` or `.waitForTaskToken` task; `output` is its answer."""

    task_id: int
    output: object
    at: float


class ActivityTaken(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """A worker polled the activity's task (`GetActivityTask`)."""

    task_id: int
    worker_name: str | None = None
    at: float


class TaskSucceeded(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The attempt ended well. `output` is the decoded JSON result."""

    task_id: int
    output: object
    at: float


class TaskFailed(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """The attempt failed. A Lambda function's own timeout is a failure with the error `Sandbox.Timedout`."""

    task_id: int
    error: str | None = None
    cause: str | None = None
    at: float


class TaskHeartbeat(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """`SendTaskHeartbeat`: the heartbeat timeout of the attempt begins anew."""

    task_id: int
    at: float


class TimerFired(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The time of `SetTimer` has come."""

    timer_id: int
    at: float


class ItemsOrigin(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the items of a page come from, from its item number `first` on.

    Args:
        source: an S3 URI, `S3://bucket/key`.
        members: they are the members of an object: `{"Key": ..., "Value": ...}`.
    """

    first: int
    source: str
    members: bool = False


class ItemsRead(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """One page of items; `done` is true if no item follows it.

    Args:
        origins: where they come from, in the order of the items; if there are none, from the object or the bucket
            that the reader names.
    """

    read_id: int
    items: tuple[object, ...]
    done: bool
    at: float
    origins: tuple[ItemsOrigin, ...] = ()


class ItemsReadFailed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The items cannot be read; the Map state fails with `error` (`States.ItemReaderFailed`)."""

    read_id: int
    cause: str
    error: str = "States.ItemReaderFailed"
    at: float


class ChildFinished(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """A child execution is over; the fields are those of its `Finished` command."""

    child_id: int
    status: str
    output: object = None
    error: str | None = None
    cause: str | None = None
    at: float


def ended_child(child_id: int, end: Finished) -> ChildFinished:
    """What its parent is told when a child execution is over."""
    return ChildFinished(
        child_id=child_id, status=end.status, output=end.output, error=end.error, cause=end.cause, at=end.at
    )


class ResultsWritten(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The manifest and every result file are in S3; `bucket` and `key` name the manifest."""

    write_id: int
    bucket: str
    key: str
    at: float


class ResultsWriteFailed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The results cannot be written; the Map state fails with `error`."""

    write_id: int
    cause: str
    error: str = RESULT_WRITER
    at: float


class Stopped(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """`StopExecution`: the execution ends as ABORTED."""

    error: str | None = None
    cause: str | None = None
    at: float


class Redriven(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """`RedriveExecution`: an unsuccessful Standard execution goes on from the states that failed."""

    at: float


Happening = (
    TaskSubmitted
    | ActivityTaken
    | TaskSucceeded
    | TaskFailed
    | TaskHeartbeat
    | TimerFired
    | ItemsRead
    | ItemsReadFailed
    | ChildFinished
    | ResultsWritten
    | ResultsWriteFailed
    | Stopped
    | Redriven
)


class Step(NamedTuple):
    """What `start` and `advance` answer.

    Args:
        execution: the execution as it stands now. It replaces the one that was given to `advance`, which must
            not be used any more. Its `history` holds every event so far.
        commands: what the world is asked for, in order.
    """

    execution: Execution
    commands: tuple[Command, ...]
