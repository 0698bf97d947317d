"""The pytest plugin that is installed with penstock: the fixtures `embedded`, `localstack`, `deployed`.

    def test_a_file_goes_through(embedded: StartPipeline) -> None:
        with embedded(pipeline) as run:
            run.upload_to_entry(path)
            run.run_until_idle()

    def test_a_bucket(localstack: LocalStack) -> None:
        localstack.client("s3").create_bucket(Bucket="any")

    def test_it_is_the_same_when_it_is_deployed(deployed: DeployPipeline) -> None:
        deployed(pipeline).upload_to_entry(path)

Nothing of the rooms is imported before a test asks for a fixture.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from penstock.pipelines import Pipeline
    from penstock.pipelines.iam import Policy
    from penstock.runtime.embedded import Embedded
    from penstock.testing.deployed import DeployPipeline
    from penstock.testing.localstack import LocalStack


class StartPipeline(Protocol):
    """Makes a run of a pipeline on the embedded target; use it as a context manager.

    Args:
        policy: is enforced, for example `policy_of(pipeline)`; None: everything is allowed.
    """

    def __call__(self, pipeline: Pipeline, *, seed: int = 0, policy: Policy | None = None) -> Embedded: ...


@pytest.fixture
def embedded(tmp_path: Path) -> StartPipeline:
    """Runs of pipelines with a virtual clock, in this process: the same every time, and no waiting."""
    from penstock.runtime.clock import VirtualClock
    from penstock.runtime.embedded import Embedded
    from penstock.runtime.state_folder import new_run

    def start(pipeline: Pipeline, *, seed: int = 0, policy: Policy | None = None) -> Embedded:
        folder = new_run(pipeline.name, base=tmp_path / ".penstock")
        return Embedded(pipeline, folder, clock=VirtualClock(), seed=seed, policy=policy)

    return start


@pytest.fixture(scope="session")
def localstack(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[LocalStack]:
    """A LocalStack 4.14 for the session's tests: the endpoint of `AWS_ENDPOINT_URL`, or one that is brought up.

    Its virtual environment is the one of `penstock localstack up` in pytest's root folder. Where there can be no
    LocalStack the tests are skipped, and where `CI=true` they fail; see `penstock.testing.localstack`.
    """
    from penstock.errors import LocalStackError
    from penstock.testing.localstack import localstack_for_tests, unavailable

    if told := os.environ.get("PENSTOCK_WITHOUT_LOCALSTACK"):
        pytest.skip(told)
    environments = pytestconfig.rootpath / ".penstock" / "localstack" / "environments"
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("localstack")
        try:
            found = stack.enter_context(localstack_for_tests(folder, environments=environments))
        except LocalStackError as error:
            unavailable(str(error))
        yield found


@pytest.fixture(scope="session")
def deployed(localstack: LocalStack) -> Iterator[DeployPipeline]:
    """Deploys pipelines to the session's LocalStack, each once, with the template and the packages for AWS.

    An endpoint of `AWS_ENDPOINT_URL` is left as it was found: what was deployed is deleted at the end, with its
    data; a stack that was there before is not touched.
    """
    from penstock.testing.deployed import Deployments

    deployments = Deployments(localstack, tell=print)
    yield deployments.deploy
    if localstack.is_shared:
        deployments.destroy()
