"""A function's configuration on this target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the records of asynchronous invocations go, by name (a topic by its ARN)."""

    kind: Literal["queue", "function", "event bus", "topic", "bucket"]
    name: str

    @property
    def called(self) -> str:
        """Its bare name."""
        return self.name.rpartition(":")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSettings:
    """A function's configuration on this target.

    Attributes:
        on_success, on_failure: the destinations.
        dead_letter_queue: a queue or a topic.
    """

    name: str
    arn: str
    handler: str
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout_seconds: float = 30.0
    memory_mb: int = 512
    reserved_concurrency: int | None = None
    maximum_retry_attempts: int = 2
    maximum_event_age_seconds: float = 21_600.0
    on_success: Destination | None = None
    on_failure: Destination | None = None
    dead_letter_queue: Destination | None = None
