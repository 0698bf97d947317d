"""Functions that other decorators stand around: their own parameters are meant."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import pytest
from aws_lambda_powertools import Tracer

from penstock.errors import HandlerError
from penstock.handlers import LambdaContext, S3Upload, on_s3_upload, on_sqs_message, on_task
from penstock.handlers.http import on_http_authorization, on_http_request
from penstock.handlers.transformations import on_firehose_record
from penstock.testing.context import FakeContext
from penstock.testing.events import firehose_event, s3_event, sqs_event
from penstock.testing.http_events import http_authorizer_event, http_event

P = ParamSpec("P")
R = TypeVar("R")
CALLS: list[str] = []


def told(function: Callable[P, R]) -> Callable[P, R]:
    @functools.wraps(function)
    def around(*args: P.args, **kwargs: P.kwargs) -> R:
        CALLS.append(function.__name__)
        return function(*args, **kwargs)

    return around


@pytest.fixture(autouse=True)
def _no_calls() -> None:
    CALLS.clear()


def test_powertools_tracer_may_stand_below(monkeypatch: pytest.MonkeyPatch) -> None:
    """`capture_method` gives a function of *args: whose parameters are those of the one that it stands around."""
    monkeypatch.setattr(Tracer, "_config", dict(Tracer._default_config))  # which all tracers have in common
    monkeypatch.setattr("aws_xray_sdk.global_sdk_config.set_sdk_enabled", lambda enabled: None)
    seen: list[tuple[str, int]] = []

    @on_s3_upload
    @Tracer(service="s", disabled=True).capture_method
    def handle(upload: S3Upload, context: LambdaContext) -> None:
        seen.append((upload.key, context.get_remaining_time_in_millis()))

    handle.invoke(s3_event("a b"), FakeContext(remaining_seconds=2))
    assert seen == [("a b", 2000)]


def test_what_stands_around_is_called() -> None:
    """For each record; two of them as well; the function's own name is kept."""

    @on_sqs_message
    @told
    @told
    def handle(body: int) -> None: ...

    assert handle.invoke(sqs_event("1", "2"), FakeContext()) == {"batchItemFailures": []}
    assert CALLS == ["handle"] * 4
    assert handle.spec.payload is int
    assert handle.spec.qualname.endswith("handle")


def test_tasks_requests_and_records() -> None:
    """Every kind of handler."""

    @on_task
    @told
    def double(n: int) -> int:
        return 2 * n

    @on_http_request("GET /n/{n}")
    @told
    def read(n: int) -> int:
        return n

    @on_http_authorization
    @told
    def authorize() -> bool:
        return True

    @on_firehose_record
    @told
    def clean(n: int) -> int:
        return n

    assert double.invoke(4, FakeContext()) == 8
    assert read.invoke(http_event("GET", "/n/3"), FakeContext())["body"] == "3"
    assert authorize.invoke(http_authorizer_event("GET", "/"), FakeContext())["isAuthorized"] is True
    assert clean.invoke(firehose_event("5"), FakeContext())["records"][0]["result"] == "Ok"
    assert CALLS == ["double", "read", "authorize", "clean"]


def test_an_error_shows_the_line_of_the_function_itself() -> None:
    """And not that of the decorator between."""

    def handle(body): ...  # type: ignore[no-untyped-def]

    with pytest.raises(HandlerError, match="has no annotation") as caught:
        on_sqs_message(told(handle))
    assert caught.value.at == f"{__file__}:{handle.__code__.co_firstlineno}"


def test_what_is_no_function_is_refused() -> None:
    """A partial function does not say what its parameters are; neither does a handler below another decorator."""
    for one in (functools.partial(print, end=""), told(on_sqs_message(told(_plain)))):
        with pytest.raises(HandlerError, match="is not a function"):
            on_task(one)


def _plain(body: str) -> None: ...
