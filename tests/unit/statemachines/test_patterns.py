"""Regular expressions: every one is taken, each search ends (the package behind them is `regex`)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from penstock.errors import ExpressionSyntaxError, JsonataError, PatternStoppedError
from penstock.statemachines import expressions, jsonpath
from penstock.statemachines.failures import StateFailure
from penstock.statemachines.jsonata import compile_expression
from penstock.statemachines.model import Evaluate, Scope
from penstock.statemachines.patterns import Allowance, Pattern
from tests.unit.statemachines.test_jsonata import Ports


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$match('foobar', /(foo|bar)+/).match", "foobar"),
        ("$replace('aXXb', /(X|Y)+/, '-')", "a-b"),
        ("$split('a, b', /(,\\s*)+/)", ["a", "b"]),
        ("$split('a1b2c', /\\d/, 2)", ["a", "b"]),
        ("$contains('jo.do@mail.example.com', /^[a-z.]+@([a-z]+[.])+[a-z]+$/)", True),
        ("$contains('a,b,c', /^([a-z]+,)*[a-z]+$/)", True),
        ("$contains('AB', /b/i)", True),
        ("$match('a1b2', /([a-z])([0-9])/).groups", ["a", "1", "b", "2"]),
        ("$replace('ab', /(a)(b)/, '$2$1')", "ba"),
        ("$replace('ab', /(a)b/, '$12')", "a2"),
        ("$replace('ab', /ab/, '[$1]')", "[]"),
        ("$replace('a.b', /[.]/, 'c:\\\\d')", "ac:\\db"),
        ("$replace('aaa', /a/, 'b', 2)", "bba"),
        ("$replace('a1', /[0-9]/, function($m) { $m.match & '!' })", "a1!"),
    ],
)
def test_ordinary_patterns(text: str, value: object) -> None:
    """A group may be repeated that holds a repetition or a choice; `$1` and what is no group is as in JavaScript."""
    assert compile_expression(text).evaluate({}, Ports()) == value


@pytest.mark.parametrize(
    ("source", "text", "found"),
    [
        ("^((a|a)?)*b$", "a" * 40 + "bc", False),
        ("a*a*a*a*a*a*bd", "a" * 200 + "bcbd", True),
        ("^([a-z]?[a-z]?)+!$", "a" * 40 + "!!", False),
        ("^((a+))+bd", "a" * 40 + "cbd", False),
        ("^(a?){26}a{26}b$", "a" * 26 + "b", True),
        ("(x+x+)+y$", "x" * 60 + "yz", False),
    ],
)
def test_what_explodes_elsewhere_does_not_here(source: str, text: str, found: bool) -> None:
    """Exponential for a plain backtracking matcher, answered at once here."""
    assert bool(Pattern(source).matches(text, Allowance())) is found


ENDLESS = "(.*)*x$"
TEXT = "ab" * 20_000 + "xx y"


def test_a_search_that_takes_too_long_is_stopped() -> None:
    """The error names the pattern; nothing is left of the allowance, so that the next search is stopped at once."""
    allowance = Allowance(0.05)
    with pytest.raises(PatternStoppedError, match="takes more than"):
        Pattern(ENDLESS).matches(TEXT, allowance)
    assert allowance.seconds <= 0
    with pytest.raises(PatternStoppedError):
        Pattern(ENDLESS).covers(TEXT, allowance)


def test_an_expression_with_an_endless_search_fails() -> None:
    """JSONata's code for what runs too long."""
    with pytest.raises(JsonataError) as caught:
        compile_expression(f"$match($text, /{ENDLESS}/)").evaluate({"text": TEXT}, Ports())
    assert caught.value.code == "D1012"


@pytest.mark.parametrize(
    ("compile_field", "form"),
    [
        (expressions.path, "{}"),
        (expressions.query, "{}.length()"),
        (expressions.intrinsic, "States.ArrayLength({})"),
    ],
)
def test_a_filter_with_an_endless_search_fails_the_state(
    compile_field: Callable[[str], Evaluate], form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`States.Runtime`, also under an intrinsic function and a path function."""
    monkeypatch.setattr(jsonpath, "Allowance", lambda: Allowance(0.05))
    scope = Scope({}, {}, Ports())
    document = {"a": [{"x": TEXT}]}
    evaluate = compile_field(form.format(f"$.a[?(@.x=~/{ENDLESS}/)]"))
    with pytest.raises(StateFailure) as caught:
        evaluate(document, scope)
    assert caught.value.error == "States.Runtime"


def test_what_is_no_pattern_is_refused() -> None:
    """With the reason."""
    with pytest.raises(ExpressionSyntaxError, match="cannot be read"):
        Pattern("(")


@pytest.mark.parametrize(
    ("source", "text", "found"),
    [
        ("a{e}", "a{e}", "a{e}"),
        ("a{e<=1}", "b", None),
        ("a{,2}", "a{,2}", "a{,2}"),
        ("a{2}", "aaa", "aa"),
        ("a{2,}", "aaa", "aaa"),
        ("[{e}]+", "{e}", "{e}"),
        ("[]{]", "{", "{"),
        (r"\{e}", "{e}", "{e}"),
        (r"\p{L}{2}", "éa", "éa"),
        (r"\[{x}", "[{x}", "[{x}"),
        ("(?<y>[0-9]{4})", "2026", "2026"),
        ("[[a]", "[", "["),
    ],
)
def test_braces(source: str, text: str, found: str | None) -> None:
    """A brace that is no quantifier stands for itself, as in JavaScript; nothing is matched by likeness."""
    matches = Pattern(source).matches(text, Allowance(), most=1)
    assert (matches[0].group() if matches else None) == found
