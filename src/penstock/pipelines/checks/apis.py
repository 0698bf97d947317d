"""PL8xx: HTTP APIs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from penstock.errors import HandlerError, PenstockError
from penstock.handlers.http.authorization import AuthorizationHandler
from penstock.handlers.http.routing import parse_route
from penstock.handlers.spec import Source
from penstock.pipelines.checks.rule import Finding, Rule
from penstock.pipelines.graph import Graph
from penstock.pipelines.http_api import (
    DEFAULT_ROUTE,
    HttpApi,
    JwtAuthorizer,
    LambdaAuthorizer,
    authorizers_of,
    routes_of,
)
from penstock.pipelines.imports import handler_of

MOST_SECONDS_TO_KEEP_A_DECISION = 3600
_IDENTITY = re.compile(
    r"\$(request\.(header|querystring)\.[^\s,]+|context\.[A-Za-z][\w.]*|stageVariables\.\w+)"
)


def _routes(graph: Graph) -> Iterator[Finding]:
    for api in graph.of(HttpApi):
        if not api.routes:
            yield Finding(
                what=f'the API "{api.name}" has no routes', part=api, fix='add one: {"GET /jobs": function}'
            )
        for key in api.routes:
            if key == DEFAULT_ROUTE:
                continue
            try:
                parse_route(key)
            except HandlerError as error:
                yield Finding(
                    what=f"API Gateway refuses the route key: {error.what}",
                    part=api,
                    within=f"routes[{key!r}]",
                    fix=error.fix or "write a method and a path",
                )


def _authorizers(graph: Graph) -> Iterator[Finding]:
    for api in graph.of(HttpApi):
        seen: set[str] = set()
        for one in authorizers_of(api):
            within = f'authorizer "{one.name}"'
            if one.name in seen:
                yield Finding(
                    what=f'the API "{api.name}" has two authorizers called "{one.name}"',
                    part=api,
                    within=within,
                    fix="give each its own name, or use one value for both",
                )
            seen.add(one.name)
            if isinstance(one, JwtAuthorizer):
                yield from _of_tokens(api, one, within)
            elif isinstance(one, LambdaAuthorizer):
                yield from _of_function(api, one, within)
        for key, route in routes_of(api).items():
            if route.scopes and not isinstance(route.authorizer, JwtAuthorizer):
                yield Finding(
                    what="the route has scopes, but no authorizer of tokens",
                    part=api,
                    within=f"routes[{key!r}]",
                    fix="give it a JwtAuthorizer, or leave the scopes out",
                )


def _of_tokens(api: HttpApi, one: JwtAuthorizer, within: str) -> Iterator[Finding]:
    if not one.issuer.startswith("https://"):
        yield Finding(
            what=f'the issuer "{one.issuer}" is no https URL: API Gateway fetches its keys from there',
            part=api,
            within=within,
            fix="write the token's iss, https://...",
        )
    if not one.audience:
        yield Finding(
            what="it names no audience", part=api, within=within, fix="name whom the tokens are for"
        )
    if _IDENTITY.fullmatch(one.identity_source) is None or "$context" in one.identity_source:
        yield Finding(
            what=f'a token cannot stand in "{one.identity_source}"',
            part=api,
            within=within,
            fix="$request.header.Authorization, or $request.querystring.token",
        )


def _of_function(api: HttpApi, one: LambdaAuthorizer, within: str) -> Iterator[Finding]:
    for source in one.identity_sources:
        if _IDENTITY.fullmatch(source) is None:
            yield Finding(
                what=f'"{source}" is no identity source',
                part=api,
                within=within,
                fix="$request.header.Authorization, $request.querystring.key or $context.routeKey",
            )
    if not 0 <= one.result_ttl_seconds <= MOST_SECONDS_TO_KEEP_A_DECISION:
        yield Finding(
            what=f"a decision is kept for {one.result_ttl_seconds} seconds",
            part=api,
            within=within,
            fix=f"0 to {MOST_SECONDS_TO_KEEP_A_DECISION}",
        )
    if one.result_ttl_seconds and not one.identity_sources:
        yield Finding(
            what="decisions are kept, but nothing tells one caller from another",
            part=api,
            within=within,
            fix="name an identity source, or result_ttl_seconds=0",
        )


def _handlers(graph: Graph) -> Iterator[Finding]:
    for api in graph.of(HttpApi):
        for key, route in routes_of(api).items():
            try:
                handler = handler_of(route.function, graph.root)
            except PenstockError:
                continue  # PL501 says so
            if handler is not None:
                yield Finding(
                    what=f'the handler of "{route.function.name}" answers no requests: {handler!r}',
                    part=api,
                    within=f"routes[{key!r}]",
                    fix="decorate it with @on_http_request, or give another function",
                )
        for one in authorizers_of(api):
            if not isinstance(one, LambdaAuthorizer):
                continue
            try:
                handler = handler_of(one.function, graph.root)
            except PenstockError:
                continue
            within = f'authorizer "{one.name}"'
            if handler is not None and handler.spec.source is not Source.HTTP_AUTHORIZATION:
                yield Finding(
                    what=f'the handler of "{one.function.name}" authorizes nothing: {handler!r}',
                    part=api,
                    within=within,
                    fix="decorate it with @on_http_authorization, or give another function",
                )
            elif isinstance(handler, AuthorizationHandler) and handler.policy == one.simple_responses:
                asked, given = ("isAuthorized", "IAM policies")
                if handler.policy is False:
                    asked, given = ("an IAM policy", "isAuthorized")
                yield Finding(
                    what=f'the API expects {asked} of "{one.function.name}", whose handler answers with {given}',
                    part=api,
                    within=within,
                    fix=f"@on_http_authorization(policy={not one.simple_responses}), or simple_responses="
                    f"{not one.simple_responses}",
                )


_GATEWAY = "https://docs.aws.amazon.com/apigateway/latest/developerguide"

RULES = (
    Rule(
        id="PL801",
        title="an HTTP API has routes, and each has a valid key",
        source=f"{_GATEWAY}/http-api-develop-routes.html",
        check=_routes,
    ),
    Rule(
        id="PL802",
        title="an HTTP API's authorizers can work, and scopes stand beside an authorizer of tokens",
        source=f"{_GATEWAY}/http-api-jwt-authorizer.html and {_GATEWAY}/http-api-lambda-authorizer.html",
        check=_authorizers,
    ),
    Rule(
        id="PL803",
        title="an HTTP API's functions have handlers of requests, its authorizers handlers that authorize",
        source="our own: every request would be answered with 500",
        check=_handlers,
    ),
)
