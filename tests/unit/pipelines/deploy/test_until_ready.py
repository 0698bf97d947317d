"""Waiting until functions and mappings work; Lambda is played, state by state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from penstock.errors import TargetError
from penstock.pipelines.deploy.ready import until_ready
from tests.unit.pipelines.deploy.fake_cloudformation import FakeCloudFormation, destination

FUNCTION = {
    "ResourceType": "AWS::Lambda::Function",
    "LogicalResourceId": "Work",
    "PhysicalResourceId": "work",
}
MAPPING = {
    "ResourceType": "AWS::Lambda::EventSourceMapping",
    "LogicalResourceId": "WorkOfOrders",
    "PhysicalResourceId": "uuid",
}


class OfLambda(FakeCloudFormation):
    """A stack with a function and a mapping."""

    def pages_of(self, operation: str) -> list[dict[str, Any]]:
        return [{"StackResourceSummaries": [FUNCTION, MAPPING]}]


@dataclass
class FakeLambda:
    """Answers with one state after the other; the last stays."""

    functions: list[dict[str, str]]
    mappings: list[str] = field(default_factory=lambda: ["Enabled"])
    looks: int = 0

    def get_function_configuration(self, *, FunctionName: str) -> dict[str, str]:
        self.looks += 1
        return self.functions.pop(0) if len(self.functions) > 1 else self.functions[0]

    def get_event_source_mapping(self, *, UUID: str) -> dict[str, str]:
        return {"State": self.mappings.pop(0) if len(self.mappings) > 1 else self.mappings[0]}


def wait(client: FakeLambda) -> int:
    """How often was waited."""
    slept: list[float] = []
    until_ready(destination(OfLambda(), **{"lambda": client}), "orders", slept.append)
    return len(slept)


@pytest.mark.parametrize(
    ("functions", "mappings", "waits"),
    [
        ([{"State": "Active", "LastUpdateStatus": "Successful"}], ["Enabled"], 0),
        ([{}], ["Disabled"], 0),
        ([{"State": "Pending"}, {"State": "Active"}], ["Enabled"], 1),
        ([{"State": "Active", "LastUpdateStatus": "InProgress"}, {"State": "Active"}], ["Enabled"], 1),
        ([{"State": "Active"}], ["Creating", "Enabling", "Enabled"], 2),
        ([{"State": "Inactive", "LastUpdateStatus": "Successful"}], ["Enabled"], 0),
    ],
)
def test_what_is_waited_for(functions: list[dict[str, str]], mappings: list[str], waits: int) -> None:
    """A function that nobody has invoked for weeks is Inactive, and stays so until somebody does."""
    assert wait(FakeLambda(functions, mappings)) == waits


def test_a_function_that_failed() -> None:
    """It is named, with Lambda's reason."""
    with pytest.raises(TargetError, match=r"function Work \(work\) has failed: no role") as raised:
        wait(FakeLambda([{"State": "Failed", "StateReason": "no role"}]))
    assert "run the command again" in str(raised.value.fix)


def test_what_never_is_ready() -> None:
    """After some minutes it is named, and the same command goes on waiting."""
    with pytest.raises(TargetError, match=r"not ready yet: Work\n"):
        wait(FakeLambda([{"State": "Pending"}]))
