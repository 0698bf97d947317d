"""JSONata: compiling expressions and evaluating them, behind one small boundary.

1. The package `jsonata-python` is known to this file and its neighbours `jsonata_...`
   only; nothing of it passes the boundary: JSON values go in and come out.
2. Whatever fails, whatever the expression, is a `JsonataError` in AWS's words, or an `ExpressionSyntaxError`.
3. No clock, no random numbers of its own; every limit is a count, but for that of `patterns`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from penstock.errors import ExpressionSyntaxError, JsonataError
from penstock.statemachines import jsonata_limits as limits
from penstock.statemachines.jsonata_functions import step_functions
from penstock.statemachines.jsonata_package import JException, Jsonata, RegexFlags, Utils
from penstock.statemachines.model import Ports
from penstock.statemachines.values import JSON

__all__ = ["Expression", "compile_expression"]

# `$eval` does not exist in Step Functions ("Use $parse in place of it").
_ABSENT = ("eval",)


class _Bounded(Jsonata):  # type: ignore[misc]  # the package is not typed
    """The interpreter, with the execution's time."""

    moment = 0

    @property
    def timestamp(self) -> int:
        return self.moment

    @timestamp.setter
    def timestamp(self, _wall_clock: int) -> None:
        """The library sets its own clock's time here."""

    def apply_inner(self, proc: object, args: object, input: object, environment: object) -> object:
        if proc is not None and not self.is_function_like(proc):
            raise JException("T1006", 0)
        return super().apply_inner(proc, args, input, environment)


def _compile_pattern(pattern: str, flags: RegexFlags) -> limits.Matcher:
    return limits.Matcher(pattern, "i" * flags.case_insensitive + "m" * flags.multiline)


def _guard(name: str, check: Callable[[list[object]], None]) -> Jsonata.JLambda:
    """A built-in function that is asked first whether its result would be too large."""
    built_in = Jsonata.static_frame.lookup(name)

    class Guarded(Jsonata.JFunction):  # type: ignore[misc]  # the package is not typed
        def __init__(self) -> None:
            self.signature = built_in.signature
            self.function_name = name

        def get_number_of_args(self) -> int:
            return int(built_in.get_number_of_args())

        def call(self, given: object, arguments: list[object] | None) -> object:
            check(list(arguments or []))
            return built_in.call(given, arguments)

    return Guarded()


def _check_pad(arguments: list[object]) -> None:
    if len(arguments) > 1 and isinstance(arguments[1], int | float):
        limits.check_text(int(abs(arguments[1])))


def _check_join(arguments: list[object]) -> None:
    parts = arguments[0] if arguments and isinstance(arguments[0], list) else []
    separator = arguments[1] if len(arguments) > 1 and isinstance(arguments[1], str) else ""
    limits.check_text(sum(len(part) + len(separator) for part in parts if isinstance(part, str)))


def _check_replace(arguments: list[object]) -> None:
    text, replacement = (arguments + [None] * 3)[0:3:2]
    if isinstance(text, str) and isinstance(replacement, str) and len(replacement) > 1:
        limits.check_text(len(text) * len(replacement))


def _check_split(arguments: list[object]) -> None:
    if arguments and isinstance(arguments[0], str):
        limits.check_array(len(arguments[0]))


def _check_string(arguments: list[object]) -> None:
    _count(arguments[0] if arguments else None)


_GUARDED = {
    name: _guard(name, check)
    for name, check in {
        "pad": _check_pad,
        "join": _check_join,
        "replace": _check_replace,
        "split": _check_split,
        "string": _check_string,
    }.items()
}


def _count(value: object) -> int:
    """How many values there are in a value, counting shared ones each time, up to the limit."""
    waiting, count = [value], 0
    while waiting:
        found = waiting.pop()
        count += 1
        if isinstance(found, str):
            count += len(found) // 16
        elif isinstance(found, dict):
            waiting.extend(found.values())
        elif isinstance(found, list):
            limits.check_array(len(found))
            waiting.extend(found)
        if count + len(waiting) > limits.MAXIMUM_TEXT // 8:
            raise limits.too_much("a value is too large")
    return count


