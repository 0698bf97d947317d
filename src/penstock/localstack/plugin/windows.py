"""Tumbling windows: which one a record belongs to, and what a function is given and returns in one.

Source: Lambda, "Implementing stateful Kinesis Data Streams processing in Lambda".
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

STATE_LIMIT_BYTES: Final = 1_048_576
"""Of a window's state; a larger one ends the window early."""


@dataclass(slots=True)
class Window:
    """A window of one shard.

    Attributes:
        start, end: `[start, end)` in epoch seconds.
        state: what the function has returned.
        final: whether its last invocation is due.
        early: whether that is since the state has grown too large.
    """

    start: float
    end: float
    state: object = field(default_factory=dict)
    final: bool = False
    early: bool = False

    @property
    def is_full(self) -> bool:
        """Whether the state is larger than a window may hold."""
        return len(json.dumps(self.state, separators=(",", ":")).encode()) > STATE_LIMIT_BYTES

    def again(self) -> Window:
        """The same window without a state: it goes on when it was ended early."""
        return Window(self.start, self.end)

    def event(self, records: Sequence[object], *, shard: str, source_arn: str) -> Mapping[str, object]:
        """What the function is given."""
        return {
            "Records": records,
            "window": {"start": text(self.start), "end": text(self.end)},
            "state": self.state,
            "shardId": shard,
            "eventSourceARN": source_arn,
            "isFinalInvokeForWindow": self.final,
            "isWindowTerminatedEarly": self.early,
        }


def window_of(arrived: float, seconds: int) -> Window:
    """The window in which a record has arrived (epoch seconds)."""
    start = arrived // seconds * seconds
    return Window(start, start + seconds)


def text(seconds: float) -> str:
    """A moment as events have it."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
