"""Change sets: what would change, and carrying it out.

Source: CloudFormation, "Update CloudFormation stacks using change sets", "CreateChangeSet", "ExecuteChangeSet".
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from penstock.errors import TargetError
from penstock.pipelines.deploy.errors import code_of, message_of, without_secrets
from penstock.pipelines.deploy.failures import remedy
from penstock.pipelines.deploy.sessions import Destination
from penstock.pipelines.deploy.stacks import ChangeSetType
from penstock.pipelines.deploy.validation import refers_to_validation, validation_failures

_EMPTY: Final = ("didn't contain changes", "No updates are to be performed", "no changes")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSet:
    """What would change in a stack; a line for each resource."""

    id: str
    stack: str
    changes: tuple[str, ...]


def create_change_set(
    destination: Destination,
    stack: str,
    kind: ChangeSetType,
    template: Mapping[str, str],
    parameters: Mapping[str, str],
    tags: Mapping[str, str],
    sleep: Callable[[float], None],
) -> ChangeSet | None:
    """Have CloudFormation work out what would change.

    Args:
        template: `TemplateBody` or `TemplateURL`.

    Returns:
        None: nothing would.

    Raises:
        TargetError: CloudFormation refuses the template.
    """
    cloudformation: Any = destination.client("cloudformation")
    try:
        made = cloudformation.create_change_set(
            StackName=stack,
            ChangeSetName=f"penstock-{uuid.uuid4().hex[:12]}",
            ChangeSetType=kind,
            Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value} for key, value in sorted(parameters.items())
            ],
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            **template,
        )
    except ClientError as error:
        if _is_empty(str(error)):
            return None
        if code_of(error) == "ValidationError":
            raise _refused(stack, message_of(error), destination) from error
        raise
    found = _until_made(cloudformation, made["Id"], stack, sleep)
    if found["Status"] == "FAILED":
        reason = str(found.get("StatusReason", ""))
        if refers_to_validation(reason):
            told = validation_failures(destination, ChangeSetName=made["Id"])
            reason = "; ".join(f"{one.logical_id} ({one.kind}): {one.reason}" for one in told) or reason
        discard(destination, ChangeSet(id=made["Id"], stack=stack, changes=()), kind)
        if _is_empty(reason):
            return None
        raise _refused(stack, reason, destination)
    lines = tuple(_line(one["ResourceChange"]) for one in found["Changes"] if "ResourceChange" in one)
    return ChangeSet(id=made["Id"], stack=stack, changes=lines)


def _is_empty(reason: str) -> bool:
    return any(words in reason for words in _EMPTY)


def _refused(stack: str, reason: str, destination: Destination) -> TargetError:
    return TargetError(
        f'CloudFormation refuses the template of "{stack}": {without_secrets(reason)}',
        at=destination.shown,
        fix=remedy(
            reason, "mend what it names in the declaration, or give the parameter with --parameter NAME=VALUE"
        ),
    )


def _until_made(
    cloudformation: Any, change_set: str, stack: str, sleep: Callable[[float], None]
) -> dict[str, Any]:
    while True:
        found: dict[str, Any] = cloudformation.describe_change_set(ChangeSetName=change_set, StackName=stack)
        if found["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
            break
        sleep(1.0)
    changes, page = list(found.get("Changes", [])), found
    while page.get("NextToken"):
        page = cloudformation.describe_change_set(
            ChangeSetName=change_set, StackName=stack, NextToken=page["NextToken"]
        )
        changes += page.get("Changes", [])
    return {**found, "Changes": changes}


def _line(change: Mapping[str, Any]) -> str:
    action = str(change.get("Action", ""))
    replaced = change.get("Replacement") in ("True", "Conditional")
    fields = sorted(
        {str(one["Target"].get("Name", "")) for one in change.get("Details", []) if one.get("Target")}
    )
    why = ", ".join(name for name in fields if name)
    text = f"  {action:<8}{change.get('ResourceType', ''):<34}{change.get('LogicalResourceId', '')}"
    if why:
        text += f"  ({why})"
    return f"{text}  REPLACED" if replaced else text


def execute(destination: Destination, change_set: ChangeSet) -> None:
    """Begin to carry it out; what a failed creation has made is removed again, so that it can be tried again."""
    cloudformation: Any = destination.client("cloudformation")
    more = {} if destination.local else {"RetainExceptOnCreate": True}
    cloudformation.execute_change_set(ChangeSetName=change_set.id, StackName=change_set.stack, **more)


def discard(destination: Destination, change_set: ChangeSet, kind: ChangeSetType) -> None:
    """Delete a change set that is not carried out, and the stack without resources that one of type CREATE made."""
    cloudformation: Any = destination.client("cloudformation")
    with suppress(ClientError):  # it is of no consequence: the next execution deletes it
        cloudformation.delete_change_set(ChangeSetName=change_set.id, StackName=change_set.stack)
        if kind == "CREATE":
            cloudformation.delete_stack(StackName=change_set.stack)
