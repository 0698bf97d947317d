"""What S3 keeps of objects and lists of uploads, rule by rule."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contracts.conftest import Running
from tests.contracts.delivery import s3
from tests.contracts.delivery.asking import S3, states

pipeline = s3.pipeline
INBOX, KEPT = s3.inbox.name, s3.kept.name
API = "https://docs.aws.amazon.com/AmazonS3/latest/API"
PART_BYTES = 5 * 1024 * 1024

NOT_ON_LOCALSTACK = {"test_an_object_has_ten_tags_at_most": "LocalStack takes more than ten"}


def tags(run: Running, key: str, bucket: str = INBOX, **asked: str) -> dict[str, str]:
    found = run.client("s3").get_object_tagging(Bucket=bucket, Key=key, **asked)["TagSet"]
    return {one["Key"]: one["Value"] for one in found}


def tag(run: Running, key: str, bucket: str = INBOX, version: str | None = None, **given: str) -> None:
    asked = {} if version is None else {"VersionId": version}
    tagging = {"TagSet": [{"Key": name, "Value": value} for name, value in given.items()]}
    run.client("s3").put_object_tagging(Bucket=bucket, Key=key, Tagging=tagging, **asked)


def refused(run: Running, *names: str) -> str:
    """The code of the refusal of tags with these keys."""
    tagging = {"TagSet": [{"Key": name, "Value": "x"} for name in names]}
    with pytest.raises(ClientError) as caught:
        run.client("s3").put_object_tagging(Bucket=INBOX, Key="limits", Tagging=tagging)
    return str(caught.value.response["Error"]["Code"])


def in_parts(run: Running, key: str, *bodies: bytes) -> str:
    """Upload an object in parts; its entity tag."""
    client = run.client("s3")
    place: dict[str, Any] = {"Bucket": INBOX, "Key": key}
    place["UploadId"] = client.create_multipart_upload(**place)["UploadId"]
    parts = [
        {"PartNumber": number, "ETag": client.upload_part(**place, PartNumber=number, Body=body)["ETag"]}
        for number, body in enumerate(bodies, 1)
    ]
    return str(client.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})["ETag"])


@states(f"{S3}/object-tagging.html")
def test_an_object_has_tags(delivering: Running, page: str) -> None:
    """A write brings tags along; they can be read, replaced as a whole, and taken away."""
    client = delivering.client("s3")
    client.put_object(
        Bucket=INBOX, Key="tags", Body=b"x", Tagging="team=data%20team&cost+centre=4%2B2&empty="
    )
    assert tags(delivering, "tags") == {"team": "data team", "cost centre": "4+2", "empty": ""}
    assert client.head_object(Bucket=INBOX, Key="tags").get("TagCount") == 3
    tag(delivering, "tags", team="other")
    assert tags(delivering, "tags") == {"team": "other"}
    client.delete_object_tagging(Bucket=INBOX, Key="tags")
    assert tags(delivering, "tags") == {}
    assert "TagCount" not in client.get_object(Bucket=INBOX, Key="tags")


@states(f"{S3}/object-tagging.html")
def test_an_object_has_ten_tags_at_most(delivering: Running, page: str) -> None:
    """An object has ten tags at most, whose keys differ, and have 128 characters and not aws: before them."""
    delivering.client("s3").put_object(Bucket=INBOX, Key="limits", Body=b"x")
    tag(delivering, "limits", **{f"k{number}": "x" for number in range(10)})
    assert refused(delivering, *(f"k{number}" for number in range(11))) == "BadRequest"
    assert refused(delivering, "same", "same") == "InvalidTag"
    assert refused(delivering, "k" * 129) == "InvalidTag"
    assert refused(delivering, "aws:mine") == "InvalidTag"
    assert len(tags(delivering, "limits")) == 10


@states(f"{API}/API_PutObjectTagging.html")
def test_tags_are_of_one_version(delivering: Running, page: str) -> None:
    """Tags belong to a version: a new one has none of those of the version before it."""
    client = delivering.client("s3")
    first = client.put_object(Bucket=KEPT, Key="tags", Body=b"1", Tagging="n=1")["VersionId"]
    client.put_object(Bucket=KEPT, Key="tags", Body=b"2")
    assert tags(delivering, "tags", KEPT) == {}
    assert tags(delivering, "tags", KEPT, VersionId=first) == {"n": "1"}
    tag(delivering, "tags", KEPT, version=first, n="one")
    assert tags(delivering, "tags", KEPT, VersionId=first) == {"n": "one"}
    assert tags(delivering, "tags", KEPT) == {}


@states(f"{API}/API_CopyObject.html")
def test_a_copy_has_its_sources_tags(delivering: Running, page: str) -> None:
    """A copy has the tags of its source, or those that come with TaggingDirective REPLACE."""
    client = delivering.client("s3")
    client.put_object(Bucket=INBOX, Key="from", Body=b"x", Tagging="a=1")
    source = {"Bucket": INBOX, "Key": "from"}
    client.copy_object(Bucket=INBOX, Key="same", CopySource=source)
    client.copy_object(
        Bucket=INBOX, Key="other", CopySource=source, TaggingDirective="REPLACE", Tagging="b=2"
    )
    assert (tags(delivering, "same"), tags(delivering, "other")) == ({"a": "1"}, {"b": "2"})


@states(f"{S3}/notification-how-to-event-types-and-destinations.html")
def test_tags_are_told_of(delivering: Running, page: str) -> None:
    """Tags that are set and taken away are told of as ObjectTagging:Put and ObjectTagging:Delete; a write is not."""
    client = delivering.client("s3")
    client.put_object(Bucket=INBOX, Key="tagged/k", Body=b"x", Tagging="a=1")
    tag(delivering, "tagged/k", a="2")
    client.delete_object_tagging(Bucket=INBOX, Key="tagged/k")
    found: list[dict[str, Any]] = []

    def enough() -> bool:
        for one in delivering.messages("delivery-tagged", count=0):
            found.extend(json.loads(one["Body"]).get("Records", ()))
        return len(found) >= 2

    delivering.settle(enough, of="two records of tags")
    assert sorted(one["eventName"] for one in found) == ["ObjectTagging:Delete", "ObjectTagging:Put"]
    assert {one["s3"]["object"]["key"] for one in found} == {"tagged/k"}


@states(f"{API}/API_Object.html")
def test_a_copys_tag_is_the_md5_of_its_bytes(delivering: Running, page: str) -> None:
    """A copy's entity tag is the MD5 of its bytes, also where its source was uploaded in parts."""
    bodies = (b"x" * PART_BYTES, b"y")
    assert in_parts(delivering, "whole", *bodies).endswith('-2"')
    source = {"Bucket": INBOX, "Key": "whole"}
    copied = delivering.client("s3").copy_object(Bucket=INBOX, Key="copied", CopySource=source)
    digest = hashlib.md5(b"".join(bodies), usedforsecurity=False).hexdigest()
    assert copied["CopyObjectResult"]["ETag"] == f'"{digest}"'


