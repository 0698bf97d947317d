"""Checksums of uploads in parts, through boto3: of each part, of the object, and what does not match."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from penstock.runtime.aws_calls import answering
from penstock.runtime.s3.multipart import MINIMUM_PART_BYTES
from penstock.runtime.s3.service import S3Service
from penstock.runtime.s3.store import S3Store

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BODIES = (b"x" * MINIMUM_PART_BYTES, b"y")
PLACE: Any = {"Bucket": "files", "Key": "k"}


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[S3Client]:
    service = S3Service(S3Store(tmp_path / "s3", now=lambda: 1.0, commit_port=lambda change: None))
    service.create_bucket("files")
    with answering(service.answer):
        yield boto3.client("s3")


def begun(s3: Any, **parameters: object) -> dict[str, Any]:
    return {**PLACE, "UploadId": s3.create_multipart_upload(**PLACE, **parameters)["UploadId"]}


def uploaded(s3: Any, upload: dict[str, Any], algorithm: str) -> list[dict[str, Any]]:
    """Upload the parts; what `CompleteMultipartUpload` is to be told of them."""
    member = f"Checksum{algorithm}"
    parts = []
    for number, body in enumerate(BODIES, 1):
        answer = s3.upload_part(**upload, PartNumber=number, Body=body, ChecksumAlgorithm=algorithm)
        parts.append({"PartNumber": number, "ETag": answer["ETag"], member: answer[member]})
    return parts


def refused(act: Any, **parameters: object) -> tuple[str, str]:
    """The code and the message of a refusal."""
    with pytest.raises(ClientError) as caught:
        act(**parameters)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def text(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def test_an_upload_has_the_checksum_of_its_parts_checksums(s3: S3Client) -> None:
    """The composite one, with the number of parts; the parts say theirs, also in the listing."""
    upload = begun(s3, ChecksumAlgorithm="SHA256")
    parts = uploaded(s3, upload, "SHA256")
    digests = [hashlib.sha256(body).digest() for body in BODIES]
    assert [one["ChecksumSHA256"] for one in parts] == [text(one) for one in digests]
    listed: Any = s3.list_parts(**upload)
    assert (listed["ChecksumAlgorithm"], listed["ChecksumType"]) == ("SHA256", "COMPOSITE")
    assert [one["ChecksumSHA256"] for one in listed["Parts"]] == [text(one) for one in digests]
    done: Any = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})  # type: ignore[typeddict-item]
    whole = f"{text(hashlib.sha256(b''.join(digests)).digest())}-2"
    assert (done["ChecksumSHA256"], done["ChecksumType"]) == (whole, "COMPOSITE")
    head = s3.head_object(**PLACE, ChecksumMode="ENABLED")
    assert (head["ChecksumSHA256"], head["ChecksumType"]) == (whole, "COMPOSITE")


def test_an_upload_may_have_the_checksum_of_its_bytes(s3: S3Client) -> None:
    """FULL_OBJECT: of CRC32, not of SHA256; one that does not match is a BadDigest, and nothing is written."""
    assert refused(
        s3.create_multipart_upload, **PLACE, ChecksumAlgorithm="SHA256", ChecksumType="FULL_OBJECT"
    )[0] == ("InvalidRequest")
    upload = begun(s3, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    listed: Any = {"Parts": uploaded(s3, upload, "CRC32")}
    complete = s3.complete_multipart_upload
    wrong = refused(complete, **upload, MultipartUpload=listed, ChecksumCRC32="AAAAAA==")
    assert (wrong[0], "Contents" in s3.list_objects_v2(Bucket="files")) == ("BadDigest", False)
    assert refused(complete, **upload, MultipartUpload=listed, ChecksumType="COMPOSITE")[0] == "BadDigest"
    right = text(zlib.crc32(b"".join(BODIES)).to_bytes(4, "big"))
    done = complete(**upload, MultipartUpload=listed, ChecksumCRC32=right)
    assert (done["ChecksumCRC32"], done["ChecksumType"]) == (right, "FULL_OBJECT")


def test_parts_have_the_checksum_that_the_upload_was_begun_with(s3: S3Client) -> None:
    """Another algorithm, a value that is not the part's, and a value that is missing are refused."""
    upload = begun(s3, ChecksumAlgorithm="SHA1")
    code, message = refused(s3.upload_part, **upload, PartNumber=1, Body=b"x", ChecksumAlgorithm="SHA256")
    assert (code, "expected checksum Type: sha1, actual checksum Type: sha256" in message) == (
        "InvalidRequest",
        True,
    )
    parts = uploaded(s3, upload, "SHA1")
    complete = s3.complete_multipart_upload
    swapped = [{**parts[0], "ChecksumSHA1": parts[1]["ChecksumSHA1"]}, parts[1]]
    assert refused(complete, **upload, MultipartUpload={"Parts": swapped})[0] == "InvalidPart"
    bare = [{name: one[name] for name in ("PartNumber", "ETag")} for one in parts]
    code, message = refused(complete, **upload, MultipartUpload={"Parts": bare})
    assert (code, "missing for part 1" in message) == ("InvalidRequest", True)


def test_boto3s_transfers_bring_a_checksum(s3: S3Client, tmp_path: Path) -> None:
    """`upload_file` in parts: CRC32 of its parts; a copy of it has the CRC32 of its bytes."""
    file = tmp_path / "large"
    file.write_bytes(b"".join(BODIES))
    settings = TransferConfig(multipart_threshold=1, multipart_chunksize=MINIMUM_PART_BYTES)
    s3.upload_file(str(file), **PLACE, Config=settings)
    head = s3.head_object(**PLACE, ChecksumMode="ENABLED")
    assert (head["ChecksumType"], head["ChecksumCRC32"][-2:]) == ("COMPOSITE", "-2")
    copied: Any = s3.copy_object(Bucket="files", Key="copy", CopySource=PLACE)
    right = text(zlib.crc32(b"".join(BODIES)).to_bytes(4, "big"))
    assert copied["CopyObjectResult"]["ChecksumCRC32"] == right


def test_boto3_copies_in_parts(s3: S3Client) -> None:
    """`copy` names ranges with both of their ends; with an algorithm, its parts' checksums come back to it."""
    s3.put_object(**PLACE, Body=b"".join(BODIES))
    settings = TransferConfig(multipart_threshold=1, multipart_chunksize=MINIMUM_PART_BYTES)
    s3.copy(PLACE, "files", "copy", ExtraArgs={"ChecksumAlgorithm": "SHA256"}, Config=settings)
    head = s3.head_object(Bucket="files", Key="copy", ChecksumMode="ENABLED")
    assert (head["ContentLength"], head["ChecksumSHA256"][-2:]) == (len(b"".join(BODIES)), "-2")
    assert s3.get_object(Bucket="files", Key="copy")["Body"].read() == b"".join(BODIES)


def test_a_copied_part_has_the_uploads_checksum(s3: S3Client) -> None:
    """It is computed of what was copied."""
    s3.put_object(Bucket="files", Key="from", Body=b"0123456789" * 600_000)
    upload = begun(s3, ChecksumAlgorithm="SHA1")
    asked: Any = {**upload, "PartNumber": 1, "CopySource": {"Bucket": "files", "Key": "from"}}
    copied: Any = s3.upload_part_copy(**asked, CopySourceRange="bytes=1-3")["CopyPartResult"]
    assert copied["ChecksumSHA1"] == text(hashlib.sha1(b"123", usedforsecurity=False).digest())
