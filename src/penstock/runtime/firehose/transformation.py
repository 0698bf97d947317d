"""What Firehose makes of the answer of a function that transforms its records.

Source: Amazon Data Firehose, "Handle failure in data transformation" and "Required parameters for data
transformation".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from penstock.handlers.base64_data import base64_bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a record is not delivered: one of Firehose's error codes ("Monitor ... CloudWatch Logs"), and words."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transformation:
    """What Firehose makes of a function's answer, by record ids.

    Attributes:
        delivered: with the data that is delivered.
        failed: written to `processing-failed/` as they were; with the reason.
    """

    delivered: dict[str, bytes]
    dropped: tuple[str, ...]
    failed: dict[str, Failure]


def transformation_of(event: Mapping[str, object], answer: object) -> Transformation:
    """Judge a function's answer as Firehose does: a record id that is missing or comes twice, unknown results and
    data that is no Base64 are failures of those records; an answer without records fails all of them.

    Source: Amazon Data Firehose, "Handle failure in data transformation".
    """
    answered = answer.get("records") if isinstance(answer, Mapping) else None
    by_id: dict[str, list[Mapping[str, object]]] = {}
    for one in answered if isinstance(answered, list) else []:
        if isinstance(one, Mapping):
            by_id.setdefault(str(one.get("recordId")), []).append(one)
    delivered: dict[str, bytes] = {}
    dropped: list[str] = []
    failed: dict[str, Failure] = {}
    for record in cast("Sequence[Mapping[str, object]]", event["records"]):
        identifier = str(record["recordId"])
        match by_id.get(identifier, []):
            case []:
                failed[identifier] = Failure("Lambda.MissingRecordId", "the answer has no such record")
            case [{"result": "Dropped"}]:
                dropped.append(identifier)
            case [{"result": "Ok", "data": str(data)}]:
                try:
                    delivered[identifier] = base64_bytes(data)
                except ValueError as error:
                    failed[identifier] = Failure("Lambda.InvalidReturnFormat", str(error))
            case [{"result": "Ok"}]:
                failed[identifier] = Failure("Lambda.InvalidReturnFormat", "the answer has no data")
            case [{"result": "ProcessingFailed"}]:
                failed[identifier] = Failure("Lambda.ProcessingFailedStatus", "the function says so")
            case [one]:
                words = f"{one.get('result')!r} is no result"
                failed[identifier] = Failure("Lambda.InvalidReturnFormat", words)
            case _:
                failed[identifier] = Failure("Lambda.DuplicatedRecordId", "the answer has the record twice")
    return Transformation(delivered=delivered, dropped=tuple(dropped), failed=failed)
