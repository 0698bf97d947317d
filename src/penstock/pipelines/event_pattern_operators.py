"""What an event pattern may say of one value: exact values, and every operator.

Source: EventBridge, "Comparison operators for use in event patterns". What is refused is refused in the words of
`InvalidEventPatternException`.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from penstock.errors import EventPatternError

Test = Callable[[object], bool]

GREATEST_NUMBER: Final = 5e9
MOST_WILDCARDS: Final = 5
"""AWS refuses patterns that are too complex and does not say where that begins."""


class ValueMatcher:
    """The alternatives of one path: a value matches if one of them does.

    Attributes:
        absent: one of them is `exists: false`.
        matches: whether a leaf's value is one of those that are asked for.
    """

    __slots__ = ("absent", "matches")

    def __init__(self, exact: Sequence[object], tests: Sequence[Test], *, absent: bool) -> None:
        self.absent = absent
        self.matches: Test = _any_of(exact, tests)


def _any_of(exact: Sequence[object], tests: Sequence[Test]) -> Test:
    """One test for all alternatives: as little as they need."""
    if not exact and len(tests) == 1:
        return tests[0]
    texts = frozenset(one for one in exact if isinstance(one, str))
    if not tests and all(isinstance(one, str) for one in exact):
        return lambda value: isinstance(value, str) and value in texts
    numbers = frozenset(one for one in exact if _is_number(one))
    others = tuple(one for one in exact if one is None or isinstance(one, bool))

    def matches(value: object) -> bool:
        if isinstance(value, str):
            if value in texts:
                return True
        elif value is None or isinstance(value, bool):
            if any(value is one for one in others):
                return True
        elif value in numbers:
            return True
        for test in tests:  # noqa: SIM110  # any() makes a generator, which costs more than most tests
            if test(value):
                return True
        return False

    return matches


def value_matcher(alternatives: Sequence[object], pointer: str) -> ValueMatcher:
    """Compile the array of a path.

    Raises:
        EventPatternError: AWS would refuse it.
    """
    if not alternatives:
        raise EventPatternError("empty arrays are not allowed", at=pointer, fix="leave the member out")
    exact: list[object] = []
    tests: list[Test] = []
    absent = False
    for index, one in enumerate(alternatives):
        here = f"{pointer}/{index}"
        if isinstance(one, Mapping):
            name, operand = _single(one, here)
            if name == "exists":
                if not isinstance(operand, bool):
                    raise EventPatternError(
                        "exists match pattern must be either true or false",
                        at=here,
                        fix="write true or false",
                    )
                absent = absent or not operand
                if operand:
                    tests.append(_anything)
            else:
                tests.append(_operator(name, operand, f"{here}/{name}"))
        elif isinstance(one, list | tuple):
            raise EventPatternError("an array in an array", at=here, fix="write the values in one array")
        else:
            exact.append(one)
    return ValueMatcher(exact, tests, absent=absent)


def _single(expression: Mapping[str, object], here: str) -> tuple[str, object]:
    if len(expression) != 1:
        raise EventPatternError(
            "only one key is allowed in a match expression", at=here, fix="write one object for each operator"
        )
    ((name, operand),) = expression.items()
    return name, operand


def _operator(name: str, operand: object, here: str) -> Test:
    compile_operator = _OPERATORS.get(name)
    if compile_operator is None:
        known = ", ".join(sorted([*_OPERATORS, "exists"]))
        raise EventPatternError(f"unrecognized match type {name}", at=here, fix=f"one of {known}")
    return compile_operator(operand, here)


def _anything(value: object) -> bool:
    return True


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


# --- Texts ------------------------------------------------------------------------------------------------


def _prefix(operand: object, here: str) -> Test:
    ignored = _ignoring_case(operand, "prefix", here)
    if ignored is not None:
        return lambda value: isinstance(value, str) and value[: len(ignored)].casefold() == ignored.casefold()
    start = _text(operand, "prefix", here)
    return lambda value: isinstance(value, str) and value.startswith(start)


def _suffix(operand: object, here: str) -> Test:
    ignored = _ignoring_case(operand, "suffix", here)
    if ignored is not None:
        low = ignored.casefold()
        return lambda value: isinstance(value, str) and value.casefold().endswith(low)
    end = _text(operand, "suffix", here)
    return lambda value: isinstance(value, str) and value.endswith(end)


def _equals_ignore_case(operand: object, here: str) -> Test:
    wanted = _text(operand, "equals-ignore-case", here).casefold()
    return lambda value: isinstance(value, str) and value.casefold() == wanted


def _wildcard(operand: object, here: str) -> Test:
    expression = wildcard_expression(_text(operand, "wildcard", here), here)
    return lambda value: isinstance(value, str) and expression.fullmatch(value) is not None


def wildcard_expression(text: str, here: str) -> re.Pattern[str]:
    r"""The regular expression of a wildcard pattern: `*` is any text, `\*` and `\\` are themselves."""
    parts: list[str] = []
    stars = index = 0
    while index < len(text):
        letter = text[index]
        if letter == "*":
            if text[index + 1 : index + 2] == "*":
                raise EventPatternError(
                    f"consecutive wildcard characters at pos {index}",
                    at=here,
                    fix="one * stands for any text",
                )
            stars += 1
            parts.append(".*")
        elif letter == "\\":
            index += 1
            if text[index : index + 1] not in ("*", "\\"):
                raise EventPatternError(
                    f"invalid escape character at pos {index - 1}", at=here, fix=r"write \\ or \*"
                )
            parts.append(re.escape(text[index]))
        else:
            parts.append(re.escape(letter))
        index += 1
    if stars > MOST_WILDCARDS:
        raise EventPatternError(
            "the rule is too complex",
            at=here,
            fix="try using fewer wildcard characters or fewer repeating character sequences after one",
        )
    return re.compile("".join(parts), re.DOTALL)


def _text(operand: object, name: str, here: str) -> str:
    if not isinstance(operand, str):
        raise EventPatternError(f"{name} match pattern must be a string", at=here, fix="write a string")
    return operand


def _ignoring_case(operand: object, name: str, here: str) -> str | None:
    """The text of `{"equals-ignore-case": text}`, which may stand inside prefix and suffix."""
    if not isinstance(operand, Mapping):
        return None
    inner, text = _single(operand, here)
    if inner != "equals-ignore-case" or not isinstance(text, str):
        raise EventPatternError(
            f"{name} match pattern must be a string",
            at=here,
            fix='write a string, or {"equals-ignore-case": "text"}',
        )
    return text


# --- Numbers and addresses --------------------------------------------------------------------------------

_COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "=": lambda value, bound: value == bound,
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
}


def _numeric(operand: object, here: str) -> Test:
    if not isinstance(operand, list | tuple) or not operand:
        raise EventPatternError(
            "value of numeric must be an array", at=here, fix='for example {"numeric": [">", 0, "<=", 5]}'
        )
    names, bounds = list(operand[::2]), list(operand[1::2])
    if len(names) != len(bounds) or len(names) > 2:
        raise EventPatternError(
            "a numeric match is one or two comparisons", at=here, fix='for example [">", 0, "<=", 5]'
        )
    compiled = [_comparison(name, bound, here) for name, bound in zip(names, bounds, strict=True)]
    if len(compiled) == 1:
        ((compare, bound),) = compiled
        return lambda value: _is_number(value) and compare(value, bound)  # type: ignore[arg-type]
    if not (str(names[0]).startswith(">") and str(names[1]).startswith("<")):
        raise EventPatternError(
            "a range begins with > or >= and ends with < or <=", at=here, fix='for example [">", 0, "<=", 5]'
        )
    (above, low), (below, high) = compiled
    if low >= high:
        raise EventPatternError("bottom must be less than top", at=here, fix=f"[.., {high}, .., {low}]")
    return lambda value: _is_number(value) and above(value, low) and below(value, high)  # type: ignore[arg-type]


def _comparison(name: object, bound: object, here: str) -> tuple[Callable[[float, float], bool], float]:
    compare = _COMPARISONS.get(name) if isinstance(name, str) else None
    if compare is None:
        raise EventPatternError(
            f"unrecognized numeric range operator: {name}", at=here, fix="=, <, <=, > or >="
        )
    if isinstance(bound, bool) or not isinstance(bound, int | float):
        raise EventPatternError(f"value of {name} must be numeric", at=here, fix="write a number")
    if not -GREATEST_NUMBER <= bound <= GREATEST_NUMBER:
        raise EventPatternError(
            f"value of {name} must be between {-GREATEST_NUMBER:g} and {GREATEST_NUMBER:g}, inclusive",
            at=here,
            fix="compare numbers within that range",
        )
    return compare, bound


def _cidr(operand: object, here: str) -> Test:
    if not isinstance(operand, str):
        raise EventPatternError("prefix match pattern must be a string", at=here, fix='"10.0.0.0/24"')
    address, slash, mask = operand.partition("/")
    if not slash or "/" in mask:
        raise EventPatternError("malformed CIDR, one '/' required", at=here, fix='"10.0.0.0/24"')
    if not mask.isdecimal():
        raise EventPatternError("malformed CIDR, mask bits must be an integer", at=here, fix='"10.0.0.0/24"')
    try:
        network = ipaddress.ip_network(f"{ipaddress.ip_address(address)}/{mask}", strict=False)
    except ValueError as error:
        raise EventPatternError(f"nonstandard IP address: {operand}", at=here, fix='"10.0.0.0/24"') from error

    family = socket.AF_INET if network.version == 4 else socket.AF_INET6
    hosts = network.max_prefixlen - network.prefixlen
    wanted = int(network.network_address) >> hosts

    def within(value: object) -> bool:
        if not isinstance(value, str):
            return False
        try:
            return int.from_bytes(socket.inet_pton(family, value)) >> hosts == wanted
        except (OSError, ValueError):
            return False

    return within


# --- Anything but -----------------------------------------------------------------------------------------


def _anything_but(operand: object, here: str) -> Test:
    if isinstance(operand, Mapping):
        return _anything_but_operator(*_single(operand, here), here)
    listed = isinstance(operand, list | tuple)
    values: Sequence[object] = operand if isinstance(operand, list | tuple) else [operand]
    if not values or not all(isinstance(one, str) or _is_number(one) for one in values):
        said = (
            "inside anything but list, start|null|boolean is not supported"
            if listed and values
            else "value of anything-but must be an array or single string/number value"
        )
        raise EventPatternError(said, at=here, fix='for example {"anything-but": ["stopped", "overloaded"]}')
    if any(isinstance(one, str) for one in values) and not all(isinstance(one, str) for one in values):
        raise EventPatternError(
            "inside anything but list, either all values are number or string, mixed type is not supported",
            at=here,
            fix="write two anything-but objects",
        )
    refused = ValueMatcher(values, (), absent=False).matches
    return lambda value: not refused(value)


def _anything_but_operator(name: str, operand: object, here: str) -> Test:
    if name not in ("prefix", "suffix", "wildcard", "equals-ignore-case"):
        raise EventPatternError(
            f"unsupported anything-but pattern: {name}",
            at=here,
            fix="prefix, suffix, wildcard or equals-ignore-case",
        )
    texts: Sequence[object] = operand if isinstance(operand, list | tuple) else [operand]
    if not texts:
        raise EventPatternError(f"empty list in anything-but {name}", at=here, fix="name what is refused")
    for text in texts:
        if not isinstance(text, str):
            raise EventPatternError(
                "inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported"
                if name == "equals-ignore-case"
                else "value of anything-but must be an array or single string/number value"
                if isinstance(text, Mapping)
                else "wildcard match pattern must be a string"
                if name == "wildcard"
                else "prefix/suffix match pattern must be a string",
                at=here,
                fix="write a string, or an array of strings",
            )
    refused = [_operator(name, text, here) for text in texts]
    return lambda value: not any(test(value) for test in refused)


_OPERATORS: Final[Mapping[str, Callable[[object, str], Test]]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _equals_ignore_case,
    "wildcard": _wildcard,
    "numeric": _numeric,
    "cidr": _cidr,
    "anything-but": _anything_but,
}
