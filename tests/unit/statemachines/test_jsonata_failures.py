"""How expressions fail, and what they may cost, as measured on AWS and as jsonata-js words it."""

from __future__ import annotations

import pytest

from penstock.errors import JsonataError
from penstock.statemachines.jsonata import compile_expression
from penstock.statemachines.jsonata_functions import java_random
from penstock.statemachines.jsonata_text import number_text
from tests.unit.statemachines.test_jsonata import Ports, evaluate


def failure(text: str) -> str:
    with pytest.raises(JsonataError) as caught:
        evaluate(text)
    return caught.value.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("$abs('a')", 'T0410: Argument 1 of function "abs" does not match function signature'),
        ("$match('a', 'b')", 'T0410: Argument 2 of function "match" does not match function signature'),
        ("$uppercase(null)", 'T0410: Argument 1 of function "uppercase" does not match function signature'),
        (
            "($f := function($x)<n:n>{$x}; $f('a'))",
            'T0410: Argument 1 of function "f" does not match function signature',
        ),
        ("$sum(['a'])", 'T0412: Argument 1 of function "sum" must be an array of "numbers"'),
        ("'a' + 1", 'T2001: The left side of the "+" operator must evaluate to a number'),
        ("1 < 'a'", 'T2009: The values 1 and "a" either side of operator "<" must be of the same data type'),
        (
            "[1] < 2",
            'T2010: The expressions either side of operator "<" must evaluate to numeric or string values',
        ),
        ("-'a'", 'D1002: Cannot negate a non-numeric value: "a"'),
        ("{'a': 1, 'a': 2}", 'D1009: Multiple key definitions evaluate to same key: "a"'),
        ("1 / 0 + 1", "D1001: Number out of range: null"),
        ("$number('abc')", 'D3030: Unable to cast value to a number: "abc"'),
        ("$replace('abc', '', 'x')", "D3010: Second argument of replace function cannot be an empty string"),
        ("$sqrt(-1)", "D3060: The sqrt function cannot be applied to a negative number: -1"),
        (
            "$power(10, 1000)",
            "D3061: The power function has resulted in a value that cannot be represented as a JSON number: "
            "base=10, exponent=1000",
        ),
        (
            "$toMillis('x')",
            'D3110: The argument of the toMillis function must be an ISO 8601 formatted timestamp. Given "x"',
        ),
        (
            "$formatBase(1, 99)",
            "D3100: The radix of the formatBase function must be between 2 and 36.  It was given 99",
        ),
        ("$fromMillis(1, '[X')", "D3135: No matching closing bracket ']' in date/time picture string"),
        (
            "$formatNumber(1, 'x')",
            "D3086: The sub-picture must not contain a passive character that is preceded by an active character "
            "and that is followed by another active character",
        ),
        ("$error('boom')", "D3137: boom"),
    ],
)
def test_messages(text: str, message: str) -> None:
    """The code and the sentence of jsonata-js, with its inserts as JSON; the package's own sentences stay inside."""
    assert failure(text) == f"threw an error during evaluation. {message}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[1..873783] ~> $count()",
            "Expression evaluation memory limit exceeded: Check for excessive memory usage",
        ),
        (
            "$range(1, 360146, 1)",
            "Expression evaluation memory limit exceeded: Check for excessive memory usage",
        ),
        (
            "($p := function($s, $n) { $n = 0 ? $s : $p($s & $s, $n - 1) }; $length($p('x', 23)))",
            "Expression evaluation memory limit exceeded: Check for excessive memory usage",
        ),
        (
            "+".join(["1"] * 200),
            "Stack overflow error: Check for non-terminating recursive function. "
            "Consider rewriting as tail-recursive.",
        ),
        (
            "($f := function($x) { $f($x + 1) }; $f(1))",
            "Expression evaluation timeout: Check for infinite loop",
        ),
    ],
)
def test_limits(text: str, message: str) -> None:
    """Step Functions' own sentences have no code, and stand after a colon."""
    assert failure(text) == f"threw an error during evaluation: {message}"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[1..873782] ~> $count()", 873_782),
        ("$count($range(1, 200000, 1))", 200_000),
        ("($p := function($s, $n) { $n = 0 ? $s : $p($s & $s, $n - 1) }; $length($p('x', 22)))", 4_194_304),
        ("+".join(["1"] * 99), 99),
    ],
)
def test_what_is_within_the_limits(text: str, value: object) -> None:
    """As measured on AWS, on the other side of each bound."""
    assert evaluate(text) == value


