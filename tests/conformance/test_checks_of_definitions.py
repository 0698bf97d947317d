"""The rules about definitions, held against definitions that AWS accepted or refused."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

from penstock.errors import DefinitionError
from penstock.statemachines.checks import Problem, check_definition, check_text
from penstock.statemachines.graph import mermaid, svg
from penstock.statemachines.model import Kind
from tests.conformance import corpus, definition_suite


def _errors(source: object, kind: Kind) -> list[Problem] | None:
    """The errors; None if there is nothing to check."""
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


def test_definitions_with_a_verdict() -> None:
    """What AWS accepted has no error; what it refused has one."""
    paths = sorted(definition_suite.folder().glob("*/*.json"))
    cases = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    judged = [case for case in cases if str(case.get("provenance", "")).startswith("aws-validated")]
    if not judged:
        corpus.missing(definition_suite.folder())
    different = [
        case["name"]
        for case in judged
        if (
            _errors(case.get("definition", case.get("definition_text")), case.get("type") or "STANDARD") == []
        )
        is not case["valid"]
    ]
    assert len(different) <= (1 - 0.98) * len(judged), different


def test_definitions_that_ran() -> None:
    """Whatever was executed on AWS has no error."""
    cases = corpus.executions()
    if not cases:
        corpus.missing(corpus.asl_folder() / "exec")
    wrong: dict[str, object] = {}
    for case in cases:
        found = _errors(case.data.get("definition"), "STANDARD")
        if found:
            wrong[case.name] = [str(one) for one in found]
    assert len(wrong) <= (1 - 0.98) * len(cases), wrong


def test_definitions_that_ran_are_drawn() -> None:
    """Each is a picture that is well-formed, and text."""
    cases = corpus.executions()
    if not cases:
        corpus.missing(corpus.asl_folder() / "exec")
    for case in cases:
        definition = case.data.get("definition")
        if isinstance(definition, dict):
            ET.fromstring(svg(definition))
            assert mermaid(definition).startswith("stateDiagram-v2")