class Expression:
    """A compiled expression.

    Attributes:
        text: the expression as it was written, without `{%` and `%}`.
    """

    __slots__ = ("_compiled", "text")

    def __init__(self, text: str, compiled: _Bounded) -> None:
        self.text = text
        self._compiled = compiled

    def evaluate(self, bindings: Mapping[str, JSON], ports: Ports, *, document: JSON = None) -> JSON:
        """Evaluate it.

        Args:
            bindings: variables by name, without `$`; `states` is `$states`.
            ports: the time (`$now`, `$millis`) and the random numbers (`$random`, `$uuid`).
            document: `$`; Step Functions gives none.

        Raises:
            JsonataError: it fails, gives nothing, gives a function, or takes too much.
        """
        frame = self._compiled.create_frame()
        for name, implementation in step_functions(ports).items():
            frame.bind(name, Jsonata.JLambda(implementation))
        for name, guarded in _GUARDED.items():
            frame.bind(name, guarded)
        for name in _ABSENT:
            frame.bind(name, None)
        for name, value in bindings.items():
            frame.bind(name, Utils.NULL_VALUE if value is None else value)
        limits.SEARCHES.begin()
        budget = limits.Budget()
        frame.set_evaluate_entry_callback(budget.enter)
        frame.set_evaluate_exit_callback(budget.leave)
        try:
            # The library evaluates with the instance that it finds here, whichever one it is asked for.
            Jsonata.CURRENT.jsonata = self._compiled
            self._compiled.moment = round(ports.now * 1000)
            with limits.deep_stack():
                result = self._compiled.evaluate(document, frame)
            if result is None:
                raise JsonataError("", "returned nothing (undefined).")
            _count(result)
            return _plain(result)
        except _FAILURES as error:
            raise _failed(error) from error


# What the library raises: its own exception, Python's where it forgets to check, and its parser's.
_FAILURES = (RuntimeError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError)

_CODE = re.compile(r"[DSTU]\d{4}")

# JSONata's codes for what the library reports by Python's own exceptions.
_CODES = {
    "could not convert string to float": "D3030",
    "float division by zero": "D1001",
    "Numerical result out of range": "D3061",
    "Invalid isoformat string": "D3110",
    "Second argument of replace": "D3010",
    "both integer and fractional": "D3085",
    "invalid grouping in picture": "D3086",
    "In a decimal digit pattern": "D3131",
    "as a sequence starting with": "D3130",
    "The 'name' modifier": "D3133",
    "missing specifiers required": "D3136",
    "codec can't": "D3140",
    "Type parameters can only": "S0401",
    "Choice groups containing": "S0402",
    "unknown type to match": "T0410",
    "not supported between instances": "T0410",
}


def _code_of(error: Exception) -> str:
    code = str(getattr(error, "error", "") or "")
    if _CODE.fullmatch(code):
        return code
    if isinstance(error, RecursionError):
        return "D1011"
    return next((code for words, code in _CODES.items() if words in str(error)), "")


def _failed(error: Exception) -> JsonataError:
    code = _code_of(error)
    return JsonataError(code, f"threw an error during evaluation. {f'{code}: ' if code else ''}{error}")


@lru_cache(maxsize=4096)
def compile_expression(text: str) -> Expression:
    """Compile an expression.

    Args:
        text: what stands between `{%` and `%}`.

    Raises:
        ExpressionSyntaxError: it is not JSONata.
    """
    try:
        with limits.deep_stack():
            compiled = _Bounded(text, _compile_pattern)
    except _FAILURES as error:
        code = _code_of(error) or "S0201"
        raise ExpressionSyntaxError(f"the JSONata expression cannot be read: {code}: {error}") from error
    compiled.set_output_convert_nulls(False)
    compiled.set_validate_input(False)
    return Expression(text, compiled)


def _plain(value: object) -> JSON:
    """The library's value as JSON: its lists are lists, its null is None, 2.0 is 2."""
    if value is None or value is Utils.NULL_VALUE:
        return None
    if isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): _plain(member) for name, member in value.items()}
    raise JsonataError("", "returned an unsupported result type.")
