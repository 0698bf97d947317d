"""The graph of a declaration: which part refers to which, and every resource that can be reached.

1. `references` is the one place that knows which fields of a part point to other parts. A part
   that it does not know is an error, never skipped.
2. Nothing is judged here; a name that leads nowhere is simply not found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import singledispatch
from pathlib import Path
from typing import TypeVar

from penstock.pipelines.field_types import misfits
from penstock.pipelines.resources import (
    Access,
    Arn,
    Bucket,
    BucketNotification,
    Entry,
    EventBus,
    EventRule,
    Feed,
    Function,
    Named,
    Part,
    Queue,
    QueueMapping,
    Resource,
    Results,
    StateMachine,
    Stream,
    StreamMapping,
    Subscription,
    Table,
    Topic,
    Url,
)
from penstock.pipelines.scheduler import Schedule

Kind = TypeVar("Kind", bound=Part)


@dataclass(frozen=True, slots=True)
class Reference:
    """One arrow of the graph: the field that points, and what it points to."""

    field: str
    to: Resource | Named


def _target(value: object) -> Resource | Named | None:
    """What an environment value or a substitution points to; None for plain text."""
    if isinstance(value, Arn | Url):
        return value.resource
    if isinstance(value, Resource | Named):
        return value
    return None


@singledispatch
def references(part: Part) -> Iterator[Reference]:
    """Every arrow that starts at `part`, in the order of its fields."""
    raise TypeError(f"{type(part).__name__} is no part of a pipeline that references() knows")


def is_part(part: Part) -> bool:
    """Whether `references` knows the kind of `part`: pieces of parts, such as an `Arn`, it does not."""
    return references.dispatch(type(part)) is not references.dispatch(object)


@references.register(Bucket)
@references.register(EventBus)
@references.register(Stream)
@references.register(Table)
@references.register(Topic)
@references.register(Named)
def _no_references(part: Part) -> Iterator[Reference]:
    return iter(())


@references.register(Queue)
def _of_queue(part: Queue) -> Iterator[Reference]:
    if part.dead_letter_queue is not None:
        yield Reference("dead_letter_queue", part.dead_letter_queue)


@references.register(Function)
def _of_function(part: Function) -> Iterator[Reference]:
    for variable, value in part.environment.items():
        if (target := _target(value)) is not None:
            yield Reference(f"environment[{variable!r}]", target)
    if part.on_failure is not None:
        yield Reference("on_failure", part.on_failure)
    if part.on_success is not None:
        yield Reference("on_success", part.on_success)
    if part.dead_letter_queue is not None:
        yield Reference("dead_letter_queue", part.dead_letter_queue)
    for call in part.calls:
        yield Reference("calls", call.resource if isinstance(call, Access) else call)


@references.register(StateMachine)
def _of_state_machine(part: StateMachine) -> Iterator[Reference]:
    for name, value in part.substitutions.items():
        if (target := _target(value)) is not None:
            yield Reference(f"substitutions[{name!r}]", target)


@references.register(BucketNotification)
def _of_notification(part: BucketNotification) -> Iterator[Reference]:
    yield Reference("bucket", part.bucket)
    yield Reference("to", part.to)


@references.register(Subscription)
def _of_subscription(part: Subscription) -> Iterator[Reference]:
    yield Reference("topic", part.topic)
    yield Reference("to", part.to)
    if part.dead_letter_queue is not None:
        yield Reference("dead_letter_queue", part.dead_letter_queue)


@references.register(Schedule)
def _of_schedule(part: Schedule) -> Iterator[Reference]:
    yield Reference("to", part.to)
    if part.dead_letter_queue is not None:
        yield Reference("dead_letter_queue", part.dead_letter_queue)


@references.register(EventRule)
def _of_rule(part: EventRule) -> Iterator[Reference]:
    if part.bus is not None:
        yield Reference("bus", part.bus)
    for target in part.targets:
        yield Reference("to", target.to)
        if target.dead_letter_queue is not None:
            yield Reference("dead_letter_queue", target.dead_letter_queue)


@references.register(QueueMapping)
def _of_queue_mapping(part: QueueMapping) -> Iterator[Reference]:
    yield Reference("queue", part.queue)
    yield Reference("function", part.function)


@references.register(StreamMapping)
def _of_stream_mapping(part: StreamMapping) -> Iterator[Reference]:
    yield Reference("stream", part.stream)
    yield Reference("function", part.function)
    if part.on_failure is not None:
        yield Reference("on_failure", part.on_failure)


@references.register(Feed)
def _of_feed(part: Feed) -> Iterator[Reference]:
    yield Reference("stream", part.stream)


@references.register(Entry)
@references.register(Results)
def _of_end(part: Entry | Results) -> Iterator[Reference]:
    yield Reference("bucket", part.bucket)
    if isinstance(part, Results) and part.announced_in is not None:
        yield Reference("announced_in", part.announced_in)


@dataclass(frozen=True, slots=True)
class Graph:
    """A declaration, unfolded.

    Args:
        root: the project's folder: definitions and handlers are found from here.
        parts: every part, declared or reached, each once, in the order of the declaration.
        resources: the parts that are resources.
    """

    root: Path
    parts: tuple[Part, ...]
    resources: tuple[Resource, ...]

    def of(self, kind: type[Kind]) -> tuple[Kind, ...]:
        """Every part of one kind, in the order of the declaration."""
        return tuple(part for part in self.parts if isinstance(part, kind))

    def named(self, name: str) -> tuple[Resource, ...]:
        """The resources called `name`: one of each kind at most in a sound declaration."""
        return tuple(resource for resource in self.resources if resource.name == name)

    def follow(self, reference: Resource | Named) -> Resource | None:
        """The resource itself, also where only its name was written; None if there is none."""
        if isinstance(reference, Resource):
            return reference
        return next(iter(self.named(reference.name)), None)


def unfold(parts: Sequence[Part], *, root: Path) -> Graph:
    """Collect `parts` and everything that they refer to.

    Raises:
        TypeError: a part is of a kind that `references` does not know.
    """
    found: list[Part] = []
    waiting: list[Part] = list(reversed(parts))
    while waiting:
        part = waiting.pop()
        if isinstance(part, Named) or part in found:
            continue
        found.append(part)
        if any(misfits(part)):
            continue  # PL100 tells of it, and of nothing behind it
        waiting.extend(reversed([reference.to for reference in references(part)]))
    return Graph(root, tuple(found), tuple(part for part in found if isinstance(part, Resource)))
