"""What a delivery stream's role allows: to write to its bucket, and to invoke its transformation.

Source: Amazon Data Firehose, "Grant Firehose access to an Amazon S3 destination".
"""

from __future__ import annotations

from collections.abc import Iterator

from penstock.pipelines.delivery_streams import DeliveryStream
from penstock.pipelines.iam.statements import Statement, arn_text

BUCKET_ACTIONS = ("s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads")
OBJECT_ACTIONS = ("s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject")
FUNCTION_ACTIONS = ("lambda:GetFunctionConfiguration", "lambda:InvokeFunction")


def delivery_stream_statements(stream: DeliveryStream, stage: str = "") -> tuple[Statement, ...]:
    """The statements of the stream's role."""
    return tuple(_statements(stream, stage))


def _statements(stream: DeliveryStream, stage: str) -> Iterator[Statement]:
    bucket, why = arn_text(stream.bucket, stage), f"its bucket, {stream.declared_at}"
    yield Statement(BUCKET_ACTIONS, (bucket,), why)
    yield Statement(OBJECT_ACTIONS, (f"{bucket}/*",), why)
    if stream.transformation is not None:
        function = arn_text(stream.transformation, stage)
        yield Statement(FUNCTION_ACTIONS, (function,), f"its transformation, {stream.declared_at}")
