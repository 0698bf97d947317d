"""What S3 refuses and how it gives long lists in pages, through boto3."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from penstock.errors import UnansweredOperationError
from penstock.runtime.aws_calls import answering
from penstock.runtime.s3 import writing
from penstock.runtime.s3.multipart import MINIMUM_PART_BYTES
from penstock.runtime.s3.service import S3Service
from penstock.runtime.s3.store import S3Store

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def made(root: Path) -> S3Service:
    service = S3Service(S3Store(root, now=lambda: 1_767_225_600.0, commit_port=lambda change: None))
    service.create_bucket("files")
    return service


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[S3Client]:
    with answering(made(tmp_path / "s3").answer):
        yield boto3.client("s3")


def refused(act: Any, **parameters: object) -> str:
    """The code of a refusal."""
    with pytest.raises(ClientError) as caught:
        act(**parameters)
    return str(caught.value.response["Error"]["Code"])


def status(answer: Any) -> int:
    return int(answer["ResponseMetadata"]["HTTPStatusCode"])


def test_answers_have_the_status_that_s3_gives_them(s3: S3Client) -> None:
    """Deletions are a 204, a part of an object is a 206, all else is a 200."""
    assert status(s3.put_object(Bucket="files", Key="k", Body=b"0123")) == 200
    assert status(s3.get_object(Bucket="files", Key="k")) == 200
    assert status(s3.get_object(Bucket="files", Key="k", Range="bytes=0-1")) == 206
    assert status(s3.delete_object(Bucket="files", Key="k")) == 204
    assert status(s3.delete_bucket(Bucket="files")) == 204


def test_uploads_are_listed_in_pages(s3: S3Client) -> None:
    """MaxUploads cuts the list; the markers go on behind it, also within the uploads of one key."""
    begun = [
        (key, s3.create_multipart_upload(Bucket="files", Key=key)["UploadId"])
        for key in ("a/1", "a/2", "b", "b", "b", "c")
    ]
    first = s3.list_multipart_uploads(Bucket="files", MaxUploads=2)
    assert (len(first["Uploads"]), first["MaxUploads"], first["IsTruncated"]) == (2, 2, True)
    pages = s3.get_paginator("list_multipart_uploads").paginate(
        Bucket="files", PaginationConfig={"PageSize": 2}
    )
    assert [(one["Key"], one["UploadId"]) for page in pages for one in page["Uploads"]] == begun
    behind = s3.list_multipart_uploads(Bucket="files", KeyMarker="b")
    assert [one["Key"] for one in behind["Uploads"]] == ["c"]
    folders = s3.list_multipart_uploads(Bucket="files", Delimiter="/", MaxUploads=1)
    assert [one.get("Prefix") for one in folders["CommonPrefixes"]] == ["a/"]
    assert folders["NextKeyMarker"] == "a/"
    rest = s3.list_multipart_uploads(Bucket="files", Delimiter="/", KeyMarker="a/")
    assert (len(rest["Uploads"]), "CommonPrefixes" in rest) == (4, False)
    shown = s3.list_multipart_uploads(Bucket="files", EncodingType="url", Prefix="a/")
    assert (shown["EncodingType"], len(shown["Uploads"])) == ("url", 2)


def test_parts_are_listed_in_pages(s3: S3Client) -> None:
    """MaxParts cuts the list, at a thousand at most."""
    place: dict[str, Any] = {"Bucket": "files", "Key": "k"}
    place["UploadId"] = s3.create_multipart_upload(**place)["UploadId"]
    for number in (1, 2, 3):
        s3.upload_part(**place, PartNumber=number, Body=b"x")
    first = s3.list_parts(**place, MaxParts=2)
    assert ([one["PartNumber"] for one in first["Parts"]], first["IsTruncated"]) == ([1, 2], True)
    rest = s3.list_parts(**place, PartNumberMarker=first["NextPartNumberMarker"])
    assert ([one["PartNumber"] for one in rest["Parts"]], rest["IsTruncated"]) == ([3], False)
    assert s3.list_parts(**place, MaxParts=5000)["MaxParts"] == 1000
    assert refused(s3.list_parts, **place, MaxParts=-1) == "InvalidArgument"


def test_an_upload_of_before_a_kill_is_not_begun_again(tmp_path: Path) -> None:
    """Nothing of an upload is journaled; all the same the next one of that key has an id of its own."""
    ids = []
    for _ in range(2):
        with answering(made(tmp_path / "s3").answer):
            ids.append(boto3.client("s3").create_multipart_upload(Bucket="files", Key="k")["UploadId"])
        (tmp_path / "s3" / "uploads" / ".DS_Store").touch()
    assert len(set(ids)) == 2


def test_buckets_are_listed_in_pages(s3: S3Client) -> None:
    """MaxBuckets, the prefix and the region choose; a token goes on."""
    for name in ("logs-1", "logs-2", "logs-3"):
        s3.create_bucket(Bucket=name)
    first = s3.list_buckets(MaxBuckets=2, Prefix="logs-")
    assert [one["Name"] for one in first["Buckets"]] == ["logs-1", "logs-2"]
    rest = s3.list_buckets(MaxBuckets=2, Prefix="logs-", ContinuationToken=first["ContinuationToken"])
    assert ([one["Name"] for one in rest["Buckets"]], "ContinuationToken" in rest) == (["logs-3"], False)
    assert s3.list_buckets(BucketRegion="eu-west-1")["Buckets"] == []
    assert refused(s3.list_buckets, MaxBuckets=10_001) == "InvalidArgument"


@pytest.mark.parametrize(
    "asked", ["bytes=0-", "bytes=-3", "0-3", "bytes=3-1", "bytes=0-9999999", "bytes=0-1,2-3"]
)
def test_a_copied_range_has_both_of_its_ends(s3: S3Client, asked: str) -> None:
    """What is no `bytes=first-last` within the source is refused; it does not copy the whole object."""
    s3.put_object(Bucket="files", Key="from", Body=b"x" * (MINIMUM_PART_BYTES + 1))
    s3.put_object(Bucket="files", Key="small", Body=b"x" * MINIMUM_PART_BYTES)
    place: dict[str, Any] = {"Bucket": "files", "Key": "k"}
    place["UploadId"] = s3.create_multipart_upload(**place)["UploadId"]
    source: dict[str, Any] = {"CopySource": {"Bucket": "files", "Key": "from"}, "PartNumber": 1}
    code = refused(s3.upload_part_copy, **place, **source, CopySourceRange=asked)
    assert (code, "Parts" in s3.list_parts(**place)) == ("InvalidArgument", False)
    s3.upload_part_copy(**place, **source, CopySourceRange="bytes=2-4")
    assert s3.list_parts(**place)["Parts"][0]["Size"] == 3
    small: dict[str, Any] = {"CopySource": {"Bucket": "files", "Key": "small"}, "PartNumber": 2}
    assert refused(s3.upload_part_copy, **place, **small, CopySourceRange="bytes=0-1") == "InvalidRequest"
    s3.upload_part_copy(**place, **small)


def test_a_copy_of_an_upload_in_parts_has_the_md5_of_its_bytes(s3: S3Client) -> None:
    """Its entity tag is that of an object that was put; a checksum may be asked for."""
    place: dict[str, Any] = {"Bucket": "files", "Key": "parts"}
    upload: dict[str, Any] = {**place, "UploadId": s3.create_multipart_upload(**place)["UploadId"]}
    bodies = (b"x" * MINIMUM_PART_BYTES, b"y")
    tags = [
        s3.upload_part(**upload, PartNumber=number, Body=body)["ETag"]
        for number, body in enumerate(bodies, 1)
    ]
    parts: Any = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]
    listed: Any = {"Parts": parts}
    size = len(b"".join(bodies))
    wrong = refused(s3.complete_multipart_upload, **upload, MultipartUpload=listed, MpuObjectSize=size + 1)
    assert wrong == "InvalidRequest"
    s3.complete_multipart_upload(**upload, MultipartUpload=listed, MpuObjectSize=size)
    source: Any = {"CopySource": place, "ChecksumAlgorithm": "SHA256"}
    copied = s3.copy_object(Bucket="files", Key="copy", **source)["CopyObjectResult"]
    put = s3.put_object(Bucket="files", Key="put", Body=b"".join(bodies), ChecksumAlgorithm="SHA256")
    assert (copied["ETag"], copied["ChecksumSHA256"]) == (put["ETag"], put["ChecksumSHA256"])
    assert "PartsCount" not in s3.head_object(Bucket="files", Key="copy", PartNumber=1)


def test_a_copy_onto_itself_may_change_how_it_is_stored(s3: S3Client) -> None:
    """Without any change it is refused."""
    place: Any = {"Bucket": "files", "Key": "k"}
    s3.put_object(**place, Body=b"x")
    assert refused(s3.copy_object, **place, CopySource=place) == "InvalidRequest"
    s3.copy_object(**place, CopySource=place, StorageClass="STANDARD_IA")


def test_metadata_has_two_kilobytes(s3: S3Client) -> None:
    """Names and values together."""
    s3.put_object(Bucket="files", Key="k", Metadata={"n": "x" * 2047})
    assert refused(s3.put_object, Bucket="files", Key="k", Metadata={"n": "x" * 2048}) == "MetadataTooLarge"


def test_one_call_writes_five_gigabytes_at_most(s3: S3Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object, a part and a copy."""
    s3.put_object(Bucket="files", Key="large", Body=b"12345")
    place: dict[str, Any] = {"Bucket": "files", "Key": "k"}
    upload = s3.create_multipart_upload(**place)["UploadId"]
    monkeypatch.setattr(writing, "MOST_BYTES", 4)
    s3.put_object(**place, Body=b"1234")
    assert refused(s3.put_object, **place, Body=b"12345") == "EntityTooLarge"
    assert refused(s3.upload_part, **place, UploadId=upload, PartNumber=1, Body=b"12345") == "EntityTooLarge"
    source = {"Bucket": "files", "Key": "large"}
    assert refused(s3.copy_object, **place, CopySource=source) == "InvalidRequest"


