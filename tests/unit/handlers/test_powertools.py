"""Powertools around a handler: the real packages, loaded only when they are used."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import msgspec
import pytest
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyKeyError
from moto import mock_aws

from penstock.handlers import (
    Powertools,
    S3Upload,
    dead_letters,
    on_kinesis_record,
    on_s3_upload,
    on_sqs_message,
    on_task,
)
from penstock.testing.context import FakeContext
from penstock.testing.events import aggregated, kinesis_event, message_id, s3_event, sqs_event

TABLE = "done"


@dataclass
class Order:
    id: str
    total: int = 0


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        boto3.client("dynamodb").create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield


def test_nothing_is_loaded_that_is_not_used() -> None:
    """Importing the handlers, and invoking one, imports none of these (a cold start pays for every import)."""
    script = (
        "import sys\n"
        "from penstock.handlers import on_sqs_message\n"
        "from penstock.testing.context import FakeContext\n"
        "@on_sqs_message\n"
        "def handle(body: dict) -> None: ...\n"
        "handle.invoke({'Records': [{'messageId': '1', 'body': '{}'}]}, FakeContext())\n"
        "heavy = 'boto3 botocore pydantic aws_lambda_powertools aws_xray_sdk click yaml moto logging asyncio'\n"
        "print(sorted(set(heavy.split()) & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_lines_bear_the_ids(capsys: pytest.CaptureFixture[str]) -> None:
    """A logger of the same service, made anywhere, writes the invocation's and the record's id."""

    @on_sqs_message(powertools=Powertools(service="ids"))
    def handle(order: Order) -> None:
        Logger(service="ids").info("working")
        if order.id == "2":
            raise ValueError("refused")

    handle.invoke(sqs_event(Order("1"), Order("2")), FakeContext(aws_request_id="request"))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["message"], line["record_id"]) for line in lines] == [
        ("working", message_id(0)),
        ("working", message_id(1)),
        ("record failed", message_id(1)),
    ]
    assert {line["function_request_id"] for line in lines} == {"request"}
    assert "ValueError: refused" in lines[2]["exception"]


def test_records_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """One CloudWatch metric for what succeeded and one for what failed."""

    @on_sqs_message(powertools=Powertools(service="s", log=False, metrics_namespace="Shop"))
    def handle(order: Order) -> None:
        if order.total < 0:
            raise ValueError

    handle.invoke(sqs_event(Order("1"), Order("2", -1), Order("3")), FakeContext())
    written = json.loads(capsys.readouterr().out)
    assert (written["RecordsSucceeded"], written["RecordsFailed"]) == ([2.0], [1.0])
    assert written["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Shop"
    assert written["service"] == "s"


def test_uploads_are_counted_even_if_the_invocation_fails(capsys: pytest.CaptureFixture[str]) -> None:
    """The metrics are written before the exception comes out."""

    @on_s3_upload(powertools=Powertools(service="s", log=False, metrics_namespace="Shop"))
    def handle(upload: S3Upload) -> None:
        if upload.key == "b":
            raise RuntimeError

    with pytest.raises(RuntimeError):
        handle.invoke(s3_event("a", "b", "c"), FakeContext())
    written = json.loads(capsys.readouterr().out)
    assert (written["RecordsSucceeded"], written["RecordsFailed"]) == ([1.0], [2.0])


class FakeEmitter:
    """Takes the place of the X-Ray daemon."""

    def __init__(self) -> None:
        self.spans: list[Any] = []

    def send_entity(self, span: Any) -> None:
        self.spans.append(span)


def test_each_record_has_a_span(monkeypatch: pytest.MonkeyPatch) -> None:
    """A subsegment with the record's id, closed whatever happens."""
    from aws_xray_sdk.core import xray_recorder
    from aws_xray_sdk.core.context import Context

    emitter = FakeEmitter()
    monkeypatch.setenv("LAMBDA_TASK_ROOT", "/var/task")  # else Powertools does not trace
    monkeypatch.setattr(xray_recorder, "_emitter", emitter)
    monkeypatch.setattr(xray_recorder, "_context", Context())
    monkeypatch.setattr(xray_recorder, "_sampling", False)
    xray_recorder.begin_segment("invocation")

    @on_sqs_message(powertools=Powertools(service="s", log=False, trace=True))
    def handle(order: Order) -> None:
        if order.id == "2":
            raise ValueError

    handle.invoke(sqs_event(Order("1"), Order("2")), FakeContext())
    assert [span.name for span in emitter.spans] == ["## record", "## record"]
    assert [span.annotations["record_id"] for span in emitter.spans] == [message_id(0), message_id(1)]
    assert [getattr(span, "fault", False) for span in emitter.spans] == [False, True]
    xray_recorder.clear_trace_entities()


