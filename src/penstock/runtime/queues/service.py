"""Answers the SQS API from `Queues`: parameters in, answers as boto3 gives them.

Source: the SQS API reference; error codes are those that boto3 raises.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, cast

from penstock.runtime.journal_events import Attribute
from penstock.runtime.queues.messages import (
    Message,
    Where,
    attributes_from_call,
    md5_of_attributes,
    md5_of_text,
    receipt_parts,
    size_bytes,
)
from penstock.runtime.queues.queue import Queue, QueueSettings
from penstock.runtime.queues.queues import (
    MAXIMUM_DELAY_SECONDS,
    MAXIMUM_VISIBILITY_SECONDS,
    Queues,
)
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import AnswerLater, Call, ServiceError, unanswered

MAXIMUM_BATCH_BYTES: Final = 1_048_576
"""The sum of a batch's messages (SQS, "Amazon SQS message quotas")."""

MAXIMUM_WAIT_SECONDS: Final = 20
"""How long a call of `ReceiveMessage` waits for a message."""

MOST_LISTED: Final = 1000
"""Queues on a page of `ListQueues`."""

_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9!-/:-@\[-`{-~]{1,128}")

Parameters = Mapping[str, object]
Answer = dict[str, object]


class SqsService:
    """SQS for one run. See `OPERATIONS` for what it answers."""

    def __init__(self, queues: Queues, scheduler: Scheduler) -> None:
        self.queues = queues
        self._scheduler = scheduler

    def answer(self, call: Call) -> Answer:
        """Answer one call; see `Service.answer`."""
        operation = OPERATIONS.get(call.operation)
        if operation is None:
            raise unanswered("sqs", call.operation)
        return operation(self, call)

    def _queue(self, call: Call) -> Queue:
        url = str(call.parameters["QueueUrl"])
        return self.queues.find(url.rpartition("/")[2])

    # --- Queues -------------------------------------------------------------------------------------------

    def _get_queue_url(self, call: Call) -> Answer:
        return {"QueueUrl": self.queues.find(str(call.parameters["QueueName"])).settings.url}

    def _list_queues(self, call: Call) -> Answer:
        prefix = str(call.parameters.get("QueueNamePrefix", ""))
        names = sorted(name for name in self.queues.names if name.startswith(prefix))
        most, after = call.parameters.get("MaxResults"), call.parameters.get("NextToken")
        limit = MOST_LISTED if most is None else int(str(most))
        if not 1 <= limit <= MOST_LISTED:
            raise ServiceError(
                "InvalidParameterValue",
                f"Value {most} for parameter MaxResults is invalid. Reason: Must be an integer between 1 and "
                f"{MOST_LISTED}.",
            )
        rest = names if after is None else [name for name in names if name > str(after)]
        page = rest[:limit]
        answer: Answer = {"QueueUrls": [self.queues.find(name).settings.url for name in page]} if page else {}
        # "If you set MaxResults and there are additional results to display" (`ListQueues`).
        return {**answer, "NextToken": page[-1]} if most is not None and len(rest) > limit else answer

    def _get_queue_attributes(self, call: Call) -> Answer:
        queue = self.queues.look_at(self._queue(call).settings.name)
        wanted = _texts(call.parameters.get("AttributeNames"))
        found = _attributes(queue)
        chosen = {name: value for name, value in found.items() if "All" in wanted or name in wanted}
        return {"Attributes": chosen} if chosen else {}

    def _purge_queue(self, call: Call) -> Answer:
        self.queues.purge(self._queue(call).settings.name)
        return {}

    # --- Sending ------------------------------------------------------------------------------------------

    def _send_message(self, call: Call) -> Answer:
        return self._send(self._queue(call), call.parameters, call.caller)

    def _send_message_batch(self, call: Call) -> Answer:
        queue = self._queue(call)
        entries = _entries(call.parameters)
        total = sum(
            size_bytes(str(entry["MessageBody"]), attributes_from_call(entry.get("MessageAttributes")))
            for entry in entries
        )
        if total > MAXIMUM_BATCH_BYTES:
            raise ServiceError(
                "AWS.SimpleQueueService.BatchRequestTooLong",
                f"Batch requests cannot be longer than {MAXIMUM_BATCH_BYTES} bytes. "
                f"You have sent {total} bytes.",
                fields={"QueryErrorCode": "BatchRequestTooLong"},
            )
        return _each(entries, lambda entry: self._send(queue, entry, call.caller))

    def _send(self, queue: Queue, parameters: Parameters, caller: str | None) -> Answer:
        delay = parameters.get("DelaySeconds")
        if delay is not None:
            _in_range("DelaySeconds", delay, MAXIMUM_DELAY_SECONDS)
            if queue.settings.fifo and delay:
                raise ServiceError(
                    "InvalidParameterValue",
                    f"Value {delay} for parameter DelaySeconds is invalid. Reason: The request include parameter "
                    "that is not valid for this queue type.",
                )
        for name in ("MessageGroupId", "MessageDeduplicationId"):
            _check_identifier(name, parameters.get(name))
        attributes = attributes_from_call(parameters.get("MessageAttributes"))
        system = attributes_from_call(parameters.get("MessageSystemAttributes"))
        body = str(parameters["MessageBody"])
        sent = self.queues.send(
            queue.settings.name,
            body,
            attributes=attributes,
            delay_seconds=None if delay is None else float(str(delay)),
            group_id=_text_or_none(parameters, "MessageGroupId"),
            deduplication_id=_text_or_none(parameters, "MessageDeduplicationId"),
            trace_header=system["AWSTraceHeader"].string_value if "AWSTraceHeader" in system else None,
            sender=caller or "",
        )
        answer: Answer = {"MessageId": sent.message_id, "MD5OfMessageBody": md5_of_text(body)}
        digest = md5_of_attributes(attributes)
        if digest is not None:
            answer["MD5OfMessageAttributes"] = digest
        if sent.sequence_number is not None:
            answer["SequenceNumber"] = sent.sequence_number
        return answer

    # --- Receiving ----------------------------------------------------------------------------------------

    def _receive_message(self, call: Call) -> Answer:
        parameters = call.parameters
        queue = self._queue(call)
        most = parameters.get("MaxNumberOfMessages", 1)
        if not isinstance(most, int) or not 1 <= most <= 10:
            raise ServiceError(
                "InvalidParameterValue",
                f"Value {most} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and "
                "10, if provided.",
            )
        timeout = parameters.get("VisibilityTimeout")
        if timeout is not None:
            _in_range("VisibilityTimeout", timeout, MAXIMUM_VISIBILITY_SECONDS)
        wait = parameters.get("WaitTimeSeconds")
        if wait is None:
            wait = queue.settings.receive_wait_seconds
        else:
            _in_range("WaitTimeSeconds", wait, MAXIMUM_WAIT_SECONDS)

        def receive() -> Answer:
            found = self.queues.receive(
                queue.settings.name,
                most,
                visibility_timeout_seconds=None if timeout is None else float(str(timeout)),
                consumer=call.caller or "",
            )
            return {"Messages": [_message(one, parameters) for one in found]} if found else {}

        answer = receive()
        if answer or not wait:
            return answer
        raise self._long_poll(receive, queue, float(str(wait)))

    def _long_poll(self, receive: Callable[[], Answer], queue: Queue, wait_seconds: float) -> AnswerLater:
        promise = AnswerLater(lambda: self._scheduler.run_until(lambda: promise.settled))

        def look() -> None:
            if not promise.settled and (answer := receive()):
                end(answer)

        def end(answer: Answer) -> None:
            stop_listening()
            give_up.cancel()
            promise.resolve(answer)

        def close() -> None:
            if promise.settled:  # whoever asked has ended
                stop_listening()
            else:
                end(receive())

        give_up = self._scheduler.call_at(self._scheduler.now() + wait_seconds, close)
        stop_listening = self.queues.listen(queue.settings.name, look)
        return promise

    def _delete_message(self, call: Call) -> Answer:
        queue = self._queue(call)
        self._delete(queue, call.parameters, call.caller)
        return {}

    def _delete_message_batch(self, call: Call) -> Answer:
        queue = self._queue(call)
        return _each(_entries(call.parameters), lambda entry: self._delete(queue, entry, call.caller))

    def _delete(self, queue: Queue, parameters: Parameters, caller: str | None) -> Answer:
        message_id, delivery = _receipt(parameters)
        queue.wake(self._scheduler.now())
        found = queue.messages.get(message_id)
        is_latest = found is not None and found.receive_count == delivery
        if found is not None and queue.settings.fifo and not (is_latest and found.where is Where.IN_FLIGHT):
            raise ServiceError(
                "InvalidParameterValue",
                f"Value {parameters['ReceiptHandle']} for parameter ReceiptHandle is invalid. Reason: The receipt "
                "handle has expired.",
            )
        if is_latest:
            self.queues.delete(queue.settings.name, [message_id], consumer=caller or "")
        return {}

    def _change_message_visibility(self, call: Call) -> Answer:
        return self._change_visibility(self._queue(call), call.parameters)

    def _change_message_visibility_batch(self, call: Call) -> Answer:
        queue = self._queue(call)
        return _each(_entries(call.parameters), lambda entry: self._change_visibility(queue, entry))

    def _change_visibility(self, queue: Queue, parameters: Parameters) -> Answer:
        message_id, delivery = _receipt(parameters)
        now = self._scheduler.now()
        queue.wake(now)
        seconds = parameters.get("VisibilityTimeout", 0)
        _in_range("VisibilityTimeout", seconds, MAXIMUM_VISIBILITY_SECONDS)
        found = queue.messages.get(message_id)
        if found is None or found.receive_count != delivery or found.where is not Where.IN_FLIGHT:
            raise ServiceError(
                "AWS.SimpleQueueService.MessageNotInflight",
                f"Value {parameters['ReceiptHandle']} for parameter ReceiptHandle is invalid. Reason: "
                "Message does not exist or is not available for visibility timeout change.",
                fields={"QueryErrorCode": "MessageNotInflight"},
            )
        self.queues.change_visibility(queue.settings.name, [message_id], float(str(seconds)))
        return {}


OPERATIONS: Final[Mapping[str, Callable[[SqsService, Call], Answer]]] = {
    "ChangeMessageVisibility": SqsService._change_message_visibility,
    "ChangeMessageVisibilityBatch": SqsService._change_message_visibility_batch,
    "DeleteMessage": SqsService._delete_message,
    "DeleteMessageBatch": SqsService._delete_message_batch,
    "GetQueueAttributes": SqsService._get_queue_attributes,
    "GetQueueUrl": SqsService._get_queue_url,
    "ListQueues": SqsService._list_queues,
    "PurgeQueue": SqsService._purge_queue,
    "ReceiveMessage": SqsService._receive_message,
    "SendMessage": SqsService._send_message,
    "SendMessageBatch": SqsService._send_message_batch,
}


def _attributes(queue: Queue) -> dict[str, str]:
    settings = queue.settings
    found = {
        "QueueArn": settings.arn,
        "ApproximateNumberOfMessages": str(queue.visible),
        "ApproximateNumberOfMessagesNotVisible": str(queue.in_flight),
        "ApproximateNumberOfMessagesDelayed": str(queue.delayed),
        "VisibilityTimeout": str(int(settings.visibility_timeout_seconds)),
        "MessageRetentionPeriod": str(int(settings.message_retention_seconds)),
        "DelaySeconds": str(int(settings.delay_seconds)),
        "ReceiveMessageWaitTimeSeconds": str(int(settings.receive_wait_seconds)),
    }
    if settings.dead_letter_queue is not None:
        found["RedrivePolicy"] = _redrive_policy(settings)
    if settings.fifo:
        found["FifoQueue"] = "true"
        found["ContentBasedDeduplication"] = str(settings.content_based_deduplication).lower()
    return found


def _redrive_policy(settings: QueueSettings) -> str:
    target = f"{settings.arn.rpartition(':')[0]}:{settings.dead_letter_queue}"
    return f'{{"deadLetterTargetArn":"{target}","maxReceiveCount":{settings.max_receive_count}}}'


def _message(message: Message, parameters: Parameters) -> Answer:
    answer: Answer = {
        "MessageId": message.message_id,
        "ReceiptHandle": message.receipt_handle,
        "MD5OfBody": md5_of_text(message.body),
        "Body": message.body,
    }
    wanted = _texts(parameters.get("MessageSystemAttributeNames")) + _texts(parameters.get("AttributeNames"))
    system = {
        name: value
        for name, value in message.system_attributes().items()
        if "All" in wanted or name in wanted
    }
    if system:
        answer["Attributes"] = system
    names = _texts(parameters.get("MessageAttributeNames"))
    chosen = {name: value for name, value in message.attributes.items() if _is_wanted(name, names)}
    if chosen:
        answer["MessageAttributes"] = {name: attribute_as_api(value) for name, value in chosen.items()}
        answer["MD5OfMessageAttributes"] = md5_of_attributes(chosen)
    return answer


def attribute_as_api(attribute: Attribute) -> dict[str, object]:
    """A message attribute as the SQS API gives it."""
    if attribute.binary_value is not None:
        return {"BinaryValue": attribute.binary_value, "DataType": attribute.data_type}
    return {"StringValue": attribute.string_value, "DataType": attribute.data_type}


def _is_wanted(name: str, names: Sequence[str]) -> bool:
    return any(
        wanted in ("All", ".*", name) or (wanted.endswith(".*") and name.startswith(wanted[:-2]))
        for wanted in names
    )


def _entries(parameters: Parameters) -> list[Parameters]:
    given = cast("list[Parameters]", parameters.get("Entries") or [])
    if not given:
        raise _batch_error("EmptyBatchRequest", "There should be at least one entry in the request.")
    if len(given) > 10:
        raise _batch_error(
            "TooManyEntriesInBatchRequest",
            f"Maximum number of entries per request are 10. You have sent {len(given)}.",
        )
    if len({str(entry["Id"]) for entry in given}) < len(given):
        raise _batch_error(
            "BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id."
        )
    return given


def _batch_error(code: str, message: str) -> ServiceError:
    return ServiceError(f"AWS.SimpleQueueService.{code}", message, fields={"QueryErrorCode": code})


def _each(entries: Sequence[Parameters], act: Callable[[Parameters], Answer]) -> Answer:
    """Carry out a batch: every entry on its own, those that are refused under `Failed`."""
    successful: list[Answer] = []
    failed: list[Answer] = []
    for entry in entries:
        try:
            successful.append({"Id": entry["Id"], **act(entry)})
        except ServiceError as error:
            code = str(error.fields.get("QueryErrorCode", error.code))
            failed.append({"Id": entry["Id"], "SenderFault": True, "Code": code, "Message": error.message})
    answer: Answer = {}
    if successful:
        answer["Successful"] = successful
    if failed:
        answer["Failed"] = failed
    return answer


def _receipt(parameters: Parameters) -> tuple[str, int]:
    found = receipt_parts(str(parameters["ReceiptHandle"]))
    if found is None:
        raise ServiceError("ReceiptHandleIsInvalid", "The input receipt handle is invalid.")
    return found


def _check_identifier(name: str, value: object) -> None:
    """Refuse an id that SQS does not take (SQS, "SendMessage")."""
    if value is not None and _IDENTIFIER.fullmatch(str(value)) is None:
        raise ServiceError(
            "InvalidParameterValue",
            f"Value {value} for parameter {name} is invalid. Reason: {name} can only include alphanumeric and "
            "punctuation characters. 1 to 128 in length.",
        )


def _in_range(name: str, value: object, most: int) -> None:
    if not isinstance(value, int) or not 0 <= value <= most:
        raise ServiceError(
            "InvalidParameterValue",
            f"Value {value} for parameter {name} is invalid. Reason: must be between 0 and {most}.",
        )


def _text_or_none(parameters: Parameters, name: str) -> str | None:
    value = parameters.get(name)
    return None if value is None else str(value)


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list | tuple) else ()
