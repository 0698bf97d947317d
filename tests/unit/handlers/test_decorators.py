"""What a decorator makes of a function, and what it refuses while the module is being imported."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict
from unittest.mock import MagicMock

import msgspec
import pydantic
import pytest

from penstock.errors import HandlerError
from penstock.handlers import (
    DynamoDBChange,
    KinesisRecord,
    LambdaContext,
    Powertools,
    S3Upload,
    Source,
    SQSMessage,
    Undecodable,
    on_dynamodb_change,
    on_event,
    on_kinesis_record,
    on_s3_upload,
    on_schedule,
    on_sns_message,
    on_sqs_message,
    on_task,
)
from penstock.handlers.http import on_http_authorization, on_http_request
from penstock.handlers.transformations import on_firehose_record
from penstock.testing.context import FakeContext
from penstock.testing.events import message_id, s3_event, sns_event, sqs_event


@dataclass
class Order:
    id: str
    total: int


class OrderDict(TypedDict):
    id: str


class OrderStruct(msgspec.Struct):
    id: str


class OrderModel(pydantic.BaseModel):
    id: str


def test_the_decorated_function_is_a_plain_callable() -> None:
    """A test calls it with a payload, by place or by name, and gets what it returns."""

    @on_sqs_message
    def handle(order: Order, *, factor: int = 2) -> int:
        """Doubles."""
        return order.total * factor

    assert handle(Order("1", 5)) == 10
    assert handle(order=Order("1", 5), factor=3) == 15
    assert (handle.__name__, handle.__doc__) == ("handle", "Doubles.")
    assert "handle of SQS" in repr(handle)


def test_with_lambdas_context_it_is_the_entry_of_lambda() -> None:
    """`handle(event, context)` settles the batch, as `handle.invoke(event, context)` does."""

    @on_sqs_message
    def handle(order: Order) -> None: ...

    as_lambda_calls_it: Callable[..., object] = handle
    event = sqs_event(Order("1", 5))
    assert as_lambda_calls_it(event, FakeContext()) == handle.invoke(event, FakeContext())
    assert handle.invoke(event, FakeContext()) == {"batchItemFailures": []}


def test_the_spec_tells_what_was_declared() -> None:
    """`pipelines` reads source, payload, batch and Lambda's handler setting."""

    @on_kinesis_record(stop_margin_seconds=2)
    def handle(records: Sequence[KinesisRecord[Order]]) -> None: ...

    spec = handle.spec
    assert (spec.source, spec.payload, spec.per_batch) == (Source.KINESIS, KinesisRecord[Order], True)
    assert (spec.module, spec.qualname.split(".")[-1]) == (__name__, "handle")
    assert spec.fails_partially


def test_a_second_parameter_is_lambdas_context() -> None:
    """It is asked for by its name, or by its type."""
    seen: list[str] = []

    @on_sqs_message
    def by_name(body: str, context: Any) -> None:
        seen.append(context.aws_request_id)

    @on_task
    def by_type(body: str, about: LambdaContext) -> None:
        seen.append(about.aws_request_id)

    by_name.invoke(sqs_event("x"), FakeContext(aws_request_id="first"))
    by_type.invoke("x", FakeContext(aws_request_id="second"))
    assert seen == ["first", "second"]


def test_a_context_with_a_default_is_given_too() -> None:
    """The default is for tests that call the function with a payload alone."""
    seen: list[object] = []

    @on_sqs_message
    def by_name(body: str, context: Any = None) -> None:
        seen.append(context)

    @on_task
    def by_type(body: str, about: LambdaContext | None = None) -> None:
        seen.append(about)

    @on_sqs_message
    def of_another_kind(body: str, attempts: int = 3) -> None:
        seen.append(attempts)

    @on_sqs_message
    def of_another_type(body: str, context: str = "orders") -> None:
        seen.append(context)

    @on_sqs_message
    def by_member(body: str, context: FakeContext | None = None) -> None:
        seen.append(context)

    context = FakeContext()
    by_name.invoke(sqs_event("x"), context)
    by_type.invoke("x", context)
    of_another_kind.invoke(sqs_event("x"), context)
    of_another_type.invoke(sqs_event("x"), context)
    by_member.invoke(sqs_event("x"), context)
    by_name("x")
    assert seen == [context, context, 3, "orders", context, None]


