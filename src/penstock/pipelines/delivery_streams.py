"""A delivery stream: records that are put into it are transformed and written to a bucket (Amazon Data Firehose)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass

from penstock.pipelines.graph import Reference, references
from penstock.pipelines.resources import Bucket, Function, Resource


@dataclass(frozen=True, slots=True)
class DeliveryStream(Resource):
    """What is put into it is gathered and becomes objects of `bucket`, with the hour of the first record in the keys.

    Args:
        prefix: begins the keys of the objects; `YYYY/MM/dd/HH/` (UTC) follows it.
        error_prefix: begins the keys of what could not be transformed; `processing-failed/` and the hour follow it.
        buffering_seconds, buffering_mb: an object is written when so much time has passed, or so much has come.
        transformation: a function of `on_firehose_record`, which every record goes through.
        transformation_seconds, transformation_mb: its batches are gathered for so long, or until they are so large.
        transformation_retries: how often a failed invocation is made again, before its records are put aside.
    """

    bucket: Bucket
    _: KW_ONLY
    prefix: str = ""
    error_prefix: str = ""
    buffering_seconds: int = 300
    buffering_mb: int = 5
    transformation: Function | None = None
    transformation_seconds: int = 60
    transformation_mb: int = 1
    transformation_retries: int = 3


@references.register(DeliveryStream)
def _of_delivery_stream(part: DeliveryStream) -> Iterator[Reference]:
    yield Reference("bucket", part.bucket)
    if part.transformation is not None:
        yield Reference("transformation", part.transformation)
