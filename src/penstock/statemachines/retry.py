"""Retry: which retrier answers an error, and how long to wait (States Language, "Retrying after error").

Pure arithmetic over a retrier and its count; who waits is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from penstock.statemachines.failures import matches
from penstock.statemachines.model import Retrier

MAXIMUM_INTERVAL_SECONDS = 99_999_999


def find_retrier(
    retriers: Sequence[Retrier], error: str | None, attempts: Sequence[int], *, alias: str | None = None
) -> int | None:
    """The index of the retrier that answers `error`, if it has attempts left.

    "When a state has both Retry and Catch fields, the interpreter uses any appropriate Retriers first". The
    first retrier that names the error is the only one asked.

    Args:
        attempts: how often each retrier has been used since the state was entered.
        alias: another name of the error (see `StateFailure`).
    """
    for index, retrier in enumerate(retriers):
        if matches(retrier.error_equals, error, alias):
            return index if attempts[index] < retrier.max_attempts else None
    return None


def delay_seconds(retrier: Retrier, attempt: int, *, draw: Random) -> float:
    """How long to wait before retry number `attempt`.

    Args:
        attempt: 1 for the first retry, the second time that the state runs.
        draw: the execution's random numbers; used only for `JitterStrategy: FULL`.

    Returns:
        Seconds: `IntervalSeconds * BackoffRate ** (attempt - 1)`, at most `MaxDelaySeconds`; with
        full jitter, any number from 0 to that.
    """
    try:
        longest = retrier.interval_seconds * retrier.backoff_rate ** (attempt - 1)
    except OverflowError:
        longest = MAXIMUM_INTERVAL_SECONDS
    longest = min(longest, retrier.max_delay_seconds or MAXIMUM_INTERVAL_SECONDS)
    return draw.uniform(0.0, longest) if retrier.full_jitter else float(longest)
