"""Evaluating JSONPaths and writing to reference paths.

1. Paths are compiled once (`compile_path` remembers them) and evaluated often: a plain dotted path is a walk
   over a tuple of keys.
2. Documents are never changed: `ReferencePath.put` copies the objects along its way.
3. What a path finds nothing for raises `PathError` with the words of the service's own library, Jayway
   JsonPath, for the cause of a failed state (`Missing property in path $['a']`).
4. Nothing here knows of states or fields; the reader of the text is `jsonpath_syntax.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType

from penstock.errors import ExpressionSyntaxError, PathError
from penstock.statemachines.java_text import java_text
from penstock.statemachines.jsonpath_conditions import Resolver, function_value, holds
from penstock.statemachines.jsonpath_steps import (
    Descent,
    Filter,
    Function,
    Index,
    Indices,
    ParsedPath,
    Properties,
    Property,
    Root,
    Slice,
    Step,
    Wildcard,
)
from penstock.statemachines.jsonpath_syntax import parse_path
from penstock.statemachines.patterns import Allowance
from penstock.statemachines.values import shown

__all__ = ["Path", "ReferencePath", "compile_path", "compile_reference_path"]

_EMPTY: Mapping[str, object] = MappingProxyType({})
_INDEFINITE = (Indices, Slice, Wildcard, Descent, Filter)


class Path:
    """A compiled path.

    Attributes:
        text: the path as it was written, without blanks around it.
        root: document (`$`), context object (`$$`) or variable (`$name`).
        variable: the variable's name, empty for the other roots.
        definite: True if it can find one value only; otherwise its value is always a list.
    """

    __slots__ = ("_function", "_keys", "definite", "root", "steps", "text", "variable")

    def __init__(self, text: str, parsed: ParsedPath) -> None:
        self.text = text.strip()
        self.root = parsed.root
        self.variable = parsed.variable
        self.steps = parsed.steps
        last = parsed.steps[-1] if parsed.steps else None
        self._function = last.name if isinstance(last, Function) else None
        self.definite = self._function is not None or not _multiplies(parsed.steps)
        plain = all(isinstance(step, Property) for step in parsed.steps)
        self._keys = tuple(str(getattr(step, "name", "")) for step in parsed.steps) if plain else None

    def __repr__(self) -> str:
        return f"Path({self.text!r})"

    def query(
        self,
        document: object,
        context: Mapping[str, object] = _EMPTY,
        variables: Mapping[str, object] = _EMPTY,
    ) -> object:
        """What the path finds.

        Args:
            document: the value that `$` stands for.
            context: the context object (`$$`).
            variables: the variables in scope, by name without the dollar sign.

        Returns:
            The value of a definite path; a list, maybe empty, for any other path.

        Raises:
            PathError: a definite path finds nothing, or the variable is not defined.
            PatternStoppedError: a filter's regular expression takes too long.
        """
        value = document
        if self.root is Root.CONTEXT:
            value = context
        elif self.root is Root.VARIABLE:
            try:
                value = variables[self.variable]
            except KeyError:
                raise PathError(f"Variable '{self.variable}' is not defined", at=self.text) from None
        if self._keys is not None:
            node = value
            try:
                for key in self._keys:
                    node = node[key]  # type: ignore[index]
                return node
            except (KeyError, TypeError):
                pass
        steps = self.steps if self._function is None else self.steps[:-1]
        found = self._many(steps, value, document) if _multiplies(steps) else self._one(steps, value)
        return found if self._function is None else function_value(self._function, found)

    def exists(
        self,
        document: object,
        context: Mapping[str, object] = _EMPTY,
        variables: Mapping[str, object] = _EMPTY,
    ) -> bool:
        """Whether the path finds anything; for an indefinite path, at least one value."""
        try:
            found = self.query(document, context, variables)
        except PathError:
            return False
        return self.definite or bool(found)

    def _many(self, steps: tuple[Step, ...], value: object, document: object) -> list[object]:
        if isinstance(steps[0], Slice) and not isinstance(value, list):
            raise _not_an_array(steps[0], value)
        try:
            return _expand(steps, value, document)
        except PathError:
            return []

    def _one(self, steps: tuple[Step, ...], value: object) -> object:
        """Walk a definite path step by step, to say exactly where it breaks off."""
        last = len(self.steps) - 1
        for number, step in enumerate(steps):
            match step:
                case Property(name=name):
                    if not isinstance(value, Mapping):
                        raise self._not_an_object(number, value)
                    if name not in value:
                        raise self._missing(number, last)
                    value = value[name]
                case Index(index=index):
                    if value is None:
                        raise PathError(f"The path {self._prefix(number)} is null", at=self.text)
                    if not isinstance(value, list):
                        raise _not_an_array(step, value)
                    if not -len(value) <= index < len(value):
                        raise PathError(
                            f"No results for path: {self._prefix(last + 1)}",
                            at=self.text,
                            out_of_bounds=number == last,
                        )
                    value = value[index]
                case Properties(names=names):
                    if not isinstance(value, Mapping):
                        raise self._not_an_object(number, value)
                    value = {name: value[name] for name in names if name in value}
        return value

    def _prefix(self, count: int) -> str:
        return "$" + "".join(map(str, self.steps[:count]))

    def _missing(self, number: int, last: int) -> PathError:
        if number == last:
            return PathError(f"No results for path: {self._prefix(last + 1)}", at=self.text)
        return PathError(f"Missing property in path {self._prefix(number + 1)}", at=self.text)

    def _not_an_object(self, number: int, value: object) -> PathError:
        found = "null" if value is None else f"'{_java_class(value)}'"
        return PathError(
            f"Expected to find an object with property {self.steps[number]} in path {self._prefix(number)} "
            f"but found {found}. This is not a json object according to the JsonProvider: "
            "'com.jayway.jsonpath.spi.json.JacksonJsonProvider'.",
            at=self.text,
        )


def _multiplies(steps: tuple[Step, ...]) -> bool:
    return any(isinstance(step, _INDEFINITE) for step in steps)


def _java_class(value: object) -> str:
    if isinstance(value, bool):
        return "java.lang.Boolean"
    if isinstance(value, str):
        return "java.lang.String"
    if isinstance(value, int):
        return "java.lang.Integer" if -(2**31) <= value < 2**31 else "java.lang.Long"
    return "java.lang.Double" if isinstance(value, float) else "java.util.ArrayList"


def _not_an_array(step: Step, value: object) -> PathError:
    return PathError(f"Filter: {step} can only be applied to arrays. Current context is: {java_text(value)}")


# --- Paths that may find many values ----------------------------------------------------------------------


def _expand(steps: tuple[Step, ...], value: object, document: object) -> list[object]:
    """Apply the steps to every value found so far; after a step that multiplies, misses are dropped."""
    nodes = [value]
    for number, step in enumerate(steps):
        strict = not _multiplies(steps[:number])
        found: list[object] = []
        for node in nodes:
            found.extend(_apply(step, node, document, strict=strict))
        nodes = found
    return nodes


def _apply(step: Step, node: object, document: object, *, strict: bool) -> Iterator[object]:
    match step:
        case Property(name=name):
            if isinstance(node, Mapping) and name in node:
                yield node[name]
            elif strict:
                raise PathError(f"Missing property in path {step}")
        case Properties(names=names):
            if isinstance(node, Mapping):
                yield {name: node[name] for name in names if name in node}
        case Index(index=index):
            if isinstance(node, list):
                if -len(node) <= index < len(node):
                    yield node[index]
            elif strict:
                raise _not_an_array(step, node)
        case Indices(indices=indices):
            if isinstance(node, list):
                yield from (node[index] for index in indices if -len(node) <= index < len(node))
        case Slice(start=start, stop=stop):
            if isinstance(node, list):
                yield from node[start:stop]
        case Wildcard():
            if isinstance(node, Mapping):
                yield from node.values()
            elif isinstance(node, list):
                yield from node
        case Descent():
            yield from _containers(node)
        case Filter(condition=condition):
            candidates = node if isinstance(node, list) else [node] if isinstance(node, Mapping) else []
            resolve, searches = _relative_to(document), Allowance()
            yield from (item for item in candidates if holds(condition, item, resolve, searches))


def _containers(node: object) -> Iterator[object]:
    """The node and every object and array below it, each before what it holds."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if isinstance(current, Mapping):
            yield current
            waiting.extend(reversed(list(current.values())))
        elif isinstance(current, list):
            yield current
            waiting.extend(reversed(current))


