"""Typed events in, batch verdicts out: the part of penstock that runs inside Lambda.

    @on_sqs_message
    def handle(order: Order) -> None: ...

decorators        a decorator for each source
handler           the decorated function: plain for tests, Lambda's entry for events
records           what a record is with its metadata: S3Upload, SQSMessage[T], KinesisRecord[T], ...
payloads          decoding into dataclasses, TypedDicts, Structs, Pydantic models, str, bytes, dict
opening           opening the records of each source
windows           tumbling windows and their state
batches           partial batch responses, order, early stop
dead_letters      what becomes of a record that cannot be decoded
observability     Powertools for Lambda, loaded if it is used
chunking          cutting large objects into chunks, reading them, merging their results

Nothing here imports boto3, Pydantic, Powertools or click when it is imported.
"""

from penstock.handlers.batches import FailedRecordsError
from penstock.handlers.context import LambdaContext
from penstock.handlers.dead_letters import Undecodable
from penstock.handlers.decorators import (
    on_dynamodb_change,
    on_event,
    on_kinesis_record,
    on_log_event,
    on_s3_upload,
    on_schedule,
    on_sns_message,
    on_sqs_message,
    on_task,
)
from penstock.handlers.handler import Handler
from penstock.handlers.observability import Powertools
from penstock.handlers.records import (
    DynamoDBChange,
    EventBridgeEvent,
    KinesisRecord,
    LogEvent,
    S3Upload,
    SNSMessage,
    SQSMessage,
)
from penstock.handlers.spec import HandlerSpec, Source
from penstock.handlers.windows import TumblingWindow

__all__ = [
    "DynamoDBChange",
    "EventBridgeEvent",
    "FailedRecordsError",
    "Handler",
    "HandlerSpec",
    "KinesisRecord",
    "LambdaContext",
    "LogEvent",
    "Powertools",
    "S3Upload",
    "SNSMessage",
    "SQSMessage",
    "Source",
    "TumblingWindow",
    "Undecodable",
    "on_dynamodb_change",
    "on_event",
    "on_kinesis_record",
    "on_log_event",
    "on_s3_upload",
    "on_schedule",
    "on_sns_message",
    "on_sqs_message",
    "on_task",
]
