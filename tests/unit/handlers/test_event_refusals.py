"""What is refused names the member at fault, wherever it stands, and says what to do; and nothing is taken for other
data than AWS meant."""

import base64
import gzip
import json
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from penstock.errors import DecodeError, EventError
from penstock.handlers import (
    DynamoDBChange,
    EventBridgeEvent,
    S3Upload,
    SQSMessage,
    on_dynamodb_change,
    on_event,
    on_kinesis_record,
    on_s3_upload,
    on_schedule,
    on_sqs_message,
)
from penstock.handlers.complaints import complete
from penstock.handlers.events import parse_event
from penstock.handlers.packing import gunzipped
from penstock.handlers.payloads import text_decoder, value_decoder
from penstock.testing import events, http_events
from penstock.testing.context import FakeContext


def refusal(kind: str, event: object) -> str:
    with pytest.raises(EventError) as refused:
        parse_event(kind, event)
    return str(refused.value)


# --- Names --------------------------------------------------------------------------------------------------


def test_a_member_of_any_name_is_named() -> None:
    """msgspec writes `$.headers[...]`; the reader is told which header."""
    event: Any = http_events.http_event(headers={"x-a": "1", "x-b": "2", "x-c": "3"})
    event["headers"]["x-b"] = None
    assert "$.headers.x-b: Expected `str`, got `null`" in refusal("apigw-v2", event)
    queue: Any = events.sqs_event("x", "y", message_attributes={"good": "1", "bad": "2"})
    queue["Records"][1]["messageAttributes"]["bad"]["dataType"] = 5
    assert "$.Records[1].messageAttributes.bad.dataType: Expected `str`, got `int`" in refusal("sqs", queue)


def test_a_payloads_own_members_are_named() -> None:
    """In texts and in values, at any depth, in objects of many members."""

    @dataclass
    class Order:
        prices: dict[str, list[dict[str, int]]]

    prices: dict[str, Any] = {f"item {n}": [{"a.b": 1, "c[0]": 2}] for n in range(100)}
    prices["item 63"] = [{"a.b": 1}, {"a.b": 1, "c[0]": "two"}]
    wrong = {"prices": prices}
    with pytest.raises(DecodeError) as of_text:
        text_decoder(Order)(json.dumps(wrong))
    with pytest.raises(DecodeError) as of_value:
        value_decoder(Order)(wrong)
    for refused in (of_text, of_value):
        assert refused.value.what == "$.prices.item 63[1].c[0]: Expected `int`, got `str`"


def test_few_values_are_tried_to_find_a_name() -> None:
    """Two conversions for each doubling of the members, and not one for each member."""
    value: dict[str, object] = {str(number): number for number in range(10_000)}
    value["7000"] = "x"
    tried = []

    def refuse(other: object) -> str | None:
        tried.append(other)
        try:
            msgspec.convert(other, dict[str, int])
        except msgspec.ValidationError as error:
            return str(error)
        return None

    assert complete("Expected `int`, got `str` - at `$[...]`", value, refuse).startswith("$.7000: Expected")
    assert len(tried) < 20


@pytest.mark.parametrize("text", ["1,2", b"5 \xff", '"a" "b"', "[" * 100_000, '{"prices": 5} rest'])
def test_a_text_that_begins_as_json_is_no_json(text: str | bytes) -> None:
    """Of which msgspec says first that its beginning is of another type."""
    for annotation in (dict[str, int], list[dict[str, str]]):
        with pytest.raises(DecodeError, match="the payload is not JSON"):
            text_decoder(annotation)(text)


def test_the_name_itself_may_be_what_is_wrong() -> None:
    """A key that is no number, in an object whose keys are numbers."""
    with pytest.raises(DecodeError) as refused:
        value_decoder(dict[int, str])({"1": "a", "x": "b"})
    assert refused.value.what == "$: Expected `int`, got `str` as the name of a member"


