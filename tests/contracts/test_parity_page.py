"""docs/parity.md has every rule that is held everywhere."""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.contracts import test_pipelines_everywhere, test_rules_everywhere
from tests.parity import PAGE


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
