"""A decorated function: itself for tests, and Lambda's entry for events."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, ParamSpec, TypeVar, cast

from penstock.handlers.context import LambdaContext, is_context

P = ParamSpec("P")
R = TypeVar("R")


class EntryPoint(ABC, Generic[P, R]):
    """What every decorator's handler is: `handler(payload)` calls the function, `handler(event, context)` invokes it.

    So a function's handler setting is `module.name` of the decorated function. One that takes the context too is
    called by a test as `handler.function(payload, context)`: a call of the handler with a context is an invocation.

    Attributes:
        function: the function that was decorated.
    """

    def __init__(self, function: Callable[P, R]) -> None:
        self.function = function
        self.__name__ = function.__name__
        self.__qualname__ = function.__qualname__
        self.__module__ = function.__module__
        self.__doc__ = function.__doc__
        self.__wrapped__ = function

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself; or, with Lambda's context as the second argument, `invoke` it."""
        if len(args) == 2 and is_context(args[1]):
            return cast("R", self.invoke(args[0], cast("LambdaContext", args[1])))
        return self.function(*args, **kwargs)

    @abstractmethod
    def invoke(self, event: object, context: LambdaContext) -> object:
        """Handle an event as Lambda would have it."""
