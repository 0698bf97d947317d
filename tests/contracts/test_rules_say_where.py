"""Every rule of delivery says what it is and where AWS states it; what is not tried elsewhere has a reason."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from types import FunctionType, ModuleType

import pytest

from penstock.pipelines.resources import Resource
from tests.contracts.delivery.parts import only
from tests.parity import PAGE

MODULES = sorted(path.stem for path in Path(__file__).parent.glob("test_*_rules.py"))


def rules_of(module: ModuleType) -> dict[str, FunctionType]:
    return {name: one for name, one in vars(module).items() if name.startswith("test_")}


@pytest.fixture(params=MODULES)
def module(request: pytest.FixtureRequest) -> ModuleType:
    """A file of rules."""
    return importlib.import_module(f"tests.contracts.{request.param}")


def test_there_is_a_file_for_each_family() -> None:
    """The families of rules are found by the names of their files."""
    assert len(MODULES) >= 8


def test_each_rule_says_where_it_stands(module: ModuleType) -> None:
    """Every test of a family states a rule in one sentence, and names a page of AWS's documentation."""
    assert rules_of(module)
    for one in rules_of(module).values():
        assert {"delivering", "page"} <= inspect.signature(one).parameters.keys(), one.__name__
        assert one.__doc__, one.__name__
        pages = [page for mark in vars(one)["pytestmark"] for page in mark.args[1] if mark.args[0] == "page"]
        assert len(pages) == 1, one.__name__
        assert pages[0].startswith("https://docs.aws.amazon.com/")


def test_each_rule_has_its_row(module: ModuleType) -> None:
    """Whoever adds a rule fills docs/parity.md anew; one that does not hold embedded cannot stand there."""
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    for one in rules_of(module).values():
        rule = str(one.__doc__).partition("\n")[0].strip().rstrip(".")
        assert len(rule) <= 110, rule
        (row,) = [row for row in rows if row.startswith(f"| {rule} |")]
        assert row.split("|")[2].strip() == "yes", row


def test_each_reason_belongs_to_a_rule(module: ModuleType) -> None:
    """A reason why a rule is not tried somewhere names a rule that there is."""
    for reasons in (vars(module)["NOT_ON_LOCALSTACK"], vars(module).get("ONLY_EMBEDDED", {})):
        assert reasons.keys() <= rules_of(module).keys()


def test_each_rule_that_is_deployed_alone_has_what_it_needs(module: ModuleType) -> None:
    """It is a rule, what it names is in the pipeline, and it is not told why it were not to be tried there."""
    alone: dict[str, tuple[str, ...]] = vars(module).get("DEPLOYED_ALONE", {})
    assert alone.keys() <= rules_of(module).keys() - vars(module)["NOT_ON_LOCALSTACK"].keys()
    for sources in alone.values():
        found = {one.name for one in only(vars(module)["pipeline"], *sources).of(Resource)}
        assert {f"delivery-{one}" for one in sources} <= found
