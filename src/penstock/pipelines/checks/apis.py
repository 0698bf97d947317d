"""PL8xx: HTTP APIs."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.errors import HandlerError
from penstock.handlers.http.routing import parse_route
from penstock.pipelines.checks.rule import Finding, Rule
from penstock.pipelines.graph import Graph
from penstock.pipelines.http_api import DEFAULT_ROUTE, HttpApi


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


RULES = (
    Rule(
        id="PL801",
        title="an HTTP API has routes, and each has a valid key",
        source="https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html",
        check=_routes,
    ),
)
