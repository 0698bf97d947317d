"""States put together: a machine, a branch or a Map's processor, and definitions that are imported."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from penstock.errors import DefinitionError
from penstock.statemachines.building.importing import read_state
from penstock.statemachines.building.states import Chain, State, Verbatim
from penstock.statemachines.building.values import OMIT, Fields, Omit, plain


@dataclass(frozen=True, slots=True, eq=False)
class Built(Mapping[str, object]):
    """A definition: a mapping, so that it stands wherever one does (`load_definition`, `StateMachine`).

    Attributes:
        jsonata: the flow around it is in JSONata, so that its states need not say so.
    """

    content: Fields
    jsonata: bool = False

    def __getitem__(self, key: str) -> object:
        return plain(self.content[key])

    def __iter__(self) -> Iterator[str]:
        return iter(self.content)

    def __len__(self) -> int:
        return len(self.content)

    def to_definition(self) -> dict[str, object]:
        """A new plain dict, keys in their order."""
        return {key: plain(value) for key, value in self.content.items()}

    def to_json(self) -> str:
        return json.dumps(self.to_definition(), indent=2, ensure_ascii=False) + "\n"

    def to_yaml(self) -> str:
        import yaml

        return str(yaml.safe_dump(self.to_definition(), sort_keys=False, allow_unicode=True))

    def states(self) -> tuple[State, ...]:
        """The states as values, to be put into another flow: `flow(*built.states())` has the same states.

        The first is the one at which the flow starts. Each is of its own type; one with fields that its type does not
        have is `Verbatim`.
        """
        states = self.to_definition().get("States")
        if not isinstance(states, Mapping):
            return ()
        jsonata = self.jsonata or self.content.get("QueryLanguage") == "JSONata"

        def read_flow(inner: Fields) -> Built:
            return Built(inner, jsonata=jsonata)

        start = self.content.get("StartAt")
        return tuple(
            read_state(name, states[name], jsonata=jsonata, read_flow=read_flow)
            for name in sorted(states, key=lambda name: name != start)
            if isinstance(states[name], Mapping)
        )


def flow(
    *parts: State | Chain,
    comment: str | Omit = OMIT,
    query_language: Literal["JSONPath", "JSONata"] | Omit = OMIT,
    timeout_seconds: int | Omit = OMIT,
    version: str | Omit = OMIT,
    start_at: State | str | Omit = OMIT,
) -> Built:
    """A machine, a branch or a processor: it starts at the first state.

    Args:
        parts: chains, whose states follow one another, and single states, that others go on to by name.
        query_language: of every state that does not say otherwise.
        start_at: the first state that runs, if it is not the first one that is given.

    Raises:
        DefinitionError: there is no state, or two have one name.
    """
    states: dict[str, object] = {}
    for part in parts:
        chain = part.states if isinstance(part, Chain) else (part,)
        for state, after in zip(chain, (*chain[1:], None), strict=True):
            if state.name in states:
                raise DefinitionError(
                    f'two states are called "{state.name}"', at=f"/States/{state.name}", fix="rename one"
                )
            placed = state if after is None else state.goes_on_to(after.name)
            written = placed.to_definition(None if after is None else after.name)
            if written.get("QueryLanguage") == query_language and not isinstance(state, Verbatim):
                del written["QueryLanguage"]  # the flow says it for all of its states
            states[state.name] = written
    if not states:
        raise DefinitionError("a flow needs a state", at="/States", fix="give it one, such as Pass(...)")
    head = {
        "Comment": comment,
        "Version": version,
        "QueryLanguage": query_language,
        "TimeoutSeconds": timeout_seconds,
    }
    content = {key: value for key, value in head.items() if value is not OMIT}
    first = next(iter(states)) if isinstance(start_at, Omit) else getattr(start_at, "name", start_at)
    return Built({**content, "StartAt": first, "States": states})


def distributed(processor: Built, execution_type: Literal["STANDARD", "EXPRESS"] = "STANDARD") -> Built:
    """A processor whose items run as child executions of their own."""
    config = {"Mode": "DISTRIBUTED", "ExecutionType": execution_type}
    return replace(processor, content={"ProcessorConfig": config, **processor.content})


def from_definition(definition: Fields) -> Built:
    """Import a definition: every field stays, known or not, in its order."""
    return Built({key: plain(value) for key, value in definition.items()})
