"""What must hold of a definition: small rules, each with an id, a title and its source.

`check_definition` finds every broken rule, not only the first. The rules stand in files by area:

    flow_rules      SM1xx  how states follow one another
    field_rules     SM2xx  the fields of states, in each query language
    structure_rules SM2xx  the fields inside states, by the table in `structure`
    error_rules     SM3xx  retrying, catching and timeouts
    variable_rules  SM4xx  variables, and where they can be seen
    data_rules      SM5xx  what flows from state to state
    limit_rules     SM6xx  quotas
    integration_rules  SM7xx  the services that tasks call
    (compiling)     SM901  anything else that the engine cannot run: paths, expressions, choices, Map settings

Nothing here imports YAML unless positions in a text are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from penstock.errors import DefinitionError
from penstock.statemachines.checks import (
    data_rules,
    error_rules,
    field_rules,
    flow_rules,
    integration_rules,
    limit_rules,
    structure_rules,
    variable_rules,
)
from penstock.statemachines.checks.data_rules import dead_end_finding
from penstock.statemachines.checks.positions import Position, nearest, positions
from penstock.statemachines.checks.rule import Finding, Rule, Severity
from penstock.statemachines.checks.tree import Tree
from penstock.statemachines.definitions import load_definition, read_definition
from penstock.statemachines.model import Kind
from penstock.statemachines.values import JSON

__all__ = ["RULES", "Position", "Problem", "Rule", "check_definition", "check_text", "dead_end_finding"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A rule that a definition breaks, and where.

    Attributes:
        pointer: a JSON pointer into the definition.
        position: of the pointer in the text, if there is one.
    """

    rule: str
    severity: Severity
    what: str
    pointer: str
    fix: str
    position: Position | None = None

    def __str__(self) -> str:
        place = "" if self.position is None else f"{self.position.line}:{self.position.column}: "
        return (
            f"{place}{self.rule} {self.severity}: {self.what}\n  at: {self.pointer or '/'}\n  fix: {self.fix}"
        )


def _compiles(tree: Tree) -> Iterator[Finding]:
    try:
        load_definition(tree.members)
    except DefinitionError as error:
        yield Finding(what=error.what, pointer=error.at or "", fix=error.fix or "see the States Language")


RULES: tuple[Rule, ...] = (
    *flow_rules.RULES,
    *field_rules.RULES,
    *structure_rules.RULES,
    *error_rules.RULES,
    *variable_rules.RULES,
    *data_rules.RULES,
    *limit_rules.RULES,
    *integration_rules.RULES,
    Rule(
        id="SM901",
        title="the engine can run the definition",
        source="https://states-language.net/spec.html and what AWS was recorded to refuse",
        check=_compiles,
    ),
)


def check_definition(definition: Mapping[str, JSON], *, kind: Kind = "STANDARD") -> Sequence[Problem]:
    """Every problem of a definition, in the order of the rules and, within a rule, of the definition."""
    try:
        return _problems(definition, kind)
    except RecursionError:
        return [
            Problem(
                rule="SM901",
                severity="error",
                what="the definition is nested too deeply",
                pointer="",
                fix="move a part of it into a state machine of its own",
            )
        ]


def _problems(definition: Mapping[str, JSON], kind: Kind) -> Sequence[Problem]:
    tree = Tree(definition)
    found = [
        Problem(rule=rule.id, severity=rule.severity, what=one.what, pointer=one.pointer, fix=one.fix)
        for rule in RULES
        for one in rule.check(tree)
    ]
    errors = [one for one in found if one.severity == "error"]
    if not errors and kind == "EXPRESS":
        found += _express(definition)
    if len(errors) > 1 and errors[-1].rule == "SM901":
        found.remove(errors[-1])  # compiling stops at the first fault, which another rule has told of
    return found


def _express(definition: Mapping[str, JSON]) -> Iterator[Problem]:
    try:
        load_definition(definition, kind="EXPRESS")
    except DefinitionError as error:
        yield Problem(
            rule="SM901",
            severity="error",
            what=error.what,
            pointer=error.at or "",
            fix=error.fix or "make the state machine STANDARD",
        )


def check_text(text: str, *, kind: Kind = "STANDARD") -> Sequence[Problem]:
    """Every problem of a definition in JSON or YAML, with line and column.

    Raises:
        DefinitionError: the text is neither.
    """
    places = positions(text)
    return [
        Problem(
            rule=one.rule,
            severity=one.severity,
            what=one.what,
            pointer=one.pointer,
            fix=one.fix,
            position=nearest(one.pointer, places),
        )
        for one in check_definition(read_definition(text), kind=kind)
    ]
