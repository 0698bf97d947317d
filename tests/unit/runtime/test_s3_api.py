"""S3 as boto3 sees it: ranges, conditions, metadata, listings, copies, multipart uploads, errors."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import ClientError

from penstock.errors import StateFolderError, UnansweredOperationError, UsageError
from penstock.runtime.aws_calls import answering, settled
from penstock.runtime.s3.service import S3Service
from penstock.runtime.s3.store import S3Store
from penstock.runtime.services import Router, ServiceError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def service(tmp_path: Path) -> S3Service:
    made = S3Service(S3Store(tmp_path / "s3", now=lambda: 1_767_225_600.0, commit_port=lambda change: None))
    made.create_bucket("files")
    return made


@pytest.fixture
def s3(service: S3Service) -> Iterator[S3Client]:
    router = Router(services={"s3": service})
    with answering(lambda call: settled(lambda: router.answer(call))):
        yield boto3.client("s3", region_name="us-east-1")


def code_of(caught: pytest.ExceptionInfo[ClientError]) -> str:
    return caught.value.response["Error"]["Code"]


def test_an_object_comes_back_with_what_was_said_of_it(s3: S3Client) -> None:
    """Body, metadata, content type, entity tag, time."""
    put = s3.put_object(
        Bucket="files", Key="a b/ö", Body=b"hello", Metadata={"Who": "me"}, ContentType="text/plain"
    )
    got = s3.get_object(Bucket="files", Key="a b/ö")
    assert got["Body"].read() == b"hello"
    assert (got["Metadata"], got["ContentType"]) == ({"who": "me"}, "text/plain")
    assert got["ETag"] == put["ETag"] == '"5d41402abc4b2a76b9719d911017c592"'
    assert got["LastModified"].year == 2026


@pytest.mark.parametrize(
    ("asked", "content", "shown"),
    [
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-2", b"89", "bytes 8-9/10"),
        ("bytes=5-99", b"56789", "bytes 5-9/10"),
    ],
)
def test_ranges(s3: S3Client, asked: str, content: bytes, shown: str) -> None:
    """RFC 9110 as S3 answers it."""
    s3.put_object(Bucket="files", Key="k", Body=b"0123456789")
    got = s3.get_object(Bucket="files", Key="k", Range=asked)
    assert (got["Body"].read(), got["ContentRange"]) == (content, shown)


def test_a_range_behind_the_end(s3: S3Client) -> None:
    """InvalidRange, 416."""
    s3.put_object(Bucket="files", Key="k", Body=b"0123456789")
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket="files", Key="k", Range="bytes=10-")
    assert code_of(caught) == "InvalidRange"


def test_conditions(s3: S3Client) -> None:
    """If-None-Match and If-Match of writes, If-Match of reads."""
    first = s3.put_object(Bucket="files", Key="k", Body=b"1", IfNoneMatch="*")
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket="files", Key="k", Body=b"2", IfNoneMatch="*")
    assert code_of(caught) == "PreconditionFailed"
    s3.put_object(Bucket="files", Key="k", Body=b"2", IfMatch=first["ETag"])
    with pytest.raises(ClientError):
        s3.put_object(Bucket="files", Key="k", Body=b"3", IfMatch=first["ETag"])
    with pytest.raises(ClientError):
        s3.get_object(Bucket="files", Key="k", IfMatch=first["ETag"])


def test_missing_things_have_their_own_exceptions(s3: S3Client) -> None:
    """NoSuchKey, NoSuchBucket; a head has no body and is a 404."""
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="files", Key="nowhere")
    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.get_object(Bucket="no-such-bucket", Key="k")
    with pytest.raises(ClientError) as caught:
        s3.head_object(Bucket="files", Key="nowhere")
    assert code_of(caught) == "404"


def test_listings_have_pages_and_folders(s3: S3Client) -> None:
    """Prefix, delimiter, pages by a token, order by key."""
    for number in range(7):
        s3.put_object(Bucket="files", Key=f"in/{number // 3}/{number}", Body=b"")
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket="files", Prefix="in/", PaginationConfig={"PageSize": 2}
    )
    assert [one["Key"] for page in pages for one in page["Contents"]] == [
        f"in/{number // 3}/{number}" for number in range(7)
    ]
    folders = s3.list_objects_v2(Bucket="files", Prefix="in/", Delimiter="/")["CommonPrefixes"]
    assert [one["Prefix"] for one in folders] == ["in/0/", "in/1/", "in/2/"]


def test_files_go_up_and_down(s3: S3Client, tmp_path: Path) -> None:
    """boto3's transfers: a large file goes in parts, and comes back as it was."""
    content = bytes(range(256)) * 80_000
    (tmp_path / "large").write_bytes(content)
    s3.upload_file(str(tmp_path / "large"), "files", "large")
    assert s3.head_object(Bucket="files", Key="large")["ETag"].endswith('-3"')
    target = io.BytesIO()
    s3.download_fileobj("files", "large", target)
    assert target.getvalue() == content


