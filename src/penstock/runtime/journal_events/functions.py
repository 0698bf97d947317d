"""Invocations of functions."""

from __future__ import annotations

from penstock.runtime.journal_events.base import JournalEvent


class InvocationQueued(JournalEvent, frozen=True, kw_only=True, tag=True):
    """An asynchronous invocation was accepted; `payload` is the event's JSON text."""

    request_id: str
    function: str
    payload: str
    source: str = ""


class InvocationStarted(JournalEvent, frozen=True, kw_only=True, tag=True):
    """A function began to run. `source`: a mapping, `async`, an execution's ARN, or the caller."""

    request_id: str
    function: str
    attempt: int = 1
    source: str = ""


class InvocationFinished(JournalEvent, frozen=True, kw_only=True, tag=True):
    """A function came to its end. `billed_seconds` is the duration rounded up to a millisecond.

    Attributes:
        error: Lambda's errorType, None if the function answered.
    """

    request_id: str
    function: str
    attempt: int = 1
    duration_seconds: float
    billed_seconds: float
    memory_mb: int
    cold_start: bool = False
    error: str | None = None
    error_message: str | None = None


class InvocationThrottled(JournalEvent, frozen=True, kw_only=True, tag=True):
    """The function's reserved concurrency was used up; nothing ran."""

    request_id: str
    function: str
    source: str = ""


class InvocationSettled(JournalEvent, frozen=True, kw_only=True, tag=True):
    """An asynchronous invocation is over.

    Attributes:
        condition: `Success`, `RetriesExhausted`, `EventAgeExceeded` or `ZeroReservedConcurrency`.
        destination: where it is told of; a `DestinationFailed` follows if it could not be.
    """

    request_id: str
    function: str
    condition: str
    destination: str | None = None


class DestinationFailed(JournalEvent, frozen=True, kw_only=True, tag=True):
    """A destination or dead-letter queue did not take what became of an asynchronous invocation: it is lost."""

    request_id: str
    function: str
    destination: str
    error: str
    message: str
