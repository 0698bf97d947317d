"""The pipeline of the rules of Firehose's transformations."""

from penstock.pipelines import Bucket, DeliveryStream
from tests.contracts.delivery.parts import family, function

out = Bucket("delivery-firehose")

pipeline = family(
    "firehose",
    DeliveryStream("delivery-plain", out, prefix="plain/", buffering_seconds=60),
    DeliveryStream("delivery-large", out, prefix="large/", buffering_seconds=900, buffering_mb=1),
    DeliveryStream(
        "delivery-transformed",
        out,
        prefix="transformed/",
        buffering_seconds=60,
        transformation=function("transform", "stream_functions.transform"),
    ),
    DeliveryStream(
        "delivery-aside",
        out,
        prefix="aside/",
        error_prefix="errors/",
        transformation=function("put-aside", "stream_functions.transform"),
        transformation_seconds=0,
        transformation_retries=1,
    ),
    DeliveryStream(
        "delivery-logs",
        out,
        prefix="logs/",
        error_prefix="no-logs/",
        transformation=function("log-lines", "stream_functions.log_lines"),
    ),
    DeliveryStream(
        "delivery-busy",
        out,
        prefix="busy/",
        transformation=function("busy", "stream_functions.transform", reserved_concurrency=0),
    ),
)
