"""Tags of objects: what is refused, what the bus is told, and what a kill leaves of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from penstock.runtime.aws_calls import answering
from penstock.runtime.notifications import bus_event, event_record
from penstock.runtime.s3.object_events import notification_of
from penstock.runtime.s3.objects import ObjectTagged
from penstock.runtime.s3.tags import tags_of_header
from penstock.runtime.services import ServiceError
from tests.unit.runtime.test_s3_versions import Run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made = Run(tmp_path / "s3")
    made.service.create_bucket("plain")
    made.service.create_bucket("kept", versioned=True)
    return made


def tag(run: Run, bucket: str, value: str, **asked: Any) -> None:
    with answering(lambda call: run.service.answer(call)):
        tagging: Any = {"TagSet": [{"Key": "n", "Value": value}]}
        boto3.client("s3").put_object_tagging(Bucket=bucket, Key="k", Tagging=tagging, **asked)


def tags(run: Run, bucket: str, **asked: Any) -> list[str]:
    with answering(lambda call: run.service.answer(call)):
        found = boto3.client("s3").get_object_tagging(Bucket=bucket, Key="k", **asked)
        return [one["Value"] for one in found["TagSet"]]


def put(run: Run, bucket: str, tagging: str = "") -> str:
    with answering(lambda call: run.service.answer(call)):
        answer = boto3.client("s3").put_object(Bucket=bucket, Key="k", Body=b"x", Tagging=tagging)
        return str(answer.get("VersionId"))


@pytest.mark.parametrize("lost", [False, True])
def test_tags_outlive_a_kill(run: Run, lost: bool) -> None:
    """Also those that the journal has and the files have not: of the newest version and of an older one."""
    put(run, "plain", "n=1")
    first = put(run, "kept", "n=1")
    put(run, "kept")
    before = {path: path.read_bytes() for path in run.root.rglob("*.json")}
    tag(run, "plain", "2")
    tag(run, "kept", "3")
    tag(run, "kept", "4", VersionId=first)
    if lost:
        for path, content in before.items():
            path.write_bytes(content)
    run.again()
    assert (tags(run, "plain"), tags(run, "kept"), tags(run, "kept", VersionId=first)) == (
        ["2"],
        ["3"],
        ["4"],
    )


def test_tags_of_what_was_replaced_do_not_come_back(run: Run) -> None:
    """A journal of tags before a write gives them to nothing that came after."""
    put(run, "plain")
    tag(run, "plain", "old")
    put(run, "plain")
    run.again()
    assert tags(run, "plain") == []
    tag(run, "plain", "new")
    sequencers = [one.sequencer for one in run.journal if isinstance(one, ObjectTagged)]
    assert sequencers == sorted(set(sequencers))


def test_a_hidden_object_has_no_tags(run: Run) -> None:
    """Of a delete marker there is nothing to read and nothing to tag."""
    put(run, "kept", "n=1")
    with answering(lambda call: run.service.answer(call)):
        client = boto3.client("s3")
        client.delete_object(Bucket="kept", Key="k")
        for act in (client.get_object_tagging, client.delete_object_tagging):
            with pytest.raises(ClientError, match="NoSuchKey"):
                act(Bucket="kept", Key="k")


def test_an_upload_in_parts_brings_its_tags(run: Run) -> None:
    """They come with `CreateMultipartUpload`, and are refused there."""
    with answering(lambda call: run.service.answer(call)):
        client = boto3.client("s3")
        with pytest.raises(ClientError, match="InvalidArgument"):
            client.create_multipart_upload(Bucket="plain", Key="k", Tagging="a=1&a=2")
        place: dict[str, Any] = {"Bucket": "plain", "Key": "k"}
        place["UploadId"] = client.create_multipart_upload(**place, Tagging="n=parts")["UploadId"]
        etag = client.upload_part(**place, PartNumber=1, Body=b"x")["ETag"]
        parts: Any = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
        client.complete_multipart_upload(**place, MultipartUpload=parts)
    assert tags(run, "plain") == ["parts"]


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("a=1&a=2", "InvalidArgument"),
        ("a", "InvalidArgument"),
        ("a=%FF", "InvalidArgument"),
        ("=1", "InvalidTag"),
        ("a=%3C", "InvalidTag"),
        ("aws%3Aa=1", "InvalidTag"),
        ("a=" + "x" * 257, "InvalidTag"),
        ("%F0%9D%90%80" * 65 + "=1", "InvalidTag"),
        ("&".join(f"k{number}=" for number in range(11)), "BadRequest"),
    ],
)
def test_tags_that_s3_refuses(header: str, code: str) -> None:
    """Of a write's header; lengths are those of UTF-16."""
    with pytest.raises(ServiceError) as caught:
        tags_of_header(header)
    assert caught.value.code == code


def test_what_is_told_of_tags(run: Run) -> None:
    """Records of version 2.3 without a sequencer; on the bus, events of types of their own."""
    version = put(run, "kept")
    tag(run, "kept", "1")
    told = [one for change in run.journal if (one := notification_of(change)) is not None][-1]
    record: Any = event_record(told, "id")
    assert (record["eventName"], record["eventVersion"]) == ("ObjectTagging:Put", "2.3")
    assert record["s3"]["object"].keys() == {"key", "eTag", "versionId"}
    event = bus_event(told)
    assert (event.detail_type, event.detail["object"]) == (
        "Object Tags Added",
        {"key": "k", "etag": told.etag, "version-id": version},
    )
    assert "reason" not in event.detail
