"""How S3 tells of what happens to a bucket's objects, rule by rule."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import unquote_plus

from tests.contracts.conftest import Running
from tests.contracts.delivery import s3
from tests.contracts.delivery.asking import LAMBDA, S3, left, seen, states

pipeline = s3.pipeline
INBOX, ON_BUS = s3.inbox.name, s3.on_bus.name

NOT_ON_LOCALSTACK = {
    "test_a_later_change_has_a_larger_sequencer": "LocalStack's sequencer is always the same",
    "test_event_bridge_hears_of_everything": "LocalStack encodes the key",
    "test_keys_are_encoded": "LocalStack writes %20 for a space",
    "test_an_object_that_was_not_there_is_told_of_as_well": "LocalStack tells of it for DeleteObjects only",
}


def write(run: Running, *keys: str, bucket: str = INBOX, body: bytes = b"x") -> None:
    for key in keys:
        run.client("s3").put_object(Bucket=bucket, Key=key, Body=body)


def records(run: Running, queue: str, *, count: int = 1) -> list[dict[str, Any]]:
    """The records of a queue's notifications; the test event of a deployment is none."""
    found: list[dict[str, Any]] = []

    def enough() -> bool:
        for one in run.messages(queue, count=0):
            found.extend(json.loads(one["Body"]).get("Records", ()))
        return len(found) >= count

    run.settle(enough, of=f"{count} records in {queue}")
    return found


def key_of(record: dict[str, Any]) -> str:
    return unquote_plus(record["s3"]["object"]["key"])


@states(f"{S3}/notification-how-to-filtering.html")
def test_a_notification_may_be_about_some_keys(delivering: Running, page: str) -> None:
    """A bucket tells of keys that begin and end as the notification says, and of no others."""
    write(delivering, "in/a.csv", "in/a.txt", "a.csv", "out/in/a.csv", "in/.csv", "in/deep/er/b.csv")
    found = records(delivering, "delivery-created", count=3)
    assert sorted(map(key_of, found)) == ["in/.csv", "in/a.csv", "in/deep/er/b.csv"]


@states(f"{S3}/notification-content-structure.html")
def test_a_record_describes_the_object(delivering: Running, page: str) -> None:
    """A record names event, bucket, key, size, entity tag and sequencer; the event without the s3: before it."""
    write(delivering, "in/described.csv", body=b"four")
    (record,) = records(delivering, "delivery-created")
    assert record["eventName"] == "ObjectCreated:Put"
    assert record["eventSource"] == "aws:s3"
    assert record["eventVersion"].startswith("2.")
    assert record["s3"]["bucket"]["name"] == INBOX
    assert record["s3"]["bucket"]["arn"] == f"arn:aws:s3:::{INBOX}"
    described = record["s3"]["object"]
    assert (described["key"], described["size"]) == ("in/described.csv", 4)
    assert described["eTag"] == hashlib.md5(b"four", usedforsecurity=False).hexdigest()
    assert int(described["sequencer"], 16) > 0


@states(f"{S3}/notification-content-structure.html")
def test_keys_are_encoded(delivering: Running, page: str) -> None:
    """Keys are URL-encoded in notifications, with a plus for a space."""
    key = "in/a b+c@d/é.csv"
    write(delivering, key)
    (record,) = records(delivering, "delivery-created")
    assert record["s3"]["object"]["key"] == "in/a+b%2Bc%40d/%C3%A9.csv"
    assert key_of(record) == key


@states(f"{S3}/notification-content-structure.html")
def test_a_later_change_has_a_larger_sequencer(delivering: Running, page: str) -> None:
    """Of two events of one key the later has the larger sequencer, as hexadecimal numbers of one length."""
    for body in (b"1", b"2", b"3"):
        write(delivering, "in/again.csv", body=body)
    delivering.client("s3").delete_object(Bucket=INBOX, Key="in/again.csv")
    made = records(delivering, "delivery-created", count=3)
    (gone,) = records(delivering, "delivery-removed")
    tags = [hashlib.md5(body, usedforsecurity=False).hexdigest() for body in (b"1", b"2", b"3")]
    made.sort(key=lambda one: tags.index(one["s3"]["object"]["eTag"]))
    sequencers = [one["s3"]["object"]["sequencer"] for one in (*made, gone)]
    width = max(map(len, sequencers))
    padded = [one.ljust(width, "0") for one in sequencers]
    assert padded == sorted(padded)
    assert len(set(padded)) == 4


