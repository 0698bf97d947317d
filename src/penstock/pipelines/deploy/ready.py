"""Waiting until what a stack has works: functions are active, mappings deliver.

CloudFormation is done before they are (Lambda, "Lambda function states", "GetEventSourceMapping").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from penstock.errors import TargetError
from penstock.pipelines.deploy.sessions import Destination

_LOOKS: Final = 200

_SETTLED = ("Enabled", "Disabled", "")


def until_ready(destination: Destination, stack: str, sleep: Callable[[float], None]) -> None:
    """Wait for every function and mapping of the stack.

    Raises:
        TargetError: a function has failed, or one is not ready after some minutes.
    """
    cloudformation: Any = destination.client("cloudformation")
    waiting: list[tuple[str, str, str]] = []
    for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack):
        for one in page["StackResourceSummaries"]:
            kind, physical = one["ResourceType"], one.get("PhysicalResourceId", "")
            if kind in ("AWS::Lambda::Function", "AWS::Lambda::EventSourceMapping") and physical:
                waiting.append((kind, one["LogicalResourceId"], physical))
    for _ in range(_LOOKS):
        waiting = [one for one in waiting if not _is_ready(destination, *one)]
        if not waiting:
            return
        sleep(0.5 if destination.local else 3.0)
    raise TargetError(
        f"not ready yet: {', '.join(name for _, name, _ in waiting)}",
        at=destination.shown,
        fix="run the command again: it goes on waiting",
    )


def _is_ready(destination: Destination, kind: str, logical_id: str, physical_id: str) -> bool:
    client: Any = destination.client("lambda")
    if kind == "AWS::Lambda::EventSourceMapping":
        return str(client.get_event_source_mapping(UUID=physical_id).get("State", "")) in _SETTLED
    found: Mapping[str, str] = client.get_function_configuration(FunctionName=physical_id)
    if found.get("State") == "Failed" or found.get("LastUpdateStatus") == "Failed":
        reason = found.get("StateReason") or found.get("LastUpdateStatusReason") or "no reason given"
        raise TargetError(
            f"the function {logical_id} ({physical_id}) has failed: {reason}",
            at=destination.shown,
            fix="mend what it names, and run the command again",
        )
    # One that was not invoked for weeks is Inactive until it is (Lambda, "Lambda function states").
    return (
        found.get("State", "Active") != "Pending"
        and found.get("LastUpdateStatus", "Successful") == "Successful"
    )
