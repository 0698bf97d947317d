"""Every state of a definition that was read and not compiled, with its JSON pointer (RFC 6901)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NestedState:
    """A state where it stands.

    Attributes:
        jsonata: the query language of what is around it.
    """

    name: str
    members: Mapping[str, object]
    pointer: str
    jsonata: bool


def nested_states(flow: object, pointer: str = "", *, jsonata: bool = False) -> Iterator[NestedState]:
    """Every state, also those of branches and of processors, each before what is in it, in the order of the text.

    What is not of the expected type is passed over.

    Args:
        flow: a definition, a branch or a processor.
        pointer: where that stands.
        jsonata: the query language around it.
    """
    if not isinstance(flow, Mapping):
        return
    jsonata = flow.get("QueryLanguage", "JSONata" if jsonata else "JSONPath") == "JSONata"
    states = flow.get("States")
    for name, state in states.items() if isinstance(states, Mapping) else ():
        if not isinstance(state, Mapping):
            continue
        here = f"{pointer}/States/{escaped(name)}"
        yield NestedState(str(name), state, here, jsonata)
        for member in ("ItemProcessor", "Iterator"):
            yield from nested_states(state.get(member), f"{here}/{member}", jsonata=jsonata)
        branches = state.get("Branches")
        for index, branch in enumerate(branches if isinstance(branches, list | tuple) else ()):
            yield from nested_states(branch, f"{here}/Branches/{index}", jsonata=jsonata)


def escaped(name: str | int) -> str:
    """A name as a part of a JSON pointer."""
    text = str(name)
    return text.replace("~", "~0").replace("/", "~1") if "~" in text or "/" in text else text
