"""Scenarios of Firehose's transformation: what becomes of each record after the function has answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from penstock.runtime.firehose import transformation_of
from penstock.testing.events import firehose_event

Json = Any


def complaints(scenario: Mapping[str, Json], folder: Path) -> Iterator[str]:
    """Answer as the scenario's function does and say what is not as expected."""
    event: dict[str, Any] = firehose_event(*(one["id"] for one in scenario["inputs"]))
    for record, one in zip(event["records"], scenario["inputs"], strict=True):
        record["recordId"] = one["id"]
    data = {record["recordId"]: record["data"] for record in event["records"]}
    answer = {
        "records": [
            {"recordId": name, "result": result, "data": data.get(name, "")}
            for name, result in scenario["handler"]["returns"].items()
        ]
    }
    made = transformation_of(event, answer)
    actual = {"delivered": list(made.delivered), "failed": list(made.failed), "dropped": list(made.dropped)}
    for name, wanted in scenario["expected"].items():
        if name not in actual:
            yield f'the expectation "{name}" is not understood'
        elif actual[name] != wanted:
            yield f"{name}: is {actual[name]}, not {wanted}"
