"""The rules about definitions, held against definitions that AWS accepted or refused."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any

from penstock.statemachines.graph import mermaid, svg
from tests.conformance import corpus, definition_suite, other_verdict_suite


def _is_sound(case: Mapping[str, Any]) -> bool:
    source = case.get("definition", case.get("definition_text"))
    return other_verdict_suite.errors(source, case.get("type") or "STANDARD") == []


def test_definitions_with_a_verdict() -> None:
    """What AWS accepted has no error; what it refused has one."""
    paths = sorted(definition_suite.folder().glob("*/*.json"))
    cases = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    judged = [case for case in cases if str(case.get("provenance", "")).startswith("aws-validated")]
    if not judged:
        corpus.missing(definition_suite.folder())
    different = [case["name"] for case in judged if _is_sound(case) is not case["valid"]]
    assert len(different) <= (1 - 0.98) * len(judged), different


def test_definitions_with_somebody_else_s_verdict() -> None:
    """Other tools' tests and AWS's samples: most agree, and those that do not are listed."""
    different, count = other_verdict_suite.differing()
    if not count:
        corpus.missing(other_verdict_suite.folder())
    assert len(different) <= (1 - 0.95) * count, different


def test_definitions_that_ran() -> None:
    """Whatever was executed on AWS has no error."""
    cases = corpus.executions()
    if not cases:
        corpus.missing(corpus.asl_folder() / "exec")
    wrong: dict[str, object] = {}
    for case in cases:
        found = other_verdict_suite.errors(case.data.get("definition"), "STANDARD")
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
