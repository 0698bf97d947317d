"""Versions of objects through boto3, and what a kill leaves of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from penstock.runtime.aws_calls import answering
from penstock.runtime.s3.object_events import notification_of
from penstock.runtime.s3.objects import S3Change
from penstock.runtime.s3.service import S3Service
from penstock.runtime.s3.store import S3Store

NOW = 1_767_225_600.0


class Run:
    """A store with its journal; `again` is the process after a kill."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.journal: list[S3Change] = []
        self.starts = 0
        self.again()

    def again(self) -> None:
        past = list(self.journal)
        self.starts += 1
        store = S3Store(
            self.root, now=lambda: NOW, commit_port=self.journal.append, writer=f"main-{self.starts}"
        )
        for change in past:
            store.redo(change)
        store.sweep()
        self.service = S3Service(store)

    def events(self) -> list[tuple[str, str | None]]:
        """The names of the events, and the versions that they tell of."""
        told = [one for change in self.journal if (one := notification_of(change)) is not None]
        return [(one.event_name, one.version_id) for one in told]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made = Run(tmp_path / "s3")
    made.service.create_bucket("files", versioned=True)
    made.service.create_bucket("plain")
    return made


@pytest.fixture
def s3(run: Run) -> Iterator[Any]:
    with answering(lambda call: run.service.answer(call)):
        yield boto3.client("s3")


def put(s3: Any, body: bytes, key: str = "k", bucket: str = "files") -> str | None:
    version: str | None = s3.put_object(Bucket=bucket, Key=key, Body=body).get("VersionId")
    return version


def read(s3: Any, version: str | None = None, key: str = "k") -> bytes:
    asked = {} if version is None else {"VersionId": version}
    content: bytes = s3.get_object(Bucket="files", Key=key, **asked)["Body"].read()
    return content


def refused(act: Any, **parameters: object) -> tuple[str, int, dict[str, str]]:
    """The code, the status and the headers of a refusal."""
    with pytest.raises(ClientError) as caught:
        act(Bucket="files", Key="k", **parameters)
    metadata = caught.value.response["ResponseMetadata"]
    return caught.value.response["Error"]["Code"], metadata["HTTPStatusCode"], metadata["HTTPHeaders"]


def status(s3: Any, wanted: str) -> None:
    s3.put_bucket_versioning(Bucket="files", VersioningConfiguration={"Status": wanted})


def test_every_version_has_an_id_of_its_own(s3: Any) -> None:
    """Every write gives one, reads give it back, and older versions stay readable."""
    first, second = put(s3, b"1"), put(s3, b"2")
    assert first
    assert first != second
    assert (read(s3), read(s3, first), read(s3, second)) == (b"2", b"1", b"2")
    assert s3.head_object(Bucket="files", Key="k")["VersionId"] == second
    assert s3.head_object(Bucket="files", Key="k", VersionId=first)["ContentLength"] == 1
    assert s3.get_bucket_versioning(Bucket="files")["Status"] == "Enabled"


def test_a_bucket_without_versioning_has_no_ids(s3: Any, run: Run) -> None:
    """Neither in answers nor in the status nor in events; its only version is called null."""
    assert put(s3, b"1", bucket="plain") is None
    assert "VersionId" not in s3.get_object(Bucket="plain", Key="k")
    assert "Status" not in s3.get_bucket_versioning(Bucket="plain")
    (listed,) = s3.list_object_versions(Bucket="plain")["Versions"]
    assert (listed["VersionId"], listed["IsLatest"]) == ("null", True)
    assert s3.get_object(Bucket="plain", Key="k", VersionId="null")["Body"].read() == b"1"
    assert "DeleteMarker" not in s3.delete_object(Bucket="plain", Key="k")
    assert run.events() == [("ObjectCreated:Put", None), ("ObjectRemoved:Delete", None)]


