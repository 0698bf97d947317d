"""Judging definitions that AWS accepted or refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from penstock.errors import DefinitionError
from penstock.statemachines import load_definition
from penstock.statemachines.model import Kind
from tests.conformance import corpus


def folder() -> Path:
    """Where the definitions are."""
    return corpus.asl_folder() / "definitions"


def _accepted(case: Mapping[str, object]) -> bool:
    source = case.get("definition", case.get("definition_text"))
    if isinstance(source, dict) and source.keys() == {"$text"}:
        source = source["$text"]
    kind: Kind = "EXPRESS" if case.get("type") == "EXPRESS" else "STANDARD"
    try:
        load_definition(source if isinstance(source, str | dict) else json.dumps(source), kind=kind)
    except DefinitionError:
        return False
    return True


@cache
def differing() -> tuple[list[str], int]:
    """The names of the definitions with a verdict of AWS's that differ, and how many there are."""
    paths = sorted(folder().glob("*/*.json"))
    cases = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    judged = [case for case in cases if str(case.get("provenance", "")).startswith("aws-validated")]
    return [str(case["name"]) for case in judged if _accepted(case) is not case["valid"]], len(judged)
