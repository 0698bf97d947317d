"""What AWS delivers at least once may come twice: a test can ask for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.pipelines import Bucket, BucketNotification, Function, Pipeline, Queue, QueueMapping
from penstock.runtime.clock import VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.state_folder import new_run
from penstock.testing.faults import delivered_again

SEEN: list[tuple[str, object]] = []


def see_message(event: dict[str, Any], context: Any) -> None:
    SEEN.extend((one["messageId"], one["attributes"]["ApproximateReceiveCount"]) for one in event["Records"])


def see_event(event: dict[str, Any], context: Any) -> None:
    SEEN.append((context.aws_request_id, event))


WORK = Queue("repeated-work")
TOLD = Queue("repeated-told")
INBOX = Bucket("repeated-inbox")
ASKED = Function("repeated-asked", f"{__name__}.see_event")
PIPELINE = Pipeline(
    "repeated",
    parts=(
        QueueMapping(WORK, Function("repeated-messages", f"{__name__}.see_message", timeout_seconds=5)),
        ASKED,
        BucketNotification(INBOX, to=TOLD),
    ),
    root=Path(__file__).parents[2],
)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Embedded]:
    SEEN.clear()
    with Embedded(PIPELINE, new_run("repeated", base=tmp_path), clock=VirtualClock()) as found:
        yield found


def test_a_message_is_delivered_again(run: Embedded) -> None:
    """A standard queue forgets that it was deleted, once: the message comes back with its visibility timeout."""
    client: Any = run.client("sqs")
    delivered_again(run, WORK)
    url = client.get_queue_url(QueueName=WORK.name)["QueueUrl"]
    sent = client.send_message(QueueUrl=url, MessageBody="x")
    run.run_until_idle()
    assert [identifier for identifier, _ in SEEN] == [sent["MessageId"]] * 2
    assert [count for _, count in SEEN] == ["1", "2"]


def test_an_event_runs_again(run: Embedded) -> None:
    """An asynchronous invocation that has succeeded runs once more, under the same id."""
    client: Any = run.client("lambda")
    delivered_again(run, ASKED)
    for number in (1, 2):
        client.invoke(FunctionName=ASKED.name, InvocationType="Event", Payload=str(number).encode())
    run.run_until_idle()
    assert sorted(event for _, event in SEEN) == [1, 1, 2]  # type: ignore[type-var]
    assert len({identifier for identifier, _ in SEEN}) == 2


def test_a_bucket_tells_twice(run: Embedded) -> None:
    """The same notification, sequencer and all, comes in two messages."""
    delivered_again(run, INBOX)
    run.upload(b"x", bucket=INBOX.name, key="a")
    run.upload(b"x", bucket=INBOX.name, key="b")
    client: Any = run.client("sqs")
    url = client.get_queue_url(QueueName=TOLD.name)["QueueUrl"]
    bodies = [one["Body"] for one in client.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]]
    assert len(bodies) == 3
    assert len(set(bodies)) == 2