def _not_awaited(function: Callable[..., object]) -> Callable[..., object]:
    @functools.wraps(function)
    def call(*given: object) -> object:
        return function(*given)

    return call


async def _later(body: str) -> None: ...
def _one_after_another(body: str) -> object:
    yield 1


@pytest.mark.parametrize("function", [_later, _one_after_another])
@pytest.mark.parametrize(
    "decorator",
    [on_sqs_message, on_task, on_firehose_record, on_http_request("POST /"), on_http_authorization],
)
def test_a_function_that_does_nothing_when_it_is_called_is_refused(decorator: Any, function: Any) -> None:
    """Lambda awaits nothing, and asks no generator for more."""
    with pytest.raises(HandlerError, match="is no plain function"):
        decorator(function)


@pytest.mark.parametrize("function", [_later, _one_after_another])
@pytest.mark.parametrize("options", [{}, {"powertools": Powertools(service="shop", log=False)}])
def test_what_was_only_promised_was_not_done(function: Any, options: dict[str, Any]) -> None:
    """A coroutine that a decorator hands on is awaited by nobody: its record is not done, and comes again."""
    promised: Any = _not_awaited(function)
    event = sqs_event("x", "y")
    verdict = on_sqs_message(**options)(promised).invoke(event, FakeContext())
    assert verdict == {
        "batchItemFailures": [{"itemIdentifier": message_id(0)}, {"itemIdentifier": message_id(1)}]
    }
    with pytest.raises(HandlerError, match="so that nothing was done"):
        on_sns_message(**options)(promised).invoke(sns_event("x"), FakeContext())
    with pytest.raises(HandlerError, match="so that nothing was done"):
        on_task(**options)(promised).invoke("x", FakeContext())


def test_a_mock_is_a_result_like_any_other() -> None:
    """It has every attribute that it is asked for, those of a coroutine too."""

    @on_sqs_message
    def handle(body: str) -> object:
        return MagicMock()

    assert handle.invoke(sqs_event("x"), FakeContext()) == {"batchItemFailures": []}


@pytest.mark.parametrize(
    "payload", [OrderDict, OrderStruct, OrderModel, Order, dict, str, bytes, list[Order]]
)
def test_every_kind_of_type_may_stand_in_the_annotation(payload: Any) -> None:
    """dataclass, TypedDict, Struct, Pydantic model, text, bytes and JSON."""

    def handle(payload: object) -> None: ...

    handle.__annotations__["payload"] = payload
    for decorator in (on_sqs_message, on_sns_message, on_kinesis_record, on_event, on_schedule):
        assert decorator(handle).spec.module == __name__


def _no_parameters() -> None: ...
def _no_annotation(body): ...  # type: ignore[no-untyped-def]
def _three(a: str, b: str, c: str) -> None: ...
def _strange_second(body: str, other: str) -> None: ...
def _keyword_only(body: str, *, needed: str) -> None: ...
async def _asynchronous(body: str) -> None: ...
def _unresolved(body: "Missing") -> None: ...  # type: ignore[name-defined]  # noqa: F821
def _plain_class(body: Callable[[], None]) -> None: ...
def _object_of_no_fields(body: HandlerError) -> None: ...
def _objects_of_no_fields(body: list[dict[str, HandlerError]]) -> None: ...
def _other_source(body: DynamoDBChange[dict[str, object]]) -> None: ...


