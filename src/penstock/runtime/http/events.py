"""Requests as events of an HTTP API, and functions' results as answers (payload format 2.0).

1. Values only: no socket, no clock, no thread.

Source: API Gateway, "Create AWS Lambda proxy integrations for HTTP APIs".
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl

from penstock.runtime.invocation import InvocationOutcome

_TYPE_OF_AN_ANSWER: Final = "text/plain; charset=utf-8"
"""Where a function names none, as AWS's Lambda Test Tool, which is tried on API Gateway, has it."""

_TEXT: Final = ("text/", "application/json", "application/javascript", "application/xml")


_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_HEADER_TEXT: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
"""What HTTP/1.1 can write as a header (RFC 9110, "Field Names", "Field Values")."""

_OF_THE_CONNECTION: Final = frozenset(
    {
        "connection",
        "content-length",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that the server itself has to say: a function's own would contradict it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What came in. `path` is decoded; names of headers are in lower case."""

    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    client: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes out."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


def event_of(
    request: Request,
    *,
    route: str,
    path_parameters: Mapping[str, str],
    at: float,
    request_id: str,
    api_id: str,
    account: str,
) -> dict[str, object]:
    """The event that an HTTP API would invoke a function with; `at` is in epoch seconds."""
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for name, value in request.headers:
        if name == "cookie":
            cookies += value.split("; ")
        else:
            headers[name] = f"{headers[name]},{value}" if name in headers else value
    query: dict[str, str] = {}
    for name, value in parse_qsl(request.query, keep_blank_values=True):
        query[name] = f"{query[name]},{value}" if name in query else value
    text = headers.get("content-type", "").lower().startswith(_TEXT)
    body = request.body.decode(errors="replace") if text else b64encode(request.body).decode()
    host = headers.get("host", "localhost")
    event: dict[str, object] = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": request.path,
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": {
            "accountId": account,
            "apiId": api_id,
            "domainName": host,
            "domainPrefix": host.partition(".")[0],
            "http": {
                "method": request.method,
                "path": request.path,
                "protocol": "HTTP/1.1",
                "sourceIp": request.client,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": request_id,
            "routeKey": route,
            "stage": "$default",
            "time": datetime.fromtimestamp(at, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(at * 1000),
        },
        "isBase64Encoded": bool(request.body) and not text,
    }
    optional = {
        "cookies": cookies,
        "queryStringParameters": query,
        "pathParameters": dict(path_parameters),
        "body": body,
    }
    return event | {name: value for name, value in optional.items() if value}


def message(status: int, words: str) -> Answer:
    """An answer that API Gateway itself gives."""
    body = json.dumps({"message": words}, separators=(",", ":")).encode()
    return Answer(status=status, headers=(("content-type", "application/json"),), body=body)


def answer_of(outcome: InvocationOutcome) -> Answer:
    """The answer to a request whose function has run.

    A result with a `statusCode` is an answer written out; any other is the body of a 200: a text as it is, which the
    page shows without its quotation marks, anything else as JSON. A function that failed, or an answer that cannot be
    read, is a 500.
    """
    if outcome.error is not None or outcome.payload is None:
        return message(500, "Internal Server Error")
    result = json.loads(outcome.payload)
    if not isinstance(result, dict) or "statusCode" not in result:
        body = result.encode(errors="replace") if isinstance(result, str) else outcome.payload
        return Answer(status=200, headers=(("content-type", "application/json"),), body=body)
    try:
        return _written_out(result)
    except (TypeError, ValueError, AttributeError):
        return message(500, "Internal Server Error")


def _written_out(result: Mapping[str, object]) -> Answer:
    status, given, cookies = result["statusCode"], result.get("headers") or {}, result.get("cookies") or []
    if not isinstance(status, int | str) or not isinstance(given, dict) or not isinstance(cookies, list):
        raise TypeError("this is no answer")
    number = int(status)
    if not 200 <= number <= 599:
        raise ValueError(f"{number} is no status of an answer")
    body = result.get("body") or ""
    if not isinstance(body, str):
        raise TypeError(f"a body is a text, not {type(body).__name__}")
    headers = [
        (str(name).lower(), _header_value(value))
        for name, value in given.items()
        if value is not None and str(name).lower() not in _OF_THE_CONNECTION
    ]
    if not any(name == "content-type" for name, _ in headers):
        headers.append(("content-type", _TYPE_OF_AN_ANSWER))
    headers += [("set-cookie", _header_value(one)) for one in cookies]
    if any(not _HEADER_NAME.fullmatch(name) or not _HEADER_TEXT.fullmatch(text) for name, text in headers):
        raise ValueError("a header cannot be written")
    return Answer(
        status=number,
        headers=headers,
        body=b64decode(body, validate=True) if result.get("isBase64Encoded") else body.encode(),
    )


def _header_value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise TypeError(f"a header is a text, not {type(value).__name__}")
    return str(value).strip(" \t")
