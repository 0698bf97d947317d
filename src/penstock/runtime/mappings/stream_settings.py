"""A stream mapping's configuration on this target; stream and function by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from penstock.runtime.mappings.stream_records import Window

Wanted = Callable[[Mapping[str, object]], bool]
"""Filter criteria: is a record of the event let through?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamMappingSettings:
    """The members of Lambda's `CreateEventSourceMapping` for a stream. -1 means without limit.

    Attributes:
        starting_timestamp: epoch seconds, with `AT_TIMESTAMP`.
        wanted: filter criteria; None lets everything through. What is filtered out counts as done.
        on_failure_queue, on_failure_bucket, on_failure_topic: at most one is set, by name (a topic by its ARN).
        consumer: the stream's consumer that the mapping reads as, if it is one with enhanced fan-out.
        pipe_arn: of the pipe that reads, if it is none of Lambda's mappings.
    """

    name: str
    stream: str
    function: str
    batch_size: int = 100
    batching_window_seconds: float = 0.0
    starting_position: Literal["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"] = "TRIM_HORIZON"
    starting_timestamp: float = 0.0
    parallelization_factor: int = 1
    maximum_retry_attempts: int = -1
    maximum_record_age_seconds: int = -1
    bisect_batch_on_function_error: bool = False
    report_batch_item_failures: bool = True
    tumbling_window_seconds: int | None = None
    on_failure_queue: str | None = None
    on_failure_bucket: str | None = None
    on_failure_topic: str | None = None
    wanted: Wanted | None = None
    consumer: str | None = None
    pipe_arn: str | None = None

    @property
    def windowed(self) -> bool:
        return bool(self.tumbling_window_seconds)

    def window_of(self, moment: float) -> Window:
        """The tumbling window that a record which arrived at `moment` belongs to."""
        length = self.tumbling_window_seconds or 1
        start = moment // length * length
        return Window(start=start, end=start + length)
