"""Routes: the decorator that makes a handler of a function, and several handlers in one Lambda function.

1. A literal segment goes before a parameter, and a parameter before a greedy `{name+}`, as in API Gateway ("Create
   routes for HTTP APIs"); `ANY` takes the methods that no other route takes.
2. A path that no route has is a 404. One that has routes, but for other methods, is a 405 that names them.
3. What a handler raises, other than `HttpError`, fails the invocation: API Gateway makes a 500 of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar, cast

import msgspec

from penstock.errors import HandlerError
from penstock.handlers.context import LambdaContext
from penstock.handlers.declared import declared_at
from penstock.handlers.entry_point import EntryPoint
from penstock.handlers.http.answers import HttpError, HttpResponse, answer_of, problem, shaped
from penstock.handlers.http.parameters import Take, parameter_readers
from penstock.handlers.http.requests import HttpRequest, decoded_segment, request_of

P = ParamSpec("P")
R = TypeVar("R")

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "ANY")

_PARAMETER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(\+?)\}")


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A method and a path's template, taken apart."""

    method: str
    template: str
    pattern: re.Pattern[str]
    names: frozenset[str]
    order: tuple[int, ...]

    def match(self, path: str, *, encoded: bool = True) -> dict[str, str] | None:
        """The path's parameters, or None if the path is another.

        Args:
            encoded: the path has percent signs to undo; HTTP APIs have undone them.
        """
        found = self.pattern.fullmatch(path)
        if found is None:
            return None
        given = found.groupdict()
        return {name: decoded_segment(one) for name, one in given.items()} if encoded else given


def parse_route(route: str, *, at: str | None = None) -> Route:
    """Take a route key such as `GET /jobs/{job_id}` apart.

    Raises:
        HandlerError: it is none.
    """
    method, space, template = route.partition(" ")
    if not space or method not in METHODS or not template.startswith("/"):
        raise _no_route(
            route, at, f"write a method and a path: one of {', '.join(METHODS)}, then /path/{{name}}"
        )
    segments = template[1:].split("/")
    names: list[str] = []
    pattern: list[str] = []
    order: list[int] = []
    for place, segment in enumerate(segments):
        parameter = _PARAMETER.fullmatch(segment)
        if parameter is None:
            if "{" in segment or "}" in segment:
                raise _no_route(route, at, "a parameter is a whole segment: /jobs/{job_id}")
            pattern.append(re.escape(segment))
            order.append(0)
            continue
        name, greedy = parameter.groups()
        if greedy and place != len(segments) - 1:
            raise _no_route(route, at, f"{{{name}+}} takes the rest of the path: put it last")
        if name in names:
            raise _no_route(route, at, f"{{{name}}} stands there twice: give each parameter its own name")
        names.append(name)
        pattern.append(f"(?P<{name}>.+)" if greedy else f"(?P<{name}>[^/]+)")
        order.append(2 if greedy else 1)
    return Route(
        method=method,
        template=template,
        pattern=re.compile("/" + "/".join(pattern)),
        names=frozenset(names),
        order=(*order, int(method == "ANY")),
    )


def _no_route(route: str, at: str | None, fix: str) -> HandlerError:
    return HandlerError(f"{route!r} is no route", at=at, fix=fix)


