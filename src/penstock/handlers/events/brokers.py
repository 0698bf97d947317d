"""Events of message brokers and change streams: Kafka, ActiveMQ, RabbitMQ, DocumentDB.

Sources: Lambda, "Using Lambda with Amazon MSK" / "... self-managed Apache Kafka" / "... Amazon MQ" / "... Amazon
DocumentDB". Values arrive decoded from Base64.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import field

from penstock.handlers.base64_data import Data


class KafkaRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One record; `timestamp` is in epoch milliseconds. A header's value is a list of byte values."""

    offset: int
    topic: str = ""
    partition: int | str = 0
    timestamp: int | None = None
    timestamp_type: str = ""
    key: Data | None = None
    value: Data | None = None
    headers: list[dict[str, list[int] | str]] = []
    key_schema_metadata: dict[str, object] | None = None
    value_schema_metadata: dict[str, object] | None = None


class KafkaEvent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Records by topic and partition: `orders-0`."""

    event_source: Literal["aws:kafka", "SelfManagedKafka", "aws:SelfManagedKafka"]
    records: dict[str, list[KafkaRecord]]
    event_source_arn: str | None = None
    bootstrap_servers: str | None = None


class MQDestination(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    physical_name: str


class ActiveMQMessage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    message_id: str = field(name="messageID")
    message_type: str
    data: Data
    destination: MQDestination
    timestamp: int
    broker_in_time: int
    broker_out_time: int
    redelivered: bool = False
    delivery_mode: int | None = None
    reply_to: str | None = None
    type: str | None = None
    expiration: int | str | None = None
    priority: int | None = None
    correlation_id: str | None = field(name="correlationID", default=None)
    connection_id: str | None = None
    persistent: bool | None = None
    properties: dict[str, object] = {}


class ActiveMQEvent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    event_source: Literal["aws:mq", "aws:amq"]
    event_source_arn: str
    messages: list[ActiveMQMessage]


class RabbitMQMessage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    basic_properties: dict[str, object]
    redelivered: bool
    data: Data


class RabbitMQEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Messages by queue and virtual host: `orders::/`."""

    event_source: Literal["aws:rmq"] = field(name="eventSource")
    event_source_arn: str = field(name="eventSourceArn")
    messages_by_queue: dict[str, list[RabbitMQMessage]] = field(name="rmqMessagesByQueue")


class DocumentChange(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One change, in MongoDB's extended JSON."""

    id: dict[str, object] = field(name="_id")
    cluster_time: dict[str, object]
    operation_type: str
    ns: dict[str, str]
    document_key: dict[str, object] | None = None
    full_document: dict[str, object] | None = None
    update_description: dict[str, object] | None = None


class DocumentChangeEnvelope(msgspec.Struct, frozen=True, kw_only=True):
    event: DocumentChange


class DocumentDBEvent(msgspec.Struct, frozen=True, kw_only=True):
    event_source: Literal["aws:docdb"] = field(name="eventSource")
    event_source_arn: str = field(name="eventSourceArn")
    events: list[DocumentChangeEnvelope]
