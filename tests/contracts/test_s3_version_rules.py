"""How S3 keeps versions of objects, and tells of them, rule by rule."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contracts.conftest import Running
from tests.contracts.delivery import s3
from tests.contracts.delivery.asking import S3, states

pipeline = s3.pipeline
KEPT = s3.kept.name
API = "https://docs.aws.amazon.com/AmazonS3/latest/API"

NOT_ON_LOCALSTACK = {
    "test_an_older_version_is_copied_to_the_front": "LocalStack refuses the copy as one of an object onto itself",
}


def write(run: Running, key: str, *bodies: bytes, bucket: str = KEPT) -> list[str]:
    """Write an object several times; the ids of its versions."""
    client = run.client("s3")
    return [str(client.put_object(Bucket=bucket, Key=key, Body=one).get("VersionId")) for one in bodies]


def read(run: Running, key: str, bucket: str = KEPT, **asked: str) -> bytes:
    content = run.client("s3").get_object(Bucket=bucket, Key=key, **asked)["Body"].read()
    assert isinstance(content, bytes)
    return content


def delete(run: Running, key: str, bucket: str = KEPT, **asked: str) -> dict[str, Any]:
    answer = run.client("s3").delete_object(Bucket=bucket, Key=key, **asked)
    assert isinstance(answer, dict)
    return answer


def refused(run: Running, key: str, **asked: str) -> tuple[str, int, dict[str, str]]:
    """The code, the status and the headers of a read that is refused."""
    with pytest.raises(ClientError) as caught:
        read(run, key, **asked)
    metadata = caught.value.response["ResponseMetadata"]
    return caught.value.response["Error"]["Code"], metadata["HTTPStatusCode"], metadata["HTTPHeaders"]


def listed(run: Running, prefix: str, bucket: str = KEPT) -> list[tuple[str, str, bool]]:
    """The kind, the id and whether it is the newest one, of each version under a prefix."""
    answer = run.client("s3").list_object_versions(Bucket=bucket, Prefix=prefix)
    return [
        (kind, one["VersionId"], one["IsLatest"])
        for kind in ("Versions", "DeleteMarkers")
        for one in answer.get(kind, [])
    ]


def records(run: Running, queue: str, *, count: int) -> list[dict[str, Any]]:
    """The records of a queue's notifications in the order of their sequencers, without the test event."""
    found: list[dict[str, Any]] = []

    def enough() -> bool:
        for one in run.messages(queue, count=0):
            found.extend(json.loads(one["Body"]).get("Records", ()))
        return len(found) >= count

    run.settle(enough, of=f"{count} records in {queue}")
    return sorted(found, key=lambda one: str(one["eventTime"]))


@states(f"{S3}/versioning-workflows.html")
def test_an_object_that_is_overwritten_stays_readable(delivering: Running, page: str) -> None:
    """Each write of a versioned object has an id of its own; the newest is read, the others by their ids."""
    first, second = write(delivering, "over", b"1", b"2")
    assert first != second
    assert read(delivering, "over") == b"2"
    assert read(delivering, "over", VersionId=first) == b"1"
    head = delivering.client("s3").head_object(Bucket=KEPT, Key="over")
    assert head["VersionId"] == second
    assert listed(delivering, "over") == [("Versions", second, True), ("Versions", first, False)]


@states(f"{S3}/DeleteMarker.html")
def test_a_deletion_puts_a_marker_in_front(delivering: Running, page: str) -> None:
    """A deletion without an id hides the object behind a marker: a read is a 404 whose header says so."""
    (first,) = write(delivering, "hidden", b"1")
    deleted = delete(delivering, "hidden")
    assert deleted["DeleteMarker"] is True
    code, status, headers = refused(delivering, "hidden")
    assert (code, status) == ("NoSuchKey", 404)
    assert headers["x-amz-delete-marker"] == "true"
    assert read(delivering, "hidden", VersionId=first) == b"1"
    assert listed(delivering, "hidden") == [
        ("Versions", first, False),
        ("DeleteMarkers", deleted["VersionId"], True),
    ]


