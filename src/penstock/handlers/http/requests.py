"""A request as a handler sees it: the same whether API Gateway, a function URL or a load balancer sent it.

1. Names of headers are in lower case; values of the query and of the path arrive decoded. HTTP APIs decode the path
   themselves, function URLs, REST APIs and load balancers do not: a percent sign is undone once.
2. Which of them sent it is kept, since each wants its answer in another form.

Sources: API Gateway, "Create AWS Lambda proxy integrations for HTTP APIs" and "Input format of a Lambda function for
proxy integration"; Elastic Load Balancing, "Use Lambda functions as targets" (it does not decode the query).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, cast
from urllib.parse import parse_qsl, unquote, unquote_plus

import msgspec

from penstock.errors import EventError
from penstock.handlers.events import parse_event
from penstock.handlers.events.http import (
    HTTPAuthorizerRequest,
    HTTPRequest,
    LoadBalancerRequest,
    RequestBody,
    RestAuthorizerRequest,
    RestRequest,
)

_FUNCTION_URL = ".lambda-url."
"""In the domain of function URLs, whose events are otherwise like those of HTTP APIs."""


class Sender(Enum):
    """What sent a request, and so the form of the answer."""

    HTTP_API = "payload format 2.0"
    REST_API = "payload format 1.0"
    LOAD_BALANCER = "load balancer"
    LOAD_BALANCER_MULTI_VALUE = "load balancer with multi-value headers"


class Authorizer(msgspec.Struct, frozen=True, kw_only=True):
    """What an authorizer found out of the caller.

    Attributes:
        claims: of a JWT (HTTP APIs) or a Cognito token (REST APIs).
        scopes: of a JWT, where the route asks for any.
        context: what a Lambda authorizer returned.
        iam: the caller's identity, where a route or a function URL asks for IAM.
    """

    claims: Mapping[str, Any] = {}
    scopes: tuple[str, ...] = ()
    context: Mapping[str, Any] = {}
    iam: Mapping[str, Any] = {}


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request.

    Attributes:
        path: as it was sent; behind an HTTP API decoded, since that decodes it.
        path_is_encoded: the path has percent signs to undo.
        headers: by name in lower case; several values are joined by commas.
        query: each name's values, in the order in which they came.
        path_parameters: of the route that matched.
        body: its bytes, with Base64 undone.
    """

    method: str
    path: str
    path_is_encoded: bool = True
    sender: Sender
    headers: Mapping[str, str] = {}
    query: Mapping[str, list[str]] = {}
    path_parameters: Mapping[str, str] = {}
    cookies: Mapping[str, str] = {}
    body: bytes = b""
    authorizer: Authorizer = Authorizer()
    request_id: str = ""


def request_of(event: object) -> HttpRequest:
    """The request in an event of Lambda's.

    Raises:
        EventError: the event is no HTTP request, or its body says that it is Base64 and is not.
    """
    if not isinstance(event, dict):
        raise EventError("this is no HTTP request: it is no object", fix="call the function through an API")
    context = event.get("requestContext")
    if isinstance(context, dict) and "elb" in context:
        return _of_load_balancer(cast("LoadBalancerRequest", parse_event("alb", event)))
    if event.get("version") == "2.0":
        return _of_http_api(cast("HTTPRequest", parse_event("apigw-v2", event)))
    return _of_rest_api(cast("RestRequest", parse_event("apigw-v1", event)))


def _of_http_api(event: HTTPRequest) -> HttpRequest:
    context = event.request_context
    return HttpRequest(
        method=context.http.method.upper(),
        path=_without_stage(event.raw_path, context.stage),
        path_is_encoded=_FUNCTION_URL in context.domain_name,
        sender=Sender.HTTP_API,
        headers=_headers(event.headers),
        query=_collected(parse_qsl(event.raw_query_string, keep_blank_values=True)),
        cookies=_cookies(event.cookies),
        body=_body(event),
        authorizer=_authorizer(context.authorizer or {}),
        request_id=context.request_id,
    )


def _of_rest_api(event: RestRequest) -> HttpRequest:
    headers = _headers(event.headers, event.multi_value_headers)
    return HttpRequest(
        method=event.http_method.upper(),
        path=event.path,
        path_is_encoded=event.version is None,
        sender=Sender.REST_API,
        headers=headers,
        query=_query(event.query_string_parameters, event.multi_value_query_string_parameters),
        cookies=_cookies([headers.get("cookie", "")]),
        body=_body(event),
        authorizer=_authorizer(event.request_context.authorizer or {}),
        request_id=event.request_context.request_id,
    )


