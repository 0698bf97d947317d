"""A kill between two steps of one change leaves nothing that a resumed run stumbles over."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from penstock.runtime.clock import VirtualClock
from penstock.runtime.delivery.deliveries import Deliveries
from penstock.runtime.delivery.targets import Targets
from penstock.runtime.ids import Ids
from penstock.runtime.journal import Journal
from penstock.runtime.journal_events import DeliveryDelayed, DeliverySettled, Parcel, StreamRecord, Terms
from penstock.runtime.mappings.stream_failures import FailureDestination, GivenUp
from penstock.runtime.queues.queues import Queues
from penstock.runtime.s3.objects import BucketCreated, BucketDeleted, S3Change
from penstock.runtime.s3.service import S3Service
from penstock.runtime.s3.store import S3Store
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import ServiceError
from penstock.runtime.streams.streams import StreamSettings


class Kept(Journal):
    """A journal that can be looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.settled: list[DeliverySettled] = []
        self.subscribe(
            lambda event: self.settled.append(event) if isinstance(event, DeliverySettled) else None
        )


def delayed(identifier: str, at: float) -> DeliveryDelayed:
    terms = Terms(service="events", source_arn="rule", target_arn="to", maximum_retry_attempts=0)
    parcel = Parcel(kind="function", name="work", body="{}", sender="rule/r")
    return DeliveryDelayed(
        at=at, delivery=identifier, parcel=parcel, terms=terms, error="ServiceException", message=""
    )


def test_deliveries_that_have_no_retry_left_are_given_up_on_resumption() -> None:
    """All of them, whoever is given up first."""
    scheduler, journal = Scheduler(VirtualClock()), Kept()
    deliveries = Deliveries(cast("Targets", None), scheduler, journal, Ids(1))
    for number in range(3):
        deliveries.apply(delayed(str(number), scheduler.now()))
    deliveries.after_resume()
    assert [(one.delivery, one.outcome) for one in journal.settled] == [
        (str(number), "Dropped") for number in range(3)
    ]
    assert deliveries.waiting == 0


@pytest.mark.parametrize("gone", ["keys", "data", "versioning"])
@pytest.mark.parametrize("last", [BucketCreated, BucketDeleted])
def test_a_bucket_that_was_half_made_or_half_deleted(
    tmp_path: Path, gone: str, last: type[BucketCreated | BucketDeleted]
) -> None:
    """It is loaded, and what the journal says is done to its end."""
    root, journal = tmp_path / "s3", list[S3Change]()
    S3Service(S3Store(root, now=lambda: 1.0, commit_port=journal.append)).create_bucket("files")
    if last is BucketDeleted:
        journal.append(BucketDeleted(bucket="files", at=1.0))
    part = root / "buckets" / "files" / gone
    if part.is_dir():
        part.rmdir()
    again = S3Store(root, now=lambda: 2.0, commit_port=journal.append, writer="main-2")
    for change in tuple(journal):
        again.redo(change)
    assert again.has_bucket("files") is (last is BucketCreated)
    if again.has_bucket("files"):
        S3Service(again).upload(b"x", bucket="files", key="k")
        assert again.keys("files") == ["k"]


def test_a_failure_destination_that_is_gone_is_passed_over() -> None:
    """The bucket was deleted meanwhile: the shard goes on, nobody is told."""

    def put_object(bucket: str, key: str, content: bytes) -> object:
        raise ServiceError("NoSuchBucket", "The specified bucket does not exist", 404)

    destination = FailureDestination(
        queue=None,
        bucket="gone",
        mapping_id="m",
        queues=cast("Queues", None),
        put_object=put_object,
        publish=lambda arn, message: None,
        ids=Ids(1),
    )
    given_up = GivenUp(
        shard="shardId-000000000000",
        records=[StreamRecord("1", "k", b"{}", 0.0)],
        condition="RetryAttemptsExhausted",
        invocations=1,
        request_id="r",
    )
    stream = StreamSettings(name="s", arn="arn:aws:kinesis:us-east-1:123456789012:stream/s")
    assert destination.tell(given_up, stream=stream, function_arn="arn:f", now=0.0) is None
