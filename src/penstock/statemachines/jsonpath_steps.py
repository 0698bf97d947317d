"""A JSONPath as values: where it starts, the steps that it takes, the conditions of its filters.

Nothing is read or evaluated here: `jsonpath_syntax` reads, `jsonpath` and `jsonpath_conditions` evaluate.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from penstock.statemachines.patterns import Pattern


class Root(Enum):
    """Where a path starts."""

    DOCUMENT = "$"
    CONTEXT = "$$"
    VARIABLE = "$name"
    CURRENT = "@"


@dataclass(frozen=True, slots=True)
class Property:
    """`.name` or `['name']`."""

    name: str

    def __str__(self) -> str:
        return f"['{self.name}']"


@dataclass(frozen=True, slots=True)
class Properties:
    """`['a','b']`: an object with those of the properties that are there."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return "[" + ",".join(f"'{name}'" for name in self.names) + "]"


@dataclass(frozen=True, slots=True)
class Index:
    """`[3]`; a negative index counts from the end."""

    index: int

    def __str__(self) -> str:
        return f"[{self.index}]"


@dataclass(frozen=True, slots=True)
class Indices:
    """`[0,2]`."""

    indices: tuple[int, ...]

    def __str__(self) -> str:
        return "[" + ",".join(map(str, self.indices)) + "]"


@dataclass(frozen=True, slots=True)
class Slice:
    """`[1:5]`, `[1:]`, `[:5]`, `[-2:]`."""

    start: int | None
    stop: int | None

    def __str__(self) -> str:
        return f"[{'' if self.start is None else self.start}:{'' if self.stop is None else self.stop}]"


@dataclass(frozen=True, slots=True)
class Wildcard:
    """`.*` or `[*]`."""

    def __str__(self) -> str:
        return "[*]"


@dataclass(frozen=True, slots=True)
class Descent:
    """`..`: the node and everything below it."""

    def __str__(self) -> str:
        return ".."


@dataclass(frozen=True, slots=True)
class Function:
    """`.length()` and the other functions that may end a path."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}()"


@dataclass(frozen=True, slots=True)
class Filter:
    """`[?(...)]`."""

    condition: Condition

    def __str__(self) -> str:
        return "[?]"


Step = Property | Properties | Index | Indices | Slice | Wildcard | Descent | Function | Filter


@dataclass(frozen=True, slots=True)
class ParsedPath:
    """A path as it is written: where it starts and the steps it takes."""

    root: Root
    variable: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Operand:
    """One side of a comparison: a literal, a regular expression or a path."""

    value: object = None
    path: ParsedPath | None = None
    pattern: Pattern | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """`left operator right`, or the existence of `left` if there is no operator."""

    left: Operand
    operator: str = ""
    right: Operand = Operand()


@dataclass(frozen=True, slots=True)
class Junction:
    """`a && b` or `a || b`."""

    operator: str
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """`!a`."""

    part: Condition


Condition = Comparison | Junction | Negation
