"""What a handler needs of Lambda's context object."""

from __future__ import annotations

from typing import Final, Protocol, get_args

from penstock.handlers.annotations import ANY

_NAMES: Final = ("context", "lambda_context")


class LambdaContext(Protocol):
    """The second argument of a Lambda handler ("AWS Lambda context object in Python").

    Lambda's own object and `penstock.testing.FakeContext` implement it.
    """

    @property
    def aws_request_id(self) -> str: ...

    @property
    def function_name(self) -> str: ...

    def get_remaining_time_in_millis(self) -> int: ...


def is_context(value: object) -> bool:
    """Whether a second argument is Lambda's context, so that the call is an invocation."""
    return hasattr(value, "get_remaining_time_in_millis")


def is_context_parameter(name: str, annotation: object) -> bool:
    """Whether a function's second parameter asks for Lambda's context: by its name, or by its type's.

    Any type of that name will do: Powertools' class, Lambda's own, the Protocol above; also `LambdaContext | None`;
    and any other that has `get_remaining_time_in_millis`.
    """
    return name in _NAMES or _is_of_context(annotation)


def is_context_with_default(name: str, annotation: object) -> bool:
    """The same of a parameter with a default: its name counts only if its annotation says nothing.

    `context: str = "orders"` is the function's own; it keeps its default.
    """
    return name in _NAMES if annotation in (None, *ANY) else _is_of_context(annotation)


def _is_of_context(annotation: object) -> bool:
    """Whether an annotation is a type that is called LambdaContext, or one with what Lambda's context has."""
    return any(
        getattr(one, "__name__", "") == "LambdaContext" or is_context(one)
        for one in (annotation, *get_args(annotation))
    )