def test_a_copy_keeps_what_was_said_of_the_object(s3: S3Client) -> None:
    """Unless it is replaced; onto itself it must be."""
    s3.put_object(Bucket="files", Key="k", Body=b"x", Metadata={"a": "1"})
    s3.copy_object(Bucket="files", Key="copy", CopySource="files/k")
    assert s3.head_object(Bucket="files", Key="copy")["Metadata"] == {"a": "1"}
    with pytest.raises(ClientError) as caught:
        s3.copy_object(Bucket="files", Key="k", CopySource="files/k")
    assert code_of(caught) == "InvalidRequest"


def test_deleting_many(s3: S3Client) -> None:
    """Those that are not there count as deleted, as on AWS."""
    s3.put_object(Bucket="files", Key="k", Body=b"x")
    answer = s3.delete_objects(Bucket="files", Delete={"Objects": [{"Key": "k"}, {"Key": "nowhere"}]})
    assert [one["Key"] for one in answer["Deleted"]] == ["k", "nowhere"]
    assert "Contents" not in s3.list_objects_v2(Bucket="files")


def test_wrong_checksums_are_refused(s3: S3Client) -> None:
    """Content-MD5 and SHA-256 are computed again."""
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket="files", Key="k", Body=b"x", ContentMD5="XUFAKrxLKna5cZ2REBfFkg==")
    assert code_of(caught) == "BadDigest"


@pytest.mark.parametrize("name", ["ab", "Upper", "under_score", "192.168.0.1", "a..b", "xn--a"])
def test_bucket_names_that_aws_refuses(s3: S3Client, name: str) -> None:
    """InvalidBucketName with the reason, or botocore's own refusal."""
    with pytest.raises(Exception, match=r"(?i)bucket"):
        s3.create_bucket(Bucket=name)


def test_what_is_not_understood_is_not_ignored(s3: S3Client) -> None:
    """An operation or a parameter whose meaning would be lost is an error that names it."""
    with pytest.raises(UnansweredOperationError, match="PutBucketPolicy"):
        s3.put_bucket_policy(Bucket="files", Policy="{}")
    with pytest.raises(UnansweredOperationError, match="WebsiteRedirectLocation"):
        s3.put_object(Bucket="files", Key="k", Body=b"", WebsiteRedirectLocation="/a")


def test_a_file_in_place_must_not_change(service: S3Service, s3: S3Client, tmp_path: Path) -> None:
    """The object refers to the file; reading it after a change is an error and not other bytes."""
    source = tmp_path / "source"
    source.write_bytes(b"before")
    service.upload(source, bucket="files", key="k", in_place=True)
    assert s3.get_object(Bucket="files", Key="k")["Body"].read() == b"before"
    source.write_bytes(b"after it")
    with pytest.raises(StateFolderError, match="has changed since it was added"):
        s3.get_object(Bucket="files", Key="k")


@pytest.mark.parametrize("name", ["nowhere", "."])
def test_uploads_of_what_is_no_file(service: S3Service, tmp_path: Path, name: str) -> None:
    """A missing file, a folder."""
    with pytest.raises(UsageError):
        service.upload(tmp_path / name, bucket="files", key="k")


@pytest.mark.parametrize("size_bytes", [0, 5, 200_000])
def test_an_object_is_downloaded_without_a_client(
    size_bytes: int, service: S3Service, tmp_path: Path
) -> None:
    """Small ones, which are read at once, and those that are read piece by piece."""
    content = bytes(number % 251 for number in range(size_bytes))
    service.upload(content, bucket="files", key="k")
    with (tmp_path / "copy").open("wb") as file:
        service.download(file, bucket="files", key="k")
    assert (tmp_path / "copy").read_bytes() == content


def test_an_object_that_is_not_there_is_not_downloaded(service: S3Service) -> None:
    """The error is S3's own."""
    with pytest.raises(ServiceError, match="NoSuchKey"):
        service.download(io.BytesIO(), bucket="files", key="k")
