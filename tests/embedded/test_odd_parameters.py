"""Calls with parameters that boto3 takes and no service does: each is refused, and none ends the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from penstock.pipelines import Bucket, Pipeline, Queue, Stream, Table
from penstock.runtime.clock import VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.services import Call, ServiceError
from penstock.runtime.state_folder import new_run

URL = "https://sqs.us-east-1.amazonaws.com/123456789012/in"
PIPELINE = Pipeline(
    "odd",
    parts=(
        Queue("in"),
        Stream("clicks"),
        Bucket("files"),
        Table("rows", partition_key="id", stream_view_type="NEW_IMAGE"),
    ),
)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Embedded]:
    with Embedded(PIPELINE, new_run("odd", base=tmp_path), clock=VirtualClock()) as found:
        yield found


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "code"),
    [
        ("sqs", "ReceiveMessage", {"QueueUrl": URL, "WaitTimeSeconds": 21}, "InvalidParameterValue"),
        ("sqs", "ReceiveMessage", {"QueueUrl": URL, "WaitTimeSeconds": -1}, "InvalidParameterValue"),
        ("kinesis", "GetRecords", {"ShardIterator": "\u20ac"}, "InvalidArgumentException"),
        ("dynamodbstreams", "GetRecords", {"ShardIterator": "\u20ac"}, "ValidationException"),
        ("kinesis", "ListStreams", {"NextToken": "\u20ac"}, "ExpiredNextTokenException"),
        ("s3", "ListParts", {"Bucket": "files", "Key": "k", "UploadId": "a" * 300}, "NoSuchUpload"),
        ("s3", "ListParts", {"Bucket": "files", "Key": "k", "UploadId": "../buckets"}, "NoSuchUpload"),
        ("s3", "GetObjectTagging", {"Bucket": "a" * 300, "Key": "k"}, "NoSuchBucket"),
        ("s3", "ListObjectsV2", {"Bucket": ".."}, "NoSuchBucket"),
        (
            "s3",
            "PutObject",
            {"Bucket": "files", "Key": "k", "Body": b"", "ChecksumCRC32": "\u20ac"},
            "InvalidDigest",
        ),
    ],
)
def test_what_no_service_takes_is_refused(
    run: Embedded, service: str, operation: str, parameters: Mapping[str, object], code: str
) -> None:
    """With the service's error, which a handler may catch."""
    with pytest.raises(ServiceError) as refused:
        run.router.answer(Call(service=service, operation=operation, parameters=parameters))
    assert refused.value.code == code
