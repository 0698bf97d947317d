"""Whatever holds together can be planned: cfn-lint finds nothing, and the roles allow what AWS knows."""

from __future__ import annotations

import pytest
from cfnlint import api

from penstock.pipelines import Pipeline
from penstock.pipelines.iam import policy_of
from penstock.pipelines.plan import as_sam, plan, written
from tests.properties.random_pipelines import Drawn
from tests.unit.pipelines.iam.test_service_authorization import is_known


def faults(text: str) -> list[str]:
    """cfn-lint's errors and warnings in one region; its advice is off by default on its command line, too."""
    found = api.lint(text, regions=["us-east-1"])
    return [f"{one.rule.id} {one.message}" for one in found if not one.rule.id.startswith("I")]


@pytest.mark.parametrize("seed", range(6))
def test_a_random_pipeline_is_planned_cleanly(seed: int) -> None:
    """As CloudFormation and as SAM, in JSON and in YAML, with a stage and without."""
    pipeline = Pipeline("drawn", parts=Drawn(seed).parts())
    template = plan(pipeline, stage="dev" if seed % 2 else "")

    assert faults(written(template, "yaml" if seed % 3 else "json")) == []
    assert faults(written(as_sam(template), "yaml")) == []


@pytest.mark.parametrize("seed", range(20))
def test_a_random_pipelines_roles_can_match(seed: int) -> None:
    """Every action is on an ARN of a kind that it knows, or on `*`."""
    pipeline = Pipeline("drawn", parts=Drawn(seed).parts())
    wrong = [
        grant.need for role in policy_of(pipeline).roles for grant in role.grants if not is_known(grant.need)
    ]
    assert [need for need in wrong if not need.action.startswith("logs:")] == []