@pytest.mark.parametrize(
    ("function", "word"),
    [
        (_no_parameters, "no arguments"),
        (_no_annotation, "no annotation"),
        (_three, "takes a, b, c"),
        (_strange_second, "'other' besides the payload"),
        (_keyword_only, "needed"),
        (_asynchronous, "asynchronous"),
        (_unresolved, "Missing"),
        (_plain_class, "no payload can be decoded"),
        (_object_of_no_fields, "into HandlerError"),
        (_objects_of_no_fields, "into HandlerError"),
        (_other_source, "DynamoDBChange does not come from this source"),
        (len, "is not a function"),
    ],
)
def test_a_function_that_cannot_be_a_handler_is_refused_at_once(function: Any, word: str) -> None:
    """With the place of the function, and what to do."""
    with pytest.raises(HandlerError, match=word) as caught:
        on_sqs_message(function)
    assert caught.value.at is not None
    assert caught.value.fix is not None


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"stop_margin_seconds": -1}, "stop_margin_seconds is -1"),
        ({"stop_margin_seconds": "2"}, "stop_margin_seconds is '2'"),
        ({"stop_margin_seconds": float("nan")}, "stop_margin_seconds is nan"),
        ({"stop_margin_seconds": float("inf")}, "stop_margin_seconds is inf"),
        ({"dead_letter_variable": ""}, "dead_letter_variable='' names no"),
        ({"dead_letter_variable": None}, "dead_letter_variable=None names no"),
        ({"undecodable": "RAISE"}, "is no choice"),
        ({"undecodeable": Undecodable.FAIL}, "no option 'undecodeable'"),
        ({"powertools": True}, "says nothing"),
    ],
)
def test_wrong_options_are_refused_at_once(options: Any, word: str) -> None:
    """The error says what would be right."""
    with pytest.raises(HandlerError, match=word) as caught:
        on_sqs_message(**options)
    assert caught.value.fix is not None


def test_an_option_of_batches_is_none_of_events() -> None:
    """Only a source with partial batch responses can hand records back."""
    decorate: Callable[..., object] = on_s3_upload
    with pytest.raises(HandlerError, match="@on_s3_upload has no option 'stop_margin_seconds'"):
        decorate(stop_margin_seconds=1)


@pytest.mark.parametrize("decorator", [on_s3_upload, on_dynamodb_change])
def test_a_source_with_a_record_type_of_its_own_wants_it(decorator: Any) -> None:
    """An S3 event has no payload, and a change has two images."""

    def handle(order: Order) -> None: ...

    with pytest.raises(HandlerError, match="is given a"):
        decorator(handle)


def test_metadata_of_a_queue_around_uploads() -> None:
    """`SQSMessage[S3Upload]` has both; the raw record is a dict."""
    seen: list[object] = []

    @on_sqs_message
    def handle(message: SQSMessage[S3Upload]) -> None:
        seen.append((message.body.key, message.receive_count))

    @on_s3_upload
    def raw(record: dict[str, Any]) -> None:
        seen.append(record["s3"]["object"]["key"])

    handle.invoke(sqs_event(s3_event("a b"), receive_count=3), FakeContext())
    raw.invoke(s3_event("a b"), FakeContext())
    assert seen == [("a b", 3), "a+b"]


def test_idempotency_must_be_possible() -> None:
    """Not for a batch as a whole, not for a task without a key, and not without a table."""

    def batch(bodies: list[str]) -> None: ...
    def task(body: str) -> None: ...

    with pytest.raises(HandlerError, match="batch as a whole"):
        on_sqs_message(powertools=Powertools(service="s", idempotency_table="t"))(batch)
    with pytest.raises(HandlerError, match="needs an idempotency_key"):
        on_task(powertools=Powertools(service="s", idempotency_table="t"))(task)
    for seconds in (0, -1, 0.5, True):
        never: Any = {"idempotency_table": "t", "idempotency_key": "id", "idempotency_seconds": seconds}
        with pytest.raises(HandlerError, match=f"idempotency_seconds is {seconds}"):
            on_task(powertools=Powertools(service="s", **never))(task)
    with pytest.raises(HandlerError, match="no use alone"):
        on_task(powertools=Powertools(service="s", idempotency_key="id"))(task)


def test_an_idempotency_key_begins_where_the_payload_stands() -> None:
    """`id` of a message is `body.id` where the function is given the message with its metadata."""

    def message(order: SQSMessage[Order]) -> None: ...
    def upload(upload: S3Upload) -> None: ...

    def decorated(key: str) -> None:
        options = Powertools(service="s", idempotency_table="t", idempotency_key=key)
        on_sqs_message(powertools=options)(message)

    with pytest.raises(HandlerError, match="an SQSMessage has no 'id', but body, message_id") as caught:
        decorated("id")
    assert caught.value.fix == "write 'body.id'"
    for key in ("body.id", "message_id", "[body.id, message_id]", "join('-', [body.id])"):
        decorated(key)
    with pytest.raises(HandlerError, match="an S3Upload has no 'body'"):
        on_s3_upload(powertools=Powertools(service="s", idempotency_table="t", idempotency_key="body.x"))(
            upload
        )
