"""Change sets: what would change, and carrying it out.

Source: CloudFormation, "Update CloudFormation stacks using change sets", "CreateChangeSet", "ExecuteChangeSet".
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
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
    """What would change in a stack; a line for each resource.

    Args:
        imports: whether it takes over what is there, and changes nothing.
    """

    id: str
    stack: str
    changes: tuple[str, ...]
    imports: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """A resource that is there and becomes the stack's (CloudFormation, "ResourceToImport")."""

    logical_id: str
    kind: str
    identifier: Mapping[str, str]


def create_change_set(
    destination: Destination,
    stack: str,
    kind: ChangeSetType,
    template: Mapping[str, str],
    parameters: Mapping[str, str],
    tags: Mapping[str, str],
    sleep: Callable[[float], None],
    imports: Sequence[Import] = (),
) -> ChangeSet | None:
    """Have CloudFormation work out what would change.

    Args:
        kind: what the stack takes; the change set is of type IMPORT, if there are `imports`.
        template: `TemplateBody` or `TemplateURL`.
        tags: those of the stack; with `imports` it has to have none, for an import takes no other tags.
        imports: what is taken over; the template may add nothing else, and change nothing.

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
            ChangeSetType="IMPORT" if imports else kind,
            Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value} for key, value in sorted(parameters.items())
            ],
            **_tags_or_imports(tags, imports),
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
    return ChangeSet(id=made["Id"], stack=stack, changes=lines, imports=bool(imports))


def _tags_or_imports(tags: Mapping[str, str], imports: Sequence[Import]) -> dict[str, object]:
    if not imports:
        return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
    return {
        "ResourcesToImport": [
            {
                "ResourceType": one.kind,
                "LogicalResourceId": one.logical_id,
                "ResourceIdentifier": dict(one.identifier),
            }
            for one in imports
        ]
    }


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
    if action == "Import" and change.get("PhysicalResourceId"):
        why = str(change["PhysicalResourceId"])
    if why:
        text += f"  ({why})"
    return f"{text}  REPLACED" if replaced else text


def execute(destination: Destination, change_set: ChangeSet) -> None:
    """Begin to carry it out; what a failed creation has made is removed again, so that it can be tried again.

    What is taken over was there before: nothing removes that.
    """
    cloudformation: Any = destination.client("cloudformation")
    more = {} if destination.local or change_set.imports else {"RetainExceptOnCreate": True}
    cloudformation.execute_change_set(ChangeSetName=change_set.id, StackName=change_set.stack, **more)


def discard(destination: Destination, change_set: ChangeSet, kind: ChangeSetType) -> None:
    """Delete a change set that is not carried out, and the stack without resources that one of type CREATE made."""
    cloudformation: Any = destination.client("cloudformation")
    with suppress(ClientError):  # it is of no consequence: the next execution deletes it
        cloudformation.delete_change_set(ChangeSetName=change_set.id, StackName=change_set.stack)
        if kind == "CREATE":
            cloudformation.delete_stack(StackName=change_set.stack)