def _relative_to(document: object) -> Resolver:
    """Answers the paths inside a filter: `@...` of the item at hand, `$...` of the whole document."""

    def resolve(parsed: ParsedPath, item: object) -> tuple[bool, object]:
        try:
            return True, Path("", parsed).query(item if parsed.root is Root.CURRENT else document)
        except PathError:
            return False, None

    return resolve


@lru_cache(maxsize=8192)
def compile_path(text: str) -> Path:
    """Compile a path (States Language, "Paths"): `$.a.b[0]`, `$$.Execution.Id`, `$variable.field`.

    Raises:
        ExpressionSyntaxError: the text is not a path.
    """
    return Path(text, parse_path(text))


# --- Reference paths --------------------------------------------------------------------------------------


class ReferencePath:
    """A path that names exactly one node (States Language, "Reference Paths"), as `ResultPath` has it."""

    __slots__ = ("path", "text")

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = path.text

    def __repr__(self) -> str:
        return f"ReferencePath({self.text!r})"

    def put(self, document: object, value: object) -> object:
        """A document like `document` with `value` at this path; fields that are missing on the way are made.

        Raises:
            PathError: an element on the way is there but is not an object (or not an array with that index).
                The state fails with `States.ResultPathMatchFailure`.
        """
        return self._put(document, document, 0, value)

    def _put(self, whole: object, node: object, number: int, value: object) -> object:
        if number == len(self.path.steps):
            return value
        step = self.path.steps[number]
        if isinstance(step, Property) and isinstance(node, Mapping):
            copy = dict(node)
            copy[step.name] = self._put(whole, node.get(step.name, {}), number + 1, value)
            return copy
        if isinstance(step, Index) and isinstance(node, list) and 0 <= step.index < len(node):
            items = list(node)
            items[step.index] = self._put(whole, node[step.index], number + 1, value)
            return items
        raise PathError(f"Unable to apply ReferencePath {self.text} to input {shown(whole)}", at=self.text)


@lru_cache(maxsize=4096)
def compile_reference_path(text: str) -> ReferencePath:
    """Compile a reference path: `$`, `$.a.b`, `$['a'][0]`.

    Raises:
        ExpressionSyntaxError: the text is not a path, or it may name more than one node.
    """
    path = compile_path(text)
    if path.root is not Root.DOCUMENT:
        raise ExpressionSyntaxError("a reference path begins with $ alone", at=repr(text))
    if len(path.steps) > 200:
        raise ExpressionSyntaxError("the reference path is too long", at=repr(text))
    for step in path.steps:
        if not isinstance(step, Property | Index) or (isinstance(step, Index) and step.index < 0):
            raise ExpressionSyntaxError(
                f"a reference path names exactly one node, which {step} does not", at=repr(text)
            )
    return ReferencePath(path)
