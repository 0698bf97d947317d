"""A stack's state, and bringing it to one in which a change set can be made.

    not there, REVIEW_IN_PROGRESS              a change set of type CREATE
    ROLLBACK_COMPLETE, ROLLBACK_FAILED,
    CREATE_FAILED, DELETE_FAILED               deleted first: CloudFormation takes no update of these
    UPDATE_ROLLBACK_FAILED                     the rollback is continued first
    IMPORT_ROLLBACK_FAILED                     an error: only whoever knows the resource can mend it
    ..._IN_PROGRESS                            waited for: an earlier command was interrupted, or another runs
    any other                                  a change set of type UPDATE

Source: CloudFormation, "Understand CloudFormation stack creation events", "Troubleshooting CloudFormation".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from botocore.exceptions import ClientError

from penstock.errors import TargetError
from penstock.pipelines.deploy.errors import code_of
from penstock.pipelines.deploy.events import STACK, Event, Following, Tell
from penstock.pipelines.deploy.sessions import Destination

ChangeSetType: TypeAlias = Literal["CREATE", "UPDATE"]

_LOCAL_LOOKS: Final = 60
"""LocalStack calls a stack DELETE_FAILED for what was never made, and then deletes the rest of it after all."""

_ONLY_DELETED: Final = frozenset({"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """What is deployed under a name.

    Args:
        description: that of its template; empty where the endpoint tells none.
    """

    id: str
    name: str
    status: str
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]
    tags: Mapping[str, str]
    description: str

    @property
    def failed(self) -> bool:
        """Whether it takes no update, and can only be deleted."""
        return self.status in _ONLY_DELETED

    @property
    def busy(self) -> bool:
        """Whether an operation is going on."""
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"


def find_stack(destination: Destination, name: str) -> Stack | None:
    """The stack of that name or id; None if there is none, or none any more."""
    cloudformation: Any = destination.client("cloudformation")
    try:
        found = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if code_of(error) == "ValidationError" and "does not exist" in str(error):
            return None
        raise
    if not found or found[0]["StackStatus"] == "DELETE_COMPLETE":
        return None
    one = found[0]
    return Stack(
        id=one["StackId"],
        name=one["StackName"],
        status=one["StackStatus"],
        parameters={
            each["ParameterKey"]: each.get("ParameterValue", "") for each in one.get("Parameters", [])
        },
        outputs={each["OutputKey"]: each["OutputValue"] for each in one.get("Outputs", [])},
        tags={each["Key"]: each["Value"] for each in one.get("Tags", [])},
        description=one.get("Description") or "",
    )


def resources_of(destination: Destination, name: str) -> frozenset[str]:
    """The logical ids of what the stack has."""
    cloudformation: Any = destination.client("cloudformation")
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
    return frozenset(
        str(one["LogicalResourceId"])
        for page in pages
        for one in page["StackResourceSummaries"]
        if one.get("ResourceStatus") not in ("DELETE_COMPLETE", "DELETE_SKIPPED")
    )


def settle(destination: Destination, name: str, tell: Tell, sleep: Callable[[float], None]) -> Stack | None:
    """Wait until no operation is going on."""
    stack = find_stack(destination, name)
    if stack is None or not stack.busy:
        return stack
    tell(f"the stack {name} is {stack.status}: waiting until that is over")
    following = Following(destination, stack.id, tell, sleep)
    following.begin()
    following.until(lambda: not _busy(destination, stack.id))
    return find_stack(destination, name)


def _busy(destination: Destination, stack_id: str) -> bool:
    stack = find_stack(destination, stack_id)
    return stack is not None and stack.busy


def make_ready(
    destination: Destination, name: str, tell: Tell, sleep: Callable[[float], None]
) -> ChangeSetType:
    """Bring the stack to a state in which it can be changed.

    Raises:
        TargetError: it cannot be deleted, or its rollback cannot be continued or was that of an import and failed.
    """
    stack = settle(destination, name, tell, sleep)
    if stack is None or stack.status == "REVIEW_IN_PROGRESS":
        return "CREATE"
    if stack.failed:
        tell(f"the stack {name} is {stack.status}: it is removed and made anew")
        delete(destination, stack, tell, sleep)
        return "CREATE"
    if stack.status == "IMPORT_ROLLBACK_FAILED":
        raise TargetError(
            f'the stack "{name}" is {stack.status}: CloudFormation could not let go of what it was to take over',
            at=destination.shown,
            fix="mend what the stack's events name, or delete the stack with `penstock destroy`, which keeps the "
            "buckets, queues and tables; then run the command again",
        )
    if stack.status == "UPDATE_ROLLBACK_FAILED":
        tell(f"the stack {name} is {stack.status}: its rollback is continued")
        _continue_rollback(destination, stack, tell, sleep)
    return "UPDATE"


def delete(destination: Destination, stack: Stack, tell: Tell, sleep: Callable[[float], None]) -> None:
    """Delete a stack, and wait until it is gone.

    Raises:
        TargetError: a resource cannot be deleted; the text names it and its reason.
    """
    cloudformation: Any = destination.client("cloudformation")
    following = Following(destination, stack.id, tell, sleep)
    following.begin()
    cloudformation.delete_stack(StackName=stack.id)
    looks = iter(range(_LOCAL_LOOKS if destination.localstack else 0))
    following.until(lambda: not _deleting(destination, stack.id, looks))
    left = find_stack(destination, stack.id)
    if left is not None:
        raise TargetError(
            f'the stack "{stack.name}" could not be deleted, it is {left.status}',
            at=_named(following.failures) or destination.shown,
            fix="delete what it names by hand (empty a bucket first), and run the command again",
        )


def _named(failures: Sequence[Event]) -> str:
    """The resources that failed, with their reasons."""
    own = [one for one in failures if one.kind != STACK]
    return ", ".join(f"{one.logical_id} ({one.kind}): {one.reason}" for one in own)


def _deleting(destination: Destination, stack_id: str, looks: Iterator[int]) -> bool:
    """Whether to look again; at a stack that is DELETE_FAILED only as often as there are `looks`."""
    stack = find_stack(destination, stack_id)
    if stack is None:
        return False
    return stack.status != "DELETE_FAILED" or next(looks, None) is not None


def _continue_rollback(
    destination: Destination, stack: Stack, tell: Tell, sleep: Callable[[float], None]
) -> None:
    cloudformation: Any = destination.client("cloudformation")
    following = Following(destination, stack.id, tell, sleep)
    following.begin()
    cloudformation.continue_update_rollback(StackName=stack.id)
    following.until(lambda: not _busy(destination, stack.id))
    left = find_stack(destination, stack.id)
    if left is not None and left.status == "UPDATE_ROLLBACK_FAILED":
        raise TargetError(
            f'the rollback of the stack "{stack.name}" cannot be finished',
            at=_named(following.failures) or destination.shown,
            fix="mend what it names by hand, and run the command again",
        )
