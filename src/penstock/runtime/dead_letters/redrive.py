"""Sending dead letters back where they came from, and finding the records that a failure document tells of.

Sources: Kinesis, "GetRecords"; DynamoDB Streams, "GetRecords"; Lambda, "Retain discarded batch records".
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final, cast

from penstock.errors import UsageError
from penstock.runtime.dead_letters.letters import (
    ClientOf,
    FromInvocation,
    FromQueue,
    FromStream,
    Letter,
    queue_url,
)

_MOST_PUT: Final = 500


def redrive(letter: Letter, client_of: ClientOf, *, body: str | None = None) -> None:
    """Send a letter back to where it came from, and delete it.

    Args:
        body: what is sent instead of the letter's own body (of messages that came from a queue).

    Raises:
        UsageError: it does not say where it came from, or cannot be sent back there.
    """
    match letter.origin:
        case FromQueue(arn=arn):
            _to_queue(letter, arn, client_of("sqs"), letter.body if body is None else body)
        case FromInvocation(function_arn=arn, payload=payload):
            import json

            text = json.dumps(payload) if body is None else body
            client_of("lambda").invoke(FunctionName=arn, InvocationType="Event", Payload=text.encode())
        case FromStream(is_kinesis=True) as origin:
            _to_stream(origin, client_of)
        case FromStream():
            raise UsageError(
                "a table's stream cannot be written",
                at=letter.message_id,
                fix="mend the function and write the items again; `penstock dlq show` has the records",
            )
        case None if "Source" in letter.attributes:
            raise UsageError(
                f"a record of {letter.attributes['Source']} that could not be decoded has no way back",
                at=letter.message_id,
                fix="mend it and put it there yourself: `penstock dlq show` has its body and its reason",
            )
        case None:
            raise UsageError(
                "the letter does not say where it came from",
                at=letter.message_id,
                fix="send it yourself: `penstock dlq show` has its body",
            )
    sqs = client_of("sqs")
    sqs.delete_message(QueueUrl=queue_url(sqs, letter.queue), ReceiptHandle=letter.receipt_handle)


def records_of(origin: FromStream, client_of: ClientOf) -> list[Mapping[str, Any]]:
    """The records that a failure document tells of, as the service's `GetRecords` has them.

    Raises:
        UsageError: the stream does not keep them any longer.
    """
    from botocore.exceptions import ClientError

    client = client_of("kinesis" if origin.is_kinesis else "dynamodbstreams")
    number = "StartingSequenceNumber" if origin.is_kinesis else "SequenceNumber"
    stream = {"StreamARN" if origin.is_kinesis else "StreamArn": origin.arn}
    try:
        iterator = client.get_shard_iterator(
            **stream, ShardId=origin.shard, ShardIteratorType="AT_SEQUENCE_NUMBER", **{number: origin.first}
        )["ShardIterator"]
    except ClientError as error:
        raise _gone(origin, str(error)) from error
    found: list[Mapping[str, Any]] = []
    while iterator is not None and len(found) < origin.count:
        answer = client.get_records(ShardIterator=iterator)
        if not answer["Records"]:
            break
        found += [one for one in answer["Records"] if _number_of(one) <= int(origin.last)]
        iterator = answer.get("NextShardIterator")
    if not found or _number_of(found[0]) != int(origin.first):
        raise _gone(origin, "its first record is not there")
    return found[: origin.count]


def shown_record(record: Mapping[str, Any]) -> str:
    """A record's data as text; what is no text is shown as Base64."""
    if "Data" not in record:
        return str(record["dynamodb"])
    data = cast("bytes", record["Data"])
    try:
        return data.decode()
    except UnicodeDecodeError:
        return f"base64:{base64.b64encode(data).decode()}"


def _number_of(record: Mapping[str, Any]) -> int:
    return int(
        record["SequenceNumber"] if "SequenceNumber" in record else record["dynamodb"]["SequenceNumber"]
    )


def _gone(origin: FromStream, why: str) -> UsageError:
    return UsageError(
        f"the records of {origin} cannot be read: {why}",
        fix="a stream keeps its records for its retention period only; an on-failure bucket keeps them for longer",
    )


def _to_queue(letter: Letter, arn: str, sqs: Any, body: str) -> None:
    message: dict[str, Any] = {"QueueUrl": queue_url(sqs, arn.rpartition(":")[2]), "MessageBody": body}
    if arn.endswith(".fifo"):
        message["MessageGroupId"] = letter.system.get("MessageGroupId", letter.message_id)
        message["MessageDeduplicationId"] = f"redrive-{letter.message_id}"
    own = {name: value for name, value in letter.attributes.items() if name not in _OURS}
    if own:
        message["MessageAttributes"] = {
            name: {"DataType": "String", "StringValue": value} for name, value in own.items()
        }
    sqs.send_message(**message)


_OURS: Final = frozenset({"Reason", "RecordId", "Source", "Handler", "Encoding"})
"""The attributes that handlers give to what they cannot decode."""


def _to_stream(origin: FromStream, client_of: ClientOf) -> None:
    records = [
        {"Data": one["Data"], "PartitionKey": one["PartitionKey"]} for one in records_of(origin, client_of)
    ]
    kinesis = client_of("kinesis")
    for begin in range(0, len(records), _MOST_PUT):
        answer = kinesis.put_records(StreamARN=origin.arn, Records=records[begin : begin + _MOST_PUT])
        if answer["FailedRecordCount"]:
            raise UsageError(
                f"{answer['FailedRecordCount']} records were not taken by the stream",
                at=origin.arn,
                fix="the letter is still there: try again, more slowly",
            )
