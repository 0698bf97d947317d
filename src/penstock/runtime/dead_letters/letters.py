"""The messages of a dead-letter queue, and where each of them came from.

1. Everything goes through boto3 clients, so it is the same on the embedded target and on an endpoint.
2. Letters are received with a visibility timeout while they are looked at, and made visible again afterwards.
3. Where a letter came from is read off the letter: the metadata of a stream mapping's failure, the record of an
   asynchronous invocation, the attributes that handlers give to what they cannot decode, or the queue whose
   redrive policy moved it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from penstock.errors import UsageError
from penstock.pipelines.json_texts import json_in

ClientOf = Callable[[str], Any]
"""Gives a boto3 client for a service; its methods are made at run time."""

LOOKING_SECONDS: Final = 300
_AT_ONCE: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class FromQueue:
    """It was a message of this queue."""

    arn: str

    def __str__(self) -> str:
        return f"queue {self.arn.rpartition(':')[2]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FromStream:
    """It tells of records of a shard, from `first` to `last` sequence number.

    Attributes:
        given_up_by: the ARN of the function or the pipe; empty if the letter does not say it.
    """

    arn: str
    shard: str
    first: str
    last: str
    count: int
    given_up_by: str = ""

    @property
    def is_kinesis(self) -> bool:
        return ":kinesis:" in self.arn

    def __str__(self) -> str:
        name = self.arn.partition("/")[2].partition("/")[0]
        records = "1 record" if self.count == 1 else f"{self.count} records"
        return f"{'stream' if self.is_kinesis else 'table'} {name}, {self.shard}, {records}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FromInvocation:
    """It tells of an asynchronous invocation of a function."""

    function_arn: str
    payload: object

    def __str__(self) -> str:
        return f"function {self.function_arn.partition(':function:')[2].partition(':')[0]}"


Origin = FromQueue | FromStream | FromInvocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One message.

    Attributes:
        attributes: its message attributes, as text (binary ones as Base64).
        typed: the same as SQS has them, with their types.
        system: its system attributes: SentTimestamp, ApproximateReceiveCount, ...
        origin: None if nothing says where it came from.
        key: of the object that it is, where `queue` is a bucket.
    """

    queue: str
    message_id: str
    receipt_handle: str
    body: str
    attributes: Mapping[str, str]
    system: Mapping[str, str]
    origin: Origin | None
    typed: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    key: str | None = None

    def came_from(self) -> str:
        """Where it came from, in words; a stream's record that could not be decoded tells of its stream only."""
        stream = self.attributes.get("Source", "").partition(":stream/")[2]
        return str(self.origin or (f"stream {stream}" if stream else "nowhere that it tells of"))

    def fields(self) -> dict[str, object]:
        """What `--where` looks at: the body (decoded if it is JSON), the attributes, the reason."""
        try:
            body: object = json_in(self.body)
        except ValueError:
            body = self.body
        return {"id": self.message_id, "body": body, "attributes": dict(self.attributes)}

    def reason(self) -> str:
        """Why it is here, as far as it says."""
        found = self.fields()["body"]
        context = found.get("requestContext") if isinstance(found, dict) else None
        if isinstance(found, dict) and _is_of_a_pipe(found):
            return str(found["context"]["condition"])
        if isinstance(context, dict) and "condition" in context:
            return f"{context.get('condition')} after {context.get('approximateInvokeCount')} invocations"
        if "RULE_ARN" in self.attributes:
            retries = self.attributes.get("RETRY_ATTEMPTS", "0")
            return f"{self.attributes.get('ERROR_CODE', 'not delivered')} after {retries} retries"
        if "Reason" in self.attributes:
            return self.attributes["Reason"]
        count = self.system.get("ApproximateReceiveCount")
        return f"received {count} times" if count else ""


@contextmanager
def letters_in(sqs: Any, queue: str) -> Iterator[list[Letter]]:
    """Every letter that can be received; they are visible again at the end, but for those that were deleted.

    Raises:
        UsageError: there is no such queue.
    """
    url = queue_url(sqs, queue)
    found: dict[str, Letter] = {}
    while True:
        received = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=_AT_ONCE,
            VisibilityTimeout=LOOKING_SECONDS,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        ).get("Messages", [])
        if not received:
            break
        for message in received:
            found[message["MessageId"]] = _letter(queue, message)
    try:
        yield list(found.values())
    finally:
        for letter in found.values():
            _let_go(sqs, url, letter)


def queue_url(sqs: Any, queue: str, *, fix: str = "`penstock dlq ls` lists them") -> str:
    """The URL of a queue.

    Args:
        fix: what to do if there is none.

    Raises:
        UsageError: there is no such queue.
    """
    try:
        return str(sqs.get_queue_url(QueueName=queue)["QueueUrl"])
    except sqs.exceptions.QueueDoesNotExist as error:
        raise UsageError(f'there is no queue "{queue}"', fix=fix) from error