def test_a_delete_marker_hides_the_object(s3: Any, run: Run) -> None:
    """404 with the header that says so; 405 for the marker itself; without the marker the object is back."""
    first = put(s3, b"1")
    deleted = s3.delete_object(Bucket="files", Key="k")
    marker = deleted["VersionId"]
    assert deleted["DeleteMarker"]
    hidden = {"x-amz-delete-marker": "true", "x-amz-version-id": marker}
    assert refused(s3.get_object) == ("NoSuchKey", 404, hidden)
    assert refused(s3.head_object) == ("404", 404, hidden)
    code, number, headers = refused(s3.get_object, VersionId=marker)
    assert (code, number) == ("MethodNotAllowed", 405)
    assert headers == {**hidden, "allow": "DELETE", "last-modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
    assert refused(s3.head_object, VersionId=marker)[:2] == ("405", 405)
    assert read(s3, first) == b"1"
    undone = s3.delete_object(Bucket="files", Key="k", VersionId=marker)
    assert (undone["DeleteMarker"], undone["VersionId"]) == (True, marker)
    assert read(s3) == b"1"
    assert run.events() == [
        ("ObjectCreated:Put", first),
        ("ObjectRemoved:DeleteMarkerCreated", marker),
        ("ObjectRemoved:Delete", marker),
    ]


def test_what_is_no_version(s3: Any, run: Run) -> None:
    """A text that cannot be an id, and an id that no version has: to delete that is no error and no event."""
    other = put(s3, b"x", key="other")
    put(s3, b"1")
    known = len(run.journal)
    assert refused(s3.get_object, VersionId="abc")[:2] == ("InvalidArgument", 400)
    assert refused(s3.head_object, VersionId="../x")[:2] == ("400", 400)
    assert refused(s3.get_object, VersionId=other)[:2] == ("NoSuchVersion", 404)
    assert refused(s3.get_object, VersionId="null")[:2] == ("NoSuchVersion", 404)
    assert refused(s3.delete_object, VersionId="abc")[:2] == ("InvalidArgument", 400)
    s3.delete_object(Bucket="files", Key="k", VersionId=other)
    asked = {"Objects": [{"Key": "k", "VersionId": "abc"}, {"Key": "k", "VersionId": other}]}
    answer = s3.delete_objects(Bucket="files", Delete=asked)
    assert [(one["Code"], one["VersionId"]) for one in answer["Errors"]] == [("NoSuchVersion", "abc")]
    assert answer["Deleted"] == [{"Key": "k", "VersionId": other}]
    assert len(run.journal) == known


def test_many_deletions_tell_of_their_markers(s3: Any) -> None:
    """`DeleteMarkerVersionId` of those that were made and of those that are gone."""
    first = put(s3, b"1")
    (made,) = s3.delete_objects(Bucket="files", Delete={"Objects": [{"Key": "k"}]})["Deleted"]
    marker = made["DeleteMarkerVersionId"]
    assert made == {"Key": "k", "DeleteMarker": True, "DeleteMarkerVersionId": marker}
    asked = [{"Key": "k", "VersionId": one} for one in (marker, first)]
    gone, version = s3.delete_objects(Bucket="files", Delete={"Objects": asked})["Deleted"]
    assert gone == {**made, "VersionId": marker}
    assert version == {"Key": "k", "VersionId": first}
    assert "Versions" not in s3.list_object_versions(Bucket="files")


def test_suspended_versioning_writes_one_null_version(s3: Any) -> None:
    """It is overwritten; what has an id stays; a deletion makes a marker that is null, in its place."""
    first = put(s3, b"1")
    status(s3, "Suspended")
    assert [put(s3, b"2"), put(s3, b"3")] == [None, None]
    assert s3.get_object(Bucket="files", Key="k")["VersionId"] == "null"
    assert (read(s3), read(s3, "null"), read(s3, first)) == (b"3", b"3", b"1")
    deleted = s3.delete_object(Bucket="files", Key="k")
    assert (deleted["VersionId"], deleted["DeleteMarker"]) == ("null", True)
    listed = s3.list_object_versions(Bucket="files")
    assert [one["VersionId"] for one in listed["Versions"]] == [first]
    assert [(one["VersionId"], one["IsLatest"]) for one in listed["DeleteMarkers"]] == [("null", True)]
    status(s3, "Enabled")
    fourth = put(s3, b"4")
    assert fourth
    assert len(s3.list_object_versions(Bucket="files")["DeleteMarkers"]) == 1


def test_objects_of_before_are_null_versions(s3: Any) -> None:
    """Versioning that is enabled later keeps what is there, under the id null."""
    put(s3, b"before", bucket="plain")
    s3.put_bucket_versioning(Bucket="plain", VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_object(Bucket="plain", Key="k")["VersionId"] == "null"
    after = put(s3, b"after", bucket="plain")
    found = s3.list_object_versions(Bucket="plain")["Versions"]
    assert [one["VersionId"] for one in found] == [after, "null"]
    assert s3.get_object(Bucket="plain", Key="k", VersionId="null")["Body"].read() == b"before"


def test_versions_are_copied(s3: Any) -> None:
    """An older version comes back by a copy onto its own key; parts are copied from versions, too."""
    first, _ = put(s3, b"1"), put(s3, b"2")
    source = {"Bucket": "files", "Key": "k", "VersionId": first}
    copied = s3.copy_object(Bucket="files", Key="k", CopySource=source)
    assert copied["CopySourceVersionId"] == first
    assert copied["VersionId"] not in (None, first)
    assert read(s3) == b"1"
    upload = s3.create_multipart_upload(Bucket="files", Key="ä k")["UploadId"]
    part = s3.upload_part_copy(Bucket="files", Key="ä k", UploadId=upload, PartNumber=1, CopySource=source)
    assert part["CopySourceVersionId"] == first
    parts = [{"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}]
    done = s3.complete_multipart_upload(
        Bucket="files", Key="ä k", UploadId=upload, MultipartUpload={"Parts": parts}
    )
    assert read(s3, done["VersionId"], key="ä k") == b"1"
    s3.delete_object(Bucket="files", Key="k")
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.copy_object(Bucket="files", Key="to", CopySource="files/k")


def test_a_bucket_with_versions_is_not_empty(s3: Any, run: Run) -> None:
    """Also if a listing of its objects shows none; when it is deleted and made again it keeps none."""
    put(s3, b"1")
    s3.delete_object(Bucket="files", Key="k")
    assert "Contents" not in s3.list_objects_v2(Bucket="files")
    with pytest.raises(ClientError, match="BucketNotEmpty"):
        s3.delete_bucket(Bucket="files")
    for page in s3.get_paginator("list_object_versions").paginate(Bucket="files"):
        for one in page.get("Versions", []) + page.get("DeleteMarkers", []):
            s3.delete_object(Bucket="files", Key=one["Key"], VersionId=one["VersionId"])
    s3.delete_bucket(Bucket="files")
    s3.create_bucket(Bucket="files")
    put(s3, b"2")
    run.again()
    assert "Status" not in s3.get_bucket_versioning(Bucket="files")


def test_boto3s_resources_know_versions(s3: Any) -> None:
    """`bucket.object_versions` lists and deletes."""
    put(s3, b"1")
    put(s3, b"2")
    bucket = boto3.resource("s3").Bucket("files")
    assert [one.is_latest for one in bucket.object_versions.all()] == [True, False]
    bucket.object_versions.delete()
    assert "Versions" not in s3.list_object_versions(Bucket="files")


@pytest.mark.parametrize(
    ("configuration", "code"),
    [({}, "IllegalVersioningConfigurationException"), ({"Status": "Off"}, "MalformedXML")],
)
def test_versioning_is_enabled_or_suspended(s3: Any, configuration: dict[str, str], code: str) -> None:
    """Nothing else."""
    with pytest.raises(ClientError, match=code):
        s3.put_bucket_versioning(Bucket="files", VersioningConfiguration=configuration)


def test_a_listing_needs_a_key_for_its_version(s3: Any) -> None:
    """As S3 has it."""
    with pytest.raises(ClientError, match="without a key marker"):
        s3.list_object_versions(Bucket="files", VersionIdMarker="x")


def test_a_kill_that_leaves_a_version_that_was_overwritten(
    run: Run, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The null version is overwritten, and the file of the older one still there: it is swept away."""
    status(s3, "Suspended")
    put(s3, b"null 1")
    status(s3, "Enabled")
    first = put(s3, b"1")
    status(s3, "Suspended")

    def killed(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            put(s3, b"null 2")
    folder = run.root / "buckets" / "files"
    assert len(list(folder.glob("versions/*/*.json"))) == 2
    run.again()
    assert [path.stem for path in folder.glob("versions/*/*.json")] == [first]
    assert (read(s3), read(s3, first)) == (b"null 2", b"1")
    assert len(os.listdir(folder / "data")) == 2


def test_bytes_of_a_bucket_that_was_made_anew_survive_a_kill(
    run: Run, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bucket's earlier deletion is redone, too: it takes nothing with it that came later."""
    s3.delete_bucket(Bucket="files")
    s3.create_bucket(Bucket="files")
    real = os.rename

    def killed(source: str, target: str) -> None:
        if "keys" in str(target):
            raise KeyboardInterrupt
        real(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", killed)
        with pytest.raises(KeyboardInterrupt):
            put(s3, b"bytes")
    run.again()
    assert read(s3) == b"bytes"
