"""What a function's answer to a batch means: which of its records failed, and the state of a window.

Source: Lambda, "Reporting batch item failures": an empty or null list, an empty or null answer mean success;
an answer that is not JSON, an identifier that is empty, null, of the wrong type or unknown, and a misspelt
member mean that the whole batch failed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Final

from penstock.runtime.invocation import InvocationOutcome
from penstock.runtime.journal_events import StreamRecord
from penstock.runtime.mappings.stream_records import PAYLOAD_LIMIT_BYTES

_ALL_SUCCEEDED: Final = (b"null", b"{}", b'{"batchItemFailures": []}')
"""What most answers are, known without being read."""


def failed_identifiers(payload: bytes | None, identifiers: Collection[str]) -> frozenset[str] | None:
    """The identifiers that a function reported as failed.

    Args:
        payload: the function's answer, JSON.
        identifiers: those of the batch: message ids or sequence numbers.

    Returns:
        None if the answer makes the whole batch a failure.
    """
    try:
        answer = json.loads(payload or b"null")
    except ValueError:
        return None
    if answer is None or answer in ({}, ""):
        return frozenset()
    if not isinstance(answer, dict):
        return frozenset()
    if "batchItemFailures" not in answer:
        return frozenset()
    failures = answer["batchItemFailures"]
    if failures is None:
        return frozenset()
    if not isinstance(failures, list):
        return None
    found: set[str] = set()
    for failure in failures:
        identifier = failure.get("itemIdentifier") if isinstance(failure, dict) else None
        if not isinstance(identifier, str) or identifier not in identifiers:
            return None
        found.add(identifier)
    return frozenset(found)


def first_failure(
    outcome: InvocationOutcome, records: Sequence[StreamRecord], *, windowed: bool, reported: bool
) -> int | None:
    """The index of the first record of a stream's batch that failed; None if none did.

    Args:
        windowed: whether an answer without a state is a failure.
        reported: whether an answer may name failures.
    """
    if outcome.error is not None:
        return 0
    if windowed and state_of(outcome.payload) is None:
        return 0
    if not reported or outcome.payload in _ALL_SUCCEEDED:
        return None
    numbers = [record.sequence_number for record in records]
    failed = failed_identifiers(outcome.payload, frozenset(numbers))
    if failed is None:
        return 0
    if not failed:
        return None
    return next((index for index, number in enumerate(numbers) if number in failed), None)


def state_of(payload: bytes | None) -> str | None:
    """The `state` of a function's answer, as JSON text; None if it has none, or one that no event could hold."""
    try:
        answer = json.loads(payload or b"null")
    except ValueError:
        return None
    state = answer.get("state") if isinstance(answer, dict) else None
    if state is None:
        return None
    text = json.dumps(state, separators=(",", ":"), ensure_ascii=False)
    return text if len(text.encode()) <= PAYLOAD_LIMIT_BYTES else None
