"""No definition, valid or mutated, makes the rules raise anything, and a valid one has no error."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import DefinitionError
from penstock.statemachines.checks import check_definition, check_text
from tests.properties.state_machines import machines


@given(definition=machines, data=st.data())
@settings(deadline=None)
def test_mutated_definitions_are_checked(definition: dict[str, Any], data: st.DataObject) -> None:
    """One value somewhere is replaced by another, or taken away."""
    mutated = copy.deepcopy(definition)
    places = list(_places(mutated))
    holder, key = data.draw(st.sampled_from(places))
    if data.draw(st.booleans()):
        del holder[key]
    else:
        holder[key] = data.draw(st.none() | st.integers() | st.text(max_size=5) | st.just([]) | st.just({}))
    for problem in check_definition(mutated):
        assert problem.fix
    try:
        check_text(json.dumps(mutated))
    except DefinitionError:
        return


def _places(value: object) -> Any:
    if isinstance(value, dict):
        for key, member in list(value.items()):
            yield value, key
            yield from _places(member)
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield value, index
            yield from _places(member)
