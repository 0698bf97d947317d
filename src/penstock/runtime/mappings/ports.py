"""What a mapping gives its batches to: `Functions`, or the worker of a pipe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from penstock.runtime.invocation import InvocationOutcome, Payload


class Limits(Protocol):
    """What a mapping needs to know of what it invokes."""

    @property
    def arn(self) -> str: ...

    @property
    def timeout_seconds(self) -> float: ...


class RunsBatches(Protocol):
    """Invokes something with a batch; `done` is told the outcome in a later turn."""

    def find(self, name: str, /) -> Limits: ...

    def run(
        self,
        name: str,
        payload: Payload,
        done: Callable[[InvocationOutcome], None],
        *,
        source: str,
        attempt: int = 1,
    ) -> str: ...
