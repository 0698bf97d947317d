"""What may stand in an annotation: names for types, collections that say nothing more, classes inside of classes."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Generic, List, NamedTuple, NewType, TypedDict, TypeVar  # noqa: UP035

import msgspec
import pydantic
import pytest
from typing_extensions import TypeAliasType

from penstock.errors import HandlerError
from penstock.handlers import SQSMessage, on_sqs_message, on_task
from penstock.handlers.http import Header, on_http_request
from penstock.testing.context import FakeContext
from penstock.testing.events import message_id, sqs_event
from penstock.testing.http_events import http_event

T = TypeVar("T")


@dataclass
class Order:
    id: str


Body = NewType("Body", str)
Bytes = NewType("Bytes", bytes)
Orders = NewType("Orders", list[Order])
Named = TypeAliasType("Named", Order)
Twice = TypeAliasType("Twice", Named)
Text = TypeAliasType("Text", Annotated[str, "as it is"])
Batch = TypeAliasType("Batch", list[T], type_params=(T,))
Short = TypeAliasType("Short", Annotated[str, msgspec.Meta(max_length=2)])
Positive = TypeAliasType("Positive", Annotated[int, pydantic.Field(gt=0)])


def keeping(seen: list[object], annotation: object) -> Callable[[Any], None]:
    def handle(payload: object) -> None:
        seen.append(payload)

    handle.__annotations__["payload"] = annotation
    return handle


@pytest.mark.parametrize(
    ("annotation", "given"),
    [
        (Body, "x"),
        (Annotated[Body, "a note"], "x"),
        (Bytes, b"x"),
        (Text, "x"),
        (SQSMessage[Body], None),
        (Batch[str], ["x"]),
        (TypeAliasType("Bodies", Sequence[Body]), ["x"]),
    ],
)
def test_a_name_for_a_type_is_the_type(annotation: object, given: object) -> None:
    """`NewType` of a text is a text and no JSON, and what is called a list is the batch."""
    seen: list[Any] = []
    handler = on_sqs_message(keeping(seen, annotation))
    assert handler.invoke(sqs_event("x"), FakeContext()) == {"batchItemFailures": []}
    assert (seen[0].body if given is None else seen[0]) == (given or "x")


@pytest.mark.parametrize("annotation", [Named, Twice, Batch[Named], Orders])
def test_a_name_for_a_class_is_the_class(annotation: object) -> None:
    """Through all names, and inside of others."""
    seen: list[Any] = []
    handler = on_sqs_message(keeping(seen, annotation))
    assert handler.invoke(sqs_event(Order("1")), FakeContext()) == {"batchItemFailures": []}
    assert seen == (
        [Order("1")] if handler.spec.payload is Order and not handler.spec.per_batch else [[Order("1")]]
    )


def test_what_a_name_constrains_is_checked() -> None:
    """msgspec's constraints hold, and others are refused, behind a name too."""
    handler = on_sqs_message(keeping([], Short))
    assert handler.invoke(sqs_event("abc"), FakeContext()) == {
        "batchItemFailures": [{"itemIdentifier": message_id(0)}]
    }
    for annotation in (Positive, list[Positive], NewType("Sum", Positive)):
        with pytest.raises(HandlerError, match="nothing checks"):
            on_sqs_message(keeping([], annotation))


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python 3.12 has the statement `type`")
def test_the_statement_type_makes_such_names() -> None:
    """Plain, generic, and recursive."""
    names: dict[str, Any] = {"Order": Order}
    exec("type One = Order\ntype Many[T] = list[T]\ntype Tree = dict[str, Tree] | None", names)
    seen: list[Any] = []
    for annotation in (names["One"], names["Many"][Order]):
        on_sqs_message(keeping(seen, annotation)).invoke(sqs_event(Order("1")), FakeContext())
    assert seen == [Order("1"), [Order("1")]]
    with pytest.raises(HandlerError, match="recursion"):
        on_sqs_message(keeping(seen, names["Tree"]))