def test_a_function_has_the_name_that_it_is_called_by() -> None:
    """Whatever it was called before, in this expression or in another."""
    named = '$abs("a")'
    assert 'function "g"' in failure("($g := $abs; $g('a'))")
    assert 'function "abs"' in failure(named)


def test_a_fault_within_a_function_has_no_words() -> None:
    """What Java's decoder refuses."""
    assert failure("$base64decode('!!!')") == "threw an internal error during evaluation."
    assert evaluate("$base64decode('YQ')") == "a"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 / 0", "Infinity"),
        ("-1 / 0", "-Infinity"),
        ("0 / 0", "NaN"),
        ("[1 / 0]", ["Infinity"]),
        ("{'k': 1e308 * 10}", {"k": "Infinity"}),
        ("7 / 2", 3.5),
        ("6 / 2", 3),
        ("-7 % 3", -1),
        ("5.5 % 2", 1.5),
    ],
)
def test_arithmetic(text: str, value: object) -> None:
    """JavaScript's: what is not finite is a text in the output, and a remainder keeps its fraction."""
    assert evaluate(text) == value


def test_a_seeded_random_number_is_javas() -> None:
    """`java.util.Random`; fractions of the seed are cut off."""
    assert evaluate("$random(42)") == 0.7275636800328681 == java_random(42)
    assert evaluate("$random(42.9)") == 0.7275636800328681
    assert evaluate("$random(-1)") == java_random(-1) != java_random(1)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$range(-1.7, 2, 1)", [-1, 0, 1, 2]),
        ("$range(0, 6, 2)", [0, 2, 4, 6]),
        ("$exists($range(0, 1, 0.25))", False),
        ("$exists($range(0, 'a', 1))", False),
        ("$exists($range(1, 2))", False),
        ("$exists($partition([1], 0))", False),
        ("$partition([1, 2, 3], 2.5)", [[1, 2], [3]]),
    ],
)
def test_arguments_are_cut_off_towards_zero(text: str, value: object) -> None:
    """What cannot be done is nothing, not an error."""
    assert evaluate(text) == value


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (123456789012345680000, "123456789012345680000"),
        (1.5e-7, "1.5e-7"),
        (0.000001, "0.000001"),
        (0.00001234, "0.00001234"),
        (-2.5, "-2.5"),
        (-0.0, "0"),
        (12345678901234567.0, "12345678901234568"),
        (1e300, "1e+300"),
        (float("inf"), "null"),
        (10**400, "null"),
    ],
)
def test_numbers_as_javascript_writes_them(number: float, text: str) -> None:
    """Without an exponent from 1e-6 up to 1e21."""
    assert number_text(number) == text


def test_string() -> None:
    """15 digits at most, also within arrays and objects; letters stay what they are; functions are empty."""
    assert evaluate("$string(1e20)") == "100000000000000000000"
    assert evaluate("1e20 & ''") == "100000000000000000000"
    assert evaluate("$string(1/3)") == "0.333333333333333"
    assert evaluate("$string([1e21, 0.1, 'é', null, [1..3], $sum])") == '[1e+21,0.1,"é",null,[1,2,3],""]'
    assert evaluate("$string({'a': [1, {'b': 2}], 'e': []}, true)") == (
        '{\n  "a": [\n    1,\n    {\n      "b": 2\n    }\n  ],\n  "e": []\n}'
    )


def test_compiled_expressions_share_nothing() -> None:
    """A limit that one evaluation has reached leaves the next one all of its own."""
    expression = compile_expression("+".join(["1"] * 200))
    for _ in range(2):
        with pytest.raises(JsonataError):
            expression.evaluate({}, Ports())


SHARED = "($f := function($s, $n) { $n = 0 ? $s : $f({'a': $s, 'b': $s}, $n - 1) }; $f(1, 60))"
DEEP = "($f := function($s, $n) { $n = 0 ? $s : $f({'a': $s}, $n - 1) }; $f(1, 20000))"


@pytest.mark.parametrize("value", [SHARED, DEEP], ids=["shared", "deep"])
@pytest.mark.parametrize(
    "form", ["-({})", "{} & 'x'", "'x' & {}", "{{{}: 1}}", "$error({})", "$string({})", "1 + {}"]
)
def test_a_value_without_end_ends_the_expression(form: str, value: str) -> None:
    """2 ** 60 numbers in sixty objects, or thousands of objects in one another: no text is made of them."""
    with pytest.raises(JsonataError):
        evaluate(form.format(value))
