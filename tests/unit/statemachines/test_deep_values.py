"""Values and definitions nested deeper than Python's stack: errors of the state or the definition, nothing else."""

from __future__ import annotations

import json

import pytest

from penstock.errors import DefinitionError, ExecutionInputError, UnwritableValueError
from penstock.statemachines import load_definition
from penstock.statemachines.values import compact, shown, size_bytes
from penstock.testing.machines import run_machine


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


DEEP = nested(20_000)
LONG = 10**5_000


def test_what_cannot_be_written() -> None:
    """It has no text, is larger than any limit, and is shown in messages all the same."""
    for value in (DEEP, LONG):
        with pytest.raises(UnwritableValueError):
            compact(value)
        assert "nested too deeply" in shown(value)
        assert size_bytes(value) > 262_144


@pytest.mark.parametrize("value", [DEEP, LONG], ids=["deep", "long"])
def test_such_an_input_is_refused(value: object) -> None:
    """As one that is too large."""
    machine = load_definition({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}})
    with pytest.raises(ExecutionInputError):
        run_machine(machine, {"a": value})


@pytest.mark.parametrize("depth", [100, 400, 700, 900])
@pytest.mark.parametrize(
    "fields",
    [
        {"Parameters": {"a.$": "$.zz"}},
        {"Parameters": {"a.$": "States.Format('{}', $.a)"}},
        {"Parameters": {"a.$": "States.Format('{}', $.zz)"}},
        {"Parameters": {"a.$": "States.JsonToString($.a)"}},
        {"Parameters": {"a.$": "States.Hash($.a, 'MD5')"}},
        {"Parameters": {"a.$": "States.ArrayContains($.a, 1)"}},
        {"Parameters": {"a.$": "States.ArrayUnique($.a)"}},
        {"Parameters": {"a.$": "$.a[?(@.x == $.a)]"}},
        {"Parameters": {"a.$": "$.a[?(@ == $.b)]"}},
        {"Parameters": {"a.$": "$.a.b"}},
        {"ResultPath": "$.a.b"},
        {"QueryLanguage": "JSONata", "Output": "{% $string($states.input.a) %}"},
        {"QueryLanguage": "JSONata", "Output": "{% $states.input.a = $states.input.b %}"},
    ],
)
def test_a_state_over_deep_data_ends(fields: dict[str, object], depth: int) -> None:
    """Whatever it does with its input, the execution comes to an end, and its history can be shown."""
    state = {"Type": "Pass", "End": True, **fields}
    machine = load_definition({"StartAt": "A", "States": {"A": state}})
    run = run_machine(machine, {"a": nested(depth), "b": [[nested(depth)]]})
    assert run.status in ("SUCCEEDED", "FAILED")


def deep_definition(kind: str, depth: int) -> dict[str, object]:
    if kind == "maps":
        inner: dict[str, object] = {"Type": "Pass", "End": True}
        for _ in range(depth):
            inner = {"Type": "Map", "End": True, "ItemProcessor": {"StartAt": "S", "States": {"S": inner}}}
        return {"StartAt": "S", "States": {"S": inner}}
    if kind == "rules":
        rule: dict[str, object] = {"Variable": "$", "IsNull": True}
        for _ in range(depth):
            rule = {"Not": rule}
        choice = {"Type": "Choice", "Choices": [{**rule, "Next": "E"}]}
        return {"StartAt": "C", "States": {"C": choice, "E": {"Type": "Succeed"}}}
    state = {"Type": "Pass", "End": True, "Parameters": nested(depth)}
    return {"StartAt": "A", "States": {"A": state}}


@pytest.mark.parametrize(("kind", "depth"), [("maps", 1_000), ("rules", 3_000), ("parameters", 3_000)])
def test_a_deep_definition_is_refused(kind: str, depth: int) -> None:
    """With or without substitutions."""
    definition = deep_definition(kind, depth)
    for substitutions in (None, {"a": "b"}):
        with pytest.raises(DefinitionError, match="nested too deeply"):
            load_definition(definition, substitutions=substitutions)


@pytest.mark.parametrize(
    "text",
    [
        '{"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": '
        + "[" * 100_000
        + "]" * 100_000
        + "}}}",
        '{"StartAt": "A", "TimeoutSeconds": ' + "1" * 5_000 + "}",
        "StartAt: " + "[" * 3_000 + "]" * 3_000,
    ],
    ids=["JSON", "number", "YAML"],
)
def test_deep_text_is_refused(text: str) -> None:
    """JSON and YAML."""
    with pytest.raises(DefinitionError):
        load_definition(text)


def test_an_ordinary_depth_is_fine() -> None:
    """Twenty Maps within one another run."""
    machine = load_definition(json.dumps(deep_definition("maps", 20)))
    assert run_machine(machine, nested(20)).status == "SUCCEEDED"
