"""Judging definitions by the rules where somebody other than AWS has said that they are right or wrong.

The verdicts are those of tests of other tools and of AWS's samples. They are no authority, but a difference is looked
at: it is listed, and most agree.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from penstock.errors import DefinitionError
from penstock.statemachines.checks import Problem, check_definition, check_text
from penstock.statemachines.model import Kind
from tests.conformance import definition_suite


def folder() -> Path:
    """Where the definitions are."""
    return definition_suite.folder()


def errors(source: object, kind: Kind) -> list[Problem] | None:
    """The errors that the rules find; None if the text cannot be read."""
    if isinstance(source, dict) and source.keys() == {"$text"}:
        source = source["$text"]
    try:
        if isinstance(source, str):
            found = check_text(source, kind=kind)
        elif isinstance(source, dict):
            found = check_definition(source, kind=kind)
        else:
            return None
    except DefinitionError:
        return None
    return [one for one in found if one.severity == "error"]


@cache
def differing() -> tuple[list[str], int]:
    """The names of the definitions about which the rules say something else, and how many there are."""
    cases = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder().glob("*/*.json"))]
    judged = [case for case in cases if not str(case.get("provenance", "")).startswith("aws-validated")]
    names = [
        str(case["name"])
        for case in judged
        if (errors(case.get("definition", case.get("definition_text")), case.get("type") or "STANDARD") == [])
        is not case["valid"]
    ]
    return names, len(judged)
