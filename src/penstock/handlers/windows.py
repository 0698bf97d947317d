"""Tumbling windows: a handler is given the state that it returned before in the same window.

    @on_kinesis_record
    def count(clicks: list[Click], window: TumblingWindow[Counts]) -> Counts: ...

Source: Lambda, "Implementing stateful Kinesis Data Streams processing in Lambda". A window's state begins as `{}`,
so every member of its type has a default. In the window's last invocation `is_final` is true; it may have no
records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar, get_args, get_origin

import msgspec

from penstock.errors import DecodeError, EventError, HandlerError
from penstock.handlers.annotations import without_notes
from penstock.handlers.payloads import check_payload_type, value_decoder

T = TypeVar("T")


class TumblingWindow(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """The window that an invocation belongs to.

    Attributes:
        state: what the function returned last in this window, decoded.
        start, end: with time zone; records that arrived at `end` belong to the next window.
        is_final: nothing more comes for this window; what is returned is not kept.
        is_terminated_early: the window ends because its state grew over 1 MB; it begins anew.
    """

    state: T
    start: datetime
    end: datetime
    shard_id: str = ""
    stream_arn: str = ""
    is_final: bool = False
    is_terminated_early: bool = False


OpenWindow = Callable[[Mapping[str, Any]], TumblingWindow[Any]]


def is_window(annotation: object) -> bool:
    """Whether a parameter's annotation asks for the window."""
    return annotation is TumblingWindow or get_origin(annotation) is TumblingWindow


def window_opener(annotation: object, *, at: str) -> OpenWindow:
    """How an event's window is opened for this annotation.

    Raises:
        HandlerError: the type of the state cannot be decoded, or cannot begin as `{}`.
    """
    state_type = without_notes(get_args(annotation)[0]) if get_args(annotation) else dict[str, object]
    check_payload_type(state_type, at=at)
    decode = value_decoder(state_type)
    try:
        decode({})
    except DecodeError as error:
        raise HandlerError(
            f"the state of a window begins as {{}}, which is no {state_type!r}: {error.what}",
            at=at,
            fix="give every member of the state's type a default",
        ) from error

    def opened(event: Mapping[str, Any]) -> TumblingWindow[Any]:
        span = event.get("window")
        if not isinstance(span, Mapping):
            raise HandlerError(
                "the event has no window",
                at=at,
                fix="set tumbling_window_seconds on the mapping, or leave the window's parameter out",
            )
        return TumblingWindow(
            state=decode(event.get("state") or {}),
            start=_time(span, "start", at),
            end=_time(span, "end", at),
            shard_id=str(event.get("shardId", "")),
            stream_arn=str(event.get("eventSourceARN", "")),
            is_final=bool(event.get("isFinalInvokeForWindow")),
            is_terminated_early=bool(event.get("isWindowTerminatedEarly")),
        )

    return opened


def _time(span: Mapping[str, Any], name: str, at: str) -> datetime:
    try:
        found = datetime.fromisoformat(str(span.get(name)))
    except ValueError as error:
        raise EventError(f"window.{name}: {span.get(name)!r} is no time", at=at) from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
