"""A valid event of each source in one line, as Lambda gives it to a function.

1. Each builder takes what a test cares about and fills in the rest with AWS's own examples. Nothing is random and
   no clock is read: the same call makes the same event.
2. A payload may be a text, bytes where the source takes them, or anything with a JSON form; so envelopes nest:

       sqs_event(s3_event("a/b.csv"))                          an S3 notification in a queue
       sqs_event(sns_envelope(s3_event("a/b.csv")))            ... that came through a topic
       kinesis_event(aggregated("a", "b"))                     two user records in one record of a stream
       kinesis_event(packed_logs("line"))                      a log line that a subscription wrote to a stream

HTTP requests are in `penstock.testing.http_events`.
"""

from penstock.testing.bus_events import bus_event, scheduled_event, scheduler_event
from penstock.testing.event_parts import ACCOUNT, AT_SECONDS, REGION, Event, arn, message_id
from penstock.testing.queue_events import sns_envelope, sns_event, sqs_event
from penstock.testing.s3_events import (
    s3_batch_event,
    s3_bus_event,
    s3_event,
    s3_object_lambda_event,
    s3_test_event,
)
from penstock.testing.stream_events import (
    Change,
    aggregated,
    cloudwatch_logs_event,
    dynamodb_event,
    firehose_event,
    kinesis_event,
    packed_logs,
    sequence_number,
)

__all__ = [
    "ACCOUNT",
    "AT_SECONDS",
    "REGION",
    "Change",
    "Event",
    "aggregated",
    "arn",
    "bus_event",
    "cloudwatch_logs_event",
    "dynamodb_event",
    "firehose_event",
    "kinesis_event",
    "message_id",
    "packed_logs",
    "s3_batch_event",
    "s3_bus_event",
    "s3_event",
    "s3_object_lambda_event",
    "s3_test_event",
    "scheduled_event",
    "scheduler_event",
    "sequence_number",
    "sns_envelope",
    "sns_event",
    "sqs_event",
]
