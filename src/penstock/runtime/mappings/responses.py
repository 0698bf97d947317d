"""What a function's answer to a batch means: which of its records failed.

Source: Lambda, "Reporting batch item failures": an empty or null list, an empty or null answer mean success;
an answer that is not JSON, an identifier that is empty, null, of the wrong type or unknown, and a misspelt
member mean that the whole batch failed.
"""

from __future__ import annotations

import json
from collections.abc import Collection


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
