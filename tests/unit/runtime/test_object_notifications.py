"""S3 event notifications: which changes are told, and in S3's words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from penstock.handlers import S3Upload, on_s3_upload
from penstock.pipelines import Bucket, BucketNotification, Function, Pipeline, Queue
from penstock.runtime.clock import VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.notifications import NotificationRule
from penstock.runtime.s3.object_events import ObjectNotification
from penstock.runtime.state_folder import new_run

SEEN: list[S3Upload] = []


@on_s3_upload
def collect(upload: S3Upload) -> None:
    SEEN.append(upload)


def notification(key: str, event_name: str = "ObjectCreated:Put", bucket: str = "b") -> ObjectNotification:
    return ObjectNotification(
        bucket=bucket, key=key, event_name=event_name, size_bytes=1, etag="e", sequencer="1", at=0.0
    )


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (notification("in/a.csv"), True),
        (notification("in/a.txt"), False),
        (notification("out/a.csv"), False),
        (notification("in/a.csv", bucket="other"), False),
        (notification("in/a.csv", "ObjectCreated:CompleteMultipartUpload"), True),
        (notification("in/a.csv", "ObjectRemoved:Delete"), False),
    ],
)
def test_rules_filter_by_event_prefix_and_suffix(told: ObjectNotification, expected: bool) -> None:
    """S3, "Configuring event notifications using object key name filtering"."""
    rule = NotificationRule(
        bucket="b", events=("s3:ObjectCreated:*",), prefix="in/", suffix=".csv", queue="q"
    )
    assert rule.matches(told) is expected


def test_a_message_is_s3s_event(tmp_path: Path) -> None:
    """Every member, with the key URL-encoded; a deletion has no size and no entity tag."""
    bucket, queue = Bucket("my-bucket"), Queue("events")
    parts = (BucketNotification(bucket, to=queue, events=("s3:ObjectCreated:Put", "s3:ObjectRemoved:*")),)
    with Embedded(Pipeline("told", parts=parts), new_run("told", base=tmp_path), clock=VirtualClock()) as run:
        run.s3_client().put_object(Bucket="my-bucket", Key="a b/ö+1.csv", Body=b"xyz")
        run.s3_client().delete_object(Bucket="my-bucket", Key="a b/ö+1.csv")
        bodies = [json.loads(one.body) for one in run.queues.find("events").messages.values()]
    created, removed = (body["Records"][0] for body in bodies)
    assert created["eventName"] == "ObjectCreated:Put"
    assert created["eventTime"] == "2026-01-01T00:00:00.000Z"
    assert created["s3"]["bucket"]["arn"] == "arn:aws:s3:::my-bucket"
    assert created["s3"]["object"]["key"] == "a+b/%C3%B6%2B1.csv"
    assert created["s3"]["object"]["size"] == 3
    assert removed["eventName"] == "ObjectRemoved:Delete"
    assert "size" not in removed["s3"]["object"]
    assert removed["s3"]["object"]["sequencer"] > created["s3"]["object"]["sequencer"]


def test_a_function_is_told_directly(tmp_path: Path) -> None:
    """As an asynchronous invocation; the handler gets the key decoded."""
    SEEN.clear()
    bucket = Bucket("my-bucket")
    parts = (BucketNotification(bucket, to=Function("collect", collect)),)
    with Embedded(Pipeline("told", parts=parts), new_run("told", base=tmp_path), clock=VirtualClock()) as run:
        run.upload(b"xyz", bucket="my-bucket", key="a b/ö+1.csv")
        run.run_until_idle()
    (upload,) = SEEN
    assert (upload.bucket, upload.key, upload.size_bytes) == ("my-bucket", "a b/ö+1.csv", 3)
