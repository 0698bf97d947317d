"""Answers the SNS API from `Topics`. Topics and subscriptions are those of the declaration.

Source: the Amazon SNS API reference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, cast

from penstock.pipelines.json_texts import json_in
from penstock.runtime.journal_events import Attribute
from penstock.runtime.queues.messages import attributes_from_call, size_bytes
from penstock.runtime.services import Call, ServiceError, unanswered
from penstock.runtime.topics.topics import MAXIMUM_MESSAGE_BYTES, Published, Receipt, Topics, identified

MOST_ENTRIES: Final = 10

Parameters = Mapping[str, object]
Answer = dict[str, object]


class SnsService:
    """SNS for one run. See `OPERATIONS` for what it answers."""

    def __init__(self, topics: Topics) -> None:
        self.topics = topics

    def answer(self, call: Call) -> Answer:
        """Answer one call; see `Service.answer`."""
        operation = OPERATIONS.get(call.operation)
        if operation is None:
            raise unanswered("sns", call.operation)
        return operation(self, call.parameters)

    def _publish(self, parameters: Parameters) -> Answer:
        arn = parameters.get("TopicArn") or parameters.get("TargetArn")
        if not arn:
            raise unanswered("sns", "Publish", because="only topics are published to, no telephone numbers")
        return _answer(self.topics.publish(str(arn), _published(parameters)))

    def _publish_batch(self, parameters: Parameters) -> Answer:
        """Publish all entries, or none: one that is wrong in itself is an error of the request.

        So LocalStack's tests have recorded it on AWS (2023-08-24); entries fail one by one for its own reasons only.
        """
        entries = cast("Sequence[Parameters]", parameters["PublishBatchRequestEntries"])
        arn = str(parameters["TopicArn"])
        if not entries:
            raise ServiceError("EmptyBatchRequest", "The batch request doesn't contain any entries.")
        if len(entries) > MOST_ENTRIES:
            raise ServiceError(
                "TooManyEntriesInBatchRequest", "The batch request contains more entries than permissible."
            )
        if len({entry["Id"] for entry in entries}) < len(entries):
            raise ServiceError(
                "BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id."
            )
        topic = self.topics.find(arn)
        if sum(_size_bytes(entry) for entry in entries) > MAXIMUM_MESSAGE_BYTES:
            raise ServiceError(
                "BatchRequestTooLong",
                "The length of all the messages put together is more than the limit.",
            )
        published = [identified(topic, _published(entry)) for entry in entries]
        answers = [_answer(self.topics.publish(arn, one)) for one in published]
        succeeded = [{"Id": entry["Id"], **answer} for entry, answer in zip(entries, answers, strict=True)]
        return {"Successful": succeeded, "Failed": []}

    def _list_topics(self, parameters: Parameters) -> Answer:
        return {"Topics": [{"TopicArn": arn} for arn in self.topics.by_arn]}

    def _list_subscriptions_by_topic(self, parameters: Parameters) -> Answer:
        topic = self.topics.find(str(parameters["TopicArn"]))
        return {
            "Subscriptions": [
                {
                    "SubscriptionArn": one.arn,
                    "TopicArn": topic.arn,
                    "Protocol": "sqs" if one.queue is not None else "lambda",
                    "Owner": "123456789012",
                    "Endpoint": f"arn:aws:sqs:us-east-1:123456789012:{one.queue}"
                    if one.queue is not None
                    else f"arn:aws:lambda:us-east-1:123456789012:function:{one.function}",
                }
                for one in self.topics.by_topic[topic.name]
            ]
        }


def _answer(receipt: Receipt) -> Answer:
    answer: Answer = {"MessageId": receipt.message_id}
    if receipt.sequence_number is not None:
        answer["SequenceNumber"] = receipt.sequence_number
    return answer


def _published(parameters: Parameters) -> Published:
    message = str(parameters.get("Message", ""))
    if not message:
        raise ServiceError("InvalidParameter", "Invalid parameter: Empty message")
    if _size_bytes(parameters) > MAXIMUM_MESSAGE_BYTES:
        raise ServiceError("InvalidParameter", "Invalid parameter: Message too long")
    structure = parameters.get("MessageStructure")
    if structure not in (None, "json"):
        raise ServiceError("InvalidParameter", f"Invalid parameter: MessageStructure: {structure}")
    texts = _texts(message) if structure == "json" else {"default": message}
    return Published(
        message=texts["default"],
        by_protocol=texts,
        subject=_subject(parameters),
        attributes=_attributes(parameters),
        group_id=_text_or_none(parameters, "MessageGroupId"),
        deduplication_id=_text_or_none(parameters, "MessageDeduplicationId"),
    )


MOST_CHARACTERS_OF_A_SUBJECT: Final = 100


def _subject(parameters: Parameters) -> str | None:
    """The subject: "no line breaks or control characters, and less than 100 characters long" (SNS, "Publish").

    SNS takes 100 of them.
    """
    subject = _text_or_none(parameters, "Subject")
    if subject is None:
        return None
    if not 0 < len(subject) <= MOST_CHARACTERS_OF_A_SUBJECT or any(map(_is_control, subject)):
        raise ServiceError("InvalidParameter", "Invalid parameter: Subject")
    return subject


def _is_control(character: str) -> bool:
    return character < " " or "\x7f" <= character <= "\x9f" or character in "\u2028\u2029"


def _text_or_none(parameters: Parameters, name: str) -> str | None:
    value = parameters.get(name)
    return None if value is None else str(value)


def _size_bytes(parameters: Parameters) -> int:
    """What counts towards 256 KB: the message and its attributes (SNS, "Publish")."""
    return size_bytes(str(parameters.get("Message", "")), _attributes(parameters))


def _attributes(parameters: Parameters) -> dict[str, Attribute]:
    """The attributes of a message; SNS refuses the same as SQS, and has a code of its own for it.

    Raises:
        ServiceError: `InvalidParameterValueException`, whose code is `ParameterValueInvalid`.
    """
    try:
        return attributes_from_call(parameters.get("MessageAttributes"), most=None)
    except ServiceError as error:
        raise ServiceError("ParameterValueInvalid", error.message) from error


def _texts(message: str) -> dict[str, str]:
    """The texts of a message with one for each protocol; a value that is no text is passed over.

    Raises:
        ServiceError: `InvalidParameter`.
    """
    try:
        given = json_in(message)
    except ValueError as error:
        raise ServiceError(
            "InvalidParameter", "Invalid parameter: Message Structure - JSON message body failed to parse"
        ) from error
    found = (
        {name: text for name, text in given.items() if isinstance(text, str)}
        if isinstance(given, dict)
        else {}
    )
    if "default" not in found:
        raise ServiceError(
            "InvalidParameter", "Invalid parameter: Message Structure - No default entry in JSON message body"
        )
    return found


OPERATIONS: Final[Mapping[str, Callable[[SnsService, Parameters], Answer]]] = {
    "Publish": SnsService._publish,
    "PublishBatch": SnsService._publish_batch,
    "ListTopics": SnsService._list_topics,
    "ListSubscriptionsByTopic": SnsService._list_subscriptions_by_topic,
}
"""What is answered, by AWS's operation name."""
