"""Tests against a LocalStack, or a MiniStack: their marker, and what several of them need."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import TypeAlias

import pytest

from penstock.testing.localstack import LocalStack, unavailable
from tests.parity import DEFINITIONS, tells

Named: TypeAlias = Callable[[str], str]

ENDPOINTS = ("localstack", pytest.param("ministack", marks=pytest.mark.ministack))


def pytest_itemcollected(item: pytest.Item) -> None:
    """All of this folder are integration tests, or MiniStack's; definitions are rows of docs/parity.md."""
    if item.get_closest_marker("ministack") is None:
        item.add_marker(pytest.mark.integration)
    callspec = getattr(item, "callspec", None)
    if callspec is not None and {"client", "definition"} <= callspec.params.keys():
        place = callspec.params["client"]
        tells(item, place, f"{DEFINITIONS}{callspec.id.removeprefix(f'{place}-')}")


@pytest.fixture(scope="session")
def _numbers() -> count[int]:
    return count(1)


@pytest.fixture
def named(_numbers: count[int]) -> Named:
    """Names that no other test has used: `named("orders")` is `orders-7`."""
    number = next(_numbers)
    return lambda text: f"{text}-{number}"


@pytest.fixture(params=ENDPOINTS)
def endpoint(request: pytest.FixtureRequest) -> LocalStack:
    """LocalStack, then MiniStack."""
    found: LocalStack = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def kinesis(localstack: LocalStack) -> LocalStack:
    """LocalStack with Kinesis, which it runs on node and installs by npm."""
    if (reason := localstack.kinesis_lacks) is not None:
        unavailable(reason)
    return localstack
