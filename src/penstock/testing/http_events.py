"""A valid HTTP event of each kind in one line: API Gateway, function URLs, load balancers.

The same rules as in `penstock.testing.events`: nothing is random, and no clock is read. A body is a text, bytes
(which are Base64 in the event), or anything with a JSON form. A parameter of the query may have a list of values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from penstock.testing.attribute_values import base64_text
from penstock.testing.event_parts import ACCOUNT, AT_SECONDS, REGION, Event, arn, text_of

_API = "a1b2c3d4e5"
_REQUEST = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
_AGENT = "Mozilla/5.0"
_SOURCE = "192.0.2.1"
_TIME = "01/Jan/2026:00:00:00 +0000"


Query = Mapping[str, str | Sequence[str]]


def http_event(
    method: str = "GET",
    path: str = "/",
    *,
    route: str | None = None,
    query: Query | None = None,
    path_parameters: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    cookies: Sequence[str] = (),
    body: object = None,
) -> Event:
    """A request of an HTTP API (payload format 2.0).

    Args:
        route: the route that matched, as in `GET /jobs/{id}`; by default the path itself.
        cookies: as in `session=1`.
    """
    host = f"{_API}.execute-api.{REGION}.amazonaws.com"
    return _version_2(
        method, path, route or f"{method} {path}", host, query, path_parameters, headers, cookies, body
    )


def function_url_event(
    method: str = "GET",
    path: str = "/",
    *,
    query: Query | None = None,
    headers: Mapping[str, str] | None = None,
    cookies: Sequence[str] = (),
    body: object = None,
) -> Event:
    """A request to a function URL."""
    host = f"{_API}.lambda-url.{REGION}.on.aws"
    return _version_2(method, path, "$default", host, query, None, headers, cookies, body)


def _version_2(
    method: str,
    path: str,
    route: str,
    host: str,
    query: Query | None,
    path_parameters: Mapping[str, str] | None,
    headers: Mapping[str, str] | None,
    cookies: Sequence[str],
    body: object,
) -> Event:
    event: Event = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": urlencode(query or {}, doseq=True),
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
        event["queryStringParameters"] = {name: ",".join(values) for name, values in _values(query).items()}
    if path_parameters:
        event["pathParameters"] = dict(path_parameters)
    if cookies:
        event["cookies"] = list(cookies)
    return event if body is None else {**event, **_body(body)}


def rest_event(
    method: str = "GET",
    path: str = "/",
    *,
    resource: str | None = None,
    query: Query | None = None,
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
        "queryStringParameters": {n: v[-1] for n, v in _values(query).items()} or None,
        "multiValueQueryStringParameters": _values(query) or None,
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
        **_body(body),
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
        **_body(body),
    }


def load_balancer_event(
    method: str = "GET",
    path: str = "/",
    *,
    query: Query | None = None,
    headers: Mapping[str, str] | None = None,
    body: object = None,
    multiple_values: bool = False,
) -> Event:
    """A request through an Application Load Balancer.

    Args:
        multiple_values: the target group has multi-value headers switched on.
    """
    given = {
        "host": "example.com",
        "user-agent": _AGENT,
        **{n.lower(): v for n, v in (headers or {}).items()},
    }
    if multiple_values:
        values: Event = {
            "multiValueQueryStringParameters": _values(query),
            "multiValueHeaders": {name: [value] for name, value in given.items()},
        }
    else:
        values = {"queryStringParameters": {n: v[-1] for n, v in _values(query).items()}, "headers": given}
    return {
        "requestContext": {
            "elb": {"targetGroupArn": arn("elasticloadbalancing", "targetgroup/handler/50dc6c495c0c9188")}
        },
        "httpMethod": method,
        "path": path,
        **values,
        **_body("" if body is None else body),
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
    query: Query | None = None,
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


def rest_authorizer_event(
    method: str = "GET",
    path: str = "/",
    *,
    resource: str | None = None,
    query: Query | None = None,
    headers: Mapping[str, str] | None = None,
) -> Event:
    """A REST API's question whether a request may call a method (an authorizer of the type `REQUEST`)."""
    event = rest_event(method, path, resource=resource, query=query, headers=headers)
    del event["body"], event["isBase64Encoded"]
    return {"type": "REQUEST", "methodArn": arn("execute-api", f"{_API}/prod/{method}{path}"), **event}


def _values(query: Query | None) -> dict[str, list[str]]:
    return {n: [v] if isinstance(v, str) else list(v) for n, v in (query or {}).items()}


def _body(body: object) -> Event:
    if isinstance(body, bytes):
        return {"body": base64_text(body), "isBase64Encoded": True}
    return {"body": None if body is None else text_of(body), "isBase64Encoded": False}