class HttpHandler(EntryPoint[P, R]):
    """What `on_http_request` returns: the function itself for tests, and Lambda's entry for requests."""

    def __init__(self, function: Callable[P, R], route: Route, readers: Mapping[str, Take]) -> None:
        super().__init__(function)
        self.route = route
        self._readers = readers

    def invoke(self, event: object, context: LambdaContext) -> dict[str, object]:
        """Answer an event as Lambda would have it.

        Raises:
            EventError: the event is no HTTP request.
            Exception: what the function raises, other than HttpError.
        """
        return Routes(self).invoke(event, context)

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Give the function its parameters and make an answer of its result; raises HttpError for a wrong one."""
        given = {name: take(request) for name, take in self._readers.items()}
        function = cast("Callable[..., object]", self.function)
        return answer_of(function(**given))


class Decorate:
    """A decorator that was given its route."""

    def __init__(self, route: str) -> None:
        self._route = parse_route(route)

    def __call__(self, function: Callable[P, R], /) -> HttpHandler[P, R]:
        at = declared_at(function)
        return HttpHandler(function, self._route, parameter_readers(function, self._route.names, at))


def on_http_request(route: str) -> Decorate:
    """The function answers requests of a route: `@on_http_request("GET /jobs/{job_id}")`.

    Raises:
        HandlerError: it is no route; or, at the function, a parameter that no request can fill.
    """
    if not isinstance(route, str):
        raise HandlerError(
            "@on_http_request needs a route", fix='write @on_http_request("GET /jobs/{job_id}")'
        )
    return Decorate(route)


class Cors(msgspec.Struct, frozen=True, kw_only=True):
    """Cross-origin requests, as HTTP APIs configure them ("Configure CORS for HTTP APIs")."""

    allow_origins: tuple[str, ...] = ("*",)
    allow_methods: tuple[str, ...] = ("*",)
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    allow_credentials: bool = False
    max_age_seconds: int | None = None

    def __post_init__(self) -> None:
        if self.allow_credentials and "*" in (*self.allow_origins, *self.allow_methods, *self.allow_headers):
            raise HandlerError(
                "CORS with credentials allows nothing by *",
                fix="name the origins, the methods and the headers",
            )


class Routes:
    """Several handlers in one Lambda function.

    Args:
        cors: answers preflight requests, and adds the headers to answers.

    Raises:
        HandlerError: two handlers have the same route.
    """

    def __init__(self, *handlers: HttpHandler[Any, Any], cors: Cors | None = None) -> None:
        self.handlers = tuple(sorted(handlers, key=lambda one: one.route.order))
        self.cors = cors
        seen: set[tuple[str, str]] = set()
        for one in handlers:
            key = (one.route.method, _PARAMETER.sub(r"{\2}", one.route.template))
            if key in seen:
                raise HandlerError(
                    f"two handlers have the route {one.route.method} {one.route.template}",
                    at=f"{one.__module__}.{one.__qualname__}",
                    fix="give each its own route",
                )
            seen.add(key)

    def __call__(self, event: object, context: LambdaContext) -> dict[str, object]:
        """Lambda's entry."""
        return self.invoke(event, context)

    def invoke(self, event: object, context: LambdaContext) -> dict[str, object]:
        """Answer an event as Lambda would have it; raises EventError if it is no HTTP request."""
        request = request_of(event)
        return shaped(self.answer(request), request.sender)

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer a request: by the handler of its route, or with a problem."""
        origin = request.headers.get("origin")
        allowed = self._allowed(origin)
        if (
            self.cors is not None
            and request.method == "OPTIONS"
            and origin is not None
            and "access-control-request-method" in request.headers
        ):
            return HttpResponse(status=204, headers={**allowed, **(_preflight(self.cors) if allowed else {})})
        answer = self._answer(request)
        return msgspec.structs.replace(answer, headers={**answer.headers, **allowed}) if allowed else answer

    def _answer(self, request: HttpRequest) -> HttpResponse:
        methods: list[str] = []
        for handler in self.handlers:
            found = handler.route.match(request.path, encoded=request.path_is_encoded)
            if found is None:
                continue
            if handler.route.method in (request.method, "ANY"):
                try:
                    return handler.answer(msgspec.structs.replace(request, path_parameters=found))
                except HttpError as error:
                    return problem(error)
            methods.append(handler.route.method)
        if methods:
            allow = ", ".join(dict.fromkeys(methods))
            return problem(
                HttpError(405, f"{request.path} takes {allow}, not {request.method}"), {"allow": allow}
            )
        return problem(HttpError(404, f"there is no {request.path}"))

    def _allowed(self, origin: str | None) -> dict[str, str]:
        """The headers for an origin; none if it is not allowed."""
        cors = self.cors
        if cors is None or origin is None or not {"*", origin} & set(cors.allow_origins):
            return {}
        headers = {"access-control-allow-origin": "*" if "*" in cors.allow_origins else origin}
        if "*" not in cors.allow_origins:
            headers["vary"] = "origin"
        if cors.allow_credentials:
            headers["access-control-allow-credentials"] = "true"
        if cors.expose_headers:
            headers["access-control-expose-headers"] = ", ".join(cors.expose_headers)
        return headers


def _preflight(cors: Cors) -> dict[str, str]:
    headers = {"access-control-allow-methods": ", ".join(cors.allow_methods)}
    if cors.allow_headers:
        headers["access-control-allow-headers"] = ", ".join(cors.allow_headers)
    if cors.max_age_seconds is not None:
        headers["access-control-max-age"] = str(cors.max_age_seconds)
    return headers


__all__ = ["Cors", "HttpHandler", "Route", "Routes", "on_http_request", "parse_route"]
