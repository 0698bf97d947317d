"""The decorators that make a handler of a function, one for each source.

Wrong annotations and options are errors here, when the module is imported, and not at the first event.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from types import UnionType
from typing import (
    Any,
    NamedTuple,
    NoReturn,
    ParamSpec,
    Protocol,
    TypeVar,
    Union,
    get_args,
    get_origin,
    overload,
)

from penstock.errors import DecodeError, HandlerError
from penstock.handlers.annotations import bare, declared_types, is_model, without_notes
from penstock.handlers.batches import BatchRules
from penstock.handlers.context import is_context_parameter, is_context_with_default
from penstock.handlers.dead_letters import QUEUE_VARIABLE, Undecodable
from penstock.handlers.declared import declared_at, declared_function, refuse_unplain
from penstock.handlers.handler import Handler
from penstock.handlers.observability import Powertools, check_powertools
from penstock.handlers.opening import opener
from penstock.handlers.payloads import check_payload_type, value_decoder
from penstock.handlers.spec import HandlerSpec, Source
from penstock.handlers.windows import is_window, window_opener

P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_STOP_MARGIN_SECONDS = 1.0

_PARTIAL = (Source.SQS, Source.KINESIS, Source.DYNAMODB)

_NAMES = {
    Source.S3: "on_s3_upload",
    Source.SQS: "on_sqs_message",
    Source.KINESIS: "on_kinesis_record",
    Source.DYNAMODB: "on_dynamodb_change",
    Source.SNS: "on_sns_message",
    Source.EVENTBRIDGE: "on_event",
    Source.SCHEDULE: "on_schedule",
    Source.TASK: "on_task",
    Source.LOGS: "on_log_event",
}


class Decorate(Protocol):
    """A decorator that was given its options."""

    def __call__(self, function: Callable[P, R], /) -> Handler[P, R]: ...


class BatchDecorator(Protocol):
    """A decorator for a source with batches: bare, or with options.

    Args:
        undecodable: what becomes of a record that cannot be decoded.
        dead_letter_variable: the environment variable that holds the URL of the queue for such records. A
            pipeline sets the default one to the dead-letter queue of the queue that is mapped, or to the queue that
            is the stream mapping's `on_failure`.
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
        dead_letter_variable: str = ...,
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


class _Options(NamedTuple):
    undecodable: Undecodable = Undecodable.DEAD_LETTER
    dead_letter_variable: str = QUEUE_VARIABLE
    stop_margin_seconds: float = DEFAULT_STOP_MARGIN_SECONDS
    powertools: Powertools | None = None


_GIVEN = {
    Source.S3: """The function is given an `S3Upload`, or a list of them, for each object of an event.

    S3's own notification, also through SNS or EventBridge; of a queue's messages, `on_sqs_message` takes the uploads.
    A failure fails the invocation: Lambda invokes it again with the same event, twice at most (S3, "Event message
    structure"; Lambda, "Process Amazon S3 event notifications").
    """,
    Source.SQS: """The function is given a message's body, decoded; an `SQSMessage[T]`; or each `S3Upload` in it.

    Also what a topic or a rule sent to the queue: `SNSMessage[T]`, `EventBridgeEvent[T]`, with `SQSMessage[...]`
    around them or not. The invocation's answer names the messages that failed; of a FIFO queue also all that follow
    (Lambda, "Handling errors for an SQS event source").
    """,
    Source.KINESIS: """The function is given a record's data, decoded; a `KinesisRecord[T]`; or a list of either.

    Work stops at the first record that fails, which the invocation's answer names (Lambda, "Configuring partial batch
    response with Kinesis Data Streams and Lambda"). With a `TumblingWindow[State]` as its second parameter the
    function takes a list and returns the window's state.
    """,
    Source.DYNAMODB: """The function is given a `DynamoDBChange[T]`, or a list of them.

    `T` is what the images of items are decoded into. Work stops at the first change that fails, which the
    invocation's answer names (Lambda, "Configuring partial batch response with DynamoDB and Lambda"). With a
    `TumblingWindow[State]` as its second parameter the function takes a list and returns the window's state.
    """,
    Source.SNS: """The function is given a message of a topic, decoded; an `SNSMessage[T]`; or each `S3Upload` in it.

    A failure fails the invocation: Lambda invokes it again with the same event, twice at most (Lambda, "Invoking
    Lambda functions with Amazon SNS notifications").
    """,
    Source.EVENTBRIDGE: """The function is given an event's detail, decoded; an `EventBridgeEvent[T]`; an `S3Upload`.

    A failure fails the invocation: Lambda invokes it again with the same event, twice at most (EventBridge, "Events
    in Amazon EventBridge").
    """,
    Source.SCHEDULE: """The function is given a scheduled event's detail, decoded; or an `EventBridgeEvent[T]`.

    A failure fails the invocation: Lambda invokes it again with the same event, twice at most (EventBridge, "Creating
    a rule that runs on a schedule").
    """,
    Source.LOGS: """The function is given each log event's message, decoded; a `LogEvent[T]`; or a list of either.

    A failure fails the invocation: Lambda invokes it again with the same event, twice at most (CloudWatch Logs,
    "Real-time processing of log data with subscriptions").
    """,
    Source.TASK: """The function is a Task of a state machine: it is given the task's input, decoded.

    What it returns is the task's output, as JSON, and is held against the annotation of its return. What it raises
    fails the task: the state may `Retry` or `Catch` the name of the exception's class (Step Functions, "Handling
    errors in Step Functions workflows").
    """,
}

