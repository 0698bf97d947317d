"""All families of delivery rules that run elsewhere, in one pipeline: one deployment takes as long as another."""

from tests.contracts.delivery import (
    dynamodb,
    eventbridge,
    fifo,
    invocations,
    kinesis,
    pipes,
    s3,
    sns,
    sqs,
    streams,
)
from tests.contracts.delivery.parts import family

DEPLOYED = [sqs, fifo, kinesis, streams, dynamodb, pipes, invocations, sns, eventbridge, s3]


pipeline = family(
    "deployed", *(part for one in DEPLOYED for part in getattr(one, "shared", one.pipeline.parts))
)
