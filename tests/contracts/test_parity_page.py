"""docs/parity.md has every rule that is held everywhere."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

from tests.contracts import test_pipelines_everywhere, test_rules_everywhere
from tests.contracts.gaps import CONTAINER_GAPS, LOCALSTACK_GAPS, MINISTACK_DEFINITIONS, MINISTACK_GAPS
from tests.integration.test_definitions_elsewhere import CASES
from tests.parity import DEFINITIONS, PAGE, rows_of


@pytest.mark.parametrize(
    "module", [test_pipelines_everywhere, test_rules_everywhere], ids=lambda one: one.__name__
)
def test_each_rule_has_its_row(module: ModuleType) -> None:
    """Whoever adds a contract fills the page anew; a rule that does not hold embedded cannot stand there."""
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    for name, function in vars(module).items():
        if name.startswith("test_"):
            rule = str(function.__doc__).partition("\n")[0].strip().rstrip(".")
            (row,) = [one for one in rows if one.startswith(f"| {rule} |")]
            assert row.split("|")[2].strip() == "yes", row


def test_each_row_is_a_rule() -> None:
    """What the tests no longer hold does not stand there: the table keeps what one session has not tried."""
    rules = {str(one.__doc__).partition("\n")[0].strip().rstrip(".") for one in contracts().values()}
    definitions = {f"{DEFINITIONS}{one.id}" for one in CASES}
    assert rows_of(PAGE.read_text()).keys() - rules - definitions == set()


def test_each_known_gap_belongs_to_a_rule() -> None:
    """And the page says of it what the gap says."""
    assert CONTAINER_GAPS.keys() <= contracts().keys()
    rows = rows_of(PAGE.read_text())
    for place, gaps in (("localstack", LOCALSTACK_GAPS), ("ministack", MINISTACK_GAPS)):
        for name, gap in gaps.items():
            rule = str(contracts()[name].__doc__).partition("\n")[0].strip().rstrip(".")
            assert rows[rule][place] == gap.cell
    assert MINISTACK_DEFINITIONS.keys() <= {one.id for one in CASES}


def contracts() -> dict[str, object]:
    """Every test of this folder by its name."""
    modules = [
        importlib.import_module(f"tests.contracts.{path.stem}")
        for path in sorted(Path(__file__).parent.glob("test_*.py"))
    ]
    return {name: one for module in modules for name, one in vars(module).items() if name.startswith("test_")}
