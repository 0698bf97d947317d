"""Intrinsic function calls: `States.Format('{}-{}', $.a, States.UUID())`, read once and evaluated often.

1. Only reading a call and evaluating its arguments stands here, the functions in `intrinsic_functions.py`.
2. Arguments are evaluated from left to right, and what a call draws comes from the execution's own random
   numbers: the same seed gives the same values.
3. A failure is an `IntrinsicError` with the cause that the service writes, which names the whole call.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from random import Random

from penstock.errors import (
    ExpressionSyntaxError,
    IntrinsicError,
    PathError,
    PatternStoppedError,
    UnwritableValueError,
)
from penstock.statemachines.intrinsic_functions import FUNCTIONS, Refused, TemplateRefused
from penstock.statemachines.jsonpath import Path, compile_path
from penstock.statemachines.values import JSON, shown

__all__ = ["Intrinsic", "compile_intrinsic", "looks_like_intrinsic"]

MAX_NESTING = 10
"""Developer Guide, "Intrinsic functions": "You can nest up to 10 intrinsic functions"."""

_NAME = re.compile(r"States\.[A-Za-z0-9]+")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_Argument = Callable[[JSON, Mapping[str, JSON], Mapping[str, JSON], Random], JSON]


def looks_like_intrinsic(text: str) -> bool:
    """Whether a payload template's text is meant as a call rather than as a path."""
    return text.lstrip().startswith("States.")


class Intrinsic:
    """A compiled call.

    Attributes:
        text: the call as it was written.
        name: the outermost function: `States.Format`.
        returns: the JSON type of the result, empty if it may be any.
        paths: every path among the arguments, nested calls included.
    """

    __slots__ = ("_evaluate", "name", "paths", "returns", "text")

    def __init__(self, text: str, name: str, evaluate: _Argument, paths: tuple[Path, ...]) -> None:
        self.text = text
        self.name = name
        self.returns = FUNCTIONS[name].returns
        self.paths = paths
        self._evaluate = evaluate

    def __repr__(self) -> str:
        return f"Intrinsic({self.text!r})"

    def __call__(
        self, document: JSON, context: Mapping[str, JSON], variables: Mapping[str, JSON], draw: Random
    ) -> JSON:
        """The call's value for a document (`$`), a context object (`$$`) and the variables in scope.

        Raises:
            IntrinsicError: a path among the arguments finds nothing, or a function refuses its arguments.
        """
        try:
            return self._evaluate(document, context, variables, draw)
        except _ArgumentMissing as missing:
            reason = (
                f"The JsonPath argument for the field '{missing.shown}' could not be found in the input "
                f"'{shown(document)}'"
            )
        except _CallRefused as refused:
            reason = refused.reason
        raise IntrinsicError(f"The function '{self.text}' had the following error: {reason}")


class _ArgumentMissing(Exception):
    def __init__(self, shown: str) -> None:
        super().__init__(shown)
        self.shown = shown


