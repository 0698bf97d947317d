"""Filter criteria of event source mappings: which records of a source reach the function.

Source: Lambda, "Control which events Lambda sends to your function", with its table of what happens when the
format of a record and that of the pattern differ: a record whose data is no JSON cannot match a pattern for JSON,
and the other way round.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, TypeAlias

from penstock.errors import EventPatternError
from penstock.pipelines.event_patterns import Pattern, compile_pattern
from penstock.pipelines.json_texts import json_in, object_in
from penstock.pipelines.pattern_limits import check_length

FilterSource: TypeAlias = Literal["sqs", "kinesis", "dynamodb"]
Record: TypeAlias = Mapping[str, object]

MOST_FILTERS: Final = 10
"""A mapping has five by default, and up to ten on request."""


class FilterCriteria:
    """The filters of one mapping; a record gets through if one of them matches.

    Args:
        patterns: the patterns, as objects or as JSON text.

    Raises:
        EventPatternError: Lambda would refuse them (`InvalidParameterValueException`).
    """

    def __init__(self, patterns: Sequence[object], *, source: FilterSource) -> None:
        if len(patterns) > MOST_FILTERS:
            raise EventPatternError(
                f"{len(patterns)} filters",
                fix=f"a mapping has at most {MOST_FILTERS}: use several values in one",
            )
        self._filters = [_compiled(pattern, _DATA[source]) for pattern in patterns]
        self._opened = _OPENED[source]

    def accepts(self, record: Record) -> bool:
        """Whether a record of the event, as the function would get it, reaches the function."""
        if not self._filters:
            return True
        opened, is_json = self._opened(record)
        return any(
            (wants_json is None or wants_json == is_json) and pattern.matches(opened)
            for pattern, wants_json in self._filters
        )


_DATA: Final[Mapping[FilterSource, str | None]] = {"sqs": "body", "kinesis": "data", "dynamodb": None}


def _compiled(pattern: object, data: str | None) -> tuple[Pattern, bool | None]:
    """The pattern, and whether it asks for JSON (true), for plain text (false) or for neither."""
    if isinstance(pattern, str):
        try:
            pattern = json_in(pattern)
        except ValueError as error:
            raise EventPatternError(f"the filter is not JSON: {error}", fix="write a JSON object") from error
    compiled = compile_pattern(pattern)
    check_length(pattern)
    asked = pattern.get(data) if data is not None and isinstance(pattern, Mapping) else None
    return compiled, None if asked is None else isinstance(asked, Mapping)


def _message(record: Record) -> tuple[Record, bool]:
    return _with_data(record, "body", record.get("body"))


def _stream_record(record: Record) -> tuple[Record, bool]:
    kinesis = record.get("kinesis")
    part = kinesis if isinstance(kinesis, Mapping) else {}
    try:
        text: object = base64.b64decode(str(part.get("data", "")), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        text = None
    return _with_data({**record, **part}, "data", text)


def _with_data(record: Record, name: str, text: object) -> tuple[Record, bool]:
    """The record with its data decoded if it is a JSON object, and whether it is."""
    decoded = object_in(text)
    if decoded is not None:
        return {**record, name: decoded}, True
    return {**record, name: text}, False


_OPENED: Final[Mapping[FilterSource, Callable[[Record], tuple[Record, bool]]]] = {
    "sqs": _message,
    "kinesis": _stream_record,
    "dynamodb": lambda record: (record, True),
}
