"""Playing every scenario of AWS's delivery semantics, and the table of rates."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.conformance import event_suite
from tests.conformance.semantics import buses, deliveries, functions, machines, queues, streams, uploads

Play = Callable[[Mapping[str, Any], Path], Iterator[str]]

AREAS: Mapping[str, Play] = {
    "sqs-esm": queues.complaints,
    "kinesis-esm": streams.complaints,
    "dynamodb-esm": streams.complaints,
    "step-functions": machines.complaints,
    "lambda-async": functions.complaints,
    "sns-eventbridge": buses.complaints,
    "firehose": deliveries.complaints,
    "s3-notifications": uploads.complaints,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """How a scenario came out; `complaints` is empty if all is as AWS does it."""

    name: str
    area: str
    rule: str
    source: str
    complaints: tuple[str, ...]


def folder() -> Path:
    """Where the scenarios are."""
    return event_suite.folder() / "semantics"


@cache
def played() -> Sequence[Played]:
    """Every scenario of the corpus, in the order of the areas; played once in a run of the tests."""
    return tuple(_all())


def known_differences() -> Mapping[str, str]:
    """The reasons why some scenarios differ, by their names."""
    decoded = json.loads(Path(__file__).with_name("known_semantic_differences.json").read_text("utf-8"))
    assert isinstance(decoded, dict)
    return {str(name): str(reason) for name, reason in decoded.items()}


def table(results: Sequence[Played]) -> Iterator[str]:
    """The rates per area, as lines of text."""
    for area in [*dict.fromkeys(one.area for one in results), "all"]:
        mine = [one for one in results if area in (one.area, "all")]
        right = sum(not one.complaints for one in mine)
        yield f"{area:<20}{right}/{len(mine)} {100 * right / len(mine):5.1f} %"


def _all() -> Iterator[Played]:
    for path in sorted(folder().glob("*.json")):
        decoded = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(decoded, dict) or "scenarios" not in decoded:
            continue
        for scenario in decoded["scenarios"]:
            yield _play(scenario)


def _play(scenario: Mapping[str, Any]) -> Played:
    play = AREAS.get(scenario["area"])
    if play is None:
        found: tuple[str, ...] = (f'nothing plays the area "{scenario["area"]}"',)
    else:
        try:
            with tempfile.TemporaryDirectory() as place:
                found = tuple(play(scenario, Path(place)))
        except Exception as error:  # noqa: BLE001  # a scenario that cannot be played differs, and the others go on
            found = (f"it cannot be played: {type(error).__name__}: {error}",)
    return Played(
        name=scenario["name"],
        area=scenario["area"],
        rule=scenario["rule"],
        source=str(scenario["source"]),
        complaints=found,
    )
