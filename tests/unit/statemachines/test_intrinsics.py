"""Intrinsic functions: results, literals, nesting and the causes of failures."""

from random import Random

import pytest

from penstock.errors import ExpressionSyntaxError, IntrinsicError
from penstock.statemachines.intrinsics import compile_intrinsic
from penstock.statemachines.java_text import java_text

DOCUMENT = {"a": "x", "n": 3, "list": [1, 2, 2, True, "1", 1.0], "o": {"k": [None, 2.5]}, "none": None}


def evaluate(text: str, document: object = DOCUMENT) -> object:
    return compile_intrinsic(text)(document, {"Execution": {"Name": "e"}}, {"v": [7]}, Random(5))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("States.Array()", []),
        (
            "States.Array('b', 1, -2.5, null, $.a, $$.Execution.Name, $v[0])",
            ["b", 1, -2.5, None, "x", "e", 7],
        ),
        ("States.ArrayPartition($.list, 4)", [[1, 2, 2, True], ["1", 1.0]]),
        ("States.ArrayPartition($.list, 5.9)", [[1, 2, 2, True, "1"], [1.0]]),
        ("States.ArrayContains($.list, '2')", False),
        ("States.ArrayContains($.list, 2)", True),
        ("States.ArrayRange(1, 9, 2)", [1, 3, 5, 7, 9]),
        ("States.ArrayRange(5.4, -0.6, -2.4)", [5, 3, 1]),
        ("States.ArrayRange(5, 1, 1)", []),
        ("States.ArrayGetItem($.list, 1)", 2),
        ("States.ArrayLength($.list)", 6),
        ("States.ArrayUnique($.list)", [1, 2, True, "1", 1.0]),
        ("States.Base64Encode('Data to encode')", "RGF0YSB0byBlbmNvZGU="),
        ("States.Base64Decode('RGF0YSB0byBlbmNvZGU=')", "Data to encode"),
        ("States.Hash('input data', 'SHA-1')", "aaff4a450a104cd177d28d18d74485e8cae074b7"),
        ("States.JsonMerge($.o, States.StringToJson('{\"k\":1}'), false)", {"k": 1}),
        ("States.StringToJson('')", None),
        ("States.JsonToString($.o)", '{"k":[null,2.5]}'),
        ("States.MathAdd(1.5, -1.5)", 1),
        ("States.MathAdd(-1.51, 0)", -2),
        ("States.StringSplit('This.is+a,test=string', '.+,=')", ["This", "is", "a", "test", "string"]),
        ("States.StringSplit(',,a,', ',')", ["a"]),
        ("States.Format('{} and {}', $.none, $.o)", "null and {k=[null, 2.5]}"),
        (r"States.Format('\{{}\} isn\'t \\', 'x')", r"{x} isn't \ ".rstrip()),
        ("States.Format($.a)", "x"),
        ("  States.ArrayLength( States.StringSplit('a-b' , '-') )  ", 2),
    ],
)
def test_a_call_has_the_value_that_the_guide_says(text: str, value: object) -> None:
    """Developer Guide, "Intrinsic functions", corrected by what the service does with fractions."""
    result = evaluate(text)
    assert result == value
    assert type(result) is type(value)


def test_random_values_come_from_the_execution() -> None:
    """The same seed draws the same numbers; a third argument is a seed of its own."""
    assert evaluate("States.UUID()") == evaluate("States.UUID()")
    assert evaluate("States.MathRandom(1, 100, 42)") == evaluate("States.MathRandom(1, 100, 42)")
    assert evaluate("States.MathRandom(1, 2)") == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "States.Format('{}', States.Array($.gone))",
            "The JsonPath argument for the field '$.gone' could not be found in the input '{\"n\":1}'",
        ),
        (
            "States.Format('{}', $$.Gone.Deep)",
            "The JsonPath argument for the field '$.Gone.Deep' could not be found in the input '{\"n\":1}'",
        ),
        ("States.Format('{}', $.n[0])", "Filter: [0] can only be applied to arrays. Current context is: 1"),
        ("States.MathAdd('1', 2)", "Invalid arguments in States.MathAdd"),
        ("States.MathAdd(2147483647, 1)", "Invalid arguments in States.MathAdd"),
        ("States.ArrayRange(1, 1001, 1)", "Invalid arguments in States.ArrayRange"),
        ("States.ArrayRange(1, 9, 0.9)", "Invalid arguments in States.ArrayRange"),
        ("States.ArrayPartition(States.Array(1), 0)", "Invalid arguments in States.ArrayPartition"),
        ("States.ArrayGetItem(States.Array(1), 1)", "Invalid arguments in States.ArrayGetItem"),
        ("States.MathRandom(3, 3)", "Invalid arguments in States.MathRandom"),
        ("States.Hash('x', 'sha-1')", "Invalid arguments in States.Hash"),
        ("States.Base64Decode('a!b')", "Invalid arguments in States.Base64Decode"),
        ("States.StringToJson('{')", "Invalid arguments in States.StringToJson"),
        ("States.JsonMerge(States.Array(), States.Array(), false)", "Invalid arguments in States.JsonMerge"),
        ("States.Format('{')", "Invalid template in States.Format: matching '}' not found for '{'."),
    ],
)
def test_a_failure_names_the_whole_call_and_the_reason(text: str, reason: str) -> None:
    """The cause is worded as the service words it."""
    with pytest.raises(IntrinsicError) as caught:
        evaluate(text, {"n": 1})
    assert caught.value.what == f"The function '{text}' had the following error: {reason}"
    assert caught.value.error == "States.Runtime"


@pytest.mark.parametrize(
    "text",
    [
        "States.Nothing($.a)",
        "States.",
        "States.Format",
        "States.Format(",
        "States.Format('x'",
        "States.Format('x)",
        "States.Format('x') y",
        "States.Hash('x')",
        "States.UUID(1)",
        "States.Array(x)",
        "States.Array($.a[)",
        "States.Array(" * 11 + ")" * 11,
    ],
)
def test_a_text_that_is_not_a_call_is_refused(text: str) -> None:
    """Unknown functions, wrong numbers of arguments and deep nesting are found before anything runs."""
    with pytest.raises(ExpressionSyntaxError):
        compile_intrinsic(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e10, "1.0E10"),
        (1.5e-5, "1.5E-5"),
        (100.0, "100.0"),
        (-1234567890.5, "-1.2345678905E9"),
        (0.001, "0.001"),
    ],
)
def test_a_double_is_written_as_java_writes_it(value: float, text: str) -> None:
    """`Double.toString`: decimal from 10^-3 up to 10^7, scientific otherwise."""
    assert java_text(value) == text
