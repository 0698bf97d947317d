"""What `Annotated` says of a payload holds wherever it stands, or is refused when the handler is decorated."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import annotated_types
import msgspec
import pydantic
import pytest
from msgspec import Meta

from penstock.errors import DecodeError, HandlerError
from penstock.handlers import (
    DynamoDBChange,
    KinesisRecord,
    LambdaContext,
    S3Upload,
    SQSMessage,
    TumblingWindow,
    Undecodable,
    on_dynamodb_change,
    on_kinesis_record,
    on_sqs_message,
    on_task,
)
from penstock.handlers.http import Header, on_http_request
from penstock.handlers.transformations import on_firehose_record
from penstock.testing.context import FakeContext
from penstock.testing.events import (
    dynamodb_event,
    kinesis_event,
    message_id,
    s3_event,
    sequence_number,
    sqs_event,
)
from penstock.testing.http_events import http_event

Positive = Annotated[int, Meta(gt=0)]
Short = Annotated[str, Meta(max_length=2)]
Told = Annotated[int, "of pieces", Meta(description="how many")]

SEEN: list[Any] = []


@pytest.fixture(autouse=True)
def _nothing_seen() -> None:
    SEEN.clear()


def keeps(annotation: object) -> Callable[[object], None]:
    def handle(payload: object) -> None:
        SEEN.append(payload)

    handle.__annotations__["payload"] = annotation
    return handle


def told(*ids: str) -> dict[str, list[dict[str, str]]]:
    return {"batchItemFailures": [{"itemIdentifier": one} for one in ids]}


@pytest.mark.parametrize(
    ("annotation", "good", "bad"),
    [
        (Positive, "5", "-5"),
        (Short, "ab", "abc"),
        (Annotated[bytes, Meta(max_length=2)], "ab", "abc"),
        (Annotated[dict[str, object], Meta(min_length=1)], '{"a":1}', "{}"),
        (dict[str, Positive], '{"a":5}', '{"a":-5}'),
        (tuple[Positive, ...], "[5]", "[-5]"),
        (Positive | None, "null", "-5"),
    ],
    ids=str,
)
def test_a_message_is_held_against_it(annotation: object, good: str, bad: str) -> None:
    """On the payload itself, in it, in a batch and in a message with its metadata."""
    event, context = sqs_event(good, bad), FakeContext()
    for wanted in (annotation, list[annotation], SQSMessage[annotation], list[SQSMessage[annotation]]):  # type: ignore[valid-type]
        handle = on_sqs_message(undecodable=Undecodable.FAIL)(keeps(wanted))
        assert handle.invoke(event, context) == told(message_id(1))


def test_data_of_a_stream_is_held_against_it() -> None:
    """A Kinesis record's data, and the images of a table's change."""
    fails = Undecodable.FAIL
    for wanted in (Short, KinesisRecord[Short], Annotated[bytes, Meta(max_length=2)]):
        handle = on_kinesis_record(undecodable=fails)(keeps(wanted))
        assert handle.invoke(kinesis_event("ab", "abc"), FakeContext()) == told(sequence_number(1))
    change = on_dynamodb_change(undecodable=fails)(keeps(DynamoDBChange[dict[str, Positive]]))
    assert change.invoke(dynamodb_event((None, {"id": -1})), FakeContext()) == told(sequence_number(0))


def test_a_tasks_input_and_its_result_are_held_against_it() -> None:
    """The next state relies on the result."""

    @on_task
    def negated(number: Positive) -> Positive:
        return -number

    with pytest.raises(DecodeError, match="Expected `int` >= 1"):
        negated.invoke(-1, FakeContext())
    with pytest.raises(HandlerError, match="Expected `int` >= 1"):
        negated.invoke(1, FakeContext())


def test_data_of_firehose_is_held_against_it() -> None:
    """A record that breaks it has failed."""

    @on_firehose_record
    def copied(text: Short) -> str:
        return text

    records = [{"recordId": "1", "data": "YWI="}, {"recordId": "2", "data": "YWJj"}]
    answer: Any = copied.invoke({"records": records}, FakeContext())
    assert [one["result"] for one in answer["records"]] == ["Ok", "ProcessingFailed"]


def test_a_requests_parameters_are_held_against_it() -> None:
    """Of the query, and of a header; nobody's mistake but the caller's."""

    @on_http_request("GET /pages")
    def read(page: Positive = 1, trace: Annotated[str, Meta(max_length=2), Header("X-Trace")] = "-") -> str:
        return f"{page} {trace}"

    def status(page: int, trace: str) -> object:
        answer: Any = read.invoke(
            http_event("GET", "/pages", query={"page": str(page)}, headers={"X-Trace": trace}), FakeContext()
        )
        return answer["statusCode"]

    assert [status(1, "ab"), status(0, "ab"), status(1, "abc")] == [200, 400, 400]


def test_notes_for_readers_change_nothing() -> None:
    """Of the payload, of its batch, of the window and of the context."""

    @on_sqs_message
    def uploads(batch: Annotated[list[Annotated[S3Upload, "new"]], "all of them"]) -> None:
        SEEN.extend(batch)

    @on_kinesis_record
    def window(
        batch: list[Told],
        of: Annotated[TumblingWindow[dict[str, object]], "a minute"],
        context: LambdaContext,
    ) -> dict[str, object]:
        return {}

    uploads.invoke(sqs_event(s3_event("a.csv")), FakeContext())
    assert [upload.key for upload in SEEN] == ["a.csv"]
    assert window.spec.windowed


def test_a_batch_cannot_be_constrained() -> None:
    """Its length is the mapping's business."""

    def handle(batch: Annotated[list[int], Meta(max_length=5)]) -> None: ...

    with pytest.raises(HandlerError, match="constrain the payload"):
        on_sqs_message(handle)


