"""Reading a definition from text or from decoded JSON, with its `${Name}` substitutions.

No file is read here and nothing is judged beyond what `parse` needs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING

from penstock.errors import DefinitionError, UnwritableValueError
from penstock.statemachines.model import Flow, Kind, Machine, Map, Parallel, Task
from penstock.statemachines.parse import parse_machine
from penstock.statemachines.values import JSON

if TYPE_CHECKING:
    from yaml.nodes import MappingNode

_SUBSTITUTION = re.compile(r"\$\{([A-Za-z0-9_.:-]+)\}")


def load_definition(
    source: str | Mapping[str, JSON],
    *,
    substitutions: Mapping[str, str] | None = None,
    kind: Kind = "STANDARD",
) -> Machine:
    """Compile a state machine's definition.

    Args:
        source: Amazon States Language as JSON or YAML text, or decoded.
        substitutions: what `${Name}` in any string stands for (SAM's DefinitionSubstitutions). Without them
            such strings stay as they are.
        kind: of the machine; an Express machine cannot wait for a job, a token or an activity's worker.

    Raises:
        DefinitionError: the text cannot be read, a substitution has no value, or the definition cannot be
            run; `at` is a JSON pointer, or a line and column.
    """
    decoded = read_definition(source) if isinstance(source, str) else source
    try:
        if substitutions is not None:
            decoded = _object(_substitute(decoded, substitutions, ""))
        machine = parse_machine(decoded)
    except (RecursionError, UnwritableValueError) as error:
        raise DefinitionError(
            "the definition is nested too deeply", fix="move a part of it into a state machine of its own"
        ) from error
    if kind == "EXPRESS":
        _check_express(machine.flow)
    else:
        _check_children(machine.flow)
    return machine


def _check_children(flow: Flow) -> None:
    """The children of a Distributed Map are Express workflows, if its ExecutionType says so."""
    for state in flow.states.values():
        if isinstance(state, Parallel):
            for branch in state.branches:
                _check_children(branch)
        elif isinstance(state, Map):
            express = state.distributed and state.child_kind == "EXPRESS"
            (_check_express if express else _check_children)(state.processor)


def _check_express(flow: Flow) -> None:
    """Developer Guide, "Standard and Express workflows types": what only Standard workflows support."""
    for state in flow.states.values():
        if isinstance(state, Parallel):
            for branch in state.branches:
                _check_express(branch)
        elif isinstance(state, Map):
            if state.distributed:
                raise DefinitionError("an Express state machine has no Distributed Map", at=state.pointer)
            _check_express(state.processor)
        elif isinstance(state, Task):
            waits = "an activity" if state.resource_type == "activity" else f".{state.pattern}"
            if waits != ".request_response":
                raise DefinitionError(
                    f"an Express state machine cannot wait for {waits}",
                    at=f"{state.pointer}/Resource",
                    fix="make the workflow STANDARD (the children of a Map by ExecutionType), or do not wait",
                )


def read_definition(text: str) -> Mapping[str, JSON]:
    """Decode JSON or YAML text.

    Raises:
        DefinitionError: it is neither, or not an object.
    """
    if text.lstrip()[:1] == "{":
        try:
            return _object(json.loads(text, object_pairs_hook=_members))
        except RecursionError as error:
            raise DefinitionError(
                "the definition is nested too deeply", fix="move a part of it into a state machine of its own"
            ) from error
        except json.JSONDecodeError as error:
            raise DefinitionError(
                f"the definition is not JSON: {error.msg}", at=f"line {error.lineno}, column {error.colno}"
            ) from error
        except ValueError as error:
            raise DefinitionError("a number in the definition has too many digits") from error
    return _object(_read_yaml(text))


def _read_yaml(text: str) -> JSON:
    """YAML with the scalars of JSON: dates, `on` and `yes` are texts, as ASL means them."""
    # Loaded only for YAML: a Lambda function that reads JSON definitions does not pay for it.
    import yaml

    class Loader(yaml.SafeLoader):
        """The safe loader without the types that JSON does not have, for which a name stands once in a mapping."""

        def construct_mapping(self, node: MappingNode, deep: bool = False) -> dict[Hashable, object]:
            names = [key.value for key, _ in node.value]
            double = next((key for key, _ in node.value if names.count(key.value) > 1), None)
            if double is not None and double.value != "<<":
                mark = double.start_mark
                raise DefinitionError(
                    f'"{double.value}" stands twice in one mapping',
                    at=f"line {mark.line + 1}, column {mark.column + 1}",
                    fix="keep one of them",
                )
            return {str(name): value for name, value in super().construct_mapping(node, deep=deep).items()}

    Loader.yaml_implicit_resolvers = {
        first: [entry for entry in entries if entry[0].rpartition(":")[2] not in ("timestamp", "bool")]
        for first, entries in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("true|false"), ["t", "f"])
    try:
        return yaml.load(text, Loader=Loader)
    except RecursionError as error:
        raise DefinitionError(
            "the definition is nested too deeply", fix="move a part of it into a state machine of its own"
        ) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = None if mark is None else f"line {mark.line + 1}, column {mark.column + 1}"
        problem = getattr(error, "problem", None) or "it cannot be parsed"
        raise DefinitionError(f"the definition is not YAML: {problem}", at=place) from error


def _members(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    """An object, whose members have names of their own."""
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise DefinitionError(f'"{double}" stands twice in one object', fix="keep one of them")
    return members


def _object(value: JSON) -> Mapping[str, JSON]:
    if not isinstance(value, dict):
        raise DefinitionError("a definition is an object with StartAt and States")
    return value


def _substitute(value: JSON, substitutions: Mapping[str, str], pointer: str) -> JSON:
    if isinstance(value, dict):
        return {key: _substitute(member, substitutions, f"{pointer}/{key}") for key, member in value.items()}
    if isinstance(value, list):
        return [_substitute(item, substitutions, f"{pointer}/{index}") for index, item in enumerate(value)]
    if not isinstance(value, str) or "${" not in value:
        return value

    def replacement(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in substitutions:
            raise DefinitionError(
                f'nothing is substituted for "${{{name}}}"',
                at=pointer,
                fix=f'give the state machine a substitution "{name}"',
            )
        return substitutions[name]

    return _SUBSTITUTION.sub(replacement, value)
