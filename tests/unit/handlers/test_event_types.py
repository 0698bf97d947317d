"""Events as typed values: what is decoded, what is refused and how it is named; every builder makes a valid one."""

from collections.abc import Callable
from typing import Any

import pytest

from penstock.errors import EventError
from penstock.handlers.events import KINDS, parse_event
from penstock.testing import events, http_events

BUILT: list[tuple[str, Callable[[], events.Event]]] = [
    ("s3", lambda: events.s3_event("a b", "ü", version_id="v")),
    ("s3", lambda: events.s3_event("a", event_name="ObjectRemoved:Delete")),
    ("s3", events.s3_test_event),
    ("s3-eventbridge", lambda: events.s3_bus_event("a b")),
    ("sqs", lambda: events.sqs_event("a", {"b": 1}, message_attributes={"t": "x", "b": b"\x00"})),
    ("sqs", lambda: events.sqs_event(events.sns_envelope(events.s3_event("a")), queue="q.fifo")),
    ("sns", lambda: events.sns_event("a", {"b": 1}, subject="s")),
    ("kinesis", lambda: events.kinesis_event("a", b"\xff", {"b": 1})),
    ("dynamodb", lambda: events.dynamodb_event((None, {"id": "1"}), ({"id": "1"}, None), expired=True)),
    (
        "dynamodb",
        lambda: events.dynamodb_event(({"a": 1, "b": b"x"}, None), key=("a", "b"), view="KEYS_ONLY"),
    ),
    ("kinesis", lambda: events.kinesis_event(events.aggregated("a", "b"), events.packed_logs("line"))),
    ("s3-object-lambda", events.s3_object_lambda_event),
    ("s3-object-lambda", lambda: events.s3_object_lambda_event("a b", operation="ListObjectsV2")),
    ("s3-batch", lambda: events.s3_batch_event("a b", "ü", user_arguments={"to": "x"})),
    ("s3-batch", lambda: events.s3_batch_event("a", schema_version="1.0")),
    ("firehose", lambda: events.firehose_event("a", source="clicks")),
    ("cloudwatch-logs", events.cloudwatch_logs_event),
    ("scheduled", events.scheduler_event),
    ("sns", lambda: events.sns_event("a", message_attributes={"t": "x", "b": b"\x00"})),
    ("apigw-authorizer", http_events.http_authorizer_event),
    ("apigw-authorizer", lambda: http_events.rest_authorizer_event(headers={"a": "b"}, query={"c": "d"})),
    ("alb", lambda: http_events.load_balancer_event(query={"a": ["b", "c"]}, multiple_values=True)),
    ("firehose", lambda: events.firehose_event("a", b"\xff")),
    ("cloudwatch-logs", lambda: events.cloudwatch_logs_event("a", "b")),
    ("eventbridge", lambda: events.bus_event({"a": 1})),
    ("scheduled", events.scheduled_event),
    ("apigw-v1", lambda: http_events.rest_event("POST", "/jobs/1", resource="/jobs/{id}", body={"a": 1})),
    ("apigw-v2", lambda: http_events.http_event("GET", "/jobs/1", route="GET /jobs/{id}", query={"a": "b"})),
    ("apigw-websocket", lambda: http_events.websocket_event({"a": 1})),
    ("apigw-websocket", lambda: http_events.websocket_event(route="$connect")),
    ("apigw-authorizer", http_events.authorizer_event),
    ("lambda-url", lambda: http_events.function_url_event("POST", body="x")),
    ("alb", lambda: http_events.load_balancer_event(query={"a": "b"})),
]


@pytest.mark.parametrize(("kind", "build"), BUILT, ids=[f"{n}-{kind}" for n, (kind, _) in enumerate(BUILT)])
def test_what_a_builder_makes_is_valid(kind: str, build: Callable[[], events.Event]) -> None:
    """As a value and as JSON; and it is the same each time."""
    import msgspec

    event = build()
    assert parse_event(kind, event) == parse_event(kind, msgspec.json.encode(event))
    assert event == build()


@pytest.mark.parametrize(("kind", "build"), BUILT, ids=[f"{n}-{kind}" for n, (kind, _) in enumerate(BUILT)])
def test_members_that_nobody_knows_are_ignored(kind: str, build: Callable[[], events.Event]) -> None:
    """AWS adds some without notice, at any depth."""
    parse_event(kind, _with_more(build()))


def _with_more(value: Any) -> Any:
    if isinstance(value, dict):
        fixed = {
            "responseElements",
            "messageAttributes",
            "attributes",
            "Keys",
            "NewImage",
            "OldImage",
            "headers",
            "userArguments",
            "multiValueQueryStringParameters",
        }
        fixed |= {"queryStringParameters", "pathParameters", "multiValueHeaders", "MessageAttributes"}
        more = {name: item if name in fixed else _with_more(item) for name, item in value.items()}
        return {**more, "aNewMember": {"of": "AWS"}}
    return [_with_more(item) for item in value] if isinstance(value, list) else value


