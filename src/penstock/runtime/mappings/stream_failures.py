"""What becomes of records that a stream mapping gives up: their metadata goes to the on-failure destination.

Source: Lambda, "Retain discarded batch records for a Kinesis Data Streams event source in Lambda" (and the page
for DynamoDB). A queue and a topic get the metadata alone; an object in a bucket has the whole event as well.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from penstock.runtime.access import EVERYTHING_ALLOWED, Guard
from penstock.runtime.ids import Ids
from penstock.runtime.invocation import InvocationOutcome
from penstock.runtime.journal_events import StreamRecord
from penstock.runtime.mappings.stream_records import event_payload
from penstock.runtime.queues.queues import Queues
from penstock.runtime.services import ServiceError
from penstock.runtime.streams.streams import StreamSettings
from penstock.runtime.timestamps import dated_key, milliseconds_text, seconds_text

Condition = Literal["RetryAttemptsExhausted", "RecordAgeExceeded", "Expired"]

Publish = Callable[[str, str], object]
"""Publishes to a topic: ARN, message."""

PutObject = Callable[[str, str, bytes], object]
"""Puts an object: bucket, key, content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenUp:
    """Records that are not tried again, and why.

    Attributes:
        invocations: how often the function was given them.
        outcome: of the last of those; None if they were given up for their age.
    """

    shard: str
    records: Sequence[StreamRecord]
    condition: Condition
    invocations: int
    request_id: str
    outcome: InvocationOutcome | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureDestination:
    """Where a mapping's discarded records are told of: a queue or a bucket by name, or a topic by its ARN.

    Attributes:
        mapping_id: the mapping's UUID, which begins the keys of the objects.
    """

    queue: str | None
    bucket: str | None
    topic: str | None = None
    mapping_id: str
    pipe_arn: str | None = None
    queues: Queues
    put_object: PutObject
    publish: Publish
    ids: Ids
    guard: Guard = EVERYTHING_ALLOWED

    def tell(self, given_up: GivenUp, *, stream: StreamSettings, function_arn: str, now: float) -> str | None:
        """Send the document about these records.

        Returns:
            Where it went, by name; None if there is no destination, it is not there any more, or the function's role
            does not allow it: then nobody is told, as on Lambda.
        """
        document = failure_document(given_up, stream=stream, function_arn=function_arn, now=now)
        if self.pipe_arn is not None:
            # AWS's guide shows no example of what a pipe tells: the names of these two members are not confirmed.
            del document["requestContext"]
            document.pop("responseContext", None)
            context = {"partnerResourceArn": self.pipe_arn, "condition": given_up.condition}
            document = {"context": context, **document}
        function = function_arn.rpartition(":")[2]
        if self.queue is not None:
            need = ("sqs:SendMessage", self.queues.find(self.queue).settings.arn)
            if self.guard.refusal(function, "sqs", "SendMessage", need) is not None:
                return None
            self.queues.send(self.queue, json.dumps(document), sender=function_arn)
        elif self.topic is not None:
            if self.guard.refusal(function, "sns", "Publish", ("sns:Publish", self.topic)) is not None:
                return None
            self.publish(self.topic, json.dumps(document))
        elif self.bucket is not None:
            key = dated_key(f"aws/lambda/{self.mapping_id}/{given_up.shard}", now, self.ids.uuid())
            arn = f"arn:aws:s3:::{self.bucket}"
            needs = (("s3:ListBucket", arn), ("s3:PutObject", f"{arn}/{key}"))
            if self.guard.refusal(function, "s3", "PutObject", *needs) is not None:
                return None
            event = event_payload(given_up.records, stream, given_up.shard)
            document["payload"] = json.loads(event)
            try:
                self.put_object(self.bucket, key, json.dumps(document).encode())
            except ServiceError:
                # The bucket was deleted: a delivery that fails is not tried again, and holds up no shard.
                return None
        return self.queue or self.bucket or (self.topic and self.topic.rpartition(":")[2])


def failure_document(
    given_up: GivenUp, *, stream: StreamSettings, function_arn: str, now: float
) -> dict[str, object]:
    """The metadata of discarded records, as Lambda writes it."""
    first, last = given_up.records[0], given_up.records[-1]
    document: dict[str, object] = {
        "requestContext": {
            "requestId": given_up.request_id,
            "functionArn": function_arn,
            "condition": given_up.condition,
            "approximateInvokeCount": max(1, given_up.invocations),
        },
    }
    if given_up.outcome is not None:
        document["responseContext"] = {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": None if given_up.outcome.error is None else "Unhandled",
        }
    kinesis = stream.kind == "kinesis"
    arrival = milliseconds_text if kinesis else seconds_text
    return {
        **document,
        "version": "1.0",
        "timestamp": milliseconds_text(now),
        "KinesisBatchInfo" if kinesis else "DDBStreamBatchInfo": {
            "shardId": given_up.shard,
            "startSequenceNumber": first.sequence_number,
            "endSequenceNumber": last.sequence_number,
            "approximateArrivalOfFirstRecord": arrival(first.arrived_at),
            "approximateArrivalOfLastRecord": arrival(last.arrived_at),
            "batchSize": len(given_up.records),
            "streamArn": stream.arn,
        },
    }