@states(f"{S3}/DeleteMarker.html")
def test_a_marker_cannot_be_read_by_its_id(delivering: Running, page: str) -> None:
    """A delete marker that is asked for by its id is a 405, which allows DELETE alone."""
    write(delivering, "marked", b"1")
    marker = delete(delivering, "marked")["VersionId"]
    code, status, headers = refused(delivering, "marked", VersionId=marker)
    assert (code, status) == ("MethodNotAllowed", 405)
    assert (headers["x-amz-delete-marker"], headers["allow"]) == ("true", "DELETE")


@states(f"{S3}/ManagingDelMarkers.html")
def test_without_its_marker_an_object_is_back(delivering: Running, page: str) -> None:
    """Deleting a marker by its id brings back the object that it hid."""
    write(delivering, "back", b"1")
    marker = delete(delivering, "back")["VersionId"]
    answer = delete(delivering, "back", VersionId=marker)
    assert (answer["DeleteMarker"], answer["VersionId"]) == (True, marker)
    assert read(delivering, "back") == b"1"


@states(f"{S3}/DeletingObjectVersions.html")
def test_a_version_is_deleted_for_good(delivering: Running, page: str) -> None:
    """Deleting the newest version by its id makes the one before it the newest."""
    first, second = write(delivering, "good", b"1", b"2")
    assert "DeleteMarker" not in delete(delivering, "good", VersionId=second)
    assert read(delivering, "good") == b"1"
    assert refused(delivering, "good", VersionId=second)[:2] == ("NoSuchVersion", 404)
    assert listed(delivering, "good") == [("Versions", first, True)]


@states(f"{API}/API_DeleteObjects.html")
def test_many_deletions_name_their_markers(delivering: Running, page: str) -> None:
    """DeleteObjects names the markers that it makes, and those that it deletes."""
    client = delivering.client("s3")
    (first,) = write(delivering, "many", b"1")
    (made,) = client.delete_objects(Bucket=KEPT, Delete={"Objects": [{"Key": "many"}]})["Deleted"]
    marker = made["DeleteMarkerVersionId"]
    assert made == {"Key": "many", "DeleteMarker": True, "DeleteMarkerVersionId": marker}
    asked = [{"Key": "many", "VersionId": one} for one in (marker, first)]
    answer = client.delete_objects(Bucket=KEPT, Delete={"Objects": asked})["Deleted"]
    by_id = {one["VersionId"]: one for one in answer}
    assert by_id[marker] == {**made, "VersionId": marker}
    assert by_id[first] == {"Key": "many", "VersionId": first}
    assert listed(delivering, "many") == []


@states(f"{S3}/RestoringPreviousVersions.html")
def test_an_older_version_is_copied_to_the_front(delivering: Running, page: str) -> None:
    """A copy of an older version onto its own key is a new version with what that one had."""
    first, second = write(delivering, "again", b"1", b"2")
    copied = delivering.client("s3").copy_object(
        Bucket=KEPT, Key="again", CopySource={"Bucket": KEPT, "Key": "again", "VersionId": first}
    )
    assert copied["CopySourceVersionId"] == first
    assert copied["VersionId"] not in (first, second)
    assert read(delivering, "again") == b"1"
    assert len(listed(delivering, "again")) == 3


@states(f"{API}/API_ListObjectVersions.html")
def test_versions_are_listed_by_pages(delivering: Running, page: str) -> None:
    """A page of versions ends where NextKeyMarker and NextVersionIdMarker say that the next one begins."""
    expected = [
        (f"page/{name}", one)
        for name in "ab"
        for one in reversed(write(delivering, f"page/{name}", b"1", b"2"))
    ]
    found: list[tuple[str, str]] = []
    markers: dict[str, str] = {}
    for _ in expected:
        answer = delivering.client("s3").list_object_versions(
            Bucket=KEPT, Prefix="page/", MaxKeys=3, **markers
        )
        found += [(one["Key"], one["VersionId"]) for one in answer["Versions"]]
        if not answer["IsTruncated"]:
            break
        markers = {"KeyMarker": answer["NextKeyMarker"], "VersionIdMarker": answer["NextVersionIdMarker"]}
    assert found == expected


