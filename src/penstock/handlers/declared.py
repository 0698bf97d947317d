"""What a function declares of its parameters, also where other decorators stand between.

A decorator such as Powertools' `tracer.capture_method` gives a function of `*args, **kwargs` that bears the one it
stands around as `__wrapped__` (Python, "functools.wraps"). That one's parameters are meant; the outer one is called.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType
from typing import Any, cast

from penstock.errors import HandlerError


def declared_function(function: Callable[..., object]) -> Any:
    """The innermost function, whose parameters and annotations are those of `function`.

    Raises:
        HandlerError: something between is no function, so that nothing is known of its parameters.
    """
    inner: object = function
    seen: set[int] = set()
    while id(inner) not in seen:
        seen.add(id(inner))
        if getattr(inner, "__code__", None) is None:
            raise HandlerError(
                f"{inner!r} is not a function", at=repr(function), fix="decorate a plain function"
            )
        inner = getattr(inner, "__wrapped__", inner)
    return inner


def declared_at(function: Callable[..., object]) -> str:
    """The line of the innermost function, as an error shows it."""
    code = cast("CodeType", declared_function(function).__code__)
    return f"{code.co_filename}:{code.co_firstlineno}"
