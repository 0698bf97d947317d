"""Where the corpus is, and reading its cases. The corpus is not part of the repository (see
docs/conformance.md)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEFAULT = ROOT.parent / "shared" / "corpus"
KNOWN_DIFFERENCES = Path(__file__).with_name("known_differences.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One recorded execution; `data` is its file as the corpus's README describes it."""

    path: Path
    data: Mapping[str, object]

    @property
    def name(self) -> str:
        return str(self.data["name"])

    @property
    def area(self) -> str:
        return str(self.data["area"])

    @property
    def tier(self) -> str:
        return str(self.data["tier"])

    @property
    def expected(self) -> Mapping[str, object]:
        expected = self.data["expected"]
        assert isinstance(expected, dict)
        return expected


def folder() -> Path:
    """The corpus's folder: `$PENSTOCK_CORPUS`, or the one beside the repository."""
    return Path(os.environ.get("PENSTOCK_CORPUS") or DEFAULT)


def is_default() -> bool:
    """Whether this is the corpus that the list of known differences is about."""
    return "PENSTOCK_CORPUS" not in os.environ


def asl_folder() -> Path:
    """The folder that has `exec/`: the corpus itself, or its part `asl/`."""
    root = folder()
    return root / "asl" if (root / "asl").is_dir() else root


def missing(wanted: Path) -> NoReturn:
    """Say that a part of the corpus is not there: skipped on a laptop, failed where CI asks for it."""
    said = (
        f"the corpus is not at {wanted}; it is not part of the repository: set PENSTOCK_CORPUS to its folder"
    )
    if os.environ.get("CI") and os.environ.get("PENSTOCK_CORPUS"):
        pytest.fail(said)
    pytest.skip(said)


def executions() -> list[Case]:
    """Every executable case, in the order of their file names; empty if the corpus is not there."""
    paths = sorted((asl_folder() / "exec").glob("*.json"))
    return [Case(path=path, data=json.loads(path.read_text(encoding="utf-8"))) for path in paths]


def known_differences() -> Mapping[str, str]:
    """The reasons why some cases differ, by the names of the cases."""
    decoded = json.loads(KNOWN_DIFFERENCES.read_text(encoding="utf-8"))
    assert isinstance(decoded, dict)
    return {str(name): str(reason) for name, reason in decoded.items()}
