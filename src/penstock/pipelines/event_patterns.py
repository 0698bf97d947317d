"""EventBridge's event patterns: compiled once, matched often.

Sources: EventBridge, "Creating Amazon EventBridge event patterns" and "Comparison operators for use in event
patterns"; the order and the array rules are those of AWS's open implementation, Event Ruler.

1. An event is looked at as its leaves: the dotted path of each, its value, and which element of which array of
   objects it lies in. Names that contain dots are therefore the same as nested objects.
2. A pattern matches if for each of its paths a leaf can be chosen so that all of them lie in the same element
   of every array that they share. Paths are taken in the order of their names.
3. `exists: false` asks that there be no such leaf in the elements chosen so far.
4. Most events have no array of objects where a pattern asks: they are asked name by name, as the pattern goes, and
   their leaves are not gathered.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Final, TypeAlias

from penstock.errors import EventPatternError
from penstock.pipelines.event_pattern_operators import ValueMatcher, value_matcher
from penstock.pipelines.json_texts import json_in

Membership: TypeAlias = tuple[tuple[int, int], ...]
"""For each array around a leaf (but not the one that lists plain values): which it is, and the element's index."""

Leaf: TypeAlias = tuple[object, Membership]
Leaves: TypeAlias = dict[int, list[Leaf]]
"""The leaves of an event by the number of their path."""

Rule: TypeAlias = tuple[tuple[int, ValueMatcher], ...]
"""One alternative of a pattern: its paths, by their numbers, in the order of their names."""

MAXIMUM_ALTERNATIVES = 1000
"""What `$or` may multiply out to (EventBridge, "Event pattern considerations")."""


class _Node:
    """One name on the way to what a pattern asks about.

    Attributes:
        leaf: the number of the path that ends here; None if none does.
    """

    __slots__ = ("children", "leaf")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.leaf: int | None = None

    def find(self, name: str) -> _Node | None:
        """The node below this one that a name with dots leads to, several names down."""
        node: _Node | None = self
        for part in name.split("."):
            node = None if node is None else node.children.get(part)
        return node


class _Branch:
    """What one alternative of a pattern asks about an object, for events without arrays of objects.

    Attributes:
        members: each name with what is asked of its value, of the members of its value, or of both.
        absent: an object that is not there will do, since nothing is asked of it but `exists: false`.
        asks_absence: `exists: false` is asked of something in it.
    """

    __slots__ = ("absent", "asks_absence", "members")

    def __init__(self, rule: Mapping[str, ValueMatcher]) -> None:
        below: dict[str, dict[str, ValueMatcher]] = {}
        matchers: dict[str, ValueMatcher] = {}
        for path, matcher in rule.items():
            name, _, rest = path.partition(".")
            if rest:
                below.setdefault(name, {})[rest] = matcher
            else:
                matchers[name] = matcher
        branches = {name: _Branch(inner) for name, inner in below.items()}
        self.members = tuple(
            (name, matchers.get(name), branches.get(name)) for name in dict.fromkeys([*matchers, *branches])
        )
        self.absent = all(matcher.absent for matcher in rule.values())
        self.asks_absence = any(matcher.absent for matcher in rule.values())


class Pattern:
    """A compiled pattern; `matches` tells whether an event is one of those that it describes."""

    __slots__ = ("_branches", "_root", "_rules")

    def __init__(self, rules: Sequence[Mapping[str, ValueMatcher]]) -> None:
        self._branches = tuple(map(_Branch, rules))
        self._root = _Node()
        numbers: dict[str, int] = {}
        for path in sorted({path for rule in rules for path in rule}):
            node = self._root
            for part in path.split("."):
                node = node.children.setdefault(part, _Node())
            node.leaf = numbers[path] = len(numbers)
        self._rules: tuple[Rule, ...] = tuple(
            tuple((numbers[path], rule[path]) for path in sorted(rule)) for rule in rules
        )

    def matches(self, event: Mapping[str, object]) -> bool:
        """Whether the event matches; an event is a decoded JSON object."""
        unknown = False
        for branch in self._branches:
            found = _quick(branch, event)
            if found:
                return True
            unknown = unknown or found is None
        return unknown and self.matches_leaves(event)

    def matches_leaves(self, event: Mapping[str, object]) -> bool:
        """The same, by all of the event's leaves: the long way, which any event can be matched in."""
        leaves: Leaves = {}
        grouped = _collect(event, self._root, (), leaves, [0])
        for rule in self._rules:  # noqa: SIM110  # any() makes a generator, which costs as much as the rest
            if _consistent(rule, leaves, 0, ()) if grouped else _flat(rule, leaves):
                return True
        return False


def compile_pattern(pattern: object) -> Pattern:
    """Compile a pattern: its JSON text, or what that decodes to.

    Raises:
        EventPatternError: AWS would refuse it (`InvalidEventPatternException`); `at` is a JSON pointer.
    """
    if isinstance(pattern, str | bytes):
        try:
            pattern = json_in(pattern)
        except ValueError as error:
            raise EventPatternError(
                f"the event pattern is not JSON: {error}", fix="write a JSON object"
            ) from error
    if not isinstance(pattern, Mapping):
        raise EventPatternError("an event pattern is an object", fix='for example {"source": ["aws.s3"]}')
    if not pattern:
        raise EventPatternError("the event pattern is empty", fix='for example {"source": ["aws.s3"]}')
    try:
        return Pattern(_alternatives(pattern, "", ""))
    except RecursionError as error:
        raise EventPatternError(
            "the event pattern is nested too deeply", fix="ask about fewer levels"
        ) from error


# --- Compiling --------------------------------------------------------------------------------------------


