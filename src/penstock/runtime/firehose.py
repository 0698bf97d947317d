"""What Firehose makes of the answer of a function that transforms its records.

Source: Amazon Data Firehose, "Handle failure in data transformation" and "Required parameters for data
transformation".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from penstock.handlers.base64_data import base64_bytes

OK, DROPPED, FAILED = "Ok", "Dropped", "ProcessingFailed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transformation:
    """What Firehose makes of a function's answer, by record ids.

    Attributes:
        delivered: with the data that is delivered.
        failed: written to `processing-failed/` as they were; with the reason.
    """

    delivered: dict[str, bytes]
    dropped: tuple[str, ...]
    failed: dict[str, str]


def transformation_of(event: Mapping[str, object], answer: object) -> Transformation:
    """Judge a function's answer as Firehose does: a record id that is missing, unknown results and data that is no
    Base64 are failures of those records; an answer without records fails all of them.

    Source: Amazon Data Firehose, "Handle failure in data transformation".
    """
    answered = answer.get("records") if isinstance(answer, Mapping) else None
    by_id = {
        str(one.get("recordId")): one
        for one in (answered if isinstance(answered, list) else [])
        if isinstance(one, Mapping)
    }
    delivered: dict[str, bytes] = {}
    dropped: list[str] = []
    failed: dict[str, str] = {}
    for record in cast("Sequence[Mapping[str, object]]", event["records"]):
        identifier = str(record["recordId"])
        one = by_id.get(identifier)
        result = None if one is None else one.get("result")
        if one is None:
            failed[identifier] = "the answer has no such record"
        elif result == DROPPED:
            dropped.append(identifier)
        elif result == OK:
            try:
                delivered[identifier] = base64_bytes(str(one.get("data", "")))
            except ValueError as error:
                failed[identifier] = str(error)
        else:
            failed[identifier] = "the function says so" if result == FAILED else f"{result!r} is no result"
    return Transformation(delivered=delivered, dropped=tuple(dropped), failed=failed)