def test_a_read_names_a_range_or_a_part(s3: S3Client) -> None:
    """Both at once is a request that is not valid."""
    s3.put_object(Bucket="files", Key="k", Body=b"0123")
    both: Any = {"Range": "bytes=0-1", "PartNumber": 1}
    assert refused(s3.get_object, Bucket="files", Key="k", **both) == "InvalidRequest"


def test_a_bucket_of_another_owner_is_refused(s3: S3Client) -> None:
    """The owner is the run's account."""
    s3.put_object(Bucket="files", Key="k", ExpectedBucketOwner="123456789012")
    other: Any = {"Bucket": "files", "Key": "k", "ExpectedBucketOwner": "111122223333"}
    assert refused(s3.get_object, **other) == "AccessDenied"
    assert refused(s3.head_object, **other) == "403"


def test_deleting_nothing_and_conditions_of_directory_buckets(s3: S3Client) -> None:
    """Neither is passed over."""
    nothing: Any = {"Objects": []}
    assert refused(s3.delete_objects, Bucket="files", Delete=nothing) == "MalformedXML"
    s3.put_object(Bucket="files", Key="k", Body=b"x")
    sized: Any = {"Objects": [{"Key": "k", "Size": 7}]}
    with pytest.raises(UnansweredOperationError, match="Size"):
        s3.delete_objects(Bucket="files", Delete=sized)
    assert status(s3.head_object(Bucket="files", Key="k")) == 200
