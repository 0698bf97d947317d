"""Tests against a LocalStack: their marker, and what several of them need."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import TypeAlias

import pytest

from penstock.testing.localstack import LocalStack, unavailable

HERE = Path(__file__).parent

Named: TypeAlias = Callable[[str], str]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of this folder are integration tests, and run one after another against one LocalStack."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.integration)
            item.add_marker(pytest.mark.xdist_group("localstack"))


@pytest.fixture(scope="session")
def _numbers() -> count[int]:
    return count(1)


@pytest.fixture
def named(_numbers: count[int]) -> Named:
    """Names that no other test has used: `named("orders")` is `orders-7`."""
    number = next(_numbers)
    return lambda text: f"{text}-{number}"


@pytest.fixture(scope="session")
def kinesis(localstack: LocalStack) -> LocalStack:
    """LocalStack with Kinesis, which it runs on node and installs by npm."""
    if (reason := localstack.kinesis_lacks) is not None:
        unavailable(reason)
    return localstack
