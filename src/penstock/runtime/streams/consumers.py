"""Answers what Kinesis is asked about consumers with enhanced fan-out.

Sources: the Kinesis Data Streams API reference, `RegisterStreamConsumer`, `DescribeStreamConsumer`,
`ListStreamConsumers`, `DeregisterStreamConsumer`; the developer guide, "Develop enhanced fan-out consumers".

1. A consumer is a name within its stream. That it is registered is journaled, so a resumed run has it, too.
2. Registering takes no time here: a consumer is `CREATING` in the answer that registers it, and `ACTIVE` after.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Final

from penstock.runtime.journal_events import ConsumerDeregistered, ConsumerRegistered
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import ServiceError, unanswered
from penstock.runtime.streams.pages import page_of
from penstock.runtime.streams.streams import Stream, Streams

MOST_CONSUMERS: Final = 20
"""Of one stream in provisioned mode (`RegisterStreamConsumer`)."""

_NAME: Final = re.compile(r"[a-zA-Z0-9_.-]{1,128}")
_MOST_LISTED: Final = 100

Parameters = Mapping[str, object]
Answer = dict[str, object]


class StreamConsumers:
    """The consumers of a run's streams, as Kinesis tells of them."""

    def __init__(self, streams: Streams, scheduler: Scheduler) -> None:
        self._streams = streams
        self._scheduler = scheduler

    def register(self, parameters: Parameters) -> Answer:
        """`RegisterStreamConsumer`."""
        stream, name = self._streams.find(str(parameters["StreamARN"])), str(parameters["ConsumerName"])
        if not _NAME.fullmatch(name):
            raise ServiceError(
                "ValidationException",
                f"1 validation error detected: Value '{name}' at 'consumerName' failed to satisfy constraint: "
                f"Member must satisfy regular expression pattern: {_NAME.pattern}",
            )
        if name in stream.consumers:
            raise ServiceError(
                "ResourceInUseException",
                f"Consumer {name} of stream {stream.settings.name} under account 123456789012 already exists.",
            )
        if len(stream.consumers) >= MOST_CONSUMERS:
            raise ServiceError(
                "LimitExceededException",
                f"This request would exceed the limit of {MOST_CONSUMERS} consumers for the stream "
                f"{stream.settings.name}.",
            )
        self._streams.change(
            ConsumerRegistered(at=self._scheduler.now(), stream=stream.settings.name, consumer=name)
        )
        return {"Consumer": {**_described(stream, name), "ConsumerStatus": "CREATING"}}

    def describe(self, parameters: Parameters) -> Answer:
        """`DescribeStreamConsumer`."""
        stream, name = self.find(parameters)
        return {"ConsumerDescription": {**_described(stream, name), "StreamARN": stream.settings.arn}}

    def deregister(self, parameters: Parameters) -> Answer:
        """`DeregisterStreamConsumer`."""
        stream, name = self.find(parameters)
        if name in stream.settings.consumers:
            raise unanswered(
                "kinesis", "DeregisterStreamConsumer", because=f"a mapping of the pipeline reads as {name}"
            )
        self._streams.change(
            ConsumerDeregistered(at=self._scheduler.now(), stream=stream.settings.name, consumer=name)
        )
        return {}

    def listed(self, parameters: Parameters) -> Answer:
        """`ListStreamConsumers`."""
        stream = self._streams.find(str(parameters["StreamARN"]))
        names, after = page_of(
            sorted(stream.consumers),
            after=parameters.get("NextToken"),
            most=parameters.get("MaxResults"),
            default=_MOST_LISTED,
        )
        answer: Answer = {"Consumers": [_described(stream, name) for name in names]}
        return answer if after is None else {**answer, "NextToken": after}

    def find(self, parameters: Parameters) -> tuple[Stream, str]:
        """The consumer that is meant: by its ARN, or by its name and its stream's ARN.

        Raises:
            ServiceError: `InvalidArgumentException`, `ResourceNotFoundException`.
        """
        arn = parameters.get("ConsumerARN")
        if arn is not None:
            stream_arn, _, name = str(arn).partition("/consumer/")
            stream, name = self._streams.find(stream_arn), name.partition(":")[0]
            found = name in stream.consumers and consumer_arn(stream, name) == arn
        elif "StreamARN" in parameters and "ConsumerName" in parameters:
            stream, name = self._streams.find(str(parameters["StreamARN"])), str(parameters["ConsumerName"])
            found = name in stream.consumers
        else:
            raise ServiceError(
                "InvalidArgumentException",
                "Either ConsumerARN, or both StreamARN and ConsumerName, must be given.",
            )
        if not found:
            raise ServiceError(
                "ResourceNotFoundException",
                f"Consumer {arn or name} of stream {stream.settings.name} under account 123456789012 not found.",
            )
        return stream, name


def consumer_arn(stream: Stream, name: str) -> str:
    """A consumer's ARN, which ends with the moment when it was registered, in epoch seconds."""
    return f"{stream.settings.arn}/consumer/{name}:{int(stream.consumers[name])}"


def _described(stream: Stream, name: str) -> Answer:
    return {
        "ConsumerName": name,
        "ConsumerARN": consumer_arn(stream, name),
        "ConsumerStatus": "ACTIVE",
        "ConsumerCreationTimestamp": dt.datetime.fromtimestamp(int(stream.consumers[name]), dt.UTC),
    }
