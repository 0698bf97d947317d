"""What the other rooms may know of a handler: where its events come from and what it is given.

1. Values only. Nothing here decodes, runs or settles.
2. `pipelines` reads a spec to check that a handler fits the source that it is mapped to.
"""

from __future__ import annotations

from enum import Enum

import msgspec


class Source(Enum):
    """What invokes a handler. The value is the service's name as AWS writes it in ARNs."""

    S3 = "s3"
    SQS = "sqs"
    KINESIS = "kinesis"
    DYNAMODB = "dynamodb"
    SNS = "sns"
    EVENTBRIDGE = "events"
    SCHEDULE = "scheduler"
    TASK = "states"
    HTTP_AUTHORIZATION = "execute-api"
    LOGS = "logs"
    FIREHOSE = "firehose"


class HandlerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What was declared of a handler.

    Attributes:
        source: what invokes it.
        payload: the type of what the function is given: for a handler that is written per batch, the
            type of one record, not the list.
        per_batch: the function takes all the records of an invocation at once, as a list.
        module: the module that the function is defined in.
        qualname: the function's own name there; `module.qualname` is Lambda's handler setting.
        fails_partially: the verdict names the records that failed, so that the mapping must have
            `report_batch_item_failures`.
        windowed: it is given a tumbling window, so that the mapping must have one.
        result: of a task: the type of what it returns; `object` if its annotation says nothing.
        idempotency_table: the table in which it remembers what was done, as its declaration calls it.
        stop_margin_seconds: no further record of a batch is begun when less time than this is left; 0: all are.
    """

    source: Source
    payload: object
    per_batch: bool
    module: str
    qualname: str
    fails_partially: bool = False
    windowed: bool = False
    result: object = object
    idempotency_table: str | None = None
    stop_margin_seconds: float = 0.0
