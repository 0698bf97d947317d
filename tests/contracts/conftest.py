"""Where the contract tests of whole pipelines run: in this process, and deployed to LocalStack and MiniStack."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest

from penstock.pipelines import Pipeline, Stream
from penstock.pipelines.deploy import connect
from penstock.runtime.clock import VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.state_folder import new_run
from penstock.testing.deployed import Deployments, DeployPipeline
from penstock.testing.localstack import LocalStack, eventually, unavailable
from tests.contracts.delivery import deployed
from tests.contracts.delivery.parts import only
from tests.contracts.gaps import CONTAINER_GAPS, LOCALSTACK_GAPS, MINISTACK_GAPS, expect
from tests.contracts.sharing import pytest_xdist_make_scheduler
from tests.parity import rule_of, tells

__all__ = ["pytest_xdist_make_scheduler"]

Found = TypeVar("Found")

LOCALSTACK = pytest.param("localstack", marks=pytest.mark.integration)
MINISTACK = pytest.param("ministack", marks=pytest.mark.ministack)
PLACES = ("embedded", LOCALSTACK, MINISTACK)

SECONDS = 60.0
LONG_SECONDS = 120.0
"""For what LocalStack is not asked: visibility timeouts that pass one after another."""


DEPLOYED = pytest.StashKey["Running"]()
"""The pipeline of all modules, once it is on this session's LocalStack."""


def pytest_itemcollected(item: pytest.Item) -> None:
    """A contract of whole pipelines is a row of docs/parity.md."""
    callspec = getattr(item, "callspec", None)
    for target in ("running", "delivering"):
        if callspec is not None and target in callspec.params:
            tells(item, callspec.params[target], rule_of(item))
            if callspec.params[target] != "embedded" and _needs_alone(item) is not None:
                item.add_marker(pytest.mark.long)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Rules that are deployed alone come first: the pipeline of all rules, which stays, has the same streams."""
    items.sort(key=lambda one: one.get_closest_marker("long") is None)


def _needs_alone(item: pytest.Item) -> tuple[str, ...] | None:
    """The queues, streams and tables of a rule that is deployed alone: `DEPLOYED_ALONE` of its module."""
    if not isinstance(item, pytest.Function):
        return None
    rules: Mapping[str, tuple[str, ...]] = getattr(item.module, "DEPLOYED_ALONE", {})
    return rules.get(item.function.__name__)


class Settle(Protocol):
    """Lets things happen until `look` gives something true, and gives that."""

    def __call__(self, look: Callable[[], Found | None], *, of: str) -> Found: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A pipeline that runs somewhere, and AWS's clients for that place.

    Attributes:
        wait: lets so many seconds pass, while the pipeline works.
        now: the time there (epoch seconds).
        slack_seconds: by how much a moment may be missed; in virtual time none is.
    """

    client: Callable[[str], Any]
    settle: Settle
    wait: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time
    slack_seconds: float = 5.0

    def letters(self, queue: str, *, count: int = 1) -> list[str]:
        """The bodies of messages in a queue, when there are so many."""
        return [one["Body"] for one in self.messages(queue, count=count)]

    def messages(self, queue: str, *, count: int = 1) -> list[dict[str, Any]]:
        """The messages in a queue with all of their attributes, when there are so many."""
        sqs = self.client("sqs")
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        found: list[dict[str, Any]] = []

        def enough() -> bool:
            found.extend(received(sqs, url))
            return len(found) >= count

        self.settle(enough, of=f"{count} in {queue}")
        return found


def received(sqs: Any, url: str) -> Iterator[dict[str, Any]]:  # boto3 makes its clients' types at run time
    """Takes out what can be received from a queue now."""
    everything = {"MessageSystemAttributeNames": ["All"], "MessageAttributeNames": ["All"]}
    while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, **everything).get("Messages"):
        for one in found:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
            yield one


@pytest.fixture(params=PLACES)
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[Pipeline], Running]]:
    """Makes a pipeline run."""
    with ExitStack() as stack:
        if request.param == "localstack":
            _skip_without_plugin(request)
            yield lambda pipeline: on_localstack(request, pipeline)
        elif request.param == "ministack":
            yield lambda pipeline: on_ministack(request, pipeline)
        else:
            yield lambda pipeline: stack.enter_context(_embedded(pipeline, tmp_path))


