"""The decorators that make a handler of a function, one for each source.

Wrong annotations and options are errors here, when the module is imported, and not at the first event.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, Protocol, TypeVar, get_args, get_origin, get_type_hints, overload

import msgspec

from penstock.errors import HandlerError
from penstock.handlers.batches import BatchRules
from penstock.handlers.dead_letters import Undecodable
from penstock.handlers.handler import Handler
from penstock.handlers.observability import Powertools
from penstock.handlers.opening import opener
from penstock.handlers.payloads import is_model
from penstock.handlers.spec import HandlerSpec, Source

P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_STOP_MARGIN_SECONDS = 1.0

_ASYNC_OR_GENERATOR = 0x20 | 0x80 | 0x200
"""CO_GENERATOR, CO_COROUTINE and CO_ASYNC_GENERATOR of the module `inspect`, which is slow to import."""

_PARTIAL = (Source.SQS, Source.KINESIS, Source.DYNAMODB)


class Decorate(Protocol):
    """A decorator that was given its options."""

    def __call__(self, function: Callable[P, R], /) -> Handler[P, R]: ...


class BatchDecorator(Protocol):
    """A decorator for a source with batches: bare, or with options.

    Args:
        undecodable: what becomes of a record that cannot be decoded.
        stop_margin_seconds: no further record is begun when less time than this is left to the invocation; the
            rest is handed back.
        powertools: what of Powertools for Lambda is used.
    """

    @overload
    def __call__(self, function: Callable[P, R], /) -> Handler[P, R]: ...

    @overload
    def __call__(
        self,
        *,
        undecodable: Undecodable = ...,
        stop_margin_seconds: float = ...,
        powertools: Powertools | None = ...,
    ) -> Decorate: ...


class EventDecorator(Protocol):
    """A decorator for a source whose failures fail the invocation: bare, or with options.

    Args:
        powertools: what of Powertools for Lambda is used.
    """

    @overload
    def __call__(self, function: Callable[P, R], /) -> Handler[P, R]: ...

    @overload
    def __call__(self, *, powertools: Powertools | None = ...) -> Decorate: ...


def _decorator(source: Source) -> Any:  # given its type where it is named, below
    def decorate(
        function: Callable[..., Any] | None = None,
        /,
        *,
        undecodable: Undecodable = Undecodable.DEAD_LETTER,
        stop_margin_seconds: float = DEFAULT_STOP_MARGIN_SECONDS,
        powertools: Powertools | None = None,
    ) -> object:
        if stop_margin_seconds < 0:
            raise HandlerError(
                f"stop_margin_seconds is {stop_margin_seconds}", fix="give the seconds that a record needs"
            )
        if not isinstance(undecodable, Undecodable):
            choices = ", ".join(f"Undecodable.{one.name}" for one in Undecodable)
            raise HandlerError(f"undecodable={undecodable!r} is no choice", fix=f"one of {choices}")

        def make(function: Callable[..., Any]) -> Handler[..., Any]:
            return _make(source, function, undecodable, stop_margin_seconds, powertools)

        return make if function is None else make(function)

    decorate.__name__ = decorate.__qualname__ = f"on_{source.name.lower()}"
    return decorate


on_s3_upload: EventDecorator = _decorator(Source.S3)
"""The function is given an `S3Upload` (or a list of them) for each object that was written."""

on_sqs_message: BatchDecorator = _decorator(Source.SQS)
"""The function is given a message's body, decoded; or an `SQSMessage[T]`; or the `S3Upload`s in it."""

on_kinesis_record: BatchDecorator = _decorator(Source.KINESIS)
"""The function is given a record's data, decoded; or a `KinesisRecord[T]`."""

on_dynamodb_change: BatchDecorator = _decorator(Source.DYNAMODB)
"""The function is given a `DynamoDBChange[T]`."""

on_sns_message: EventDecorator = _decorator(Source.SNS)
"""The function is given a notification's message, decoded; or an `SNSMessage[T]`."""