_OF_A_BATCH = """
    Args:
        undecodable: what becomes of a record that cannot be decoded (`Undecodable.DEAD_LETTER`).
        dead_letter_variable: the environment variable that holds the URL of the queue for such records; a
            pipeline sets the default one.
        stop_margin_seconds: no further record is begun when less time than this is left (1.0 second).
        powertools: what of Powertools for Lambda is used, `Powertools(service=...)`.
"""

_OF_AN_EVENT = """
    Args:
        powertools: what of Powertools for Lambda is used, `Powertools(service=...)`.
"""

_USE = """
    Bare, or with options. A second parameter called `context` is given Lambda's context. The handler that it makes is
    called like the function in a test; `handler.invoke(event, context)` is an invocation.
"""

_RAISES = """
    Raises:
        HandlerError: when the module is imported: an annotation that nothing can be decoded into, or of another
            source; a parameter too many; an option that there is not.
"""


def _decorator(source: Source) -> Any:  # given its type where it is named, below
    known = _Options._fields if source in _PARTIAL else ("powertools",)

    def decorate(function: Callable[..., Any] | None = None, /, **options: Any) -> object:
        if function is not None and not callable(function):
            raise HandlerError(
                f"{function!r} is not a function",
                fix=f"give options by name: @{decorate.__name__}({known[0]}=...)",
            )
        unknown = next((name for name in options if name not in known), None)
        if unknown is not None:
            raise HandlerError(
                f"@{decorate.__name__} has no option {unknown!r}", fix=f"it takes {', '.join(known)}"
            )
        chosen = _checked(_Options(**options), decorate.__name__)

        def make(function: Callable[..., Any]) -> Handler[..., Any]:
            return _make(source, function, chosen)

        return make if function is None else make(function)

    decorate.__name__ = decorate.__qualname__ = _NAMES[source]
    options_told = _OF_A_BATCH if source in _PARTIAL else _OF_AN_EVENT
    decorate.__doc__ = f"{_GIVEN[source].rstrip()}\n{_USE}{options_told}{_RAISES}"
    return decorate


def _checked(options: _Options, decorator: str) -> _Options:
    margin: object = options.stop_margin_seconds
    if isinstance(margin, bool) or not isinstance(margin, int | float) or not 0 <= margin < inf:
        raise HandlerError(
            f"@{decorator}: stop_margin_seconds is {margin!r}", fix="give the seconds that one record needs"
        )
    variable: object = options.dead_letter_variable
    if not isinstance(variable, str) or not variable or "=" in variable:
        raise HandlerError(
            f"@{decorator}: dead_letter_variable={variable!r} names no environment variable",
            fix="name the variable that holds the URL of the queue for records that cannot be decoded",
        )
    if not isinstance(options.undecodable, Undecodable):
        choices = ", ".join(f"Undecodable.{one.name}" for one in Undecodable)
        raise HandlerError(
            f"@{decorator}: undecodable={options.undecodable!r} is no choice", fix=f"one of {choices}"
        )
    if options.powertools is not None and not isinstance(options.powertools, Powertools):
        raise HandlerError(
            f"@{decorator}: powertools={options.powertools!r} says nothing",
            fix="give Powertools(service=..., ...)",
        )
    return options


on_s3_upload: EventDecorator = _decorator(Source.S3)
on_sqs_message: BatchDecorator = _decorator(Source.SQS)
on_kinesis_record: BatchDecorator = _decorator(Source.KINESIS)
on_dynamodb_change: BatchDecorator = _decorator(Source.DYNAMODB)
on_sns_message: EventDecorator = _decorator(Source.SNS)
on_event: EventDecorator = _decorator(Source.EVENTBRIDGE)
on_schedule: EventDecorator = _decorator(Source.SCHEDULE)
on_log_event: EventDecorator = _decorator(Source.LOGS)
on_task: EventDecorator = _decorator(Source.TASK)


