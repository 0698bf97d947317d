"""What the stack keeps when it is deleted: buckets, queues and tables, and deleting these as well.

At AWS only what bears this pipeline's tags is deleted. (`importing` takes them over into a new stack.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from botocore.exceptions import ClientError

from penstock.errors import TargetError
from penstock.pipelines.deploy.errors import code_of, without_secrets
from penstock.pipelines.deploy.events import Tell
from penstock.pipelines.deploy.sessions import Destination
from penstock.pipelines.pipeline import Pipeline
from penstock.pipelines.resolve import Target, name_of
from penstock.pipelines.resources import Bucket, Queue, Table

Keeping: TypeAlias = Bucket | Queue | Table
"""What is kept: what holds data."""

MISSING: Final = frozenset(
    {
        "404",
        "NoSuchBucket",
        "NoSuchTagSet",
        "AWS.SimpleQueueService.NonExistentQueue",
        "QueueDoesNotExist",
        "ResourceNotFoundException",
    }
)


def kept_names(pipeline: Pipeline, stage: str, suffix: str) -> Iterator[tuple[Keeping, str]]:
    """Every bucket, queue and table, with the name that it has in the account."""
    target = Target(account_id="", region="", stage=stage)
    for one in pipeline.resources:
        if isinstance(one, Bucket):
            yield one, f"{name_of(one, target)}{suffix}"
        elif isinstance(one, Queue | Table):
            yield one, name_of(one, target)


def delete_kept(destination: Destination, pipeline: Pipeline, stage: str, suffix: str, tell: Tell) -> None:
    """Delete them with all that they hold; what is not there, or is not this pipeline's, stays as it is.

    Raises:
        TargetError: some do not bear the tags; the others are deleted.
    """
    foreign: list[str] = []
    for resource, name in kept_names(pipeline, stage, suffix):
        shown = f"{type(resource).__name__.lower()} {name}"
        try:
            tags = tags_of(destination, resource, name)
            if not destination.local and not bears_tags(tags, pipeline, stage):
                foreign.append(shown)
                continue
            _delete(destination, resource, name)
        except ClientError as error:
            if code_of(error) not in MISSING:
                raise
        else:
            tell(f"  deleted {shown}")
    if foreign:
        raise TargetError(
            f"without this pipeline's tags, and so not deleted: {', '.join(foreign)}",
            at=destination.shown,
            fix="delete by hand what is yours",
        )


def bears_tags(tags: Mapping[str, str], pipeline: Pipeline, stage: str) -> bool:
    """Whether these are the tags that the plan gives to what is of this pipeline and stage."""
    return tags.get("penstock:pipeline") == pipeline.name and tags.get("penstock:stage", "") == stage


def tags_of(destination: Destination, resource: Keeping, name: str) -> dict[str, str]:
    """The tags of what bears the name.

    Raises:
        ClientError: of `MISSING`, if nothing does.
    """
    if isinstance(resource, Bucket):
        s3: Any = destination.client("s3")
        s3.head_bucket(Bucket=name)
        try:
            return {one["Key"]: one["Value"] for one in s3.get_bucket_tagging(Bucket=name)["TagSet"]}
        except ClientError as error:
            if code_of(error) != "NoSuchTagSet":
                raise
            return {}
    if isinstance(resource, Queue):
        sqs: Any = destination.client("sqs")
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        return dict(sqs.list_queue_tags(QueueUrl=url).get("Tags", {}))
    dynamodb: Any = destination.client("dynamodb")
    arn = dynamodb.describe_table(TableName=name)["Table"]["TableArn"]
    return {one["Key"]: one["Value"] for one in dynamodb.list_tags_of_resource(ResourceArn=arn)["Tags"]}


def _refuse_errors(destination: Destination, bucket: str, errors: Sequence[Mapping[str, Any]]) -> None:
    """What S3 did not delete is in its answer, for the call itself succeeds (S3, "DeleteObjects")."""
    if errors:
        first = errors[0]
        more = f", and {len(errors) - 1} more" if len(errors) > 1 else ""
        raise TargetError(
            f'S3 does not delete "{first.get("Key", "")}" ({first.get("Code", "")}{more}): '
            f"{without_secrets(str(first.get('Message', '')))}",
            at=f"bucket {bucket}, {destination.shown}",
            fix="allow it (a retention of the object has to end first), and run the command again",
        )


def _delete(destination: Destination, resource: Keeping, name: str) -> None:
    if isinstance(resource, Bucket):
        s3: Any = destination.client("s3")
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            if found:
                keys = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
                answer = s3.delete_objects(Bucket=name, Delete={"Objects": keys, "Quiet": True})
                _refuse_errors(destination, name, answer.get("Errors", []))
        s3.delete_bucket(Bucket=name)
    elif isinstance(resource, Queue):
        sqs: Any = destination.client("sqs")
        sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"])
    else:
        dynamodb: Any = destination.client("dynamodb")
        dynamodb.delete_table(TableName=name)
