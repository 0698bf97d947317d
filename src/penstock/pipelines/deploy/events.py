"""A stack's events: told as they come, and the one that an operation failed with.

Source: CloudFormation, "DescribeStackEvents", "Stack status codes".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final, TypeAlias

from penstock.pipelines.deploy.errors import without_secrets
from penstock.pipelines.deploy.sessions import Destination

STACK: Final = "AWS::CloudFormation::Stack"
"""The kind that a stack's own events have."""

_BEGUN_BY: Final = 10
"""Looks after which an operation has begun, whether there was an event or not."""

Tell: TypeAlias = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What happened to one resource of the stack."""

    logical_id: str
    kind: str
    status: str
    reason: str

    @property
    def failed(self) -> bool:
        """Whether it failed by itself, and not because another did."""
        return self.status.endswith("_FAILED") and "cancelled" not in self.reason

    def __str__(self) -> str:
        shown = f"  {self.status:<24}{self.kind:<34}{self.logical_id}"
        return f"{shown}  {self.reason}" if self.failed and self.reason else shown


@dataclass(slots=True)
class Following:
    """Follows one stack from now on.

    Args:
        stack: its name or id.
        tell: gets a line for each resource that is finished or has failed.
        sleep: waits between two looks.
    """

    destination: Destination
    stack: str
    tell: Tell
    sleep: Callable[[float], None] = time.sleep
    failures: list[Event] = field(default_factory=list)
    _fresh: int = 0
    _seen: set[str] = field(default_factory=set)

    def begin(self) -> None:
        """What happened before now is not told."""
        self.failures.clear()
        self._fresh = 0
        self._seen.update(str(one["EventId"]) for one in self._events())

    def look(self) -> None:
        """Tell what is new."""
        fresh = [one for one in self._events() if one["EventId"] not in self._seen]
        self._fresh += len(fresh)
        for one in reversed(fresh):
            self._seen.add(str(one["EventId"]))
            event = Event(
                logical_id=str(one["LogicalResourceId"]),
                kind=str(one.get("ResourceType", "")),
                status=str(one.get("ResourceStatus", "")),
                reason=without_secrets(str(one.get("ResourceStatusReason", ""))),
            )
            if event.failed:
                self.failures.append(event)
            if not event.status.endswith("_IN_PROGRESS"):
                self.tell(str(event))

    def until(self, settled: Callable[[], bool]) -> None:
        """Look again and again until `settled`.

        Before the first event the stack's state may still be the one before the operation.
        """
        for look in count(1):
            self.look()
            if (self._fresh or look >= _BEGUN_BY) and settled():
                break
            self.sleep(0.5 if self.destination.local else 3.0)
        self.look()

    def _events(self) -> Iterable[dict[str, Any]]:
        """The newest first, as AWS gives them."""
        cloudformation: Any = self.destination.client("cloudformation")
        found: list[dict[str, Any]] = []
        for page in cloudformation.get_paginator("describe_stack_events").paginate(StackName=self.stack):
            found += page["StackEvents"]
            if any(str(one["EventId"]) in self._seen for one in page["StackEvents"]):
                break
        return found