def hold(sqs: Any, url: str, letter: Letter) -> None:
    """Keep a letter from being received for another while, so that it can still be deleted when it was sent."""
    _change_visibility(sqs, url, letter, LOOKING_SECONDS)


def _let_go(sqs: Any, url: str, letter: Letter) -> None:
    _change_visibility(sqs, url, letter, 0)


def _change_visibility(sqs: Any, url: str, letter: Letter, seconds: int) -> None:
    from botocore.exceptions import ClientError

    try:
        sqs.change_message_visibility(
            QueueUrl=url, ReceiptHandle=letter.receipt_handle, VisibilityTimeout=seconds
        )
    except ClientError as error:
        gone = ("MessageNotInflight", "InvalidParameterValue", "ReceiptHandleIsInvalid")
        if error.response["Error"]["Code"].rpartition(".")[2] not in gone:
            raise  # a letter that was deleted has no visibility; anything else is wrong


def _letter(queue: str, message: Mapping[str, Any]) -> Letter:
    typed = {
        name: {kind: value[kind] for kind in ("DataType", "StringValue", "BinaryValue") if kind in value}
        for name, value in message.get("MessageAttributes", {}).items()
    }
    attributes = {name: _attribute(value) for name, value in typed.items()}
    system = {str(name): str(value) for name, value in message.get("Attributes", {}).items()}
    return Letter(
        queue=queue,
        message_id=message["MessageId"],
        receipt_handle=message["ReceiptHandle"],
        body=message["Body"],
        attributes=attributes,
        system=system,
        origin=_origin(message["Body"], attributes, system),
        typed=typed,
    )


def _attribute(value: Mapping[str, Any]) -> str:
    binary = value.get("BinaryValue")
    return str(value.get("StringValue", "")) if binary is None else base64.b64encode(binary).decode()


def origin_of(body: str) -> Origin | None:
    """Where a letter came from, as far as its body says."""
    return _origin(body, {}, {})


def told_of_records(body: str) -> str | None:
    """Where the records stood that a body tells of, and why they are given up; None if it is another letter."""
    origin = origin_of(body)
    if not isinstance(origin, FromStream):
        return None
    letter = Letter(
        queue="", message_id="", receipt_handle="", body=body, attributes={}, system={}, origin=origin
    )
    return f"{origin}: {letter.reason()}"


def _target_of_rule(arn: str, document: object) -> Origin | None:
    """What a rule could not deliver goes back to its target (EventBridge, "Using dead-letter queues")."""
    if ":lambda:" in arn:
        return FromInvocation(function_arn=arn, payload=document)
    return FromQueue(arn=arn) if ":sqs:" in arn else None


def _is_of_a_pipe(document: Mapping[str, Any]) -> bool:
    """Whether a pipe tells of records that it has given up."""
    context = document.get("context")
    return isinstance(context, dict) and "partnerResourceArn" in context and "condition" in context


_OF_A_BATCH: Final = {"streamArn", "shardId", "startSequenceNumber", "endSequenceNumber", "batchSize"}


def _origin(body: str, attributes: Mapping[str, str], system: Mapping[str, str]) -> Origin | None:
    try:
        document = json_in(body)
    except ValueError:
        document = None
    if "RULE_ARN" in attributes:
        return _target_of_rule(attributes.get("TARGET_ARN", ""), document)
    if isinstance(document, dict) and (
        isinstance(document.get("requestContext"), dict) or _is_of_a_pipe(document)
    ):
        context = document["context"] if _is_of_a_pipe(document) else document["requestContext"]
        info = document.get("KinesisBatchInfo") or document.get("DDBStreamBatchInfo")
        if isinstance(info, dict) and info.keys() >= _OF_A_BATCH:
            return FromStream(
                arn=str(info["streamArn"]),
                shard=str(info["shardId"]),
                first=str(info["startSequenceNumber"]),
                last=str(info["endSequenceNumber"]),
                count=int(str(info["batchSize"])) if str(info["batchSize"]).isdecimal() else 0,
                given_up_by=str(context.get("functionArn") or context.get("partnerResourceArn") or ""),
            )
        if "requestPayload" in document and "condition" in context:
            arn = str(context.get("functionArn", ""))
            return FromInvocation(
                function_arn=arn.removesuffix(":$LATEST"), payload=document["requestPayload"]
            )
    source = attributes.get("Source", "") or system.get("DeadLetterQueueSourceArn", "")
    return FromQueue(arn=source) if ":sqs:" in source else None
