"""Judging the cases of JSONata's own test suite."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from random import Random

from penstock.errors import ExpressionSyntaxError, JsonataError
from penstock.statemachines.jsonata import compile_expression
from tests.conformance import corpus


class _Ports:
    draw = Random(0)
    now = 0.0


def _agrees(case: Mapping[str, object], datasets: Mapping[str, object]) -> bool:
    document = datasets[str(case["dataset"])] if case.get("dataset") else case.get("data")
    bindings = case.get("bindings") or {}
    assert isinstance(bindings, dict)
    error = case.get("error")
    code = error.get("code") if isinstance(error, dict) else case.get("code")
    try:
        expression = compile_expression(str(case["expr"]))
        result = expression.evaluate(bindings, _Ports(), document=document)
    except ExpressionSyntaxError as refused:
        return code is not None and str(code) in refused.what
    except JsonataError as failure:
        undefined = "returned nothing" in failure.message or "unsupported result" in failure.message
        return failure.code == code if code is not None else undefined and "result" not in case
    return "result" in case and _same(case["result"], result)


def _same(expected: object, actual: object) -> bool:
    if isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    if isinstance(expected, int | float) and isinstance(actual, int | float):
        return abs(expected - actual) <= 1e-9 * max(abs(expected), abs(actual), 1e-300)
    if isinstance(expected, list) and isinstance(actual, list):
        return len(expected) == len(actual) and all(map(_same, expected, actual))
    if isinstance(expected, dict) and isinstance(actual, dict):
        return expected.keys() == actual.keys() and all(_same(expected[key], actual[key]) for key in expected)
    return expected == actual


def folder() -> Path:
    """Where the suite is."""
    return corpus.asl_folder() / "jsonata"


@cache
def differing() -> tuple[Sequence[str], int]:
    """The names of the cases that differ, and how many cases there are; computed once in a run."""
    if not (folder() / "cases.jsonl").is_file():
        return (), 0
    datasets = json.loads((folder() / "datasets.json").read_text(encoding="utf-8"))["datasets"]
    lines = (folder() / "cases.jsonl").read_text(encoding="utf-8").splitlines()
    cases = [json.loads(line) for line in lines]
    return [str(case["name"]) for case in cases if not _agrees(case, datasets)], len(cases)
