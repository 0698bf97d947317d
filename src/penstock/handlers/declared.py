"""What a function declares of its parameters, also where other decorators stand between.

A decorator such as Powertools' `tracer.capture_method` gives a function of `*args, **kwargs` that bears the one it
stands around as `__wrapped__` (Python, "functools.wraps"). That one's parameters are meant; the outer one is called.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType
from typing import Any, Final, cast

from penstock.errors import HandlerError

_ASYNC_OR_GENERATOR: Final = 0x20 | 0x80 | 0x200
"""CO_GENERATOR, CO_COROUTINE and CO_ASYNC_GENERATOR of the module `inspect`, which is slow to import."""


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


def refuse_unplain(function: Callable[..., object], *, at: str) -> None:
    """Refuse what does nothing when it is called.

    Raises:
        HandlerError: it is asynchronous, or a generator.
    """
    if cast("CodeType", cast("Any", function).__code__).co_flags & _ASYNC_OR_GENERATOR:
        raise HandlerError(
            f"{function.__qualname__} is no plain function: it is asynchronous or a generator",
            at=at,
            fix="Lambda calls plain functions; use asyncio.run inside one",
        )


def declared_at(function: Callable[..., object]) -> str:
    """The line of the innermost function, as an error shows it."""
    code = cast("CodeType", declared_function(function).__code__)
    return f"{code.co_filename}:{code.co_firstlineno}"