def test_a_reason_without_a_path_stays_as_it_is() -> None:
    """Of the value as a whole."""
    assert complete("Expected `object`, got `array`", []) == "Expected `object`, got `array`"


def test_half_of_a_pair_is_named() -> None:
    """Lambda's runtime makes such texts of `\\ud800`; msgspec makes no bytes of them."""
    event: Any = events.sns_event("a", "b")
    event["Records"][1]["Sns"]["Timestamp"] = "\ud800"
    assert "$.Records[1].Sns.Timestamp: a text that is no Unicode" in refusal("sns", event)
    assert "is no event of sqs" in refusal("sqs", event)
    streamed: Any = events.kinesis_event("a")
    streamed["Records"][0]["kinesis"]["data"] = "\ud800"
    assert "$.Records[0].kinesis.data" in refusal("kinesis", streamed)

    @on_schedule
    def scheduled(detail: dict[str, Any]) -> None: ...

    with pytest.raises(DecodeError, match="detail: it is a text that is no JSON"):
        scheduled.invoke({**events.scheduler_event(), "detail": "\ud800"}, FakeContext())

    @on_kinesis_record
    def handle(data: str) -> None: ...

    assert handle.invoke(streamed, FakeContext()) == {
        "batchItemFailures": [{"itemIdentifier": events.sequence_number(0)}]
    }


def test_packed_logs_are_named_within() -> None:
    """The path in the event, then the path in what is packed."""
    logs: Any = json.loads(gzip.decompress(_data(events.cloudwatch_logs_event("line"))))
    logs["logEvents"][0]["timestamp"] = "now"
    told = refusal("cloudwatch-logs", _logs(gzip.compress(json.dumps(logs).encode())))
    assert "$.awslogs: data is no log batch: $.logEvents[0].timestamp: Expected `int`, got `str`" in told


# --- Remedies -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "event", "remedy"),
    [
        ("sqs", events.s3_event("a"), "fix: it is an event of s3"),
        ("s3", events.s3_bus_event("a"), "eventbridge or s3-eventbridge"),
        ("kinesis", events.dynamodb_event((None, {"id": 1})), "fix: it is an event of dynamodb"),
        ("sqs", {"Records": [{}]}, "penstock.testing has builders of valid events"),
    ],
)
def test_the_kind_that_it_is_of_is_told(kind: str, event: object, remedy: str) -> None:
    """A wrong `kind` is the usual mistake."""
    assert remedy in refusal(kind, event)


# --- Data ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["%FF", "a/%C3%28.csv", "%ED%A0%80"])
def test_a_key_that_is_no_utf_8_names_no_object(key: str) -> None:
    """Replacement characters would name another one; as a typed event and in a handler."""
    event: Any = events.s3_event("x")
    event["Records"][0]["s3"]["object"]["key"] = key
    assert "s3.object: key: " in refusal("s3", event)

    @on_s3_upload
    def handle(upload: S3Upload) -> None: ...

    with pytest.raises(DecodeError, match=r"Records\[0\]\.s3\.object\.key: .* is not URL-encoded UTF-8"):
        handle.invoke(event, FakeContext())


def test_an_empty_key_names_no_object() -> None:
    """S3's keys have a character at least."""
    event: Any = events.s3_event("x")
    event["Records"][0]["s3"]["object"]["key"] = ""
    assert "key: it is empty" in refusal("s3", event)


def test_null_is_no_text() -> None:
    """An ETag, version or sequencer that is null is one that is missing, and never the text "None"."""
    event: Any = events.s3_event("x")
    event["Records"][0]["s3"]["object"] |= {"eTag": None, "size": None, "versionId": None, "sequencer": None}
    seen: list[S3Upload] = []

    @on_s3_upload
    def handle(upload: S3Upload) -> None:
        seen.append(upload)

    handle.invoke(event, FakeContext())
    assert (seen[0].etag, seen[0].size_bytes, seen[0].version_id, seen[0].sequencer) == ("", 0, None, "")


