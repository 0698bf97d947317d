"""Where the contract tests of whole pipelines run: in this process, and deployed to LocalStack."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest

from penstock.pipelines import Pipeline, Stream
from penstock.runtime.clock import VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.state_folder import new_run
from penstock.testing.deployed import DeployPipeline
from penstock.testing.localstack import LocalStack, eventually, unavailable
from tests.parity import rule_of, tells

Found = TypeVar("Found")

LOCALSTACK = pytest.param("localstack", marks=pytest.mark.integration)

SECONDS = 60.0


def pytest_itemcollected(item: pytest.Item) -> None:
    """A contract of whole pipelines is a row of docs/parity.md."""
    callspec = getattr(item, "callspec", None)
    for target in ("running", "delivering"):
        if callspec is not None and target in callspec.params:
            tells(item, callspec.params[target], rule_of(item))


class Settle(Protocol):
    """Lets things happen until `look` gives something true, and gives that."""

    def __call__(self, look: Callable[[], Found | None], *, of: str) -> Found: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A pipeline that runs somewhere, and AWS's clients for that place."""

    client: Callable[[str], Any]
    settle: Settle

    def letters(self, queue: str, *, count: int = 1) -> list[str]:
        """The bodies of messages in a queue, when there are so many."""
        sqs = self.client("sqs")
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        found: list[str] = []

        def enough() -> bool:
            for one in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
                sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
                found.append(one["Body"])
            return len(found) >= count

        self.settle(enough, of=f"{count} in {queue}")
        return found


@pytest.fixture(params=["embedded", LOCALSTACK])
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[Pipeline], Running]]:
    """Makes a pipeline run."""
    with ExitStack() as stack:
        if request.param == "localstack":
            yield lambda pipeline: on_localstack(request, pipeline)
            return

        def here(pipeline: Pipeline) -> Running:
            run = Embedded(pipeline, new_run(pipeline.name, base=tmp_path), clock=VirtualClock())
            stack.enter_context(run)

            def settle(look: Callable[[], Found | None], *, of: str) -> Found:
                run.run_until_idle()
                found = look()
                assert found, f"{of} did not come"
                return found

            return Running(client=run.client, settle=settle)

        yield here


def on_localstack(request: pytest.FixtureRequest, pipeline: Pipeline) -> Running:
    """The pipeline, deployed to the session's LocalStack."""
    localstack: LocalStack = request.getfixturevalue("localstack")
    deploy: DeployPipeline = request.getfixturevalue("deployed")
    if pipeline.of(Stream) and (reason := localstack.kinesis_lacks) is not None:
        unavailable(reason)
    return Running(client=deploy(pipeline).client, settle=_wait)


def _wait(look: Callable[[], Found | None], *, of: str) -> Found:
    return eventually(look, seconds=SECONDS, of=of)
