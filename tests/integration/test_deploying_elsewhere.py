"""The life of a stack on LocalStack and MiniStack: made, updated, compared, interrupted, mended, destroyed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import TargetError, UsageError
from penstock.pipelines import Bucket, BucketNotification, EventRule, Pipeline, Queue, StateMachine, Topic
from penstock.pipelines.deploy import (
    Destination,
    Request,
    Terminal,
    connect,
    deploy,
    deployed_template,
    destroy,
    differences,
    planned_for,
)
from penstock.testing.deployed import Deployments
from penstock.testing.localstack import LocalStack, localstack_for_tests
from tests.contracts.gaps import MINISTACK_STACKS, expect

PASS: dict[str, object] = {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}}


@pytest.fixture
def destination(request: pytest.FixtureRequest, endpoint: LocalStack) -> Destination:
    if request.node.callspec.params["endpoint"] == "ministack":
        expect(request, MINISTACK_STACKS.get(request.function.__name__))
    return connect(endpoint.endpoint_url, None)


def terminal(told: list[str], interrupt_after: int = 10_000) -> Terminal:
    """Agrees to everything; raises KeyboardInterrupt instead of its n-th line, as Ctrl-C does."""

    def tell(line: str) -> None:
        told.append(line)
        if len(told) >= interrupt_after:
            raise KeyboardInterrupt

    return Terminal(tell=tell, agree=lambda lines: True)


def pipeline(name: str, *, visibility: int = 30, topic: str | None = None) -> Pipeline:
    """Queues, a bucket that tells one of them, a machine and a rule that starts it; a topic, if it is named."""
    inbox = Queue(
        f"{name}-inbox", visibility_timeout_seconds=visibility, dead_letter_queue=Queue(f"{name}-dead")
    )
    machine = StateMachine(f"{name}-flow", PASS)
    rule = EventRule(f"{name}-rule", pattern={"source": [name]}, to=(machine,))
    parts = (BucketNotification(Bucket(f"{name}-uploads"), to=inbox), rule)
    return Pipeline(name, parts=(*parts, *([Topic(topic)] if topic is not None else [])))


def test_from_nothing_to_nothing(
    destination: Destination, endpoint: LocalStack, named: Callable[[str], str]
) -> None:
    """Made, found unchanged, updated, compared, destroyed with its data, and destroyed again."""
    request = Request(pipeline=pipeline(named("life")), stage="test")
    first = deploy(request, destination, terminal([]))
    again = deploy(request, destination, terminal([]))
    assert first is not None
    assert again is not None
    assert (first.changed, again.changed) == (True, False)
    assert first.outputs == again.outputs
    assert (
        differences(deployed_template(destination, request.stack), planned_for(request, destination)[0]) == ()
    )

    changed = Request(pipeline=pipeline(request.pipeline.name, visibility=77), stage="test")
    (line,) = differences(deployed_template(destination, request.stack), planned_for(changed, destination)[0])
    assert line.endswith("InboxQueue.Properties.VisibilityTimeout: 30 -> 77")
    deploy(changed, destination, terminal([]))
    sqs: Any = endpoint.client("sqs")
    url = next(url for name, url in first.outputs.items() if "Inbox" in name)
    assert (
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]["VisibilityTimeout"]
        == "77"
    )

    s3: Any = endpoint.client("s3")
    s3.put_object(Bucket=f"test-{request.pipeline.name}-uploads", Key="kept", Body=b"1")
    told: list[str] = []
    assert destroy(changed, destination, terminal(told), delete_data=True)
    assert sum(line.startswith("  deleted") for line in told) == 3
    assert deployed_template(destination, request.stack) == {}
    assert destroy(changed, destination, terminal([]), delete_data=True)


def test_interrupted_and_run_again(destination: Destination, named: Callable[[str], str]) -> None:
    """Ctrl-C at the first resource: the same command waits for what goes on there, and finds nothing to change."""
    request = Request(pipeline=pipeline(named("cut")))
    with pytest.raises(KeyboardInterrupt):
        deploy(request, destination, terminal([], interrupt_after=1))
    told: list[str] = []
    done = deploy(request, destination, terminal(told))
    assert done is not None
    assert told[-1] == f"nothing to change in {request.stack}"
    assert any("Flow" in name for name in done.outputs)
    assert destroy(request, destination, terminal([]), delete_data=True)


def test_a_failure_is_named_and_mended(
    destination: Destination, endpoint: LocalStack, named: Callable[[str], str]
) -> None:
    """A queue's name is taken: its declaration and the reason are told; once it is free, the command mends it."""
    name = named("taken")
    sqs: Any = endpoint.client("sqs")
    url = sqs.create_queue(QueueName=f"{name}-inbox", Attributes={"VisibilityTimeout": "5"})["QueueUrl"]
    request = Request(pipeline=pipeline(name))
    with pytest.raises(TargetError, match="InboxQueue") as raised:
        deploy(request, destination, terminal([]))
    assert Path(__file__).name in str(raised.value.at)
    assert "the name is taken" in str(raised.value.fix)

    sqs.delete_queue(QueueUrl=url)
    told: list[str] = []
    done = deploy(request, destination, terminal(told))
    assert done is not None
    assert done.changed
    assert "it is removed and made anew" in told[0]
    assert destroy(request, destination, terminal([]), delete_data=True)


def test_a_stack_of_somebody_else_is_not_touched(endpoint: LocalStack, named: Callable[[str], str]) -> None:
    """At a shared endpoint the fixture `deployed` would destroy it at the end; a stage goes beside it."""
    shared = replace(endpoint, is_shared=True)
    queues = Pipeline(named("shared"), parts=(Queue("kept-in-common"),))
    theirs, ours = Deployments(shared, tell=print), Deployments(shared, tell=print)
    theirs.deploy(queues)
    theirs.deploy(queues)
    with pytest.raises(UsageError, match="is there already"):
        ours.deploy(queues)
    beside = ours.deploy(queues, stage="test")
    ours.destroy()
    sqs: Any = endpoint.client("sqs")
    names = [url.rpartition("/")[2] for url in sqs.list_queues()["QueueUrls"]]
    assert "kept-in-common" in names
    assert beside.name(Queue("kept-in-common")) not in names
    theirs.destroy()


def test_an_endpoint_that_is_given_is_used(
    endpoint: LocalStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`AWS_ENDPOINT_URL` may be LocalStack's or MiniStack's; it is not ended."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.endpoint_url)
    monkeypatch.setenv("PENSTOCK_FUNCTIONS_ON", "python3.12")
    with localstack_for_tests(tmp_path, environments=tmp_path) as found:
        assert (found.endpoint_url, found.functions_on, found.is_shared) == (
            endpoint.endpoint_url,
            "python3.12",
            True,
        )
    assert connect(endpoint.endpoint_url, None).local