@pytest.mark.parametrize(
    "attribute",
    [
        {"dataType": "String"},
        {"dataType": "String", "stringValue": None, "binaryValue": None},
        {"dataType": "Binary", "binaryValue": 12345678},
        {"dataType": "Binary", "binaryValue": "A%%"},
        {"dataType": "Number", "stringValue": 5},
    ],
)
def test_a_message_attribute_has_a_value(attribute: dict[str, object]) -> None:
    """As a typed event, and in a handler, where the message is one that cannot be decoded."""
    event: Any = events.sqs_event("x")
    event["Records"][0]["messageAttributes"] = {"odd": attribute}
    assert "messageAttributes.odd" in refusal("sqs", event)

    @on_sqs_message
    def handle(message: SQSMessage[str]) -> None: ...

    assert handle.invoke(event, FakeContext()) == {
        "batchItemFailures": [{"itemIdentifier": events.message_id(0)}]
    }


def test_a_message_attribute_is_of_a_known_type() -> None:
    """With a label of the sender's or without."""
    event: Any = events.sqs_event("x", message_attributes={"price": "5"})
    attribute = event["Records"][0]["messageAttributes"]["price"]
    parse_event("sqs", {**event, "Records": [event["Records"][0]]})
    attribute["dataType"] = "Number.euros"
    parse_event("sqs", event)
    attribute["dataType"] = "Float"
    assert "messageAttributes.price: dataType: 'Float' is none of String, Number, Binary" in refusal(
        "sqs", event
    )


@pytest.mark.parametrize(
    "text", [" 5", "1_000", "\u0663", "1E+126", "1E+999999999", "-1E-131", "0x5", "+", ""]
)
def test_a_number_that_dynamodb_never_writes_is_refused(text: str) -> None:
    """Python would take most of them."""
    event: Any = events.dynamodb_event((None, {"id": "1"}))
    event["Records"][0]["dynamodb"]["NewImage"]["n"] = {"N": text}
    assert "NewImage.n" in refusal("dynamodb", event)


@pytest.mark.parametrize("text", ["9.99E+125", "1E-130", "-1E-130", "0", "1" + "0" * 125])
def test_a_number_at_the_end_of_the_range_is_taken(text: str) -> None:
    """DynamoDB, "Data types: Number"."""
    event: Any = events.dynamodb_event((None, {"id": "1"}))
    event["Records"][0]["dynamodb"]["NewImage"]["n"] = {"N": text}
    parse_event("dynamodb", event)


@pytest.mark.parametrize(
    ("keys", "words"),
    [({}, "Keys: an item has a key"), ({"id": {"BOOL": True}}, "Keys.id: a key is of the type S, N or B")],
)
def test_keys_are_such_as_dynamodb_has(keys: object, words: str) -> None:
    """At least one, and of a type that can be one."""
    event: Any = events.dynamodb_event((None, {"id": "1"}))
    event["Records"][0]["dynamodb"]["Keys"] = keys
    assert words in refusal("dynamodb", event)


def test_what_is_asked_for_is_there() -> None:
    """One of an Object Lambda's four contexts."""
    asked = events.s3_object_lambda_event()
    del asked["getObjectContext"]
    assert "getObjectContext: it, headObjectContext" in refusal("s3-object-lambda", asked)


def test_a_websocket_asks_its_authorizer_without_a_resource() -> None:
    """API Gateway, "Control access to WebSocket APIs with AWS Lambda REQUEST authorizers"."""
    opened = http_events.websocket_event(route="$connect")
    asked: Any = {
        "type": "REQUEST",
        "methodArn": events.arn("execute-api", "a1b2c3d4e5/prod/$connect"),
        "headers": {"authorization": "x"},
        "requestContext": opened["requestContext"],
    }
    typed: Any = parse_event("apigw-authorizer", asked)
    assert (typed.request_context.route_key, typed.headers) == ("$connect", {"authorization": "x"})
    del asked["methodArn"]
    assert "methodArn" in refusal("apigw-authorizer", asked)


