"""Answers the SNS API from `Topics`. Topics and subscriptions are those of the declaration.

Source: the Amazon SNS API reference.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final, cast

from penstock.runtime.queues.messages import attributes_from_call
from penstock.runtime.services import Call, ServiceError, unanswered
from penstock.runtime.topics.topics import Published, Topics

MAXIMUM_MESSAGE_BYTES: Final = 262_144
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
        return {"MessageId": self.topics.publish(str(arn), self._published(str(arn), parameters))}

    def _publish_batch(self, parameters: Parameters) -> Answer:
        entries = cast("Sequence[Parameters]", parameters["PublishBatchRequestEntries"])
        arn = str(parameters["TopicArn"])
        if not 1 <= len(entries) <= MOST_ENTRIES:
            code = "TooManyEntriesInBatchRequest" if entries else "EmptyBatchRequest"
            raise ServiceError(code, f"A batch has 1 to {MOST_ENTRIES} entries; this one has {len(entries)}.")
        if len({entry["Id"] for entry in entries}) < len(entries):
            raise ServiceError("BatchEntryIdsNotDistinct", "Two or more batch entries have the same Id.")
        self.topics.find(arn)
        succeeded: list[Answer] = []
        failed: list[Answer] = []
        for entry in entries:
            try:
                identifier = self.topics.publish(arn, self._published(arn, entry))
                succeeded.append({"Id": entry["Id"], "MessageId": identifier})
            except ServiceError as error:
                failed.append(
                    {"Id": entry["Id"], "Code": error.code, "Message": error.message, "SenderFault": True}
                )
        return {"Successful": succeeded, "Failed": failed}

    def _published(self, arn: str, parameters: Parameters) -> Published:
        message = str(parameters.get("Message", ""))
        if not message:
            raise ServiceError("InvalidParameter", "Invalid parameter: Empty message")
        if len(message.encode()) > MAXIMUM_MESSAGE_BYTES:
            raise ServiceError("InvalidParameter", "Invalid parameter: Message too long")
        group = parameters.get("MessageGroupId")
        if self.topics.find(arn).fifo and group is None:
            raise ServiceError(
                "InvalidParameter",
                "Invalid parameter: The MessageGroupId parameter is required for FIFO topics",
            )
        deduplication = parameters.get("MessageDeduplicationId")
        subject = parameters.get("Subject")
        return Published(
            message=_default_of(message) if parameters.get("MessageStructure") == "json" else message,
            subject=None if subject is None else str(subject),
            attributes=attributes_from_call(parameters.get("MessageAttributes")),
            group_id=None if group is None else str(group),
            deduplication_id=None if deduplication is None else str(deduplication),
        )

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


def _default_of(message: str) -> str:
    """The message for queues and functions of a message with one text for each protocol."""
    try:
        texts = json.loads(message)
    except ValueError:
        texts = None
    if not isinstance(texts, dict) or not isinstance(texts.get("default"), str):
        raise ServiceError(
            "InvalidParameter", "Invalid parameter: Message Structure - No default entry in JSON message body"
        )
    return str(texts["default"])


OPERATIONS: Final[Mapping[str, Callable[[SnsService, Parameters], Answer]]] = {
    "Publish": SnsService._publish,
    "PublishBatch": SnsService._publish_batch,
    "ListTopics": SnsService._list_topics,
    "ListSubscriptionsByTopic": SnsService._list_subscriptions_by_topic,
}
"""What is answered, by AWS's operation name."""
