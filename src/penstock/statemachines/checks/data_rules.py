"""SM5xx: what flows from state to state."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from penstock.statemachines.checks.data_flow import DataFlow
from penstock.statemachines.checks.field_values import DeadEnd
from penstock.statemachines.checks.rule import Finding, Rule
from penstock.statemachines.checks.tree import Tree

_GUIDE = "https://docs.aws.amazon.com/step-functions/latest/dg"
_MOST_SHOWN = 8


def _dead_ends(tree: Tree) -> Iterator[Finding]:
    for one in DataFlow(tree).dead_ends:
        yield dead_end_finding(one)


def dead_end_finding(one: DeadEnd) -> Finding:
    """A path that leads nowhere, in words."""
    missing = one.missing
    kinds = sorted(missing.kinds - {"object"})
    if missing.known:
        close = get_close_matches(missing.name, missing.known, n=1)
        more = " ..." if len(missing.known) > _MOST_SHOWN else ""
        known = ", ".join(list(missing.known)[:_MOST_SHOWN]) + more
        fix = f'did you mean "{close[0]}"?' if close else f"what can be there: {known}"
    elif kinds:
        fix = f"it is read from {' or '.join(kinds)}, which has no members"
    else:
        fix = "it is read from an empty object"
    return Finding(
        what=f'nothing that comes here has "{missing.name}" of {one.path}', pointer=one.pointer, fix=fix
    )


RULES = (
    Rule(
        id="SM501",
        title="a path leads to something that an earlier state can have produced",
        source=f"{_GUIDE}/concepts-input-output-filtering.html and {_GUIDE}/transforming-data.html: a path that"
        " finds nothing fails the execution",
        check=_dead_ends,
        severity="warning",
    ),
)
