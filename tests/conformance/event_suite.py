"""Event payloads of the corpus: real ones, and variants of them with a known verdict; and how they are judged."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from penstock.errors import EventError
from penstock.handlers.events import parse_event
from tests.conformance import corpus

KNOWN_DIFFERENCES = Path(__file__).with_name("known_event_differences.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One payload, and what became of it.

    Attributes:
        level: `real` for a recorded payload; for a variant, how deep the reader has to look: shape, decode, bytes.
        wanted: accept or reject.
        error: None if it was accepted.
        complaint: what is wrong with the answer; None if nothing is.
    """

    name: str
    kind: str
    level: str
    wanted: str
    error: str | None
    complaint: str | None


def folder() -> Path:
    """The folder that has `events/index.json`: the corpus itself, or its part `events/`."""
    root = corpus.folder()
    return root / "events" if (root / "events" / "events").is_dir() else root


@cache
def judged() -> Sequence[Judged]:
    """Every scored payload, judged once; empty if the corpus is not there."""
    return [*_real(), *_variants()]


def known_differences() -> Mapping[str, str]:
    """The reasons why some payloads differ, by their names."""
    decoded = json.loads(KNOWN_DIFFERENCES.read_text(encoding="utf-8"))
    assert isinstance(decoded, dict)
    return decoded


def table(results: Sequence[Judged]) -> Iterator[str]:
    """Rates by kind, and of all: real payloads, and variants by level."""
    levels = list(dict.fromkeys(result.level for result in results))
    yield f"{'kind':<20}" + "".join(f"{level:>20}" for level in levels)
    kinds = sorted({result.kind for result in results})
    for kind in [*kinds, "all"]:
        mine = [result for result in results if kind in (result.kind, "all")]
        yield f"{kind:<20}" + "".join(
            f"{_rate([result for result in mine if result.level == level]):>20}" for level in levels
        )


def _rate(results: Sequence[Judged]) -> str:
    right = sum(result.complaint is None for result in results)
    return f"{right}/{len(results)} {100 * right / len(results):5.1f} %" if results else "-"


def _rows(part: str) -> list[dict[str, Any]]:
    index = folder() / part / "index.json"
    rows = json.loads(index.read_text(encoding="utf-8")) if index.is_file() else []
    assert isinstance(rows, list)
    return rows


def _payload(row: Mapping[str, Any]) -> object:
    payload = json.loads((folder() / row["path"]).read_text(encoding="utf-8"))
    return base64.b64decode(payload["__raw_base64__"]) if row.get("encoding") == "raw-base64" else payload


def _real() -> Iterator[Judged]:
    for row in _rows("events"):
        if row["expected"] == "accept":
            yield _judge(row, "real")


def _variants() -> Iterator[Judged]:
    for row in _rows("events_bad"):
        yield _judge(row, row["level"])


def _judge(row: Mapping[str, Any], level: str) -> Judged:
    kind, wanted, error, event = row["source"], row["expected"], None, None
    try:
        event = parse_event(kind, _payload(row))
    except EventError as refused:
        error = str(refused)
    if (error is None) != (wanted == "accept"):
        complaint: str | None = "accepted" if error is None else f"rejected: {error}"
    elif error is None:
        complaint = _value_complaint(event, row.get("expect") or {})
    else:
        complaint = _field_complaint(error, row["mutation"])
    return Judged(name=row["name"], kind=kind, level=level, wanted=wanted, error=error, complaint=complaint)


def _field_complaint(error: str, mutation: str) -> str | None:
    """The error names the member that was taken away or changed."""
    what, _, path = mutation.partition(":")
    if what not in ("missing", "null", "wrongtype") or not path:
        return None
    member = path.rpartition(".")[2]
    return None if member in error else f"the error does not name {member}: {error}"


def _value_complaint(event: Any, expect: Mapping[str, str]) -> str | None:
    """The values that the corpus expects in the decoded event are there."""
    if "decoded_key" in expect:
        keys = [record.s3.object.key for record in event.records]
        return None if expect["decoded_key"] in keys else f"the keys are {keys}"
    if "bytes_hex" in expect:
        data = [getattr(record, "kinesis", record).data.hex() for record in event.records]
        return None if expect["bytes_hex"] in data else f"the data is {data}"
    return None
