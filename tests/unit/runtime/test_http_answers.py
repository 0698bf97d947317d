"""What a function answers as HTTP, and what cannot be written as such: a 500, and never a broken connection."""

import json
from typing import Any

import pytest

from penstock.runtime.http.events import Answer, Request, answer_of, event_of
from penstock.runtime.invocation import InvocationOutcome


def answered(result: object) -> Answer:
    return answer_of(InvocationOutcome(request_id="r", payload=json.dumps(result).encode()))


@pytest.mark.parametrize(
    "result",
    [
        {"statusCode": 200, "headers": {"x-euro": "\u20ac"}},
        {"statusCode": 200, "headers": {"x-a": "a\r\nset-cookie: b=1"}},
        {"statusCode": 200, "headers": {"x-a": "a\x00"}},
        {"statusCode": 200, "headers": {"a b": "c"}},
        {"statusCode": 200, "headers": {"": "c"}},
        {"statusCode": 200, "headers": {"x-a": ["c"]}},
        {"statusCode": 200, "cookies": ["a=1\r\nx: y"]},
        {"statusCode": 200, "body": {"a": 1}},
        {"statusCode": 200, "body": 5},
    ],
)
def test_what_cannot_be_written_is_a_500(result: object) -> None:
    """A header with a line break, a body that is no text: AWS has the same answer for all of them."""
    answer = answered(result)
    assert (answer.status, answer.body) == (500, b'{"message":"Internal Server Error"}')


def test_headers_of_the_connection_are_the_servers() -> None:
    """A length that is wrong would break the connection; null is no header."""
    headers: dict[str, Any] = {
        "Content-Length": "99",
        "Transfer-Encoding": "chunked",
        "Connection": "upgrade",
        "X-Kept": " yes ",
        "X-Flag": True,
        "X-None": None,
    }
    answer = answered({"statusCode": 200, "headers": headers, "body": "abc"})
    typed = ("content-type", "text/plain; charset=utf-8")
    assert list(answer.headers) == [("x-kept", "yes"), ("x-flag", "true"), typed]
    assert answer.body == b"abc"


def test_a_types_name_in_any_case_is_text() -> None:
    """`Application/JSON` is JSON."""
    request = Request(
        method="POST",
        path="/",
        query="",
        headers=[("content-type", "Application/JSON; charset=utf-8")],
        body=b"{}",
        client="127.0.0.1",
    )
    event = event_of(
        request, route="$default", path_parameters={}, at=0.0, request_id="r", api_id="a", account="1"
    )
    assert (event["body"], event["isBase64Encoded"]) == ("{}", False)


@pytest.mark.parametrize(
    ("result", "body"),
    [
        ("Hello from Lambda!", b"Hello from Lambda!"),
        ({"message": "Hello"}, b'{"message": "Hello"}'),
        ([1], b"[1]"),
    ],
)
def test_a_result_without_a_status_is_a_body(result: object, body: bytes) -> None:
    """API Gateway shows a text without quotation marks, and an object as its JSON, both as application/json."""
    answer = answered(result)
    assert (answer.status, answer.body) == (200, body)
    assert dict(answer.headers) == {"content-type": "application/json"}
