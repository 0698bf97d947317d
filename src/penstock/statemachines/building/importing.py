"""Definitions read back as the builder's own values.

A state becomes the dataclass of its type if that writes the very same fields again; whatever the dataclass has no
place for (an unknown field, a value of a type that it may not have) keeps the state `Verbatim`. Nothing is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import Field, fields
from typing import Final

from penstock.errors import UsageError
from penstock.statemachines.building import jsonata as in_jsonata
from penstock.statemachines.building import states as in_jsonpath
from penstock.statemachines.building.conditions import Condition
from penstock.statemachines.building.map_parts import (
    ItemBatcher,
    ItemReader,
    ReaderConfig,
    ResultWriter,
    WriterConfig,
)
from penstock.statemachines.building.states import Catch, Retry, State, Verbatim, When
from penstock.statemachines.building.values import LITERAL, Expression, Fields, field_name

ReadFlow = Callable[[Fields], Fields]

_KINDS: Final = ("Pass", "Task", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map")
_IN_JSONPATH: Final[Mapping[str, type[State]]] = {name: getattr(in_jsonpath, name) for name in _KINDS}
_IN_JSONATA: Final[Mapping[str, type[State]]] = {name: getattr(in_jsonata, name) for name in _KINDS}
_LISTS: Final[Mapping[str, type]] = {"retry": Retry, "catch": Catch}
_PARTS: Final[Mapping[str, type]] = {
    "item_reader": ItemReader,
    "item_batcher": ItemBatcher,
    "result_writer": ResultWriter,
    "reader_config": ReaderConfig,
    "writer_config": WriterConfig,
}
_OF_A_RULE: Final = ("Next", "Assign", "Output", "Comment")


def read_state(name: str, definition: Fields, *, jsonata: bool, read_flow: ReadFlow) -> State:
    """One state.

    Args:
        jsonata: the query language of the flow around it is JSONata.
        read_flow: makes a flow of a branch or a processor.
    """
    verbatim = Verbatim(name, definition=definition)
    language = definition.get("QueryLanguage")
    kinds = _IN_JSONATA if language == "JSONata" or (language is None and jsonata) else _IN_JSONPATH
    kind = kinds.get(str(definition.get("Type")))
    if kind is None:
        return verbatim
    given: dict[str, object] = {}
    known = {field_name(one.name): one for one in fields(kind)}
    for key, value in definition.items():
        one = known.get(key)
        if one is not None and key != "Name":
            try:
                computes = kinds is _IN_JSONPATH and one.name not in LITERAL
                given[one.name] = _read(one, value, read_flow, computes=computes)
            except (TypeError, KeyError):
                return verbatim
    try:
        made = kind(name=name, **given)  # type: ignore[arg-type]  # what does not fit is seen below
        again = made.to_definition()
    except (TypeError, AttributeError, UsageError):
        return verbatim
    if language is None and jsonata:
        again.pop("QueryLanguage", None)
    return made if again == definition and _same_types(again, definition) else verbatim


def _read(one: Field[object], value: object, read_flow: ReadFlow, *, computes: bool) -> object:
    if one.name == "branches" and isinstance(value, list):
        return tuple(read_flow(_object(branch)) for branch in value)
    if one.name == "item_processor" and isinstance(value, dict):
        return read_flow(value)
    if one.name == "choices" and isinstance(value, list):
        return tuple(_read_rule(_object(rule), computes) for rule in value)
    if one.name in _LISTS and isinstance(value, list):
        return tuple(_read_part(_LISTS[one.name], _object(part), computes) for part in value)
    if one.name in _PARTS and isinstance(value, dict):
        return _read_part(_PARTS[one.name], value, computes)
    return expressions(value) if computes else value


def _object(value: object) -> Fields:
    if not isinstance(value, Mapping):
        raise TypeError(f"an object belongs here, not {value!r}")
    return value


def _read_part(kind: type, value: Mapping[str, object], computes: bool) -> object:
    known = {field_name(one.name): one.name for one in fields(kind)}
    given: dict[str, object] = {}
    for key, member in value.items():
        name = known[key]
        inner = _PARTS.get(name)
        if inner is not None and isinstance(member, dict):
            given[name] = _read_part(inner, member, computes)
        elif isinstance(member, list) and name in ("error_equals", "csv_headers"):
            given[name] = tuple(member)
        else:
            given[name] = expressions(member) if computes else member
    return kind(**given)


def _read_rule(rule: Mapping[str, object], computes: bool) -> When:
    about = {key: value for key, value in rule.items() if key not in _OF_A_RULE}
    condition = rule.get("Condition")
    if isinstance(condition, str):
        del about["Condition"]
        if about:
            raise KeyError(next(iter(about)))
    given = {
        key.lower(): expressions(rule[key]) if computes else rule[key] for key in _OF_A_RULE if key in rule
    }
    return When(condition if isinstance(condition, str) else Condition(about), **given)  # type: ignore[arg-type]


def expressions(value: object) -> object:
    """Members whose names end in `.$`, as the builder writes them: `{"a.$": "$.b"}` is `{"a": path("$.b")}`."""
    if isinstance(value, Mapping):
        return {
            key[:-2] if _is_computed(key, member, value) else key: Expression(str(member))
            if _is_computed(key, member, value)
            else expressions(member)
            for key, member in value.items()
        }
    if isinstance(value, list):
        return [expressions(one) for one in value]
    return value


def _is_computed(key: str, member: object, around: Mapping[str, object]) -> bool:
    return key.endswith(".$") and isinstance(member, str) and key[:-2] not in around


def _same_types(one: object, other: object) -> bool:
    """Python holds 1, 1.0 and True for equal; JSON does not."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return all(_same_types(member, other[key]) for key, member in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return all(map(_same_types, one, other))
    return type(one) is type(other)
