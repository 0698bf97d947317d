"""SM3xx: retrying, catching and timeouts."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.statemachines.checks.rule import Finding, Rule
from penstock.statemachines.checks.tree import Tree

_SPEC = "https://states-language.net/spec.html"
ALL = "States.ALL"
_RESERVED = (
    "ALL",
    "BranchFailed",
    "DataLimitExceeded",
    "ExceedToleratedFailureThreshold",
    "HeartbeatTimeout",
    "Http.Socket",
    "IntrinsicFailure",
    "ItemReaderFailed",
    "NoChoiceMatched",
    "ParameterPathFailure",
    "Permissions",
    "QueryEvaluationError",
    "ResultPathMatchFailure",
    "ResultWriterFailed",
    "Runtime",
    "TaskFailed",
    "Timeout",
)
NAMES = frozenset(f"States.{name}" for name in _RESERVED)
"""Every error name that begins with States."""


def _all_errors(tree: Tree) -> Iterator[Finding]:
    for state, field, place, is_last, one in tree.handlers:
        names = one.get("ErrorEquals")
        if not isinstance(names, list) or ALL not in names:
            continue
        pointer = state.at(field, place, "ErrorEquals")
        if len(names) > 1:
            yield Finding(
                what=f"{ALL} stands beside other names",
                pointer=pointer,
                fix=f'write ["{ALL}"]: it stands for the other names as well',
            )
        if not is_last:
            yield Finding(
                what=f"{ALL} is not in the last one, so what follows is never looked at",
                pointer=pointer,
                fix=f"put it at the end of {field}",
            )


def _error_names(tree: Tree) -> Iterator[Finding]:
    for state, field, place, _, one in tree.handlers:
        names = one.get("ErrorEquals")
        for number, name in enumerate(names if isinstance(names, list) else []):
            if isinstance(name, str) and name.startswith("States.") and name not in NAMES:
                yield Finding(
                    what=f"Step Functions has no error {name}",
                    pointer=state.at(field, place, "ErrorEquals", number),
                    fix=f"one of {', '.join(sorted(NAMES))}",
                )


def _numbers(tree: Tree) -> Iterator[Finding]:
    for state, field, place, _, one in tree.handlers:
        if field != "Retry":
            continue
        for name, low, high in (
            ("IntervalSeconds", 1, 99_999_999),
            ("MaxAttempts", 0, 99_999_999),
            ("BackoffRate", 1, float("inf")),
            ("MaxDelaySeconds", 1, 31_622_399),
        ):
            value = one.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool) and not low <= value <= high:
                yield Finding(
                    what=f"{name} is {value}",
                    pointer=state.at(field, place, name),
                    fix=f"{low} or more" + ("" if high == float("inf") else f", up to {high:,}"),
                )


def _timeouts(tree: Tree) -> Iterator[Finding]:
    for state in tree.states:
        timeout, heartbeat = state.members.get("TimeoutSeconds"), state.members.get("HeartbeatSeconds")
        if isinstance(timeout, int) and isinstance(heartbeat, int) and heartbeat >= timeout:
            yield Finding(
                what=f"HeartbeatSeconds is {heartbeat}, TimeoutSeconds is {timeout}",
                pointer=state.at("HeartbeatSeconds"),
                fix="a heartbeat is expected more often than the timeout: make it smaller",
            )
        for field in ("TimeoutSeconds", "HeartbeatSeconds"):
            if field in state.members and f"{field}Path" in state.members:
                yield Finding(
                    what=f"{field} and {field}Path stand side by side",
                    pointer=state.at(f"{field}Path"),
                    fix="keep one of them",
                )


RULES = (
    Rule(
        id="SM301",
        title="States.ALL stands alone, and in the last retrier or catcher",
        source=f"{_SPEC}#errors: States.ALL must appear alone and in the last",
        check=_all_errors,
    ),
    Rule(
        id="SM302",
        title="an error name that begins with States. is one of Step Functions'",
        source=f"{_SPEC}#predefined-error-codes: error names beginning with States. are reserved",
        check=_error_names,
        severity="warning",
    ),
    Rule(
        id="SM303",
        title="the numbers of a retrier are inside their ranges",
        source=f"{_SPEC}#retrying-after-error",
        check=_numbers,
    ),
    Rule(
        id="SM304",
        title="a heartbeat is shorter than the timeout, and each is given once",
        source=f"{_SPEC}#timeouts: HeartbeatSeconds must be smaller than TimeoutSeconds",
        check=_timeouts,
    ),
)
