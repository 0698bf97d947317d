"""What a handler needs of Lambda's context object."""

from __future__ import annotations

from typing import Protocol, get_args


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

    Any type of that name will do: Powertools' class, Lambda's own, the Protocol above; also `LambdaContext | None`.
    """
    return name in ("context", "lambda_context") or any(
        getattr(one, "__name__", "") == "LambdaContext" for one in (annotation, *get_args(annotation))
    )
