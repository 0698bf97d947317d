"""Reading a JSONPath: text in, steps out.

1. This file knows how a path is written and nothing of how it is evaluated (`jsonpath.py`).
2. The dialect is the service's: Jayway JsonPath, with `$$` for the context object and `$name` for a
   variable (States Language, "Paths" and "Using Variables"). Blanks around a path are allowed.
3. What cannot be read raises `ExpressionSyntaxError` with the place in the text.
"""

from __future__ import annotations

import re

from penstock.errors import ExpressionSyntaxError
from penstock.statemachines.jsonpath_steps import (
    Comparison,
    Condition,
    Descent,
    Filter,
    Function,
    Index,
    Indices,
    Junction,
    Negation,
    Operand,
    ParsedPath,
    Properties,
    Property,
    Root,
    Slice,
    Step,
    Wildcard,
)
from penstock.statemachines.patterns import Pattern

__all__ = ["parse_path"]

FUNCTIONS = frozenset({"length", "size", "min", "max", "avg", "sum", "stddev", "keys", "first", "last"})
_WORD_OPERATORS = ("subsetof", "contains", "noneof", "anyof", "empty", "size", "nin", "in")
_OPERATORS = ("===", "!==", "==", "!=", "<=", ">=", "=~", "<", ">")
_VARIABLE = re.compile(r"[^\W\d]\w*")
_INTEGER = re.compile(r"-?\d+")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_WORD = re.compile(r"[a-zA-Z]+")
_FILTER_STOPS = frozenset("()=!<>&|,~ \t\n\r[].")
_PATH_STOPS = frozenset("[(.")
_MAX_DEPTH = 50


def parse_path(text: str) -> ParsedPath:
    """Read one path.

    Raises:
        ExpressionSyntaxError: the text is not a path.
    """
    reader = _Reader(text.strip())
    if not reader.text.startswith("$"):
        raise reader.error("a path begins with $")
    path = reader.path(in_filter=False)
    if not reader.at_end():
        raise reader.error("the path cannot go on like this")
    return path


