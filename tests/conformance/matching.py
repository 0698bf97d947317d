"""Comparing what happened with what AWS recorded: the corpus's comparison rules 1 to 6, and nothing more
lenient."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

# The recorder now and then wrapped a placeholder in another one: `<<any:task_token>:1>`,
# `<any:<start-time>>`.
_ANY = re.compile(r"<<any:[^<>]*>:\d+>|<any:<[^<>]*>>|<any:[^<>]*>")
_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?")
_HTTP_DETAILS = frozenset({"SdkHttpMetadata", "SdkResponseMetadata"})


def matches(expected: object, actual: object) -> bool:
    """Whether a value is the recorded one (rules 1 to 5)."""
    if isinstance(expected, str):
        return _ANY.fullmatch(expected) is not None or (isinstance(actual, str) and _texts(expected, actual))
    if isinstance(expected, bool) or expected is None:
        return expected is actual
    if isinstance(expected, int | float):
        return isinstance(actual, int | float) and not isinstance(actual, bool) and expected == actual
    if isinstance(expected, list):
        return (
            isinstance(actual, list)
            and len(expected) == len(actual)
            and all(matches(one, other) for one, other in zip(expected, actual, strict=True))
        )
    assert isinstance(expected, dict)
    if expected.keys() == {"$json"}:
        return isinstance(actual, str) and _matches_json_text(expected["$json"], actual)
    if expected.keys() == {"$text"}:
        return isinstance(actual, str) and _texts(str(expected["$text"]), actual)
    if not isinstance(actual, dict):
        return False
    wanted, given = expected.keys() - _HTTP_DETAILS, actual.keys() - _HTTP_DETAILS
    return wanted == given and all(matches(expected[key], actual[key]) for key in wanted)


def _matches_json_text(expected: object, text: str) -> bool:
    try:
        return matches(expected, json.loads(text))
    except json.JSONDecodeError:
        return False


def _texts(expected: str, actual: str) -> bool:
    if expected == actual:
        return True
    pattern = ".+".join(re.escape(part) for part in _ANY.split(expected))
    if re.fullmatch(pattern, actual, re.DOTALL):
        return True
    return re.fullmatch(pattern, _DATE_TIME.sub("date", actual), re.DOTALL) is not None


def same_events(
    expected: Sequence[Mapping[str, object]], actual: Sequence[Mapping[str, object]], *, ordered: bool
) -> bool:
    """Whether a history is the recorded one (rule 6); unordered ones are compared without ids."""
    if len(expected) != len(actual):
        return False
    if ordered:
        return all(_same_event(one, other) for one, other in zip(expected, actual, strict=True))
    left = [(event["type"], event.get("details")) for event in actual]
    for event in expected:
        kind, details = event["type"], event.get("details")
        for index, (other_kind, other_details) in enumerate(left):
            if kind == other_kind and matches(details, other_details):
                del left[index]
                break
        else:
            return False
    return True


def _same_event(expected: Mapping[str, object], actual: Mapping[str, object]) -> bool:
    same = all(expected[key] == actual[key] for key in ("type", "id", "previousEventId"))
    return same and matches(expected.get("details"), actual.get("details"))
