"""What a role needs of the keys that buckets, queues, topics, streams and tables are encrypted with.

It follows from what the role does with the resource, through the resource's service only (`kms:ViaService`). A
service that sends by itself, S3 to a queue, has no role: the key's own policy has to let it in, which is not the
plan's.

Source: S3, "Using server-side encryption with AWS KMS keys" (a multipart upload decrypts as well); SQS, "Amazon SQS
Key management"; SNS, "Amazon SNS Key management"; Kinesis, "Permissions to use user-generated KMS keys"; DynamoDB,
"DynamoDB encryption at rest: usage notes"; KMS, "kms:ViaService".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from penstock.pipelines.graph import Graph
from penstock.pipelines.iam.matching import expression
from penstock.pipelines.iam.statements import Condition, Statement, arn_text
from penstock.pipelines.resources import Bucket, Encrypted, Queue, Stream, Table, Topic

_DECRYPT: Final = ("kms:Decrypt",)
_GENERATE: Final = ("kms:GenerateDataKey",)
_BOTH: Final = (*_DECRYPT, *_GENERATE)

_OF_ITEMS: Final = (
    "BatchGetItem",
    "BatchWriteItem",
    "ConditionCheckItem",
    "DeleteItem",
    "GetItem",
    "GetRecords",
    "PartiQLDelete",
    "PartiQLInsert",
    "PartiQLSelect",
    "PartiQLUpdate",
    "PutItem",
    "Query",
    "Scan",
    "UpdateItem",
)
"""DynamoDB's actions on items, which only decrypt."""

_ACTIONS: Final = {
    "s3:GetObject": _DECRYPT,
    "s3:GetObjectVersion": _DECRYPT,
    "s3:PutObject": _BOTH,
    "sqs:ReceiveMessage": _DECRYPT,
    "sqs:SendMessage": _BOTH,
    "sns:Publish": _BOTH,
    "kinesis:GetRecords": _DECRYPT,
    "kinesis:SubscribeToShard": _DECRYPT,
    "kinesis:PutRecord": _GENERATE,
    "kinesis:PutRecords": _GENERATE,
    **{f"dynamodb:{one}": _DECRYPT for one in _OF_ITEMS},
}
"""What an action on a resource takes on its key."""

_SERVICES: Final = {Bucket: "s3", Queue: "sqs", Topic: "sns", Stream: "kinesis", Table: "dynamodb"}


def key_statements(statements: Iterable[Statement], graph: Graph, stage: str = "") -> Iterator[Statement]:
    """What these statements take on the keys of the pipeline's resources."""
    known = tuple(statements)
    for resource in graph.resources:
        if not isinstance(resource, Encrypted) or resource.kms_key_arn is None:
            continue
        via = f"{_SERVICES[type(resource)]}.${{AWS::Region}}.${{AWS::URLSuffix}}"
        base = arn_text(resource, stage)
        for statement in known:
            if any(_is_on(base, one) for one in statement.resources):
                actions = {action for one in statement.actions for action in _ACTIONS.get(one, ())}
                if actions:
                    yield Statement(
                        tuple(sorted(actions)),
                        (resource.kms_key_arn,),
                        f"the key of {resource.name}: {statement.why}",
                        (Condition("StringEquals", "kms:ViaService", (via,)),),
                    )


def _is_on(base: str, resource: str) -> bool:
    """Whether a statement's resource is the one of this ARN, or something in it: objects, an index, a stream."""
    if resource == base or resource.startswith((f"{base}/", f"{base}:")):
        return True
    pattern = re.compile(expression((resource,)))
    return any(pattern.fullmatch(one) is not None for one in (base, f"{base}/any"))
