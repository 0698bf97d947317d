"""Every exception that penstock raises on purpose.

1. Nothing is imported here but the standard library: every room may import this one.
2. An error is complete: what broke, where (`at`), and what to do (`fix`).
3. A new exception is drawn into the tree below, which a test holds against the code.

    PenstockError
    ├── DeclarationError        a pipeline's declaration does not hold together
    ├── RuleError               one rule that a declaration or a definition breaks, with the rule's id
    ├── EventPatternError       an event pattern or a filter is not valid
    ├── ScheduleExpressionError   a rate(...) or cron(...) expression is not valid
    ├── DefinitionError         a state machine's definition is not valid States Language
    │   └── ExpressionSyntaxError   a path, intrinsic function or JSONata expression cannot be read
    ├── EvaluationError         an expression cannot be evaluated with the data at hand (a state fails with it)
    │   ├── PathError           a path finds nothing, or a reference path cannot be applied
    │   ├── IntrinsicError      an intrinsic function refuses its arguments
    │   ├── JsonataError        a JSONata expression fails, returns nothing or runs away
    │   ├── UnwritableValueError   a value is nested too deeply to be written as JSON
    │   ├── PatternStoppedError   a regular expression takes too long to search
    │   └── ExecutionInputError   an execution's input is larger than a payload may be
    ├── StateTestError          a state cannot be tested like this (TestState refuses the request)
    ├── ItemFormatError         the items of a Distributed Map are not in the format that its reader names
    ├── EventError              an event is not what its source sends
    │   └── DecodeError         one record's payload is not what the handler's annotation says
    ├── HandlerError            a handler is declared in a way that cannot work
    ├── ChunkingError           an object cannot be cut into chunks, or its chunks do not fit together
    ├── TargetError             the place where a pipeline runs cannot do what is asked
    │   ├── StateFolderError    the state folder is missing, unwritable, full or in use
    │   ├── LocalStackError     LocalStack cannot be installed or started on this machine
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


class RuleError(PenstockError):
    """One rule that a declaration or a definition breaks; `penstock explain` tells more of `rule`."""

    def __init__(self, what: str, *, rule: str, at: str | None = None, fix: str | None = None) -> None:
        super().__init__(what, at=at, fix=fix)
        self.rule = rule

    def __str__(self) -> str:
        first, *rest = super().__str__().split("\n")
        return "\n".join([f"{self.rule} {first}", *rest])


class EventPatternError(PenstockError):
    """An event pattern, filter criteria or a filter policy that AWS would not take."""


class ScheduleExpressionError(PenstockError):
    """A `rate(...)` or `cron(...)` expression that EventBridge would not take."""


class DefinitionError(PenstockError):
    """A state machine's definition is not valid Amazon States Language."""


class ExpressionSyntaxError(DefinitionError):
    """A path, an intrinsic function or a JSONata expression cannot be read."""


class EvaluationError(PenstockError):
    """An expression cannot be evaluated with the data at hand; the state that holds it fails.

    `what` is AWS's own sentence, for the `cause` of the state's failure.
    """


class PathError(EvaluationError):
    """A path finds nothing, or a reference path cannot be applied to a document.

    Args:
        what: the reason in the words of AWS's JSONPath library: `No results for path: $['a']`.
        out_of_bounds: the path ends with an index beyond the end of an array that is there.
    """

    def __init__(self, what: str, *, at: str | None = None, out_of_bounds: bool = False) -> None:
        super().__init__(what, at=at)
        self.out_of_bounds = out_of_bounds


class IntrinsicError(EvaluationError):
    """An intrinsic function refuses its arguments, or one of them finds nothing.

    Args:
        what: `The function '...' had the following error: ...`, as AWS words it.
        error: the error name that the state fails with.
    """

    def __init__(self, what: str, *, error: str = "States.Runtime") -> None:
        super().__init__(what)
        self.error = error


class JsonataError(EvaluationError):
    """A JSONata expression fails, or is stopped because it takes too much time, depth or memory.

    Args:
        code: JSONata's own code (`T2001`, `D3030`), or empty where AWS gives none.
        message: AWS's sentence.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class UnwritableValueError(EvaluationError):
    """A value cannot be written as JSON: it is nested too deeply, or a number in it has thousands of digits."""


class PatternStoppedError(EvaluationError):
    """A regular expression takes longer to search than its evaluation may."""


class ExecutionInputError(EvaluationError):
    """An execution's input is larger than a payload may be, or nested too deeply: it is not started."""


class StateTestError(PenstockError):
    """A state cannot be tested like this: TestState refuses the request.

    Args:
        what: AWS's message.
        code: AWS's error code: `ValidationException` or `InvalidDefinition`.
    """

    def __init__(
        self,
        what: str,
        *,
        code: str = "ValidationException",
        at: str | None = None,
        fix: str | None = None,
    ) -> None:
        super().__init__(what, at=at, fix=fix)
        self.code = code


class ItemFormatError(PenstockError):
    """The items of a Distributed Map are not in the format that its reader names; `what` is AWS's cause."""


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


class LocalStackError(TargetError):
    """LocalStack cannot be installed or started on this machine."""


class UnansweredOperationError(TargetError):
    """An AWS operation that this target does not answer; names it and the targets that do."""


class UsageError(PenstockError):
    """A command was given something that it cannot work with."""
