"""JSONata behind its boundary: values, Step Functions' own functions, failures, limits."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import ExpressionSyntaxError, JsonataError
from penstock.statemachines.jsonata import compile_expression
from tests.properties.state_machines import json_values


class Ports:
    """A fixed time and seeded random numbers."""

    def __init__(self, seed: int = 0) -> None:
        self.draw = Random(seed)
        self.now = 1_700_000_000.5


def evaluate(text: str, seed: int = 0, **bindings: object) -> object:
    return compile_expression(text).evaluate(bindings, Ports(seed))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$states.input.a & 'x'", "1x"),
        ("$states.input.none", None),
        ("{'a': null, 'b': [1, null]}", {"a": None, "b": [1, None]}),
        ("10 / 2", 5),
        ("[1..3]", [1, 2, 3]),
        ("$map($states.input.list, function($v) { $v * 2 })", [2, 4]),
        ("$partition([1, 2, 3], 2)", [[1, 2], [3]]),
        ("$range(0, 10, 3)", [0, 3, 6, 9]),
        ("$range(1, 1, 1)", 1),
        ("$range(3, 1, -1)", [3, 2, 1]),
        ("$hash('a', 'SHA-1')", "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"),
        ("$parse('{\"a\": [1, null]}')", {"a": [1, None]}),
        ("$parse('null')", None),
        ("$now()", "2023-11-14T22:13:20.500Z"),
        ("$millis()", 1_700_000_000_500),
        ("$toMillis('12:30', '[H01]:[m01]')", 1_699_965_000_000),
    ],
)
def test_values(text: str, value: object) -> None:
    """JSON goes in and comes out; Step Functions' own functions are there; time is the execution's."""
    assert evaluate(text, states={"input": {"a": 1, "none": None, "list": [1, 2]}}) == value


def test_random_numbers_are_the_executions_own() -> None:
    """`$random` and `$uuid` follow from the seed; `$random(seed)` from its own."""
    assert evaluate("[$random(), $uuid()]", 3) == evaluate("[$random(), $uuid()]", 3)
    assert evaluate("$uuid()", 1) != evaluate("$uuid()", 2)
    assert evaluate("$random(7)", 1) == evaluate("$random(7)", 2)


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("$doesNotExist", "", "returned nothing (undefined)."),
        ("$fn := function($x) { $x }", "", "returned an unsupported result type."),
        ("1 + 'a'", "T2002", "threw an error during evaluation. T2002:"),
        ("$number('a')", "D3030", "D3030"),
        ("$eval('1')", "T1006", "non-function"),
        ("$undefinedFunction()", "T1006", "non-function"),
        (
            "$partition([1], -1)",
            "T0410",
            'Argument 2 of function "partition" does not match function signature',
        ),
        ("$hash('a', 'CRC')", "T0410", 'Argument 2 of function "hash"'),
        ("$parse('{')", "T0410", 'Argument 1 of function "parse"'),
        ("$parse('[NaN]')", "T0410", 'Argument 1 of function "parse"'),
        ("$uuid(1)", "T0410", 'Argument 1 of function "uuid"'),
        ("$error('boom')", "D3137", "boom"),
    ],
)
def test_failures(text: str, code: str, words: str) -> None:
    """Every failure is a JsonataError with JSONata's code and AWS's words."""
    with pytest.raises(JsonataError) as caught:
        evaluate(text)
    assert caught.value.code == code
    assert words in caught.value.message


@pytest.mark.parametrize("text", ["", "(", "[1,2)", "'abc", "1 +", "{'a'}", "/(/", "[" * 20_000])
def test_syntax_errors(text: str) -> None:
    """What is no JSONata is refused when it is compiled."""
    with pytest.raises(ExpressionSyntaxError):
        compile_expression(text)


@pytest.mark.parametrize(
    "text",
    [
        "($f := function($x) { $f($x + 1) }; $f(1))",
        "($f := function($x) { 1 + $f($x - 1) }; $f(1))",
        "($f := function($s) { $f($s & $s) }; $f('x'))",
        "($f := function($s) { $f($append($s, $s)) }; $f([1, 2]))",
        "($f := function($s, $n) { $n = 0 ? $s : $f([$s, $s], $n - 1) }; $f(1, 60))",
        "$string(($f := function($s, $n) { $n = 0 ? $s : $f({'a': $s, 'b': $s}, $n - 1) }; $f(1, 60)))",
        "$pad('x', 1000000000)",
        "$pad('x', -1000000000)",
        "$replace($pad('a', 5000000), 'a', 'bbbbbbbbbbbbbbbbbb')",
        "$map([1..3000], function($a) { $map([1..3000], function($b) { $a * $b }) })",
        "[1..9000000]",
        "($f := function($n) { $f($n * $n) }; $f(3))",
        "$split($pad('a', 8000000), '')",
        "$join($map([1..300000], function($v) { $pad('x', 1000) }))",
        "(" * 3_000 + "1" + ")" * 3_000,
    ],
)
def test_runaway_expressions_are_stopped(text: str) -> None:
    """Time, depth and memory are bounded by counts: no expression takes the process down."""
    with pytest.raises(JsonataError) as caught:
        evaluate(text)
    assert caught.value.code in ("D1001", "D1011", "D1012")


def test_a_failure_leaves_nothing_behind() -> None:
    """After an expression was stopped the next one works as ever."""
    with pytest.raises(JsonataError):
        evaluate("($f := function($x) { 1 + $f($x) }; $f(1))")
    assert evaluate("1 + 1") == 2


@given(json_values)
def test_values_pass_unchanged(value: object) -> None:
    """Any JSON value goes through an expression that only names it."""
    assert evaluate("{'v': $v}", v=value) == {"v": value}


@given(st.text("$ab(){}[]'.:=+-*/&|<>~?,1 %^#@!\\", max_size=12))
def test_no_text_breaks_the_boundary(text: str) -> None:
    """Whatever is written, it is a value, a syntax error or a JSONata error."""
    try:
        evaluate(text, states={"input": {"a": [1, {"b": 2}]}})
    except (ExpressionSyntaxError, JsonataError):
        return
