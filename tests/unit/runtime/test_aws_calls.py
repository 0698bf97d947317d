"""boto3 answered in process: every client, no credentials, no network, the exceptions of each service."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, IntEnum

import boto3
import pytest
from botocore.exceptions import ClientError, ParamValidationError, WaiterError

from penstock.errors import StateFolderError, UnansweredOperationError
from penstock.runtime.aws_calls import answering, called_by, plain, settled
from penstock.runtime.services import AnswerLater, Call, CallRecord, Router, ServiceError, unanswered

Answer = dict[str, object]


class Recorded:
    """Answers every call with what it was given, and keeps the calls."""

    def __init__(self, answer: Answer | Callable[[Call], Answer]) -> None:
        self._answer = answer
        self.calls: list[Call] = []

    def __call__(self, call: Call) -> Answer:
        self.calls.append(call)
        return self._answer(call) if callable(self._answer) else dict(self._answer)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a network and without anything that AWS's tools could find on it."""

    def refuse(_: socket.socket, address: object) -> None:
        raise AssertionError(f"a connection to {address} was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)


@contextmanager
def answered(answer: Answer | Callable[[Call], Answer]) -> Iterator[Recorded]:
    recorded = Recorded(answer)
    with answering(recorded):
        yield recorded


def test_clients_sessions_and_resources_need_nothing() -> None:
    """Neither a region nor credentials, wherever the client comes from."""
    with answered({"Buckets": []}) as asked:
        boto3.client("s3").list_buckets()
        boto3.session.Session().client("s3").list_buckets()
        list(boto3.resource("s3").buckets.all())
    assert [call.operation for call in asked.calls] == ["ListBuckets"] * 3


def test_a_client_that_was_made_before_is_answered_too() -> None:
    """A handler's module makes its clients when it is imported, before a run begins."""
    early = boto3.client("sqs", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")
    with answered({"QueueUrls": ["here"]}):
        assert early.list_queues()["QueueUrls"] == ["here"]


def test_a_client_of_another_region_finds_the_same_resources() -> None:
    """This target has one region, whatever a client was made for."""
    early = boto3.client(
        "dynamodb", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    with answered({}) as asked:
        early.list_tables()
    request = asked.calls[0].request
    assert request is not None
    assert request.url == "https://dynamodb.us-east-1.amazonaws.com/"


def test_a_client_for_another_endpoint_is_answered_as_one_for_aws() -> None:
    """Such as localstack-client's sessions make: what is behind the endpoint is not asked."""
    from localstack_client.session import Session

    with answered({}) as recorded:
        Session().client("dynamodb").list_tables()
        boto3.client("iam", endpoint_url="http://localhost:4566/").list_users()
        boto3.client("cloudwatch", region_name="eu-west-1", endpoint_url="http://10.0.0.1").list_dashboards()
    assert [call.request.url for call in recorded.calls if call.request is not None] == [
        "https://dynamodb.us-east-1.amazonaws.com/",
        "https://iam.amazonaws.com/",
        "https://monitoring.us-east-1.amazonaws.com/",
    ]


def test_the_settings_of_this_machine_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile that does not exist, an endpoint for other tools, another region."""
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:4566")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with answered({}) as asked:
        boto3.client("dynamodb").list_tables()
    request = asked.calls[0].request
    assert request is not None
    assert request.url == "https://dynamodb.us-east-1.amazonaws.com/"
    assert "User-Agent" not in request.headers
    assert os.environ["AWS_PROFILE"] == "nobody"
    assert os.environ["AWS_DEFAULT_REGION"] == "eu-west-1"


def test_afterwards_everything_is_as_it_was() -> None:
    """Neither variables nor a default session with made-up credentials stay behind."""
    before, session = dict(os.environ), boto3.DEFAULT_SESSION
    with answered({"Buckets": []}):
        boto3.client("s3").list_buckets()
    assert dict(os.environ) == before
    assert boto3.DEFAULT_SESSION is session


def test_no_default_session_stays_of_a_boto3_that_was_imported_meanwhile() -> None:
    """A process that has not imported boto3 has no session to put aside."""
    script = (
        "import sys\n"
        "from penstock.runtime.aws_calls import answering\n"
        "with answering(lambda call: {}):\n"
        "    assert 'boto3' not in sys.modules\n"
        "    import boto3\n"
        "    assert boto3.client('s3').meta.region_name == 'us-east-1'\n"
        "print(boto3.DEFAULT_SESSION)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout == "None\n", done.stderr


def test_botocore_is_hooked_into_when_it_is_imported() -> None:
    """Not before, since it takes long; also if somebody has only asked where it is."""
    script = (
        "import sys\n"
        "from importlib.util import find_spec\n"
        "from penstock.runtime.aws_calls import answering\n"
        "with answering(lambda call: {'Buckets': [{'Name': call.operation}]}):\n"
        "    assert 'botocore' not in sys.modules\n"
        "    assert find_spec('botocore.handlers').name == 'botocore.handlers'\n"
        "    import boto3\n"
        "    print(boto3.client('s3').list_buckets()['Buckets'])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[{'Name': 'ListBuckets'}]\n", done.stderr


def test_errors_are_the_exceptions_of_the_client() -> None:
    """`client.exceptions` has them, they are `ClientError`s, and show the HTTP status."""

    def refuse(call: Call) -> Answer:
        raise ServiceError("NoSuchKey", "The specified key does not exist.", 404, fields={"Key": "k"})

    with answered(refuse):
        s3 = boto3.client("s3")
        with pytest.raises(s3.exceptions.NoSuchKey, match="GetObject operation: The specified key") as caught:
            s3.get_object(Bucket="files", Key="k")
    assert isinstance(caught.value, ClientError)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_the_parameters_are_checked_by_boto3_first() -> None:
    """What boto3 refuses is not asked."""
    with answered({}) as asked, pytest.raises(ParamValidationError):
        boto3.client("s3").get_object(Bucket="files")  # type: ignore[call-arg]
    assert not asked.calls


def test_a_streamed_answer_is_a_streaming_body() -> None:
    """It reads in pieces and by lines, from bytes or a file."""
    with answered({"Body": io.BytesIO(b"one\ntwo\n"), "ContentLength": 8}):
        body = boto3.client("s3").get_object(Bucket="files", Key="k")["Body"]
        assert list(body.iter_lines()) == [b"one", b"two"]
    with answered({"Body": b"12345"}), boto3.client("s3").get_object(Bucket="files", Key="k")["Body"] as body:
        assert (body.read(2), body.read()) == (b"12", b"345")


def test_paginators_and_waiters_work() -> None:
    """They are built on the client's calls."""
    pages: Iterator[Answer] = iter([{"QueueUrls": ["a"], "NextToken": "more"}, {"QueueUrls": ["b"]}])
    with answered(lambda call: next(pages)) as asked:
        found = boto3.client("sqs").get_paginator("list_queues").paginate()
        assert [url for page in found for url in page["QueueUrls"]] == ["a", "b"]
    assert [call.parameters.get("NextToken") for call in asked.calls] == [None, "more"]

    def absent(call: Call) -> Answer:
        raise ServiceError("404", "Not Found", 404)

    with answered(absent):
        waiter = boto3.client("s3").get_waiter("bucket_exists")
        with pytest.raises(WaiterError):
            waiter.wait(Bucket="files", WaiterConfig={"Delay": 0, "MaxAttempts": 2})


def test_an_operation_that_nobody_answers_is_no_client_error() -> None:
    """So that no `except ClientError` hides it; it names the operation and what to do."""

    def refuse(call: Call) -> Answer:
        raise unanswered(call.service, call.operation)

    with answered(refuse), pytest.raises(UnansweredOperationError) as caught:
        boto3.client("stepfunctions").list_activities()
    assert "stepfunctions:ListActivities" in str(caught.value)
    assert "LocalStack" in str(caught.value)


def test_who_calls_is_known() -> None:
    """The function that runs, or nobody."""
    with answered({"Buckets": []}) as asked:
        s3 = boto3.client("s3")
        s3.list_buckets()
        with called_by("loader"):
            s3.list_buckets()
    assert [call.caller for call in asked.calls] == [None, "loader"]


def test_a_full_disk_ends_the_run_whatever_the_function_makes_of_it() -> None:
    """A handler that catches everything cannot turn it into a failure of one record."""

    def full(call: Call) -> Answer:
        raise StateFolderError("no space is left on the disk", fix="make room and resume")

    def handler() -> None:
        try:
            boto3.client("s3").put_object(Bucket="files", Key="k", Body=b"x")
        except StateFolderError:
            return

    with answered(full), pytest.raises(StateFolderError, match="no space"), called_by("loader"):
        handler()


def test_a_promised_answer_is_waited_for() -> None:
    """The service says how."""
    promise = AnswerLater(wait=lambda: promise.resolve({"Messages": []}))

    def later(call: Call) -> Answer:
        raise promise

    with answered(lambda call: settled(lambda: later(call))):
        assert boto3.client("sqs").receive_message(QueueUrl="here")["Messages"] == []


def test_an_error_meanwhile_does_not_tell_of_the_promise() -> None:
    """In virtual time a function runs while its caller waits: its traceback is its own."""

    def fail() -> None:
        raise ValueError("of the handler")

    def later() -> Answer:
        raise AnswerLater(wait=fail)

    with pytest.raises(ValueError, match="of the handler") as raised:
        settled(later)
    assert raised.value.__context__ is None


class Slow:
    """A service that notices when two threads are in it at once."""

    def __init__(self) -> None:
        self._inside = threading.Lock()
        self.together = False

    def answer(self, call: Call) -> Answer:
        if not self._inside.acquire(blocking=False):
            self.together = True
            return {}
        try:
            threading.Event().wait(0.001)
        finally:
            self._inside.release()
        return {}


def test_the_threads_of_a_handler_are_answered_one_at_a_time() -> None:
    """boto3's transfers call from several threads; the services and the journal have one."""
    slow = Slow()
    told: list[CallRecord] = []
    router = Router(services={"s3": slow}, observers=[told.append])
    call = Call(service="s3", operation="ListBuckets", parameters={})
    threads = [threading.Thread(target=router.answer, args=[call]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not slow.together
    assert len(told) == 8


class Color(str, Enum):  # noqa: UP042  # its text is not its value, other than that of a StrEnum
    """A member's text is `Color.RED`, its value `red`."""

    RED = "red"


class Size(IntEnum):
    SMALL = 1


class Text(str):
    """A text that says something else of itself."""

    def __str__(self) -> str:
        return "something else"


class Blob(bytes): ...


@pytest.mark.parametrize(
    ("given", "arrives"),
    [
        (Color.RED, "red"),
        (Text("a"), "a"),
        ((1, Size.SMALL, True), [1, 1, True]),
        ({Color.RED: {"deep": [Color.RED, Blob(b"x")]}}, {"red": {"deep": ["red", b"x"]}}),
        ([None, 1.5, b"x"], [None, 1.5, b"x"]),
    ],
)
def test_parameters_are_of_no_class_of_the_caller(given: object, arrives: object) -> None:
    """A member of an enumeration is its value, as botocore writes it; what else there is is what it was."""
    made = plain(given)
    assert made == arrives
    assert repr(made) == repr(arrives)


def test_a_member_of_an_enumeration_may_be_sent() -> None:
    """In the parameters as the service sees them."""
    with answered({"MessageId": "1"}) as asked:
        boto3.client("sqs").send_message(QueueUrl="https://sqs/q", MessageBody=Color.RED)
    (call,) = asked.calls
    assert type(call.parameters["MessageBody"]) is str
    assert call.parameters["MessageBody"] == "red"