@states(f"{API}/API_ListMultipartUploads.html")
def test_uploads_are_listed_page_by_page(delivering: Running, page: str) -> None:
    """Uploads in parts are listed by their keys, at most MaxUploads of them; markers go on behind them."""
    client = delivering.client("s3")
    begun = [
        (key, client.create_multipart_upload(Bucket=INBOX, Key=key)["UploadId"])
        for key in ("pages/a", "pages/b", "pages/c")
    ]
    first = client.list_multipart_uploads(Bucket=INBOX, Prefix="pages/", MaxUploads=2)
    markers = {"KeyMarker": first["NextKeyMarker"], "UploadIdMarker": first["NextUploadIdMarker"]}
    rest = client.list_multipart_uploads(Bucket=INBOX, Prefix="pages/", **markers)
    found = [[(one["Key"], one["UploadId"]) for one in page["Uploads"]] for page in (first, rest)]
    assert (found, first["IsTruncated"], rest["IsTruncated"]) == ([begun[:2], begun[2:]], True, False)


@states(f"{API}/API_UploadPartCopy.html")
def test_a_copied_range_names_both_ends(delivering: Running, page: str) -> None:
    """A part is copied of a range that names both of its ends within the source; any other is refused."""
    client = delivering.client("s3")
    client.put_object(Bucket=INBOX, Key="ranged", Body=b"0123456789")
    place: dict[str, Any] = {"Bucket": INBOX, "Key": "of-ranges"}
    place["UploadId"] = client.create_multipart_upload(**place)["UploadId"]
    source: dict[str, Any] = {"CopySource": {"Bucket": INBOX, "Key": "ranged"}, "PartNumber": 1}
    for asked in ("bytes=4-", "bytes=0-10"):
        with pytest.raises(ClientError) as caught:
            client.upload_part_copy(**place, **source, CopySourceRange=asked)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 416)
    assert "Parts" not in client.list_parts(**place)
