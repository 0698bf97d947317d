"""Firehose's transformations: each record becomes another, is dropped, or fails.

1. Every record is answered by its id, whatever became of it: one that is missing in the answer counts as failed.
2. Data goes both ways in Base64. A failed record goes back as it came, so that Firehose can keep it.
3. A subscription of CloudWatch Logs puts several log events into one record: what becomes of them is one record
   again, in their order. If one of them fails, the record does. A control message, which only tries whether the
   stream can be reached, is dropped.

Nothing in `penstock.handlers` imports this. Sources: Amazon Data Firehose, "Required parameters for data
transformation" (https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-status-model.html) and "Send
CloudWatch Logs to Firehose" (https://docs.aws.amazon.com/firehose/latest/dev/writing-with-cloudwatch-logs.html);
AWS's blueprint "Process CloudWatch logs sent to Kinesis Firehose".
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from logging import getLogger
from typing import Any, ParamSpec, TypeAlias, TypeVar, cast

import msgspec

from penstock.errors import DecodeError, EventError, HandlerError
from penstock.handlers.annotations import bare, declared_types
from penstock.handlers.base64_data import base64_bytes
from penstock.handlers.context import LambdaContext
from penstock.handlers.declared import declared_at, declared_function, refuse_unplain
from penstock.handlers.entry_point import EntryPoint
from penstock.handlers.envelopes import refuse_others, refuse_records, wrapped_in
from penstock.handlers.packing import unpacked
from penstock.handlers.payloads import check_payload_type, encoded, text_decoder
from penstock.handlers.records import LogEvent
from penstock.handlers.spec import HandlerSpec, Source

P = ParamSpec("P")
R = TypeVar("R")

_LOG = getLogger("penstock.handlers")

OpenData: TypeAlias = Callable[[bytes], Sequence[object]]
"""The payloads in a record's data; raises DecodeError or ValueError if it cannot be read."""


class FirehoseHandler(EntryPoint[P, R]):
    """What `on_firehose_record` returns: the function itself for tests, and Lambda's entry for events."""

    def __init__(self, function: Callable[P, R], open_data: OpenData, payload: object) -> None:
        super().__init__(function)
        self._open = open_data
        self.spec = HandlerSpec(
            source=Source.FIREHOSE,
            payload=payload,
            per_batch=False,
            module=self.__module__,
            qualname=self.__qualname__,
        )

    def invoke(self, event: object, context: LambdaContext) -> dict[str, list[dict[str, str]]]:
        """Transform every record of an event; raises EventError if it is no event of Firehose."""
        records = event.get("records") if isinstance(event, dict) else None
        if not isinstance(records, list):
            raise EventError(
                "this is no event of Firehose: it has no list of records",
                at=f"{self.__module__}.{self.__qualname__}",
                fix="set the function as a delivery stream's transformation",
            )
        return {"records": [self._transformed(record) for record in records]}

    def _transformed(self, record: Any) -> dict[str, str]:
        if not isinstance(record, dict) or not isinstance(record.get("recordId"), str):
            raise EventError("this is no event of Firehose: a record has no recordId")
        record_id, data = record["recordId"], record.get("data")
        if not isinstance(data, str):
            raise EventError(f"this is no event of Firehose: the record {record_id} has no data")
        function = cast("Callable[[object], object]", self.function)
        try:
            results = [function(payload) for payload in self._open(base64_bytes(data))]
            written = [_written(result) for result in results if result is not None]
        except Exception as error:  # noqa: BLE001  # whatever is raised fails its record, and only that
            words = error.what if isinstance(error, DecodeError) else f"{type(error).__name__}: {error}"
            _LOG.warning("record %s cannot be transformed: %s", record_id, words)
            return {"recordId": record_id, "result": "ProcessingFailed", "data": data}
        if not written:
            return {"recordId": record_id, "result": "Dropped", "data": data}
        return {"recordId": record_id, "result": "Ok", "data": b64encode(b"".join(written)).decode()}


def on_firehose_record(function: Callable[P, R], /) -> FirehoseHandler[P, R]:
    """The function is given a record's data, decoded, and returns what becomes of it.

    Gzip'd data, as a subscription of CloudWatch Logs writes it to a delivery stream, is unpacked unless the function
    asks for `bytes`. A function that asks for a `LogEvent[T]` is given such a record's log events, one after another.

    Text and bytes are delivered as they are, anything else as a line of JSON; None drops the record, or of log events
    this one; an exception, or data that the annotation does not fit, fails the record.

    Raises:
        HandlerError: the function does not take one annotated parameter.
    """
    at, code = declared_at(function), declared_function(function).__code__
    refuse_unplain(function, at=at)
    if code.co_argcount != 1:
        raise HandlerError(
            f"{function!r} does not take one record", at=at, fix="take the record's data, and nothing else"
        )
    hints = declared_types(function, at=at)
    name = code.co_varnames[0]
    if name not in hints:
        raise HandlerError(
            f"the parameter {name!r} of {function.__qualname__} has no annotation",
            at=at,
            fix="annotate it with the type of the data; dict takes any JSON object",
        )
    return FirehoseHandler(function, _opening(hints[name], at), hints[name])


def _opening(annotation: object, at: str) -> OpenData:
    """How a record's data is opened for this annotation."""
    of_logs, payload = wrapped_in(annotation, LogEvent)
    if not of_logs:
        refuse_others(annotation, LogEvent, at)
    refuse_records(payload, at)
    check_payload_type(payload, at=at)
    decode = text_decoder(payload)
    if of_logs:
        from penstock.handlers import log_events  # for these handlers only

        return lambda data: log_events.opened_events(log_events.events_in(data, "data"), decode)
    if bare(payload) is bytes:
        return lambda data: (decode(data),)
    return lambda data: (decode(unpacked(data)),)


def _written(result: object) -> bytes:
    if isinstance(result, bytes):
        return result
    return result.encode() if isinstance(result, str) else msgspec.json.encode(encoded(result)) + b"\n"
