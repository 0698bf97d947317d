"""JSON that anybody may have written: what is wrong with it is a ValueError, and never the interpreter's limit."""

from __future__ import annotations

import json


def json_in(text: str | bytes) -> object:
    """What a text holds.

    Raises:
        ValueError: it is no JSON, or nests deeper than can be read.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def object_in(text: object) -> dict[str, object] | None:
    """The JSON object that a text is, or None."""
    if not isinstance(text, str | bytes):
        return None
    try:
        found = json_in(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