@states(f"{S3}/notification-how-to-event-types-and-destinations.html")
def test_the_event_says_how_the_object_was_made(delivering: Running, page: str) -> None:
    """Put, Copy and CompleteMultipartUpload are events of their own; the parts of an upload are none."""
    client = delivering.client("s3")
    write(delivering, "in/put.csv")
    client.copy_object(Bucket=INBOX, Key="in/copy.csv", CopySource={"Bucket": INBOX, "Key": "in/put.csv"})
    upload = client.create_multipart_upload(Bucket=INBOX, Key="in/parts.csv")
    place = {"Bucket": INBOX, "Key": "in/parts.csv", "UploadId": upload["UploadId"]}
    sizes = (5 * 1024 * 1024, 1)
    tags = [
        client.upload_part(**place, PartNumber=number, Body=b"x" * size)["ETag"]
        for number, size in enumerate(sizes, 1)
    ]
    parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]
    client.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})
    found = {key_of(one): one for one in records(delivering, "delivery-created", count=3)}
    assert {key: one["eventName"] for key, one in found.items()} == {
        "in/put.csv": "ObjectCreated:Put",
        "in/copy.csv": "ObjectCreated:Copy",
        "in/parts.csv": "ObjectCreated:CompleteMultipartUpload",
    }
    whole = found["in/parts.csv"]["s3"]["object"]
    assert whole["size"] == sum(sizes)
    assert whole["eTag"].endswith("-2")


@states(f"{S3}/notification-how-to-event-types-and-destinations.html")
def test_a_notification_may_be_about_one_event(delivering: Running, page: str) -> None:
    """A notification of ObjectCreated:Copy is not told of puts."""
    write(delivering, "copies/put")
    source = {"Bucket": INBOX, "Key": "copies/put"}
    delivering.client("s3").copy_object(Bucket=INBOX, Key="copies/copy", CopySource=source)
    assert [key_of(one) for one in records(delivering, "delivery-copied")] == ["copies/copy"]


@states(f"{S3}/notification-content-structure.html")
def test_a_removal_has_neither_size_nor_tag(delivering: Running, page: str) -> None:
    """Of an object that is gone its record says no size and no entity tag."""
    write(delivering, "in/gone")
    delivering.client("s3").delete_object(Bucket=INBOX, Key="in/gone")
    (record,) = records(delivering, "delivery-removed")
    assert record["eventName"] == "ObjectRemoved:Delete"
    assert record["s3"]["object"].keys() == {"key", "sequencer"}


@states("https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html")
def test_an_object_that_was_not_there_is_told_of_as_well(delivering: Running, page: str) -> None:
    """Deleting is idempotent: an object that was not there counts as deleted, and is told of."""
    client = delivering.client("s3")
    client.delete_object(Bucket=INBOX, Key="in/never")
    keys = [{"Key": "in/nor-this"}, {"Key": "in/nor-that"}]
    answer = client.delete_objects(Bucket=INBOX, Delete={"Objects": keys})
    assert [one["Key"] for one in answer["Deleted"]] == ["in/nor-this", "in/nor-that"]
    found = sorted(map(key_of, records(delivering, "delivery-removed", count=3)))
    assert found == ["in/never", "in/nor-that", "in/nor-this"]


@states(f"{S3}/how-to-enable-disable-notification-intro.html")
def test_a_topic_hears_of_objects(delivering: Running, page: str) -> None:
    """A topic gets the notification as its message, under the subject Amazon S3 Notification."""
    write(delivering, "news/a b")
    found: list[dict[str, Any]] = []

    def heard() -> bool:
        for one in delivering.letters("delivery-bucket-heard", count=0):
            envelope = json.loads(one)
            if "Records" in json.loads(envelope["Message"]):
                found.append(envelope)
        return bool(found)

    delivering.settle(heard, of="the notification")
    assert [one["Subject"] for one in found] == ["Amazon S3 Notification"]
    (record,) = json.loads(found[0]["Message"])["Records"]
    assert key_of(record) == "news/a b"


@states(f"{LAMBDA}/with-s3.html")
def test_a_function_is_invoked_with_the_record(delivering: Running, page: str) -> None:
    """A function is invoked asynchronously with the notification."""
    write(delivering, "work/one")
    ((record,),) = seen(delivering, "of-bucket", count=1)
    assert (record["eventName"], key_of(record)) == ("ObjectCreated:Put", "work/one")


@states(f"{S3}/ev-events.html")
def test_event_bridge_hears_of_everything(delivering: Running, page: str) -> None:
    """A bucket with EventBridge puts an event for every change on the default bus, with the key as it is."""
    key = "a b+c@d.csv"
    write(delivering, key, "a.txt", bucket=ON_BUS)
    delivering.client("s3").delete_object(Bucket=ON_BUS, Key=key)
    events = [json.loads(one) for one in delivering.letters("delivery-bucket-told", count=2)]
    made, gone = sorted(events, key=lambda one: str(one["detail-type"]))
    assert (made["source"], made["detail-type"]) == ("aws.s3", "Object Created")
    assert made["resources"] == [f"arn:aws:s3:::{ON_BUS}"]
    assert made["detail"]["version"] == "0"
    assert made["detail"]["reason"] == "PutObject"
    assert made["detail"]["object"]["key"] == key
    assert made["detail"]["object"]["size"] == 1
    assert gone["detail-type"] == "Object Deleted"
    assert (gone["detail"]["reason"], gone["detail"]["deletion-type"]) == (
        "DeleteObject",
        "Permanently Deleted",
    )
    assert int(made["detail"]["object"]["sequencer"], 16) < int(gone["detail"]["object"]["sequencer"], 16)
    assert left(delivering, "delivery-bucket-told") == 0
