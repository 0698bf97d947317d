"""What a test has the tasks of a state machine answer, attempt by attempt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from penstock.errors import UsageError
from penstock.statemachines import ItemsReadFailed, ReadItems, RunTask
from penstock.statemachines.values import JSON


@dataclass(frozen=True, slots=True)
class Returns:
    """The attempt ends well.

    Args:
        submitted: what the service answers when it accepts a `.sync` or `.waitForTaskToken` call.
        worker_name: of the worker that polls an activity's task.
    """

    output: JSON = None
    after_seconds: float = 0.0
    submitted: JSON = None
    worker_name: str | None = None


@dataclass(frozen=True, slots=True)
class Throws:
    """The attempt fails.

    Args:
        accepted: false if the service refuses a `.sync` or `.waitForTaskToken` call, so that nothing is
            waited for.
    """

    error: str | None = None
    cause: str | None = None
    after_seconds: float = 0.0
    accepted: bool = True
    submitted: JSON = None
    worker_name: str | None = None


@dataclass(frozen=True, slots=True)
class Hangs:
    """The attempt never ends by itself: its TimeoutSeconds or HeartbeatSeconds ends it.

    Args:
        taken: whether a worker polls an activity's task.
    """

    submitted: JSON = None
    worker_name: str | None = None
    taken: bool = True


Answer = Returns | Throws | Hangs
Tasks = Callable[[RunTask], Answer]

Items = Callable[[ReadItems], Sequence[JSON] | ItemsReadFailed]
"""All items of a Distributed Map's reader, or why they cannot be read (`read_id` and `at` are filled in)."""


def scripted(answers: Mapping[str, Answer | Sequence[Answer]]) -> Tasks:
    """Tasks that answer by the name of their state: always the same, or a list, attempt by attempt.

    Raises:
        UsageError: on calling it for a state without an answer (left).
    """
    used: dict[str, int] = {}

    def answer(task: RunTask) -> Answer:
        script = answers.get(task.state_name)
        if isinstance(script, Returns | Throws | Hangs):
            return script
        index = used.get(task.state_name, 0)
        if script is None or index >= len(script):
            raise UsageError(
                f'the test has no answer for attempt {index + 1} of the task "{task.state_name}"',
                fix=f'script it: {{"{task.state_name}": [Returns(...), ...]}}',
            )
        used[task.state_name] = index + 1
        return script[index]

    return answer


def no_tasks(task: RunTask) -> Answer:
    """For machines without a Task state."""
    raise UsageError(
        f'the test has no answer for the task "{task.state_name}"', fix="give run_machine `tasks`"
    )


def no_items(_command: ReadItems) -> Sequence[JSON]:
    """For machines without an ItemReader."""
    raise UsageError("the test has no items for the ItemReader", fix="give run_machine `items`")