def test_a_windows_times_are_times() -> None:
    """Of Kinesis and DynamoDB alike."""
    event: Any = {
        **events.kinesis_event("x"),
        "window": {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:00:30Z"},
    }
    typed: Any = parse_event("kinesis", event)
    assert (typed.window.end - typed.window.start).seconds == 30
    event["window"]["end"] = "soon"
    assert "$.window.end" in refusal("kinesis", event)


# --- Gzip ---------------------------------------------------------------------------------------------------


def test_gzip_in_several_members_is_read_to_its_end() -> None:
    """As `cat a.gz b.gz` makes it: what follows the first member is not lost."""
    assert gunzipped(gzip.compress(b"first ") + gzip.compress(b"second")) == b"first second"
    assert gunzipped(gzip.compress(b"padded") + bytes(512)) == b"padded"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "cut off"),
        (gzip.compress(b"x")[:-1], "cut off"),
        (gzip.compress(b"x") + gzip.compress(b"y")[:-9], "cut off"),
        (gzip.compress(b"x") + b"rest", "not gzip"),
        (gzip.compress(bytes(64 * 1024 * 1024 + 1)), "more than"),
    ],
    ids=["nothing", "cut", "second-cut", "rest", "bomb"],
)
def test_gzip_that_is_not_whole_is_refused(data: bytes, words: str) -> None:
    """No part of it is taken for all of it."""
    with pytest.raises(ValueError, match=words):
        gunzipped(data)


def test_logs_that_nest_without_end_are_refused() -> None:
    """The interpreter's limit is no crash."""
    assert "$.awslogs" in refusal("cloudwatch-logs", _logs(gzip.compress(b'{"a":' * 100_000)))


def _logs(packed: bytes) -> dict[str, object]:
    return {"awslogs": {"data": base64.b64encode(packed).decode()}}


def _data(event: Any) -> bytes:
    return base64.b64decode(event["awslogs"]["data"])


# --- Identifiers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["text", 5, True, None, {}])
def test_a_record_without_an_identifier_fails_its_batch(part: object) -> None:
    """Lambda takes an empty identifier for a failure of the whole batch; nothing is raised, nothing is lost."""

    @on_kinesis_record
    def record(data: str) -> None: ...

    @on_dynamodb_change
    def change(one: DynamoDBChange[dict[str, Any]]) -> None: ...

    streamed: Any = events.kinesis_event("x")
    streamed["Records"][0]["kinesis"] = part
    changed: Any = events.dynamodb_event((None, {"id": "1"}))
    changed["Records"][0]["dynamodb"] = part
    failed = {"batchItemFailures": [{"itemIdentifier": ""}]}
    assert record.invoke(streamed, FakeContext()) == failed
    assert change.invoke(changed, FakeContext()) == failed


def test_what_is_null_is_missing_in_a_message_too() -> None:
    """Ids, ARNs, attributes."""
    event: Any = events.sqs_event("x")
    event["Records"][0] |= {"messageId": None, "eventSourceARN": None}
    event["Records"][0]["attributes"]["SenderId"] = None
    seen: list[SQSMessage[str]] = []

    @on_sqs_message
    def handle(message: SQSMessage[str]) -> None:
        seen.append(message)

    handle.invoke(event, FakeContext())
    assert (seen[0].message_id, seen[0].queue_arn, "SenderId" in seen[0].attributes) == ("", "", False)


def test_the_resources_of_an_event_are_a_list() -> None:
    """What is none is told of as such."""

    @on_event
    def handle(event: EventBridgeEvent[dict[str, Any]]) -> None: ...

    with pytest.raises(DecodeError, match="resources: this is no list"):
        handle.invoke({**events.bus_event({}), "resources": 5}, FakeContext())
