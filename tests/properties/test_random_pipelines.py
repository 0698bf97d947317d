"""Whatever holds together can be planned: cfn-lint finds nothing, and the roles allow what AWS knows."""

from __future__ import annotations

from typing import Literal

import pytest

from penstock.pipelines import Pipeline
from penstock.pipelines.iam import policy_of
from penstock.pipelines.plan import as_sam, plan, written
from tests.linting import faults
from tests.properties.random_pipelines import Drawn
from tests.unit.pipelines.iam.test_service_authorization import is_known


@pytest.mark.parametrize(("seed", "stage", "form"), [(0, "", "json"), (1, "dev", "yaml"), (2, "dev", "sam")])
def test_a_random_pipeline_is_planned_cleanly(
    seed: int, stage: str, form: Literal["json", "yaml", "sam"]
) -> None:
    """As CloudFormation and as SAM, in JSON and in YAML, with a stage and without."""
    template = plan(Pipeline("drawn", parts=Drawn(seed).parts()), stage=stage)

    assert faults(written(as_sam(template), "yaml") if form == "sam" else written(template, form)) == []


@pytest.mark.parametrize("seed", range(20))
def test_a_random_pipelines_roles_can_match(seed: int) -> None:
    """Every action is on an ARN of a kind that it knows, or on `*`."""
    pipeline = Pipeline("drawn", parts=Drawn(seed).parts())
    wrong = [
        grant.need for role in policy_of(pipeline).roles for grant in role.grants if not is_known(grant.need)
    ]
    assert [need for need in wrong if not need.action.startswith("logs:")] == []