def _of_load_balancer(event: LoadBalancerRequest) -> HttpRequest:
    headers = _headers(event.headers, event.multi_value_headers)
    query = _query(event.query_string_parameters, event.multi_value_query_string_parameters)
    several = bool(event.multi_value_headers)
    return HttpRequest(
        method=event.http_method.upper(),
        path=event.path,
        sender=Sender.LOAD_BALANCER_MULTI_VALUE if several else Sender.LOAD_BALANCER,
        headers=headers,
        query={unquote_plus(name): [unquote_plus(one) for one in values] for name, values in query.items()},
        cookies=_cookies([headers.get("cookie", "")]),
        body=_body(event),
        request_id=headers.get("x-amzn-trace-id", ""),
    )


def asked_of_http_api(event: HTTPAuthorizerRequest) -> HttpRequest:
    """The request that an HTTP API asks its authorizer about; it has no body."""
    context = event.request_context
    return HttpRequest(
        method=context.http.method.upper(),
        path=_without_stage(event.raw_path, context.stage),
        path_is_encoded=False,
        sender=Sender.HTTP_API,
        headers=_headers(event.headers),
        query=_collected(parse_qsl(event.raw_query_string, keep_blank_values=True)),
        path_parameters=event.path_parameters,
        cookies=_cookies(event.cookies),
        request_id=context.request_id,
    )


def asked_of_rest_api(event: RestAuthorizerRequest) -> HttpRequest:
    """The request that a REST API asks its authorizer about; it has no body."""
    headers = _headers(event.headers)
    return HttpRequest(
        method=event.http_method.upper(),
        path=event.path,
        path_is_encoded=event.version is None,
        sender=Sender.REST_API,
        headers=headers,
        query=_query(event.query_string_parameters, {}),
        path_parameters=event.path_parameters,
        cookies=_cookies([headers.get("cookie", "")]),
        request_id=str(event.request_context.get("requestId", "")),
    )


def _without_stage(path: str, stage: str) -> str:
    prefix = f"/{stage}"
    if stage != "$default" and (path == prefix or path.startswith(f"{prefix}/")):
        return path[len(prefix) :] or "/"
    return path


def decoded_segment(segment: str) -> str:
    """A part of a path, with its percent signs undone."""
    return unquote(segment)


def _headers(single: Mapping[str, str], several: Mapping[str, list[str]] | None = None) -> dict[str, str]:
    found = {name.lower(): value for name, value in single.items()}
    for name, values in (several or {}).items():
        found[name.lower()] = ("; " if name.lower() == "cookie" else ",").join(values)
    return found


def _query(single: Mapping[str, str], several: Mapping[str, list[str]]) -> dict[str, list[str]]:
    return {name: [value] for name, value in single.items()} | dict(several)


def _collected(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def _cookies(texts: Iterable[str]) -> dict[str, str]:
    """Cookies by name, each read for itself: what one of them holds is no other's matter (RFC 6265, "Cookie")."""
    found: dict[str, str] = {}
    for pair in (pair for text in texts for pair in _PAIR.findall(text)):
        name, equals, value = pair.partition("=")
        if equals and name.strip():
            found[name.strip()] = _unquoted(value.strip())
    return found


_PAIR = re.compile(r'(?:[^;"=]*="(?:[^"\\]|\\.)*"(?=\s*(?:;|$)))|[^;]+')
"""A cookie: one whose quoted value may have semicolons in it, or all up to the next one."""


def _unquoted(value: str) -> str:
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value
    return re.sub(r"\\(.)", r"\1", value[1:-1])


def _body(event: RequestBody) -> bytes:
    try:
        return event.content
    except ValueError as error:
        raise EventError(f"body: it says that it is Base64, and is not: {error}") from error


def _authorizer(given: Mapping[str, Any]) -> Authorizer:
    jwt = given.get("jwt") or {}
    named = {"jwt", "lambda", "iam", "claims", "scopes"}
    return Authorizer(
        claims=jwt.get("claims") or given.get("claims") or {},
        scopes=tuple(jwt.get("scopes") or given.get("scopes") or ()),
        context=given.get("lambda") or {name: one for name, one in given.items() if name not in named},
        iam=given.get("iam") or {},
    )
