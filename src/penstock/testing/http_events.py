"""A valid HTTP event of each kind in one line: API Gateway, function URLs, load balancers.

The same rules as in `penstock.testing.events`: nothing is random, and no clock is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec

from penstock.testing.events import ACCOUNT, AT_SECONDS, REGION, Event, arn

_API = "a1b2c3d4e5"
_REQUEST = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
_AGENT = "Mozilla/5.0"
_SOURCE = "192.0.2.1"
_TIME = "01/Jan/2026:00:00:00 +0000"


def http_event(
    method: str = "GET",
    path: str = "/",
    *,
    route: str | None = None,
    query: Mapping[str, str] | None = None,
    path_parameters: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    body: object = None,
) -> Event:
    """A request of an HTTP API (payload format 2.0).

    Args:
        route: the route that matched, as in `GET /jobs/{id}`; by default the path itself.
        body: a text, or anything with a JSON form.
    """
    host = f"{_API}.execute-api.{REGION}.amazonaws.com"
    return _version_2(method, path, route or f"{method} {path}", host, query, path_parameters, headers, body)


def function_url_event(
    method: str = "GET",
    path: str = "/",
    *,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    body: object = None,
) -> Event:
    """A request to a function URL."""
    host = f"{_API}.lambda-url.{REGION}.on.aws"
    return _version_2(method, path, "$default", host, query, None, headers, body)


def _version_2(
    method: str,
    path: str,
    route: str,
    host: str,
    query: Mapping[str, str] | None,
    path_parameters: Mapping[str, str] | None,
    headers: Mapping[str, str] | None,
    body: object,
) -> Event:
    event: Event = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": urlencode(query or {}),
        "headers": {"host": host, "user-agent": _AGENT, **{n.lower(): v for n, v in (headers or {}).items()}},
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": _API,
            "domainName": host,
            "domainPrefix": _API,
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": _SOURCE,
                "userAgent": _AGENT,
            },
            "requestId": _REQUEST,
            "routeKey": route,
            "stage": "$default",
            "time": _TIME,
            "timeEpoch": int(AT_SECONDS * 1000),
        },
        "isBase64Encoded": False,
    }
    if query:
        event["queryStringParameters"] = dict(query)
    if path_parameters:
        event["pathParameters"] = dict(path_parameters)
    if body is not None:
        event["body"] = _text(body)
    return event


def rest_event(
    method: str = "GET",
    path: str = "/",
    *,
    resource: str | None = None,
    query: Mapping[str, str] | None = None,
    path_parameters: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    body: object = None,
) -> Event:
    """A request of a REST API; `resource` is the one that matched, as in `/jobs/{id}`."""
    given = {"Host": f"{_API}.execute-api.{REGION}.amazonaws.com", "User-Agent": _AGENT, **(headers or {})}
    return {
        "resource": resource or path,
        "path": path,
        "httpMethod": method,
        "headers": given,
        "multiValueHeaders": {name: [value] for name, value in given.items()},
        "queryStringParameters": dict(query) if query else None,
        "multiValueQueryStringParameters": {n: [v] for n, v in query.items()} if query else None,
        "pathParameters": dict(path_parameters) if path_parameters else None,
        "stageVariables": None,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": _API,
            "domainName": given["Host"],
            "domainPrefix": _API,
            "extendedRequestId": "JKJaXmPLvHcESHA=",
            "httpMethod": method,
            "identity": {"sourceIp": _SOURCE, "userAgent": _AGENT},
            "path": f"/prod{path}",
            "protocol": "HTTP/1.1",
            "requestId": _REQUEST,
            "requestTime": _TIME,
            "requestTimeEpoch": int(AT_SECONDS * 1000),
            "resourceId": "123456",
            "resourcePath": resource or path,
            "stage": "prod",
        },
        "body": None if body is None else _text(body),
        "isBase64Encoded": False,
    }


def websocket_event(
    body: object = None, *, route: str = "$default", connection_id: str = "Fc2tzfGuPHcCJlQ="
) -> Event:
    """A message on a WebSocket connection; with the route `$connect` or `$disconnect`, its beginning or end."""
    kind = {"$connect": "CONNECT", "$disconnect": "DISCONNECT"}.get(route, "MESSAGE")
    return {
        "requestContext": {
            "routeKey": route,
            "eventType": kind,
            "messageDirection": "IN",
            "messageId": "Fc2t3e8WPHcCJhQ=" if kind == "MESSAGE" else None,
            "extendedRequestId": "Fc2tHFbUPHcFwLQ=",
            "requestTime": _TIME,
            "requestTimeEpoch": int(AT_SECONDS * 1000),
            "connectedAt": int(AT_SECONDS * 1000),
            "stage": "prod",
            "requestId": _REQUEST,
            "domainName": f"{_API}.execute-api.{REGION}.amazonaws.com",
            "connectionId": connection_id,
            "apiId": _API,
            "identity": {"sourceIp": _SOURCE, "userAgent": _AGENT},
        },
        "body": None if body is None else _text(body),
        "isBase64Encoded": False,
    }


def load_balancer_event(
    method: str = "GET",
    path: str = "/",
    *,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    body: object = None,
) -> Event:
    """A request through an Application Load Balancer, with single values."""
    return {
        "requestContext": {
            "elb": {"targetGroupArn": arn("elasticloadbalancing", "targetgroup/handler/50dc6c495c0c9188")}
        },
        "httpMethod": method,
        "path": path,
        "queryStringParameters": dict(query or {}),
        "headers": {
            "host": "example.com",
            "user-agent": _AGENT,
            **{n.lower(): v for n, v in (headers or {}).items()},
        },
        "body": "" if body is None else _text(body),
        "isBase64Encoded": False,
    }


def authorizer_event(token: str = "Bearer token", *, method: str = "GET", path: str = "/") -> Event:
    """A REST API's question whether a token may call a method."""
    return {
        "type": "TOKEN",
        "authorizationToken": token,
        "methodArn": arn("execute-api", f"{_API}/prod/{method}{path}"),
    }


def http_authorizer_event(
    method: str = "GET",
    path: str = "/",
    *,
    route: str | None = None,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
) -> Event:
    """An HTTP API's question whether a request may go to a route (payload format 2.0)."""
    event = http_event(method, path, route=route, query=query, headers=headers)
    del event["isBase64Encoded"]
    token = next((value for name, value in (headers or {}).items() if name.lower() == "authorization"), None)
    return {
        **event,
        "type": "REQUEST",
        "routeArn": arn("execute-api", f"{_API}/$default/{method}{path}"),
        "identitySource": None if token is None else [token],
    }


def _text(body: object) -> str:
    return body if isinstance(body, str) else msgspec.json.encode(body).decode()
