"""Reading the members of a definition: each with its type, each fault with its place.

Only the shape is judged here (what the engine needs to run); the rules of the language are `checks`'
business.
"""

from __future__ import annotations

from collections.abc import Mapping

from penstock.errors import DefinitionError, ExpressionSyntaxError
from penstock.statemachines import expressions, jsonpath
from penstock.statemachines.jsonpath import ReferencePath
from penstock.statemachines.model import Evaluate, Setting
from penstock.statemachines.values import JSON, type_name


class Fields:
    """One object of a definition.

    Args:
        members: the object.
        pointer: its place, a JSON pointer.
        jsonata: whether its query language is JSONata.
        whole_jsonata: whether that of the whole state machine is; by default, as its own.
    """

    def __init__(
        self, members: Mapping[str, JSON], pointer: str, *, jsonata: bool, whole_jsonata: bool | None = None
    ) -> None:
        self.members = members
        self.pointer = pointer
        self.jsonata = jsonata
        self.whole_jsonata = jsonata if whole_jsonata is None else whole_jsonata

    def __contains__(self, name: str) -> bool:
        return name in self.members

    def fault(self, what: str, name: str | None = None, *, fix: str | None = None) -> DefinitionError:
        """The error to raise about the member `name`, or about the object."""
        return DefinitionError(what, at=self.pointer if name is None else f"{self.pointer}/{name}", fix=fix)

    def value(self, name: str) -> JSON:
        return self.members.get(name)

    def text(self, name: str) -> str | None:
        value = self.members.get(name)
        if value is None or isinstance(value, str):
            return value
        raise self.fault(f"{name} is a string, not {type_name(value)}", name)

    def required_text(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise self.fault(f"{name} is missing", fix=f'add "{name}"')
        return value

    def integer(self, name: str, default: int) -> int:
        value = self.members.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.fault(f"{name} is an integer, not {value!r}", name)
        return value

    def number(self, name: str, default: float) -> float:
        value = self.members.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.fault(f"{name} is a number, not {value!r}", name)
        return float(value)

    def texts(self, name: str) -> tuple[str, ...]:
        value = self.members.get(name)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.fault(f"{name} is an array of strings", name)
        return tuple(value)

    def object(self, name: str) -> Fields | None:
        value = self.members.get(name)
        if value is None:
            return None
        return self.nested(value, name)

    def nested(self, value: JSON, name: str) -> Fields:
        """An object that stands in this one at `name` (a member, or `Member/index`)."""
        if not isinstance(value, dict):
            raise self.fault(f"{name} is an object, not {type_name(value)}", name)
        place = f"{self.pointer}/{name}"
        return Fields(value, place, jsonata=self.jsonata, whole_jsonata=self.whole_jsonata)

    def objects(self, name: str) -> list[Fields]:
        value = self.members.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.fault(f"{name} is an array, not {type_name(value)}", name)
        return [self.nested(item, f"{name}/{index}") for index, item in enumerate(value)]

    # --- expressions ---------------------------------------------------------------------------------------

    def path(self, name: str) -> Evaluate | None:
        """A JSONPath field such as InputPath. None if it is left out, `$` or null."""
        text = self.text(name)
        if text is None or text == "$":
            return None
        try:
            return expressions.path(text)
        except ExpressionSyntaxError as error:
            raise self._misread(name, error) from error

    def query(self, name: str) -> Evaluate | None:
        """A JSONPath field whose missing value the state words itself."""
        text = self.text(name)
        if text is None:
            return None
        try:
            return expressions.query(text)
        except ExpressionSyntaxError as error:
            raise self._misread(name, error) from error

    def path_or_intrinsic(self, name: str) -> Evaluate | None:
        text = self.text(name)
        if text is None:
            return None
        try:
            return expressions.path_or_intrinsic(text, name)
        except ExpressionSyntaxError as error:
            raise self._misread(name, error) from error

    def reference_path(self, name: str) -> ReferencePath | None:
        text = self.text(name)
        if text is None or text == "$":
            return None
        try:
            return jsonpath.compile_reference_path(text)
        except ExpressionSyntaxError as error:
            raise self._misread(name, error) from error

    def template(
        self, name: str, *, field: str | None = None, expected: str | None = None
    ) -> Evaluate | None:
        """A payload template (JSONPath) or a value with `{% %}` expressions (JSONata).

        Args:
            field: how AWS names the field in messages about JSONata, if not by its own name.
            expected: the JSON type that a JSONata expression must give.
        """
        if name not in self.members:
            return None
        value = self.members[name]
        try:
            if self.jsonata and expected is not None:
                return expressions.jsonata_value(value, field or name, expected)
            if self.jsonata:
                return expressions.jsonata_template(value, field or name)
            return expressions.payload(value)
        except ExpressionSyntaxError as error:
            raise self._misread(name, error) from error

    def setting(self, name: str, *, field: str | None = None) -> Setting | None:
        """A literal, a JSONata expression, or `namePath`: a number that the state needs."""
        path = None if name in self.members else self.text(f"{name}Path")
        if path is not None and self.jsonata:
            raise self.fault(
                f"{name}Path is of JSONPath", f"{name}Path", fix=f'write "{name}": "{{% ... %}}"'
            )
        if path is not None:
            evaluate = self.path(f"{name}Path") or expressions.identity
        else:
            literal = self.template(name, field=field)
            if literal is None:
                return None
            evaluate = literal
        return Setting(field=name, evaluate=evaluate, path=path)

    def _misread(self, name: str, error: ExpressionSyntaxError) -> DefinitionError:
        return ExpressionSyntaxError(error.what, at=f"{self.pointer}/{name}", fix=error.fix)
