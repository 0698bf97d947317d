"""Conditions of a JSONPath Choice as Python expressions: `(var("$.n") > 3) & ~var("$.name").is_present()`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from penstock.errors import UsageError

Type = Literal["null", "present", "numeric", "string", "boolean", "timestamp"]


@dataclass(frozen=True, slots=True)
class Condition:
    """One Choice rule without its Next. `and`, `or` and `not` are `&`, `|` and `~`."""

    rule: dict[str, object]

    def __and__(self, other: Condition) -> Condition:
        return Condition({"And": [self.rule, other.rule]})

    def __or__(self, other: Condition) -> Condition:
        return Condition({"Or": [self.rule, other.rule]})

    def __invert__(self) -> Condition:
        return Condition({"Not": self.rule})

    def __bool__(self) -> bool:
        raise UsageError("a condition has no truth value in Python", fix="combine conditions by &, | and ~")


@dataclass(frozen=True, slots=True)
class Variable:
    """A path that is compared; the type of the other side chooses the operator (`NumericGreaterThan`, ...)."""

    path: str

    def __gt__(self, other: str | float) -> Condition:
        return self._compare("GreaterThan", other)

    def __ge__(self, other: str | float) -> Condition:
        return self._compare("GreaterThanEquals", other)

    def __lt__(self, other: str | float) -> Condition:
        return self._compare("LessThan", other)

    def __le__(self, other: str | float) -> Condition:
        return self._compare("LessThanEquals", other)

    def equals(self, other: str | float | bool) -> Condition:
        """Equal to a string, a number or a boolean."""
        return self._compare("Equals", other)

    def matches(self, pattern: str) -> Condition:
        """Matches a pattern with `*`."""
        return self.compare("StringMatches", pattern)

    def is_present(self) -> Condition:
        return self.is_a("present")

    def is_null(self) -> Condition:
        return self.is_a("null")

    def is_a(self, type: Type) -> Condition:
        return self.compare(f"Is{type.capitalize()}", True)

    def compare(self, operator: str, other: object) -> Condition:
        """Any operator by its name: `compare("TimestampLessThanPath", "$.until")`."""
        return Condition({"Variable": self.path, operator: other})

    def _compare(self, relation: str, other: str | float | bool) -> Condition:
        if not isinstance(other, str | int | float):
            raise UsageError(
                f"{other!r} has no type to compare by",
                fix='name the operator: var("$.x").compare("NumericGreaterThanPath", "$.y")',
            )
        kind = "Boolean" if isinstance(other, bool) else "String" if isinstance(other, str) else "Numeric"
        return self.compare(f"{kind}{relation}", other)


def var(path: str) -> Variable:
    """What a condition is about: a JSONPath, or a variable `$name`."""
    return Variable(path)
