"""States put together: a machine, a branch or a Map's processor, and definitions that are imported."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from penstock.errors import DefinitionError
from penstock.statemachines.building.states import Chain, Fields, State, Verbatim
from penstock.statemachines.building.values import OMIT, Omit, plain


@dataclass(frozen=True, slots=True, eq=False)
class Built(Mapping[str, object]):
    """A definition: a mapping, so that it stands wherever one does (`load_definition`, `StateMachine`)."""

    content: Fields

    def __getitem__(self, key: str) -> object:
        return self.to_definition()[key]

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

    def states(self) -> tuple[Verbatim, ...]:
        """The states as they are written, to be put into another flow."""
        states = self.content.get("States")
        if not isinstance(states, Mapping):
            return ()
        return tuple(
            Verbatim(name, definition=state) for name, state in states.items() if isinstance(state, Mapping)
        )


def flow(
    *parts: State | Chain,
    comment: str | Omit = OMIT,
    query_language: Literal["JSONPath", "JSONata"] | Omit = OMIT,
    timeout_seconds: int | Omit = OMIT,
) -> Built:
    """A machine, a branch or a processor: it starts at the first state.

    Args:
        parts: chains, whose states follow one another, and single states, that others go on to by name.

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
            states[state.name] = state.to_definition(after.name if after is not None else None)
    if not states:
        raise DefinitionError("a flow needs a state", at="/States", fix="give it one, such as Pass(...)")
    head = {"Comment": comment, "QueryLanguage": query_language, "TimeoutSeconds": timeout_seconds}
    content = {key: value for key, value in head.items() if value is not OMIT}
    return Built({**content, "StartAt": next(iter(states)), "States": states})


def distributed(processor: Built, execution_type: Literal["STANDARD", "EXPRESS"] = "STANDARD") -> Built:
    """A processor whose items run as child executions of their own."""
    config = {"Mode": "DISTRIBUTED", "ExecutionType": execution_type}
    return replace(processor, content={"ProcessorConfig": config, **processor.content})


def from_definition(definition: Fields) -> Built:
    """Import a definition: every field stays, known or not, in its order."""
    return Built({key: plain(value) for key, value in definition.items()})