@states(f"{API}/API_PutObject.html")
def test_what_a_marker_hides_may_be_written_if_absent(delivering: Running, page: str) -> None:
    """If-None-Match: * holds for an object whose newest version is a delete marker."""
    client = delivering.client("s3")
    write(delivering, "absent", b"1")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        client.put_object(Bucket=KEPT, Key="absent", Body=b"2", IfNoneMatch="*")
    delete(delivering, "absent")
    client.put_object(Bucket=KEPT, Key="absent", Body=b"2", IfNoneMatch="*")
    assert read(delivering, "absent") == b"2"


@states(f"{S3}/notification-content-structure.html")
def test_a_record_names_the_version(delivering: Running, page: str) -> None:
    """Notifications name the version: of a write, of a delete marker, of a version that is deleted for good."""
    (first,) = write(delivering, "told/a", b"1")
    (created,) = records(delivering, "delivery-kept-events", count=1)
    assert created["eventName"] == "ObjectCreated:Put"
    assert created["s3"]["object"]["versionId"] == first
    marker = delete(delivering, "told/a")["VersionId"]
    (marked,) = records(delivering, "delivery-kept-events", count=1)
    assert marked["eventName"] == "ObjectRemoved:DeleteMarkerCreated"
    assert marked["s3"]["object"]["versionId"] == marker
    assert "size" not in marked["s3"]["object"]
    delete(delivering, "told/a", VersionId=first)
    (removed,) = records(delivering, "delivery-kept-events", count=1)
    assert removed["eventName"] == "ObjectRemoved:Delete"
    assert removed["s3"]["object"]["versionId"] == first


@states(f"{S3}/ev-events.html")
def test_the_bus_hears_how_an_object_was_deleted(delivering: Running, page: str) -> None:
    """EventBridge is told whether a delete marker was made or a version is gone for good."""
    (first,) = write(delivering, "bus/a", b"1")
    marker = delete(delivering, "bus/a")["VersionId"]
    delete(delivering, "bus/a", VersionId=first)
    told = [json.loads(one)["detail"] for one in delivering.letters("delivery-kept-told", count=3)]
    assert sorted((one.get("deletion-type", ""), one["object"].get("version-id", "")) for one in told) == [
        ("", first),
        ("Delete Marker Created", marker),
        ("Permanently Deleted", first),
    ]


@states(f"{S3}/AddingObjectstoVersionSuspendedBuckets.html")
def test_suspended_versioning_overwrites_one_version(delivering: Running, page: str) -> None:
    """While versioning is suspended a write replaces the version null, and leaves those that have an id."""
    client = delivering.client("s3")
    (first,) = write(delivering, "suspended", b"1")
    try:
        client.put_bucket_versioning(Bucket=KEPT, VersioningConfiguration={"Status": "Suspended"})
        write(delivering, "suspended", b"2", b"3")
        assert read(delivering, "suspended", VersionId="null") == read(delivering, "suspended") == b"3"
        assert listed(delivering, "suspended") == [("Versions", "null", True), ("Versions", first, False)]
        deleted = delete(delivering, "suspended")
        assert (deleted["DeleteMarker"], deleted["VersionId"]) == (True, "null")
        assert listed(delivering, "suspended") == [
            ("Versions", first, False),
            ("DeleteMarkers", "null", True),
        ]
    finally:
        client.put_bucket_versioning(Bucket=KEPT, VersioningConfiguration={"Status": "Enabled"})


@states(f"{S3}/delete-bucket.html")
def test_versions_fill_a_bucket(delivering: Running, page: str) -> None:
    """A bucket is not deleted while it has versions, also if they are all hidden by delete markers."""
    write(delivering, "fills", b"1")
    delete(delivering, "fills")
    with pytest.raises(ClientError, match="BucketNotEmpty"):
        delivering.client("s3").delete_bucket(Bucket=KEPT)