def test_what_is_encoded_arrives_decoded() -> None:
    """Keys, Base64, gzip'd logs, attribute values, times."""
    upload: Any = parse_event("s3", events.s3_event("a b/ü+.csv"))
    assert upload.records[0].s3.object.key == "a b/ü+.csv"
    assert upload.records[0].event_time.year == 2026
    stream: Any = parse_event("kinesis", events.kinesis_event(b"\xff\x00"))
    assert stream.records[0].kinesis.data == b"\xff\x00"
    change: Any = parse_event(
        "dynamodb", events.dynamodb_event(({"id": "1", "tags": {"a"}}, None), expired=True)
    )
    assert change.records[0].dynamodb.old_image == {"id": "1", "tags": {"a"}}
    assert change.records[0].is_expired
    logs: Any = parse_event("cloudwatch-logs", events.cloudwatch_logs_event("line"))
    assert [event.message for event in logs.awslogs.logs.log_events] == ["line"]
    message: Any = parse_event("sqs", events.sqs_event("x", message_attributes={"raw": b"\x01", "text": "t"}))
    attributes = message.records[0].message_attributes
    assert (attributes["raw"].value, attributes["text"].value) == (b"\x01", "t")


def test_the_scheduler_writes_its_detail_as_text() -> None:
    """It is decoded; what is no JSON object is refused."""
    event: Any = parse_event("scheduled", {**events.scheduled_event(), "detail": '{"a": 1}'})
    assert event.detail == {"a": 1}
    with pytest.raises(EventError, match="detail is no JSON object"):
        parse_event("scheduled", {**events.scheduled_event(), "detail": "text"})


def test_nothing_given_is_an_empty_object() -> None:
    """API Gateway writes null; a test event written by hand may have a text there, and numbers as headers."""
    event: Any = parse_event("apigw-v1", http_events.rest_event())
    assert (event.query_string_parameters, event.path_parameters, event.content) == ({}, {}, b"")
    by_hand = {
        **http_events.rest_event(),
        "queryStringParameters": '{"a": "b"}',
        "headers": {"Content-Length": 5},
    }
    event = parse_event("apigw-v1", by_hand)
    assert (event.query_string_parameters, event.headers) == ({"a": "b"}, {"Content-Length": "5"})


BROKEN: list[tuple[str, object, str]] = [
    ("s3", {"Records": [{}]}, r"\$\.Records\[0\]: Object missing required field `eventVersion`"),
    ("s3", b"", "is JSON"),
    ("s3", b'{"Records"', "is JSON"),
    ("s3", b'{"Records": "\xff"}', "is JSON"),
    ("s3", b"[" * 100_000, "is JSON"),
    ("s3", [], "is an object, not list"),
    ("s3", None, "is an object, not NoneType"),
    ("sqs", {}, "missing required field `Records`"),
    ("sqs", events.kinesis_event("a"), "eventSource: Invalid enum value 'aws:kinesis'"),
    ("telegraph", {}, "no kind of event called 'telegraph'"),
    ("cloudwatch-logs", {"awslogs": {"data": "H4sIAAAAAAACA8vLL1HIKs7PAwBmy4zGCAAAAA=="}}, "no log batch"),
    ("cloudwatch-logs", {"awslogs": {"data": "AAAA"}}, "not gzip"),
    ("cloudwatch-logs", {"awslogs": {"data": "H4sIAAAAAAACA8vL"}}, "cut off"),
]


@pytest.mark.parametrize(("kind", "payload", "words"), BROKEN)
def test_what_is_broken_is_named(kind: str, payload: object, words: str) -> None:
    """The error has the path and the member."""
    with pytest.raises(EventError, match=words):
        parse_event(kind, payload)


@pytest.mark.parametrize(
    "broken",
    [
        {"N": "NaN"},
        {"N": "1" * 39},
        {"N": "0.1" + "1" * 38},
        {"N": 5},
        {"BOOL": "true"},
        {"NULL": False},
        {"SS": "a"},
        {"NS": ["x"]},
        {"B": "e"},
        {"M": {"k": {"L": [{"S": 1}]}}},
        {},
    ],
)
def test_an_attribute_value_that_dynamodb_never_writes_is_refused(broken: object) -> None:
    """With the attribute's name."""
    event: Any = events.dynamodb_event((None, {"id": "1"}))
    event["Records"][0]["dynamodb"]["NewImage"]["odd"] = broken
    with pytest.raises(EventError, match=r"NewImage\.odd"):
        parse_event("dynamodb", event)


def test_an_image_nests_no_deeper_than_dynamodb_allows() -> None:
    """32 levels; and no depth at all brings the interpreter down."""
    value: Any = {"S": "x"}
    for _ in range(200):
        value = {"M": {"k": value}}
    event: Any = events.dynamodb_event((None, {"id": "1"}))
    event["Records"][0]["dynamodb"]["NewImage"]["deep"] = value
    with pytest.raises(EventError, match="nested more than 32 deep"):
        parse_event("dynamodb", event)


def test_every_kind_has_a_type() -> None:
    """An empty object is refused as an event, or chosen for: never a crash."""
    for kind in KINDS:
        try:
            parse_event(kind, {})
        except EventError as error:
            assert kind in str(error)  # noqa: PT017  # some kinds have no member that must be there