@pytest.fixture(params=PLACES)
def delivering(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    """The pipeline of the rules of a test's module, running somewhere; at LocalStack, that of all modules.

    On MiniStack it is the module's `elsewhere`, if there is one.

    `NOT_ON_LOCALSTACK` of the module has the reasons why a rule is not tried there, `ONLY_EMBEDDED` why it is tried
    nowhere where time cannot be made to pass. For a rule in `DEPLOYED_ALONE` there is nothing else in either place,
    and on LocalStack it is destroyed behind it: these take minutes, and are marked `long`.
    """
    sources = _needs_alone(request.node)
    if request.param == "localstack" and sources is not None:
        with _alone_on_localstack(request, only(request.module.pipeline, *sources)) as run:
            yield run
        return
    only_here: dict[str, str] = getattr(request.module, "ONLY_EMBEDDED", {})
    if request.param != "embedded" and (why := only_here.get(request.function.__name__)) is not None:
        pytest.skip(why)
    if request.param == "localstack":
        if (why := request.module.NOT_ON_LOCALSTACK.get(request.function.__name__)) is not None:
            pytest.skip(why)
        _skip_without_plugin(request)
        stash = request.config.stash
        if DEPLOYED not in stash:  # to plan so many parts again, and compare them, takes seconds
            stash[DEPLOYED] = on_localstack(request, deployed.pipeline)
        yield stash[DEPLOYED]
        return
    if request.param == "ministack":
        several = vars(request.module).get("elsewhere", request.module.pipeline)
        mine = several if sources is None else only(request.module.pipeline, *sources)
        yield on_ministack(request, mine)
        return
    with _embedded(request.module.pipeline, tmp_path) as run:
        yield run


@contextmanager
def _embedded(pipeline: Pipeline, folder: Path) -> Iterator[Running]:
    """The pipeline in this process, in virtual time."""
    with Embedded(pipeline, new_run(pipeline.name, base=folder), clock=VirtualClock()) as run:

        def settle(look: Callable[[], Found | None], *, of: str) -> Found:
            run.run_until_idle()
            found = look()
            assert found, f"{of} did not come"
            return found

        time = run.scheduler
        yield Running(client=run.client, settle=settle, wait=time.run_for, now=time.now, slack_seconds=0)


def on_ministack(request: pytest.FixtureRequest, pipeline: Pipeline) -> Running:
    """The pipeline alone, deployed to the session's MiniStack.

    A gap that is known has to show: the test of such a rule fails when it passes.
    """
    deploy: DeployPipeline = request.getfixturevalue("deployed_to_ministack")
    made = deploy(pipeline)
    gap = MINISTACK_GAPS.get(request.function.__name__)
    expect(request, gap)
    return Running(client=made.client, settle=_waiting(LONG_SECONDS if gap is None else gap.seconds))


@contextmanager
def _alone_on_localstack(request: pytest.FixtureRequest, pipeline: Pipeline) -> Iterator[Running]:
    """A pipeline that is on the session's LocalStack for one test.

    A gap that is known has to show, as on MiniStack.
    """
    localstack: LocalStack = request.getfixturevalue("localstack")
    _skip_without_plugin(request)
    if pipeline.of(Stream) and (reason := localstack.kinesis_lacks) is not None:
        unavailable(reason)
    deployments = Deployments(localstack, tell=print)
    try:
        made = deployments.deploy(pipeline)
        gap = LOCALSTACK_GAPS.get(request.function.__name__)
        expect(request, gap)
        yield Running(client=made.client, settle=_waiting(LONG_SECONDS if gap is None else gap.seconds))
    finally:
        deployments.destroy()


def _skip_without_plugin(request: pytest.FixtureRequest) -> None:
    """Skip what LocalStack does by penstock's plugin only, where it has none: in a container."""
    if (why := CONTAINER_GAPS.get(request.function.__name__)) is not None:
        localstack: LocalStack = request.getfixturevalue("localstack")
        if localstack.is_shared and not connect(localstack.endpoint_url, None).with_plugin:
            pytest.skip(why)


def on_localstack(request: pytest.FixtureRequest, pipeline: Pipeline) -> Running:
    """The pipeline, deployed to the session's LocalStack."""
    localstack: LocalStack = request.getfixturevalue("localstack")
    deploy: DeployPipeline = request.getfixturevalue("deployed")
    if pipeline.of(Stream) and (reason := localstack.kinesis_lacks) is not None:
        unavailable(reason)
    return Running(client=deploy(pipeline).client, settle=_waiting(SECONDS))


def _waiting(seconds: float) -> Settle:
    def settle(look: Callable[[], Found | None], *, of: str) -> Found:
        return eventually(look, seconds=seconds, of=of)

    return settle
