"""SM6xx: quotas: the ranges of settings, the size of what is written out, concurrency."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from penstock.statemachines.checks.rule import Finding, Rule
from penstock.statemachines.checks.tree import Tree, is_distributed
from penstock.statemachines.map_fields import LABEL
from penstock.statemachines.values import JSON, MAXIMUM_PAYLOAD_BYTES, size_bytes

_GUIDE = "https://docs.aws.amazon.com/step-functions/latest/dg"

MAXIMUM_DEFINITION_BYTES: Final = 1 << 20
MAXIMUM_WAIT_SECONDS: Final = 99_999_999
_RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "MaxConcurrency": (0, float("inf")),
    "ToleratedFailurePercentage": (0, 100),
    "ToleratedFailureCount": (0, float("inf")),
    "TimeoutSeconds": (1, MAXIMUM_WAIT_SECONDS),
    "HeartbeatSeconds": (1, MAXIMUM_WAIT_SECONDS),
    "Seconds": (0, MAXIMUM_WAIT_SECONDS),
}
_MACHINE_RANGES: Final = {"TimeoutSeconds": _RANGES["TimeoutSeconds"]}
_BATCHER_RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "MaxItemsPerBatch": (1, float("inf")),
    "MaxInputBytesPerBatch": (1, MAXIMUM_PAYLOAD_BYTES),
}
_WRITTEN_OUT: Final = (
    "Result",
    "Parameters",
    "Arguments",
    "ResultSelector",
    "Output",
    "ItemSelector",
    "Items",
)


def _numbers(tree: Tree) -> Iterator[Finding]:
    yield from _outside(tree.members, _MACHINE_RANGES, "")
    for state in tree.states:
        yield from _outside(state.members, _RANGES, state.pointer)
        batcher = state.members.get("ItemBatcher")
        if isinstance(batcher, dict):
            yield from _outside(batcher, _BATCHER_RANGES, state.at("ItemBatcher"))


def _outside(
    members: Mapping[str, JSON], ranges: Mapping[str, tuple[float, float]], pointer: str
) -> Iterator[Finding]:
    if ranges.keys().isdisjoint(members):
        return
    for name, (low, high) in ranges.items():
        value = members.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and not low <= value <= high:
            yield Finding(
                what=f"{name} is {value}",
                pointer=f"{pointer}/{name}",
                fix=f"{low:g} or more" + ("" if high == float("inf") else f", up to {high:,.0f}"),
            )


def _labels(tree: Tree) -> Iterator[Finding]:
    known: dict[str, str] = {}
    for state in tree.states:
        label = state.members.get("Label")
        if not isinstance(label, str):
            continue
        if LABEL.fullmatch(label) is None:
            yield Finding(
                what=f"{label!r} is no label",
                pointer=state.at("Label"),
                fix="1 to 40 characters, without blanks, wildcards, brackets and special characters",
            )
        elif label in known:
            yield Finding(
                what=f'another Map has the label "{label}" as well',
                pointer=state.at("Label"),
                fix=f"the other one is at {known[label]}: its Map Runs would have the same names",
            )
        known.setdefault(label, state.pointer)


def _large_values(tree: Tree) -> Iterator[Finding]:
    if tree.size_bytes <= MAXIMUM_PAYLOAD_BYTES:
        return  # nothing in it is larger than the whole
    for state in tree.states:
        for name in _WRITTEN_OUT:
            value = state.members.get(name)
            if isinstance(value, dict | list | str) and (size := size_bytes(value)) > MAXIMUM_PAYLOAD_BYTES:
                yield Finding(
                    what=f"{name} has {size:,} bytes: the state would fail with States.DataLimitExceeded",
                    pointer=state.at(name),
                    fix=f"{MAXIMUM_PAYLOAD_BYTES:,} bytes at most; keep large data in S3 and hand on the key",
                )


def _concurrency(tree: Tree) -> Iterator[Finding]:
    for state in tree.states:
        value = state.members.get("MaxConcurrency")
        if state.type != "Map" or not isinstance(value, int):
            continue
        distributed = is_distributed(state.members.get("ItemProcessor"))
        most = 10_000 if distributed else 40
        if value > most:
            mode = "child executions" if distributed else "iterations of an inline Map"
            yield Finding(
                what=f"MaxConcurrency is {value:,}, but at most {most:,} {mode} run at once",
                pointer=state.at("MaxConcurrency"),
                fix=f"{most:,} or less" + ("" if distributed else ', or "Mode": "DISTRIBUTED"'),
            )


def _large_definition(tree: Tree) -> Iterator[Finding]:
    if tree.size_bytes > MAXIMUM_DEFINITION_BYTES:
        yield Finding(
            what=f"the definition has {tree.size_bytes:,} bytes",
            pointer="",
            fix="1 MB at most: move a part of it into a state machine of its own, or its data into S3",
        )


RULES = (
    Rule(
        id="SM601",
        title="a state's numbers are inside their ranges",
        source=f"{_GUIDE}/state-map-distributed.html, state-task.html and state-wait.html",
        check=_numbers,
    ),
    Rule(
        id="SM602",
        title="what a state writes out fits into a payload of 256 KiB",
        source=f"{_GUIDE}/service-quotas.html: maximum input or output size for a task, state, or execution",
        check=_large_values,
        severity="warning",
    ),
    Rule(
        id="SM603",
        title="a Map asks for no more concurrency than there is",
        source=f"{_GUIDE}/state-map.html: up to 40 concurrent iterations inline, 10,000 child executions distributed",
        check=_concurrency,
        severity="warning",
    ),
    Rule(
        id="SM604",
        title="a definition has at most 1 MB",
        source=f"{_GUIDE}/service-quotas.html: maximum state machine definition size",
        check=_large_definition,
    ),
    Rule(
        id="SM605",
        title="a label has characters that AWS takes, and stands once",
        source=f"{_GUIDE}/state-map-distributed.html (Label); INVALID_LABEL_NAME, DUPLICATE_LABEL_NAME",
        check=_labels,
    ),
)