@pytest.mark.parametrize("annotation", [list, List, Sequence, Sequence[Any]])  # noqa: UP006
def test_a_list_of_anything_is_the_batch(annotation: object) -> None:
    """However it is written."""
    seen: list[Any] = []
    handler = on_sqs_message(keeping(seen, annotation))
    handler.invoke(sqs_event("1", "[2]"), FakeContext())
    assert (handler.spec.per_batch, seen) == (True, [[1, [2]]])


class Plain: ...


@dataclass
class InDataclass:
    id: str
    parts: list[Plain]


class InStruct(msgspec.Struct):
    path: Path | None


class InTypedDict(TypedDict, total=False):
    plain: Plain


class InTuple(NamedTuple):
    inner: InDataclass


@dataclass
class Tree:
    children: "list[Tree]"
    plain: Plain | None


@dataclass
class WithDefaults:
    id: str
    made: Plain = field(default_factory=Plain)
    own: Plain = field(init=False, default_factory=Plain)
    none: Plain | None = None


class StructWithDefaults(msgspec.Struct):
    id: str
    none: Plain | None = None
    made: Plain = msgspec.field(default_factory=Plain)


@dataclass
class Page(Generic[T]):
    items: list[T]


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (InDataclass, "Plain, in InDataclass.parts"),
        (InStruct, "Path, in InStruct.path"),
        (InTypedDict, "Plain, in InTypedDict.plain"),
        (list[InTuple], "Plain, in InDataclass.parts"),
        (Tree, "Plain, in Tree.plain"),
        (Page[Plain], "Plain"),
        (SQSMessage[Page[InStruct]], "Path, in InStruct.path"),
        (type(sys.implementation), "SimpleNamespace"),
    ],
)
def test_a_class_without_fields_inside_of_another_is_refused_at_once(annotation: object, words: str) -> None:
    """Otherwise every record would be one that cannot be decoded."""
    with pytest.raises(HandlerError, match=f"no payload can be decoded into {words}"):
        on_sqs_message(keeping([], annotation))


@pytest.mark.parametrize("annotation", [WithDefaults, StructWithDefaults])
def test_a_field_with_a_default_may_be_of_any_class(annotation: object) -> None:
    """JSON need not have it."""
    seen: list[Any] = []
    handler = on_sqs_message(keeping(seen, annotation))
    assert handler.invoke(sqs_event({"id": "1"}), FakeContext()) == {"batchItemFailures": []}
    (payload,) = seen
    assert (payload.id, payload.none, type(payload.made)) == ("1", None, Plain)


@pytest.mark.parametrize("written", ["Missing", "Order |", "sys.Missing", "list[Missing]", "1 | 'x'"])
def test_an_annotation_that_is_none_is_refused(written: str) -> None:
    """With the function and the place, whatever Python says of it."""
    with pytest.raises(HandlerError, match=r"an annotation of .*handle cannot be resolved"):
        on_sqs_message(keeping([], written))


@dataclass
class Unfinished:
    one: "Missing"  # type: ignore[name-defined]  # noqa: F821


def test_a_field_that_cannot_be_resolved_is_refused() -> None:
    """By its name."""
    with pytest.raises(HandlerError, match="into Unfinished: name 'Missing' is not defined"):
        on_sqs_message(keeping([], Unfinished))


def test_classes_of_attrs_are_decoded() -> None:
    """msgspec knows them, alone and in others."""
    attrs = pytest.importorskip("attrs")
    kind: Any = attrs.make_class("Kind", {"id": attrs.field(type=str)})
    generic: Any = Page
    seen: list[Any] = []
    for annotation in (kind, generic[kind]):
        on_task(keeping(seen, annotation)).invoke({"id": "1", "items": [{"id": "1"}]}, FakeContext())
    assert seen == [kind("1"), Page([kind("1")])]


Trace = TypeAliasType("Trace", Annotated[str, Header("x-trace")])


def test_a_name_for_a_parameter_of_a_request_is_that_parameter() -> None:
    """The mark of a header behind a name makes a header."""

    @on_http_request("GET /")
    def get(trace: Trace) -> str:
        return trace

    answer: Any = get.invoke(http_event("GET", "/", headers={"x-trace": "t"}), FakeContext())
    assert "t" in answer["body"]