class _CallRefused(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@lru_cache(maxsize=4096)
def compile_intrinsic(text: str) -> Intrinsic:
    """Read a call (States Language, "Intrinsic Functions").

    Raises:
        ExpressionSyntaxError: the text is not a call, the function does not exist, or it does not take that
            many arguments.
    """
    reader = _Reader(text.strip())
    name, evaluate = reader.call(1)
    if reader.position < len(reader.text):
        raise reader.error("nothing follows the call")
    return Intrinsic(text.strip(), name, evaluate, tuple(reader.paths))


def _path_argument(path: Path) -> _Argument:
    # The service searches the context object as a document of its own, and shows the path that way.
    shown = path.text[1:] if path.text.startswith("$$") else path.text

    def evaluate(
        document: JSON, context: Mapping[str, JSON], variables: Mapping[str, JSON], _: Random
    ) -> JSON:
        try:
            return path.query(document, context, variables)
        except PathError as problem:
            if problem.what.startswith("Filter:"):
                raise _CallRefused(problem.what) from problem
            raise _ArgumentMissing(shown) from problem
        except PatternStoppedError as problem:
            raise _CallRefused(problem.what) from problem

    return evaluate


def _literal_argument(value: JSON) -> _Argument:
    def evaluate(_: JSON, __: Mapping[str, JSON], ___: Mapping[str, JSON], ____: Random) -> JSON:
        return value

    return evaluate


def _call_argument(name: str, arguments: list[_Argument]) -> _Argument:
    function = FUNCTIONS[name].call

    def evaluate(
        document: JSON, context: Mapping[str, JSON], variables: Mapping[str, JSON], draw: Random
    ) -> JSON:
        values = [argument(document, context, variables, draw) for argument in arguments]
        try:
            return function(values, draw)
        except TemplateRefused as refused:
            raise _CallRefused(f"Invalid template in {name}: {refused.detail}") from refused
        except Refused as refused:
            detail = f": {refused.detail}" if refused.detail else ""
            raise _CallRefused(f"Invalid arguments in {name}{detail}") from refused
        except (RecursionError, ValueError, UnwritableValueError) as error:
            # Python writes and compares what is nested by calling itself, and no number of thousands of digits.
            raise _CallRefused(
                f"Invalid arguments in {name}: a value is nested too deeply, or too long"
            ) from error

    return evaluate


class _Reader:
    """A cursor over one call's text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.paths: list[Path] = []

    def error(self, reason: str, fix: str | None = None) -> ExpressionSyntaxError:
        place = f"{self.text!r}, column {self.position + 1}"
        return ExpressionSyntaxError(f"invalid intrinsic function: {reason}", at=place, fix=fix)

    def blanks(self) -> None:
        while self.text[self.position : self.position + 1].isspace():
            self.position += 1

    def call(self, depth: int) -> tuple[str, _Argument]:
        if depth > MAX_NESTING:
            raise self.error(f"calls may be nested {MAX_NESTING} deep")
        found = _NAME.match(self.text, self.position)
        name = found.group() if found else ""
        function = FUNCTIONS.get(name)
        if function is None:
            raise self.error(f"there is no function {name or self.text!r}", _nearest(name))
        self.position += len(name)
        arguments = list(self.arguments(name, depth))
        too_many = function.most is not None and len(arguments) > function.most
        if len(arguments) < function.least or too_many:
            wanted = str(function.least) if function.most == function.least else f"at least {function.least}"
            raise self.error(f"{name} takes {wanted} arguments, not {len(arguments)}")
        return name, _call_argument(name, arguments)

    def arguments(self, name: str, depth: int) -> Iterator[_Argument]:
        if self.text[self.position : self.position + 1] != "(":
            raise self.error(f"the arguments of {name} stand in parentheses")
        self.position += 1
        self.blanks()
        if self.text[self.position : self.position + 1] == ")":
            self.position += 1
            return
        while True:
            self.blanks()
            yield self.argument(depth, name)
            self.blanks()
            following = self.text[self.position : self.position + 1]
            self.position += 1
            if following == ")":
                return
            if following != ",":
                self.position -= 1
                raise self.error(f"the parenthesis of {name} is not closed")

    def argument(self, depth: int, name: str) -> _Argument:
        rest = self.text[self.position :]
        if rest.startswith("'"):
            return _literal_argument(self.string(keep_braces=name == "States.Format"))
        if rest.startswith("$"):
            start = self.position
            self.skip_path()
            path = compile_path(self.text[start : self.position])
            self.paths.append(path)
            return _path_argument(path)
        if rest.startswith("States."):
            return self.call(depth + 1)[1]
        for word, value in (("null", None), ("true", True), ("false", False)):
            if rest.startswith(word):
                self.position += len(word)
                return _literal_argument(value)
        number = _NUMBER.match(rest)
        if number is None:
            raise self.error("an argument is a path, a string in single quotes, a number, null or a call")
        self.position += number.end()
        return _literal_argument(json.loads(number.group()))

    def string(self, *, keep_braces: bool) -> str:
        r"""A literal in single quotes. `\'`, `\{`, `\}` and `\\` escape; a template keeps its own escapes."""
        self.position += 1
        letters: list[str] = []
        while self.position < len(self.text):
            letter = self.text[self.position]
            following = self.text[self.position + 1 : self.position + 2]
            if letter == "\\" and following in ("'", "\\", "{", "}") and following:
                letters.append("\\" + following if keep_braces and following != "'" else following)
                self.position += 2
                continue
            self.position += 1
            if letter == "'":
                return "".join(letters)
            letters.append(letter)
        raise self.error("the string is not closed")

    def skip_path(self) -> None:
        """Move behind a path: to the comma or parenthesis that stands outside its brackets and quotes."""
        depth = 0
        quote = ""
        while self.position < len(self.text):
            letter = self.text[self.position]
            if quote:
                if letter == "\\":
                    self.position += 1
                elif letter == quote:
                    quote = ""
            elif letter in ("'", '"') and depth:
                quote = letter
            elif letter in "[(":
                depth += 1
            elif letter in "])" and depth:
                depth -= 1
            elif letter in ",)" and not depth:
                return
            self.position += 1


def _nearest(name: str) -> str | None:
    close = difflib.get_close_matches(name, FUNCTIONS, n=1, cutoff=0.8)
    return f"did you mean {close[0]}?" if close else None
