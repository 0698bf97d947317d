"""Buckets that would trigger themselves: what a notification sets off, and what of that writes.

A writer is a function by what its declaration says, or a state machine by what its definition says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from penstock.errors import PenstockError
from penstock.pipelines.checks.rule import Finding
from penstock.pipelines.graph import Graph, references
from penstock.pipelines.resolve import definition
from penstock.pipelines.resources import (
    Access,
    BucketNotification,
    Function,
    Queue,
    QueueMapping,
    Resource,
    StateMachine,
    Subscription,
    Topic,
)

_MAKES_OBJECTS = re.compile(
    r"arn:aws[a-z-]*:states:::(?:aws-sdk:)?s3:(?:putObject|copyObject|completeMultipartUpload)(?:\.\w+)?"
)


_RECORDS_OF_FAILURES = "aws/lambda/async/"
"""How the keys of failures' records begin (Lambda, "Capturing records of Lambda asynchronous invocations")."""

_ENDS_LIKE_A_UUID = re.compile(r"[0-9a-f-]{0,36}")


def share_prefix(first: str, second: str) -> bool:
    """Whether one key can begin with both."""
    return first.startswith(second) or second.startswith(first)


def share_suffix(first: str, second: str) -> bool:
    """Whether one key can end with both."""
    return first.endswith(second) or second.endswith(first)


def triggering_themselves(graph: Graph) -> Iterator[Finding]:
    """Every notification that sets off something that may write what it announces."""
    for notification in _of_new_objects(graph):
        for writer in _set_off_by(notification, graph):
            if (prefix := _written(writer, notification, graph)) is None:
                continue
            where = f'under "{prefix}"' if prefix else "anywhere"
            remedy = (
                "let its on_failure be another bucket, or give"
                if prefix == _RECORDS_OF_FAILURES
                else "if it only reads the bucket, say calls=(reads(...),); if it writes, give writes(...)"
                if isinstance(writer, Function)
                else "let it write to another bucket, or give its keys"
            )
            yield Finding(
                what=(
                    f'"{notification.bucket.name}" would trigger itself: its notification sets off '
                    f'"{writer.name}", which may write {where} in it'
                ),
                part=notification,
                within=f'{type(writer).__name__}("{writer.name}") at {writer.declared_at}',
                fix=f'{remedy} and the notification ("{notification.prefix}") prefixes that do not meet',
            )


def _of_new_objects(graph: Graph) -> tuple[BucketNotification, ...]:
    return tuple(
        one
        for one in graph.of(BucketNotification)
        if any(event.startswith("s3:ObjectCreated:") for event in one.events)
    )


def _set_off_by(notification: BucketNotification, graph: Graph) -> tuple[Resource, ...]:
    """Every function and state machine that may run because of the notification, also over another bucket."""
    others = [one for one in _of_new_objects(graph) if one != notification]
    waiting: list[Resource] = [notification.to]
    found: list[Resource] = []
    while waiting:
        resource = waiting.pop()
        if resource in found:
            continue
        found.append(resource)
        if isinstance(resource, Queue):
            waiting.extend(
                mapping.function for mapping in graph.of(QueueMapping) if mapping.queue == resource
            )
        elif isinstance(resource, Topic):
            waiting.extend(one.to for one in graph.of(Subscription) if one.topic == resource)
        elif isinstance(resource, Function | StateMachine):
            pointed = (graph.follow(reference.to) for reference in references(resource))
            waiting.extend(item for item in pointed if isinstance(item, Function | StateMachine | Queue))
            waiting.extend(
                one.to for one in others if _written(resource, one, graph, surely=True) is not None
            )
    return tuple(resource for resource in found if isinstance(resource, Function | StateMachine))


def _written(
    writer: Resource, notification: BucketNotification, graph: Graph, *, surely: bool = False
) -> str | None:
    """The prefix under which `writer` may write an object that is announced; None if it may not.

    A bucket that stands among a function's variables may be written to anywhere, unless `calls` says what the
    function does with it.

    Args:
        surely: only what is declared to be written counts.
    """
    if isinstance(writer, StateMachine):
        return next((made.key for made in _made_by(writer, graph) if made.is_announced(notification)), None)
    if not isinstance(writer, Function):
        return None
    if _tells_of_failures(writer, notification, graph):
        return _RECORDS_OF_FAILURES
    declared = [
        call
        for call in writer.calls
        if isinstance(call, Access) and graph.follow(call.resource) == notification.bucket
    ]
    for access in declared:
        if access.write and share_prefix(access.prefix, notification.prefix):
            return access.prefix
    arrows = [
        one for one in references(writer) if one.field == "calls" or not (surely or one.field == "on_failure")
    ]
    pointed = [graph.follow(arrow.to) for arrow in arrows]
    return "" if not declared and notification.bucket in pointed else None


def _tells_of_failures(function: Function, notification: BucketNotification, graph: Graph) -> bool:
    """Whether the notification announces the records of the function's failures: each would be another event."""
    told = None if function.on_failure is None else graph.follow(function.on_failure)
    return (
        told == notification.bucket
        and share_prefix(_RECORDS_OF_FAILURES, notification.prefix)
        and _ENDS_LIKE_A_UUID.fullmatch(notification.suffix) is not None
    )


@dataclass(frozen=True, slots=True)
class _Made:
    """Objects that a state machine makes: those whose keys begin with `key`, or the one of that key.

    Attributes:
        suffix: what their keys end with, as far as it is known.
    """

    bucket: str
    key: str
    suffix: str = ""
    exact: bool = False

    def is_announced(self, notification: BucketNotification) -> bool:
        """Whether the notification may tell of one of them."""
        if self.bucket != notification.bucket.name or not share_suffix(self.suffix, notification.suffix):
            return False
        if self.exact:
            return self.key.startswith(notification.prefix) and self.key.endswith(notification.suffix)
        return share_prefix(self.key, notification.prefix)


def _made_by(machine: StateMachine, graph: Graph) -> tuple[_Made, ...]:
    try:
        return tuple(_made_in(definition(machine, graph)))
    except PenstockError:
        return ()  # PL601 and PL101 tell of a definition that cannot be read or filled in


def _made_in(value: object) -> Iterator[_Made]:
    """What the tasks and result writers of a definition make, wherever they are nested."""
    if isinstance(value, Mapping):
        resource, arguments = value.get("Resource"), value.get("Parameters", value.get("Arguments"))
        if (
            isinstance(resource, str)
            and _MAKES_OBJECTS.fullmatch(resource)
            and isinstance(arguments, Mapping)
        ):
            bucket = arguments.get("Bucket")
            if isinstance(bucket, str) and "Type" in value:
                key = _literal(arguments.get("Key"))
                yield _Made(bucket, key, suffix=key, exact=bool(key))
            elif isinstance(bucket, str):  # a ResultWriter: manifest.json, SUCCEEDED_0.json, ...
                yield _Made(bucket, _literal(arguments.get("Prefix")), suffix=".json")
        for member in value.values():
            yield from _made_in(member)
    elif isinstance(value, list | tuple):
        for member in value:
            yield from _made_in(member)


def _literal(text: object) -> str:
    """A key or prefix that is written out; empty for one that is computed."""
    return text if isinstance(text, str) and not text.startswith("{%") and "${" not in text else ""
