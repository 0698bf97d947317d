"""JSONata: compiling expressions and evaluating them, behind one small boundary.

1. The package `jsonata-python` is known to this file and its neighbours `jsonata_...`
   only; nothing of it passes the boundary: JSON values go in and come out.
2. Whatever fails, whatever the expression, is a `JsonataError` in AWS's words, or an `ExpressionSyntaxError`.
3. No clock, no random numbers of its own; every limit is a count, but for that of `patterns`.
"""

from __future__ import annotations

import base64
import math
import re
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import add, mul, sub, truediv
from typing import Any

from penstock.errors import ExpressionSyntaxError, JsonataError
from penstock.statemachines import jsonata_limits as limits
from penstock.statemachines.jsonata_functions import step_functions
from penstock.statemachines.jsonata_messages import code_of, failure_message, fill
from penstock.statemachines.jsonata_package import JException, Jsonata, RegexFlags, Utils
from penstock.statemachines.jsonata_text import string
from penstock.statemachines.model import Ports
from penstock.statemachines.values import JSON

__all__ = ["Expression", "compile_expression"]

# `$eval` does not exist in Step Functions ("Use $parse in place of it").
_ABSENT = ("eval",)

_LARGEST = sys.float_info.max


class _Bounded(Jsonata):  # type: ignore[misc]  # the package is not typed
    """The interpreter, with the execution's time."""

    moment = 0

    @property
    def timestamp(self) -> int:
        return self.moment

    @timestamp.setter
    def timestamp(self, _wall_clock: int) -> None:
        """The library sets its own clock's time here."""

    def evaluate_function(self, expr: Any, input: object, environment: object, context: object) -> object:
        try:
            return super().evaluate_function(expr, input, environment, context)
        except JException as error:
            if error.error in ("T0410", "T0411", "T0412") and error.remaining is None:
                error.remaining = "named"
                name = _name_called(expr.procedure)
                if error.error == "T0411":
                    error.extra = name
                else:
                    error.expected = name
            raise

    def apply_inner(self, proc: object, args: object, input: object, environment: object) -> object:
        if proc is not None and not self.is_function_like(proc):
            raise JException("T1006", 0)
        try:
            return super().apply_inner(proc, args, input, environment)
        except JException as error:
            if error.error == "T0410" and error.extra is None:
                _locate(error, proc, args)
            raise

    def evaluate_numeric_expression(self, lhs: object, rhs: object, op: str | None) -> object:
        """JavaScript's arithmetic: what is too large, and what is divided by zero, is infinite or no number."""
        if not (_is_number(lhs) and _is_number(rhs)):
            return super().evaluate_numeric_expression(lhs, rhs, op)
        left, right = float(lhs), float(rhs)  # type: ignore[arg-type]  # numbers, as was just asked
        if right == 0 and op in ("/", "%"):
            infinite = op == "/" and left != 0
            return math.copysign(math.inf, left) * math.copysign(1, right) if infinite else math.nan
        try:
            result = {"+": add, "-": sub, "*": mul, "/": truediv, "%": math.fmod}[str(op)](left, right)
        except OverflowError:
            result = math.inf
        return int(result) if result.is_integer() else result

    def evaluate_string_concat(self, lhs: object, rhs: object) -> str:
        _count(lhs)
        _count(rhs)
        return (string(lhs) or "") + (string(rhs) or "")


def _compile_pattern(pattern: str, flags: RegexFlags) -> limits.Matcher:
    return limits.Matcher(pattern, "i" * flags.case_insensitive + "m" * flags.multiline)


def _locate(error: JException, proc: object, arguments: object) -> None:
    """Say which argument of which function does not match, as jsonata-js does; the library's own count is off."""
    error.extra = "located"
    signature = getattr(proc, "signature", None)
    if error.current is not None and signature is not None and isinstance(arguments, list):
        given = "".join(signature.get_symbol(argument) for argument in arguments)
        expected, good_to = "", 0
        for parameter in signature._params:
            expected += parameter.regex
            found = re.match(expected, given)
            if found is None:
                break
            good_to = found.end()
        error.current = good_to + 1
    elif error.current is None:
        error.current = 1


def _name_called(procedure: object) -> object:
    """The name that a call has in the expression; the library's own is that of the last variable it was bound to."""
    steps = getattr(procedure, "steps", None)
    return getattr(steps[0] if steps else procedure, "value", None)


def _is_number(value: object) -> bool:
    """A finite number; what is not finite is refused by the library itself (`D1001`)."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST


def _guard(
    name: str, check: Callable[[list[object]], None], call: Callable[..., object] | None = None
) -> Jsonata.JLambda:
    """A built-in function that is asked first whether it may be called so, or is called in another's place."""
    built_in = Jsonata.static_frame.lookup(name)

    class Guarded(Jsonata.JFunction):  # type: ignore[misc]  # the package is not typed
        def __init__(self) -> None:
            self.signature = built_in.signature
            self.function_name = name

        def get_number_of_args(self) -> int:
            return int(built_in.get_number_of_args())

        def call(self, given: object, arguments: list[object] | None) -> object:
            check(list(arguments or []))
            try:
                if call is not None:
                    return call(*(arguments or []))
                return built_in.call(given, arguments)
            except (ValueError, OverflowError, TypeError, JException) as error:
                raise _named(name, error, list(arguments or [])) from error

    return Guarded()


def _named(function: str, error: Exception, arguments: list[object]) -> Exception:
    """JSONata's code of what the library leaves to Python's own exceptions, or words with another code."""
    named: Exception = error
    match function, error:
        case "number", ValueError():
            named = JException("D3030", -1, *arguments[:1])
        case "toMillis", ValueError() if "isoformat" in str(error):
            named = JException("D3110", -1, *arguments[:1])
        case "power", OverflowError():
            named = JException("D3061", -1, *arguments[:2])
        case "sort", TypeError() if len(arguments) == 1:
            named = JException("D3070", -1)
        case "formatNumber", JException(error="D3085") if not re.search(r"[0-9#.,]", str(arguments[1])):
            # jsonata-js goes on to its next rule, and reports the last one that is broken.
            named = JException("D3086", -1)
    return named


def _base64decode(text: str | None = None) -> str | None:
    """As Java's decoder, which takes nothing but the alphabet; the padding may be missing.

    Raises:
        ValueError: there is something else, or the bytes are not UTF-8.
    """
    if text is None:
        return None
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode()


def _unchecked(_arguments: list[object]) -> None:
    """Nothing is too large for this function."""


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
    **{
        name: _guard(name, check)
        for name, check in {
            "pad": _check_pad,
            "join": _check_join,
            "replace": _check_replace,
            "split": _check_split,
            "number": _unchecked,
            "toMillis": _unchecked,
            "power": _unchecked,
            "sort": _unchecked,
            "formatNumber": _unchecked,
        }.items()
    },
    "base64decode": _guard("base64decode", _unchecked, _base64decode),
    "string": _guard("string", _check_string, string),
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
            raise limits.too_large()
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


def _failed(error: Exception) -> JsonataError:
    if isinstance(error, RecursionError):
        error = limits.too_deep()
    return JsonataError(*failure_message(error))


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
        code = code_of(error) or "S0201"
        reason = fill(code, error)
        raise ExpressionSyntaxError(f"the JSONata expression cannot be read: {code}: {reason}") from error
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
        if not math.isfinite(value):
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): _plain(member) for name, member in value.items()}
    raise JsonataError("", "returned an unsupported result type.")
