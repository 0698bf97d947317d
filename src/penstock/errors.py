"""Every exception that penstock raises on purpose.

1. Nothing is imported here but the standard library: every room may import this one.
2. An error is complete: what broke, where (`at`), and what to do (`fix`).
3. A new exception is drawn into the tree below, which a test holds against the code.

    PenstockError
    ├── DeclarationError        a pipeline's declaration does not hold together
    ├── DefinitionError         a state machine's definition is not valid States Language
    ├── EventError              an event is not what its source sends
    │   └── DecodeError         one record's payload is not what the handler's annotation says
    ├── HandlerError            a handler is declared in a way that cannot work
    ├── ChunkingError           an object cannot be cut into chunks, or its chunks do not fit together
    ├── TargetError             the place where a pipeline runs cannot do what is asked
    │   ├── StateFolderError    the state folder is missing, unwritable, full or in use
    │   └── UnansweredOperationError   an AWS operation that this target does not answer
    └── UsageError              a command was given something that it cannot work with
"""

from __future__ import annotations

from collections.abc import Iterable


class PenstockError(Exception):
    """What broke, where, and what to do about it.

    Args:
        what: one sentence, lower case, without a full stop.
        at: the place: a file with a line or JSON pointer, a state, a record id.
        fix: what the reader can do next.
    """

    def __init__(self, what: str, *, at: str | None = None, fix: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.at = at
        self.fix = fix

    def __str__(self) -> str:
        lines = [self.what]
        if self.at is not None:
            lines.append(f"  at: {self.at}")
        if self.fix is not None:
            lines.append(f"  fix: {self.fix}")
        return "\n".join(lines)


class DeclarationError(PenstockError):
    """A pipeline's declaration does not hold together; `problems` has every one that was found."""

    def __init__(
        self,
        what: str,
        *,
        at: str | None = None,
        fix: str | None = None,
        problems: Iterable[PenstockError] = (),
    ) -> None:
        super().__init__(what, at=at, fix=fix)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n\n".join([super().__str__(), *(str(problem) for problem in self.problems)])


class DefinitionError(PenstockError):
    """A state machine's definition is not valid Amazon States Language."""


class EventError(PenstockError):
    """An event is not what its source sends."""


class DecodeError(EventError):
    """One record's payload is not what the handler's annotation says; retrying cannot help."""


class HandlerError(PenstockError):
    """A handler is declared in a way that cannot work."""


class ChunkingError(PenstockError):
    """An object cannot be cut into chunks, or its chunks do not fit together."""


class TargetError(PenstockError):
    """The place where a pipeline runs cannot do what is asked of it."""


class StateFolderError(TargetError):
    """The state folder is missing, unwritable, full or in use by another run."""


class UnansweredOperationError(TargetError):
    """An AWS operation that this target does not answer; names it and the targets that do."""


class UsageError(PenstockError):
    """A command was given something that it cannot work with."""