on_event: EventDecorator = _decorator(Source.EVENTBRIDGE)
"""The function is given an EventBridge event's detail, decoded; or an `EventBridgeEvent[T]`."""

on_schedule: EventDecorator = _decorator(Source.SCHEDULE)
"""The function is given a scheduled event's detail, decoded; or an `EventBridgeEvent[T]`."""

on_task: EventDecorator = _decorator(Source.TASK)
"""The function is a Task of a state machine: it is given the task's input, and its result is the output."""


def _make(
    source: Source,
    function: Callable[..., Any],
    undecodable: Undecodable,
    stop_margin_seconds: float,
    powertools: Powertools | None,
) -> Handler[..., Any]:
    at = _place(function)
    hints = _hints(function, at)
    parameters = _parameters(function, at)
    annotation = hints.get(parameters[0])
    if annotation is None:
        raise HandlerError(
            f"the parameter {parameters[0]!r} of {function.__qualname__} has no annotation",
            at=at,
            fix="annotate it with the type of the payload; dict takes any JSON object",
        )
    per_batch, payload = (False, annotation) if source is Source.TASK else _batch_of(annotation)
    spec = HandlerSpec(
        source=source,
        payload=payload,
        per_batch=per_batch,
        module=function.__module__,
        qualname=function.__qualname__,
        fails_partially=source in _PARTIAL,
    )
    open_record = opener(source, payload, at=at)
    rules = BatchRules(
        source=source,
        open=open_record,
        undecodable=undecodable,
        stop_margin_seconds=stop_margin_seconds,
        name=f"{function.__module__}.{function.__qualname__}",
    )
    return Handler(
        function,
        spec,
        open_record,
        rules,
        takes_context=len(parameters) == 2,
        check_result=_result_check(hints.get("return"), at),
        powertools=powertools,
    )


def _batch_of(annotation: object) -> tuple[bool, object]:
    """Whether an annotation asks for a whole batch, and the type of one payload."""
    if get_origin(annotation) in (list, Sequence):
        return True, get_args(annotation)[0]
    return (True, object) if annotation is list else (False, annotation)


def _result_check(annotation: object, at: str) -> Callable[[object], object]:
    """A check that a task's result is what its annotation says: the next state relies on it."""
    if annotation in (None, object, Any, type(None)) or is_model(annotation):
        return lambda result: result
    try:
        msgspec.json.Decoder(annotation)
    except TypeError:
        return lambda result: result

    def check(result: object) -> object:
        try:
            msgspec.convert(result, annotation)
        except msgspec.ValidationError as error:
            raise HandlerError(
                f"the result is not what the function's annotation says: {error}",
                at=at,
                fix="mend the result or the annotation; the next state gets it as it is",
            ) from error
        return result

    return check


def _place(function: Callable[..., Any]) -> str:
    code = getattr(function, "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code is not None else repr(function)


def _hints(function: Callable[..., Any], at: str) -> dict[str, Any]:
    try:
        return get_type_hints(function)
    except NameError as error:
        raise HandlerError(
            f"an annotation of {function.__qualname__} cannot be resolved: {error}",
            at=at,
            fix="define or import the type above the function, and not under TYPE_CHECKING",
        ) from error


def _parameters(function: Callable[..., Any], at: str) -> tuple[str, ...]:
    code = getattr(function, "__code__", None)
    if code is None:
        raise HandlerError(f"{function!r} is not a function", at=at, fix="decorate a plain function")
    names: tuple[str, ...] = code.co_varnames[: code.co_argcount]
    optional = len(function.__defaults__ or ())
    if code.co_flags & _ASYNC_OR_GENERATOR:
        raise HandlerError(
            f"{function.__qualname__} is no plain function: it is asynchronous or a generator",
            at=at,
            fix="Lambda calls plain functions; use asyncio.run inside one",
        )
    required = len(names) - optional
    if not names or required > 2:
        raise HandlerError(
            f"{function.__qualname__} takes {required} arguments",
            at=at,
            fix="take the payload, and (if it is needed) Lambda's context",
        )
    return names[: max(1, min(required, 2))]