@pydantic.dataclasses.dataclass
class Checked:
    """A Pydantic dataclass: only Pydantic runs its validators."""

    number: Annotated[int, pydantic.Field(gt=0)]


class CheckedModel(pydantic.BaseModel):
    number: Annotated[int, pydantic.Field(gt=0)]
    inner: Checked | None = None


def test_a_pydantic_dataclass_validates_itself() -> None:
    """From text, from values, and as a task's result."""
    handle = on_sqs_message(undecodable=Undecodable.FAIL)(keeps(Checked))
    assert handle.invoke(sqs_event({"number": 1}, {"number": -1}), FakeContext()) == told(message_id(1))
    assert [one.number for one in SEEN] == [1]

    @on_task
    def task(given: Checked) -> Checked:
        return given

    assert task.invoke({"number": 1}, FakeContext()) == {"number": 1}
    with pytest.raises(DecodeError, match=r"\$\.number: Input should be greater than 0"):
        task.invoke({"number": -1}, FakeContext())


@dataclass
class PlainAroundChecked:
    inner: list[Checked]


@dataclass
class PlainWithField:
    number: Annotated[int, pydantic.Field(gt=0)]


class DictWithPredicate(TypedDict):
    number: Annotated[int, annotated_types.Gt(0)]


class StructAround(msgspec.Struct):
    inner: DictWithPredicate | None = None


@dataclass
class Subclass(Checked):
    """Its validator would make a `Checked` of it."""


@pytest.mark.parametrize(
    "annotation",
    [
        Annotated[int, pydantic.Field(gt=0)],
        Annotated[str, pydantic.AfterValidator(str.strip)],
        SQSMessage[Annotated[int, annotated_types.Gt(0)]],
        PlainAroundChecked,
        PlainWithField,
        DictWithPredicate,
        StructAround,
        Subclass,
        tuple[Checked, ...],
    ],
    ids=str,
)
def test_what_nothing_would_check_is_refused(annotation: object) -> None:
    """Pydantic's constraints in a type that msgspec decodes."""
    with pytest.raises(HandlerError, match=r"pydantic\.BaseModel"):
        on_sqs_message(keeps(annotation))


@dataclass
class Recursive:
    models: list[CheckedModel]
    size: Annotated[int, annotated_types.Unit("MB"), pydantic.Field(description="of the file")] = 0
    parent: "Recursive | None" = None


def test_what_is_checked_or_constrains_nothing_is_taken() -> None:
    """A model inside a dataclass validates itself; units and descriptions are for readers."""
    handle = on_sqs_message(undecodable=Undecodable.FAIL)(keeps(Recursive))
    good, bad = {"models": [{"number": 1}]}, {"models": [{"number": -1}]}
    assert handle.invoke(sqs_event(good, bad), FakeContext()) == told(message_id(1))
    assert dataclasses.asdict(SEEN[0])["size"] == 0