def _make(source: Source, function: Callable[..., Any], options: _Options) -> Handler[..., Any]:
    at = declared_at(function)
    names, required = _parameters(function, at)
    hints = declared_types(function, at=at)
    parameters = names[:required]
    if len(names) > required and is_context_with_default(names[required], hints.get(names[required])):
        parameters = names[: required + 1]  # it has a default for tests, and is given all the same
    annotation = hints.get(parameters[0])
    if annotation is None:
        of_class = parameters[0] in ("self", "cls")
        raise HandlerError(
            f"the parameter {parameters[0]!r} of {function.__qualname__} has no annotation",
            at=at,
            fix="decorate a function of the module, which Lambda finds by its name, and call the method there"
            if of_class
            else "annotate it with the type of the payload; dict takes any JSON object",
        )
    open_window = None
    if len(parameters) > 1 and is_window(hints.get(parameters[1])):
        if source not in (Source.KINESIS, Source.DYNAMODB) or not _batch_of(annotation)[0]:
            raise HandlerError(
                f"{function.__qualname__} takes a window, but not a batch of stream records",
                at=at,
                fix="annotate the payloads with list[...] under @on_kinesis_record or @on_dynamodb_change",
            )
        open_window = window_opener(hints[parameters[1]], at=at)
        parameters = (parameters[0], *parameters[2:])
    elif len(parameters) > 2:
        raise _too_many(function, parameters, at)
    takes_context = len(parameters) > 1
    if takes_context and not is_context_parameter(parameters[1], hints.get(parameters[1])):
        raise HandlerError(
            f"{function.__qualname__} takes {parameters[1]!r} besides the payload",
            at=at,
            fix="the second parameter is Lambda's: name it `context`, or annotate it with LambdaContext",
        )
    per_batch, payload = (False, annotation) if source is Source.TASK else _batch_of(annotation)
    if source is not Source.TASK and not per_batch and _batch_of(bare(annotation))[0]:
        raise HandlerError(
            f"the batch of {function.__qualname__} is constrained, which nothing checks",
            at=at,
            fix="constrain the payload: list[Annotated[...]]; the mapping's batch_size limits the batch",
        )
    spec = HandlerSpec(
        source=source,
        payload=payload,
        per_batch=per_batch,
        module=function.__module__,
        qualname=function.__qualname__,
        fails_partially=source in _PARTIAL,
        windowed=open_window is not None,
        result=hints.get("return", object) if source is Source.TASK else object,
        idempotency_table=None if options.powertools is None else options.powertools.idempotency_table,
        stop_margin_seconds=options.stop_margin_seconds if source in _PARTIAL and not per_batch else 0.0,
    )
    if options.powertools is not None:
        check_powertools(options.powertools, spec, at)
    open_record = opener(source, payload, at=at)
    rules = BatchRules(
        source=source,
        open=open_record,
        undecodable=options.undecodable,
        dead_letter_variable=options.dead_letter_variable,
        stop_margin_seconds=options.stop_margin_seconds,
        name=f"{function.__module__}.{function.__qualname__}",
    )
    return Handler(
        function,
        spec,
        open_record,
        rules,
        takes_context=takes_context,
        check_result=_result_check(hints.get("return", object), at) if source is Source.TASK else _as_written,
        powertools=options.powertools,
        open_window=open_window,
    )


def _batch_of(annotation: object) -> tuple[bool, object]:
    """Whether an annotation asks for a whole batch, and the type of one payload."""
    if annotation not in (list, Sequence) and get_origin(annotation) not in (list, Sequence):
        return False, annotation
    of = get_args(annotation)
    return True, without_notes(of[0]) if of else object


def _result_check(annotation: object, at: str) -> Callable[[object, object], object]:
    """A check that a task's result is what its annotation says: the next state relies on it.

    The returned function takes the result and its JSON, and returns the JSON.
    """
    if annotation is NoReturn:
        return _as_written
    check_payload_type(annotation, at=at)
    decode = value_decoder(annotation)
    options = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    models = tuple(bare(one) for one in options if is_model(bare(one)))

    def check(result: object, written: object) -> object:
        if isinstance(result, models):
            return written  # which may have other names than the model takes: `serialization_alias`
        try:
            decode(written)
        except DecodeError as error:
            raise HandlerError(
                f"the result is not what the function's annotation says: {error.what}",
                at=at,
                fix="mend the result or the annotation; the next state gets it as it is",
            ) from error
        return written

    return check


def _as_written(_result: object, written: object) -> object:
    return written


def _parameters(function: Callable[..., Any], at: str) -> tuple[tuple[str, ...], int]:
    """The names of the parameters, and how many have to be given: payload, perhaps window and context."""
    refuse_unplain(function, at=at)
    inner = declared_function(function)
    code = inner.__code__
    names: tuple[str, ...] = code.co_varnames[: code.co_argcount]
    by_name_only = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    missing = [name for name in by_name_only if name not in (inner.__kwdefaults__ or {})]
    required = len(names) - len(inner.__defaults__ or ())
    if not names or required > 3 or missing:
        raise _too_many(function, (*names, *missing), at)
    return names, max(1, required)


def _too_many(function: Callable[..., Any], names: Sequence[str], at: str) -> HandlerError:
    return HandlerError(
        f"{function.__qualname__} takes {', '.join(names) or 'no arguments'}",
        at=at,
        fix="take the payload, and (if it is needed) Lambda's context",
    )