class _Reader:
    """A cursor over one path's text; nested filters are read by the same cursor."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.depth = 0

    def error(self, reason: str) -> ExpressionSyntaxError:
        return ExpressionSyntaxError(
            f"invalid path: {reason}", at=f"{self.text!r}, column {self.position + 1}"
        )

    def at_end(self) -> bool:
        return self.position >= len(self.text)

    def peek(self) -> str:
        return self.text[self.position : self.position + 1]

    def take(self, token: str) -> bool:
        if self.text.startswith(token, self.position):
            self.position += len(token)
            return True
        return False

    def blanks(self) -> None:
        while self.peek() in (" ", "\t", "\n", "\r"):
            self.position += 1

    def match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.position)
        if found is None:
            return ""
        self.position = found.end()
        return found.group()

    # --- steps

    def path(self, *, in_filter: bool) -> ParsedPath:
        variable = ""
        if self.take("@"):
            root = Root.CURRENT
        elif self.take("$$"):
            root = Root.CONTEXT
        else:
            self.take("$")
            variable = self.match(_VARIABLE)
            root = Root.VARIABLE if variable else Root.DOCUMENT
        steps: list[Step] = []
        while self.peek() in (".", "["):
            if steps and isinstance(steps[-1], Function):
                raise self.error(f"nothing follows {steps[-1].name}()")
            steps.extend(self.step(in_filter=in_filter))
        return ParsedPath(root, variable, tuple(steps))

    def step(self, *, in_filter: bool) -> list[Step]:
        steps: list[Step] = []
        if self.take(".."):
            steps.append(Descent())
        elif not self.take("."):
            return [self.bracket()]
        if self.peek() == "[":
            return [*steps, self.bracket()]
        if self.take("*"):
            return [*steps, Wildcard()]
        start = self.position
        stops = _FILTER_STOPS if in_filter else _PATH_STOPS
        while not self.at_end() and self.peek() not in stops:
            self.position += 1
        name = self.text[start : self.position]
        if not name:
            raise self.error("a name is missing after the dot")
        if any(blank in name for blank in " \t\n\r"):
            raise self.error(f"a name with a blank is written in brackets: ['{name}']")
        if self.peek() == "(" and not (in_filter and name not in FUNCTIONS):
            return [*steps, self.function(name)]
        return [*steps, Property(name)]

    def function(self, name: str) -> Function:
        self.take("(")
        self.blanks()
        if name not in FUNCTIONS:
            raise self.error(f"there is no path function {name}()")
        if not self.take(")"):
            raise self.error(f"{name}() takes no argument")
        return Function(name)

    def bracket(self) -> Step:
        self.take("[")
        self.blanks()
        if self.peek() in ("'", '"'):
            names = [self.quoted()]
            self.blanks()
            while self.take(","):
                self.blanks()
                names.append(self.quoted())
                self.blanks()
            step: Step = Property(names[0]) if len(names) == 1 else Properties(tuple(names))
        elif self.take("*"):
            step = Wildcard()
        elif self.take("?"):
            step = self.filter()
        else:
            step = self.numbers()
        self.blanks()
        if not self.take("]"):
            raise self.error("the bracket is not closed")
        return step

    def quoted(self) -> str:
        """A name in quotes. A backslash escapes the quote that is used, and nothing else."""
        quote = self.peek()
        if quote not in ("'", '"') or not quote:
            raise self.error("a name in quotes is missing")
        self.position += 1
        letters: list[str] = []
        while not self.at_end():
            letter = self.peek()
            self.position += 1
            if letter == "\\" and self.peek() == quote:
                letters.append(quote)
                self.position += 1
            elif letter == quote:
                return "".join(letters)
            else:
                letters.append(letter)
        raise self.error("the quotes are not closed")

    def numbers(self) -> Step:
        start = self.match(_INTEGER)
        self.blanks()
        if self.take(":"):
            self.blanks()
            stop = self.match(_INTEGER)
            return Slice(int(start) if start else None, int(stop) if stop else None)
        if not start:
            raise self.error("an index, a name in quotes, * or a filter is missing in the brackets")
        indices = [int(start)]
        while self.take(","):
            self.blanks()
            number = self.match(_INTEGER)
            if not number:
                raise self.error("an index is missing after the comma")
            indices.append(int(number))
            self.blanks()
        return Index(indices[0]) if len(indices) == 1 else Indices(tuple(indices))

    # --- filters

    def filter(self) -> Filter:
        self.blanks()
        if not self.take("("):
            raise self.error("a filter is written [?(...)]")
        condition = self.disjunction()
        self.blanks()
        if not self.take(")"):
            raise self.error("the filter is not closed")
        return Filter(condition)

    def disjunction(self) -> Condition:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise self.error("the filter is nested too deeply")
        parts = [self.conjunction()]
        self.blanks()
        while self.take("||"):
            parts.append(self.conjunction())
            self.blanks()
        self.depth -= 1
        return parts[0] if len(parts) == 1 else Junction("||", tuple(parts))

    def conjunction(self) -> Condition:
        parts = [self.term()]
        self.blanks()
        while self.take("&&"):
            parts.append(self.term())
            self.blanks()
        return parts[0] if len(parts) == 1 else Junction("&&", tuple(parts))

    def term(self) -> Condition:
        self.blanks()
        negated = False
        while self.peek() == "!":
            self.position += 1
            negated = not negated
            self.blanks()
        if self.take("("):
            inner = self.disjunction()
            self.blanks()
            if not self.take(")"):
                raise self.error("a parenthesis is not closed")
        else:
            inner = self.comparison()
        return Negation(inner) if negated else inner

    def comparison(self) -> Comparison:
        left = self.operand()
        self.blanks()
        operator = next((token for token in _OPERATORS if self.take(token)), "")
        if not operator:
            start = self.position
            word = self.match(_WORD).lower()
            if word in _WORD_OPERATORS:
                operator = word
            else:
                self.position = start
        if not operator:
            if left.path is None:
                raise self.error("a comparison is missing")
            return Comparison(left)
        self.blanks()
        return Comparison(left, operator, self.operand())

    def operand(self) -> Operand:
        self.blanks()
        first = self.peek()
        if first in ("@", "$") and first:
            self.depth += 1
            if self.depth > _MAX_DEPTH:
                raise self.error("the filter is nested too deeply")
            path = self.path(in_filter=True)
            self.depth -= 1
            return Operand(path=path)
        if first in ("'", '"') and first:
            return Operand(value=self.quoted())
        if first == "/":
            return Operand(pattern=self.regular_expression())
        if first == "[":
            return Operand(value=self.literal_list())
        number = self.match(_NUMBER)
        if number:
            return Operand(value=float(number) if any(mark in number for mark in ".eE") else int(number))
        word = self.match(_WORD)
        if word in ("true", "false", "null"):
            return Operand(value={"true": True, "false": False, "null": None}[word])
        raise self.error("a value is missing: a path, a string in quotes, a number, true, false or null")

    def literal_list(self) -> list[object]:
        self.take("[")
        values: list[object] = []
        self.blanks()
        while not self.take("]"):
            operand = self.operand()
            if operand.path is not None or operand.pattern is not None:
                raise self.error("a list in a filter holds only literals")
            values.append(operand.value)
            self.blanks()
            if not self.take(",") and self.peek() != "]":
                raise self.error("the list is not closed")
            self.blanks()
        return values

    def regular_expression(self) -> Pattern:
        self.take("/")
        start = self.position
        while not self.at_end() and self.peek() != "/":
            self.position += 2 if self.peek() == "\\" else 1
        source = self.text[start : self.position]
        if not self.take("/"):
            raise self.error("the regular expression is not closed")
        flags = self.match(_WORD)
        for letter in flags:
            if letter not in "imsx":
                raise self.error(f"there is no flag {letter!r} of regular expressions")
        try:
            return Pattern(source.replace("\\/", "/"), flags)
        except ExpressionSyntaxError as problem:
            raise self.error(problem.what) from problem
