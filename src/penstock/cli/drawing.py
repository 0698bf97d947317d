"""`penstock graph`: a definition as a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from penstock.cli.reading import text_of
from penstock.cli.state_testing import definition_in
from penstock.errors import UsageError
from penstock.statemachines.graph import Path as ExecutionPath
from penstock.statemachines.graph import mermaid, path_of, svg

SUFFIXES = {"svg": ".svg", "mermaid": ".mmd"}


def draw(file: Path, *, output: Path | None, form: Literal["svg", "mermaid"], history: Path | None) -> Path:
    """Write the picture; returns where it is.

    Raises:
        UsageError: a file cannot be read or written.
    """
    definition = definition_in(file)
    name = file.name.partition(".")[0]
    target = output or file.with_name(f"{name}{SUFFIXES[form]}")
    if form == "mermaid":
        if history is not None:
            raise UsageError("Mermaid text shows no path", fix="leave --history out, or write --format svg")
        text = mermaid(definition)
    else:
        text = svg(definition, title=name, path=None if history is None else _path(history))
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"the picture cannot be written: {error.strerror or error}",
            at=str(target),
            fix="name another file with --output",
        ) from error
    return target


def _path(file: Path) -> ExecutionPath:
    """The path in a history: the API's answer, or its list of events."""
    try:
        decoded = json.loads(text_of(file, "the history"))
    except ValueError as error:
        raise UsageError(f"the history is no JSON: {error}", at=str(file), fix=_AS_TOLD) from error
    events = decoded.get("events") if isinstance(decoded, dict) else decoded
    if not isinstance(events, list) or not all(isinstance(one, dict) for one in events):
        raise UsageError("this is no history of an execution", at=str(file), fix=_AS_TOLD)
    return path_of(events)


_AS_TOLD = "aws stepfunctions get-execution-history --execution-arn ... writes one"