def test_a_record_that_was_done_is_not_done_again(table: None) -> None:
    """A second delivery of a message finds it in the table; a failed one is tried again."""
    seen: list[str] = []

    @on_sqs_message(powertools=Powertools(service="s", log=False, idempotency_table=TABLE))
    def handle(order: Order) -> None:
        seen.append(order.id)
        if seen == ["1", "2"]:
            raise ValueError

    event = sqs_event(Order("1"), Order("2"))
    assert handle.invoke(event, FakeContext()) == {"batchItemFailures": [{"itemIdentifier": message_id(1)}]}
    assert handle.invoke(event, FakeContext()) == {"batchItemFailures": []}
    assert handle.invoke(event, FakeContext()) == {"batchItemFailures": []}
    assert seen == ["1", "2", "2"]


def test_every_upload_of_a_message_is_done_once(table: None) -> None:
    """Several payloads of one message do not pass for one another; nor do two handlers with one table."""
    seen: list[str] = []
    options = Powertools(service="s", log=False, idempotency_table=TABLE)

    @on_sqs_message(powertools=options)
    def first(upload: S3Upload) -> None:
        seen.append(upload.key)

    @on_sqs_message(powertools=options)
    def second(upload: S3Upload) -> None:
        seen.append(upload.key.upper())

    @on_s3_upload(powertools=options)
    def direct(upload: S3Upload) -> None:
        seen.append(f"direct {upload.key}")

    for _ in range(2):
        first.invoke(sqs_event(s3_event("a", "b")), FakeContext())
        second.invoke(sqs_event(s3_event("a", "b")), FakeContext())
        direct.invoke(s3_event("a", "b"), FakeContext())
    assert seen == ["a", "b", "A", "B", "direct a", "direct b"]


def test_a_packed_record_keeps_its_number_whatever_stands_beside_it(
    table: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part that can be decoded at last does not pass for its neighbour, which was done before."""
    unknown = {"b"}
    seen: list[str] = []

    class Picky(msgspec.Struct):
        id: str

        def __post_init__(self) -> None:
            if self.id in unknown:
                raise ValueError(self.id)

    @on_kinesis_record(powertools=Powertools(service="s", log=False, idempotency_table=TABLE))
    def handle(one: Picky) -> None:
        seen.append(one.id)

    url = boto3.client("sqs").create_queue(QueueName="dead")["QueueUrl"]
    monkeypatch.setenv(dead_letters.QUEUE_VARIABLE, url)
    monkeypatch.setattr(dead_letters, "_made", None)
    event = kinesis_event(aggregated({"id": "a"}, {"id": "b"}, {"id": "c"}))
    for _ in range(2):
        assert handle.invoke(event, FakeContext()) == {"batchItemFailures": []}
        unknown.clear()
    assert seen == ["a", "c", "b"]


def test_a_key_of_the_payload_finds_duplicates_of_other_messages(table: None) -> None:
    """JMESPath over the decoded payload; a payload without it fails, so that it is not done unguarded."""
    seen: list[int] = []

    @on_sqs_message(
        powertools=Powertools(service="s", log=False, idempotency_table=TABLE, idempotency_key="id")
    )
    def handle(order: Order) -> None:
        seen.append(order.total)

    handle.invoke(sqs_event(Order("1", 5), Order("1", 6), Order("2", 7)), FakeContext())
    assert seen == [5, 7]


def test_a_payload_without_the_key_is_not_done(table: None) -> None:
    """It fails with Powertools' own error, which says what was looked for, and where."""

    @on_task(
        powertools=Powertools(service="s", log=False, idempotency_table=TABLE, idempotency_key="order.id")
    )
    def handle(given: dict[str, Any]) -> None: ...

    with pytest.raises(
        IdempotencyKeyError, match=r"handle: its idempotency_key 'order.id' finds nothing .*\(other\)"
    ):
        handle.invoke({"other": 1}, FakeContext())


def test_the_table_is_called_as_its_pipeline_says(table: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a stage its name is another than the handler's."""
    monkeypatch.setenv("PENSTOCK_IDEMPOTENCY_TABLE", TABLE)
    seen: list[str] = []

    @on_sqs_message(powertools=Powertools(service="s", log=False, idempotency_table="of-the-declaration"))
    def handle(order: Order) -> None:
        seen.append(order.id)

    for _ in range(2):
        assert handle.invoke(sqs_event(Order("1")), FakeContext()) == {"batchItemFailures": []}
    assert seen == ["1"]


def test_a_task_that_was_done_answers_with_its_first_result(table: None) -> None:
    """A retry of the state is a new invocation with the same input."""
    runs: list[str] = []

    @on_task(powertools=Powertools(service="s", log=False, idempotency_table=TABLE, idempotency_key="id"))
    def handle(order: Order) -> Order:
        runs.append(order.id)
        return Order(order.id, len(runs))

    first = handle.invoke({"id": "1"}, FakeContext(aws_request_id="a"))
    assert first == handle.invoke({"id": "1"}, FakeContext(aws_request_id="b")) == {"id": "1", "total": 1}
    assert runs == ["1"]
