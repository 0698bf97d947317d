"""What a handler answers a request with, and the form that each sender wants of it.

Sources: API Gateway, "Create AWS Lambda proxy integrations for HTTP APIs" and "Output format of a Lambda function for
proxy integration"; Elastic Load Balancing, "Use Lambda functions as targets"; RFC 9457, "Problem Details".
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from http import HTTPStatus

import msgspec

from penstock.errors import HandlerError
from penstock.handlers.http.requests import Sender
from penstock.handlers.payloads import encoded

JSON_TYPE = "application/json"
PROBLEM_TYPE = "application/problem+json"


class HttpResponse(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, written out.

    Attributes:
        body: None for no body; text and bytes as they are; anything else becomes JSON.
        cookies: texts of `Set-Cookie` headers.
    """

    status: int = 200
    body: object = None
    headers: Mapping[str, str] = {}
    cookies: tuple[str, ...] = ()


class HttpError(Exception):
    """Raised by a handler: the request is answered with this status, and a problem that says why.

    Args:
        field: the parameter, or the path within the body, that is wrong.
    """

    def __init__(self, status: int, message: str, *, field: str | None = None) -> None:
        if not 400 <= status <= 599:
            raise HandlerError(f"HttpError: {status} is no error's status", fix="give one from 400 to 599")
        super().__init__(message)
        self.status = status
        self.message = message
        self.field = field


def problem(error: HttpError, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """An error's answer: `application/problem+json` of RFC 9457, with `field` beside its members."""
    try:
        title = HTTPStatus(error.status).phrase
    except ValueError:
        title = "Error"
    body: dict[str, object] = {
        "type": "about:blank",
        "title": title,
        "status": error.status,
        "detail": error.message,
    }
    if error.field is not None:
        body["field"] = error.field
    return HttpResponse(
        status=error.status, body=body, headers={"content-type": PROBLEM_TYPE, **(headers or {})}
    )


def answer_of(result: object) -> HttpResponse:
    """A function's result as an answer of 200: text and bytes as they are, all else as JSON; None is a 204."""
    if isinstance(result, HttpResponse):
        return result
    if isinstance(result, bytes):
        return HttpResponse(body=result)
    return HttpResponse(status=204) if result is None else HttpResponse(body=encoded(result))


def shaped(answer: HttpResponse, sender: Sender) -> dict[str, object]:
    """An answer in the form that its request's sender wants.

    Raises:
        HandlerError: the body has no JSON form.
    """
    headers = {name.lower(): value for name, value in answer.headers.items()}
    body, binary = answer.body, False
    if isinstance(body, bytes):
        binary, text = True, b64encode(body).decode()
        headers.setdefault("content-type", "application/octet-stream")
    elif isinstance(body, str):
        text = body
        headers.setdefault("content-type", "text/plain; charset=utf-8")
    elif body is None:
        text = ""
    else:
        text = msgspec.json.encode(encoded(body)).decode()
        headers.setdefault("content-type", JSON_TYPE)
    shape: dict[str, object] = {"statusCode": answer.status, "body": text, "isBase64Encoded": binary}
    if sender is Sender.HTTP_API:
        return {**shape, "headers": headers} | ({"cookies": list(answer.cookies)} if answer.cookies else {})
    several = {name: [value] for name, value in headers.items()}
    if answer.cookies:
        several["set-cookie"] = list(answer.cookies)
    if sender is Sender.REST_API:
        return {**shape, "multiValueHeaders": several}
    try:
        shape["statusDescription"] = f"{answer.status} {HTTPStatus(answer.status).phrase}"
    except ValueError:
        shape["statusDescription"] = str(answer.status)
    if sender is Sender.LOAD_BALANCER_MULTI_VALUE:
        return {**shape, "multiValueHeaders": several}
    if len(answer.cookies) > 1:
        raise HandlerError(
            "a load balancer without multi-value headers sends one cookie only",
            fix="turn on lambda.multi_value_headers.enabled on the target group",
        )
    return {**shape, "headers": {name: values[0] for name, values in several.items()}}