def _alternatives(members: Mapping[str, object], path: str, pointer: str) -> list[dict[str, ValueMatcher]]:
    """The pattern without `$or`: several patterns, of which one has to match."""
    if not members:
        raise EventPatternError("empty objects are not allowed", at=pointer, fix="leave the member out")
    parts = [list(_member(name, value, path, pointer)) for name, value in members.items()]
    total = 1
    for part in parts:
        total *= len(part)
    if total > MAXIMUM_ALTERNATIVES:
        raise EventPatternError(
            f"$or multiplies out to {total} rules; {MAXIMUM_ALTERNATIVES} are allowed",
            at=pointer,
            fix="divide it into several rules",
        )
    merged: list[dict[str, ValueMatcher]] = []
    for combination in product(*parts):
        rule: dict[str, ValueMatcher] = {}
        for one in combination:
            rule.update(one)
        merged.append(rule)
    return merged


def _member(name: str, value: object, path: str, pointer: str) -> Iterator[dict[str, ValueMatcher]]:
    here = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
    if name == "$or" and _is_or(value):
        assert isinstance(value, Sequence)
        for index, one in enumerate(value):
            yield from _alternatives(one, path, f"{here}/{index}")
        return
    inner = f"{path}.{name}" if path else name
    if isinstance(value, Mapping):
        yield from _alternatives(value, inner, here)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        yield {inner: value_matcher(value, here)}
    else:
        raise EventPatternError(
            f'"{name}" must be an object or an array', at=here, fix=f"write [{json.dumps(value)}]"
        )


def _is_or(value: object) -> bool:
    """`$or` is an operator if it has an array of two objects or more; it is a name otherwise."""
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and len(value) > 1
        and all(isinstance(one, Mapping) for one in value)
    )


# --- Matching ---------------------------------------------------------------------------------------------

_MISSING: Final = object()


def _quick(branch: _Branch, members: Mapping[str, object]) -> bool | None:
    """Whether an object fits, asked name by name.

    None if the event's leaves have to be looked at: they lie in arrays of objects, or a name with dots may be meant.
    """
    if branch.asks_absence and "." in "".join(members):
        return None
    fits: bool | None
    for name, matcher, below in branch.members:
        value = members.get(name, _MISSING)
        if isinstance(value, list):
            fits = _quick_array(matcher, below, value)
        else:
            if below is None:
                fits = True
            elif isinstance(value, dict):
                fits = _quick(below, value)
            else:
                fits = below.absent
            if matcher is not None and fits:
                leafless = value is _MISSING or isinstance(value, dict)
                fits = matcher.absent if leafless else matcher.matches(value)
        if not fits:
            return False if fits is False and "." not in "".join(members) else None
    return True


def _quick_array(matcher: ValueMatcher | None, below: _Branch | None, values: list[object]) -> bool | None:
    """Whether an array fits: one of its plain values is enough."""
    for value in values:
        if isinstance(value, dict | list):
            return None
    if below is not None and not below.absent:
        return False
    if matcher is None:
        return True
    for value in values:
        if matcher.matches(value):
            return True
    return matcher.absent and not values


def _collect(
    members: Mapping[str, object], node: _Node, membership: Membership, leaves: Leaves, arrays: list[int]
) -> bool:
    """Gather the leaves that the pattern asks about; true if some lie in an array of objects."""
    grouped = False
    known = node.children
    for name, value in members.items():
        below = known.get(name)
        if below is None:
            if "." not in name:
                continue
            below = node.find(name)
            if below is None:
                continue
        if isinstance(value, dict):
            grouped |= _collect(value, below, membership, leaves, arrays)
        elif isinstance(value, list):
            grouped |= _collect_array(value, below, membership, leaves, arrays)
        elif below.leaf is not None:
            leaves.setdefault(below.leaf, []).append((value, membership))
    return grouped


def _collect_array(
    array: list[object], node: _Node, membership: Membership, leaves: Leaves, arrays: list[int]
) -> bool:
    number = arrays[0]
    arrays[0] += 1
    grouped = False
    for index, value in enumerate(array):
        if isinstance(value, dict):
            _collect(value, node, (*membership, (number, index)), leaves, arrays)
            grouped = True
        elif isinstance(value, list):
            _collect_array(value, node, (*membership, (number, index)), leaves, arrays)
            grouped = True
        elif node.leaf is not None:
            leaves.setdefault(node.leaf, []).append((value, membership))
    return grouped


def _flat(rule: Rule, leaves: Leaves) -> bool:
    """Whether every path has a leaf that matches, where no leaf lies in an array of objects."""
    for number, matcher in rule:
        found = leaves.get(number)
        if found is None:
            if not matcher.absent:
                return False
            continue
        for value, _ in found:
            if matcher.matches(value):
                break
        else:
            return False
    return True


def _consistent(rule: Rule, leaves: Leaves, index: int, chosen: Membership) -> bool:
    """Whether leaves can be chosen for the paths from `index` on that fit those chosen before."""
    if index == len(rule):
        return True
    number, matcher = rule[index]
    present = False
    for value, membership in leaves.get(number, ()):
        together = _together(chosen, membership)
        if together is None:
            continue
        present = True
        if matcher.matches(value) and _consistent(rule, leaves, index + 1, together):
            return True
    return not present and matcher.absent and _consistent(rule, leaves, index + 1, chosen)


def _together(chosen: Membership, membership: Membership) -> Membership | None:
    """Both choices of elements, or None if they differ about an array."""
    if not membership or chosen == membership:
        return chosen
    known = dict(chosen)
    for array, element in membership:
        if known.setdefault(array, element) != element:
            return None
    return tuple(known.items())
