"""Events of S3: notifications, EventBridge's form, Object Lambda and Batch Operations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal
from urllib.parse import quote_plus

from penstock.testing.bus_events import bus_event
from penstock.testing.event_parts import ACCOUNT, REGION, TIME_MILLIS, Event, arn, md5_of


def s3_event(
    *keys: str,
    bucket: str = "uploads",
    size_bytes: int = 1024,
    event_name: str = "ObjectCreated:Put",
    version_id: str | None = None,
) -> Event:
    """A notification with a record for each key. Keys are given as they are; the event has them URL-encoded.

    Args:
        event_name: as in `ObjectRemoved:Delete`; the `s3:` of notification configurations may stand before it.
    """
    event_name = event_name.removeprefix("s3:")
    return {
        "Records": [
            _s3_record(key, number, bucket, size_bytes, event_name, version_id)
            for number, key in enumerate(keys)
        ]
    }


def _s3_record(
    key: str, number: int, bucket: str, size_bytes: int, event_name: str, version_id: str | None
) -> Event:
    described: Event = {"key": quote_plus(key, safe="/")}
    if not event_name.startswith(("ObjectTagging", "ObjectAcl")):
        described["sequencer"] = f"{0x0055AED6DCD90281E5 + number:018X}"
    if event_name.startswith(("ObjectCreated", "ObjectRestore")):
        described |= {"size": size_bytes, "eTag": md5_of(key.encode())}
    if version_id is not None:
        described["versionId"] = version_id
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventTime": TIME_MILLIS,
        "eventName": event_name,
        "userIdentity": {"principalId": "AWS:AIDAINPONIXQXHT3IKHL2"},
        "requestParameters": {"sourceIPAddress": "205.255.255.255"},
        "responseElements": {
            "x-amz-request-id": "D82B88E5F771F645",
            "x-amz-id-2": "vlR7PnpV2Ce81l0PRw6jlUpck7Jo5",
        },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "uploads",
            "bucket": {
                "name": bucket,
                "ownerIdentity": {"principalId": "A3I5XTEXAMAI3E"},
                "arn": f"arn:aws:s3:::{bucket}",
            },
            "object": described,
        },
    }


def s3_test_event(*, bucket: str = "uploads") -> Event:
    """What S3 sends to a queue or topic when a notification is configured."""
    return {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": TIME_MILLIS,
        "Bucket": bucket,
        "RequestId": "5582815E1AEA5ADF",
        "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE",
    }


def s3_bus_event(
    key: str, *, bucket: str = "uploads", size_bytes: int = 1024, detail_type: str = "Object Created"
) -> Event:
    """S3's event in EventBridge's form; its key is not URL-encoded."""
    detail: Event = {
        "version": "0",
        "bucket": {"name": bucket},
        "object": {
            "key": key,
            "size": size_bytes,
            "etag": md5_of(key.encode()),
            "sequencer": "0055AED6DCD90281E5",
        },
        "request-id": "N4N7GDK58NMKJ12R",
        "requester": ACCOUNT,
        "source-ip-address": "205.255.255.255",
        "reason": "PutObject",
    }
    return bus_event(detail, source="aws.s3", detail_type=detail_type, resources=[f"arn:aws:s3:::{bucket}"])


def s3_object_lambda_event(
    key: str = "a.txt",
    *,
    operation: Literal["GetObject", "HeadObject", "ListObjects", "ListObjectsV2"] = "GetObject",
    access_point: str = "transformed",
    headers: Mapping[str, str] | None = None,
    payload: str = "",
) -> Event:
    """What an Object Lambda access point asks a function for (S3, "Event context format and usage").

    Args:
        headers: of the caller's request.
        payload: what the access point's configuration says for the function.
    """
    host = f"{access_point}-{ACCOUNT}.s3-object-lambda.{REGION}.amazonaws.com"
    at = f"https://uploads-{ACCOUNT}.s3-accesspoint.{REGION}.amazonaws.com/{quote_plus(key, safe='/')}"
    member = {
        "GetObject": "getObjectContext",
        "HeadObject": "headObjectContext",
        "ListObjects": "listObjectsContext",
        "ListObjectsV2": "listObjectsV2Context",
    }[operation]
    context = {"inputS3Url": f"{at}?X-Amz-Security-Token=EXAMPLE"}
    if operation == "GetObject":
        context |= {"outputRoute": "io-use1-001", "outputToken": "EXAMPLE"}
    return {
        "xAmzRequestId": "1a5ed718-5f53-471d-b6fe-5cf62d88d02a",
        member: context,
        "configuration": {
            "accessPointArn": arn("s3-object-lambda", f"accesspoint/{access_point}"),
            "supportingAccessPointArn": arn("s3", "accesspoint/uploads"),
            "payload": payload,
        },
        "userRequest": {"url": f"/{quote_plus(key, safe='/')}", "headers": {"Host": host, **(headers or {})}},
        "userIdentity": {
            "type": "IAMUser",
            "principalId": "AIDAINPONIXQXHT3IKHL2",
            "arn": f"arn:aws:iam::{ACCOUNT}:user/reader",
            "accountId": ACCOUNT,
            "accessKeyId": "AKIAIOSFODNN7EXAMPLE",
            "userName": "reader",
        },
        "protocolVersion": "1.00",
    }


def s3_batch_event(
    *keys: str,
    bucket: str = "uploads",
    schema_version: Literal["1.0", "2.0"] = "2.0",
    user_arguments: Mapping[str, str] | None = None,
) -> Event:
    """A task of S3 Batch Operations for each key (S3, "Invoke AWS Lambda function").

    Args:
        schema_version: 1.0 has the bucket's ARN; 2.0 has its name, and the job's user arguments.

    Raises:
        ValueError: version 1.0 has no user arguments.
    """
    if schema_version == "1.0" and user_arguments is not None:
        raise ValueError("version 1.0 of the schema has no user arguments")
    where = {"s3BucketArn": f"arn:aws:s3:::{bucket}"} if schema_version == "1.0" else {"s3Bucket": bucket}
    job: Event = {"id": "f3cc4f60-61f6-4a2b-8a21-d07600c373ce"}
    if schema_version == "2.0":
        job["userArguments"] = dict(user_arguments or {})
    return {
        "invocationSchemaVersion": schema_version,
        "invocationId": "YXNkbGZqYWRmaiBhc2RmdW9hZHNmZGpmaGFzbGtkaGZza2RmaAo",
        "job": job,
        "tasks": [
            {
                "taskId": f"dGFza2lkZ29lc2hlcmUK{number}",
                "s3Key": quote_plus(key, safe="/"),
                "s3VersionId": None,
                **where,
            }
            for number, key in enumerate(keys)
        ],
    }
