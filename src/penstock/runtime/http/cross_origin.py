"""Cross-origin requests, as an HTTP API with a CORS configuration treats them.

1. A preflight request is answered by the API itself, with 204; of a route that takes it only the authorizer is asked.
2. Headers of CORS that a function answers with are dropped, and the configured ones are added.

Source: API Gateway, "Configure CORS for HTTP APIs in API Gateway".
"""

from __future__ import annotations

from penstock.handlers.http.routing import Cors
from penstock.runtime.http.events import Answer, Request


def is_preflight(request: Request) -> bool:
    """Whether a browser asks before it sends the request proper."""
    names = {name for name, _ in request.headers}
    return request.method == "OPTIONS" and "origin" in names and "access-control-request-method" in names


def preflight(cors: Cors, request: Request) -> Answer:
    """The answer to a preflight request; without headers where the origin is not allowed."""
    headers = _allowed(cors, request)
    if headers:
        headers.append(("access-control-allow-methods", ",".join(cors.allow_methods)))
        if cors.allow_headers:
            headers.append(("access-control-allow-headers", ",".join(cors.allow_headers)))
        if cors.max_age_seconds is not None:
            headers.append(("access-control-max-age", str(cors.max_age_seconds)))
    return Answer(status=204, headers=headers, body=b"")


def with_headers(cors: Cors, request: Request, answer: Answer) -> Answer:
    """An answer with the configured headers instead of those that it came with."""
    kept = [(name, value) for name, value in answer.headers if not name.startswith("access-control-")]
    added = _allowed(cors, request)
    if added and cors.expose_headers:
        added.append(("access-control-expose-headers", ",".join(cors.expose_headers)))
    return Answer(status=answer.status, headers=[*kept, *added], body=answer.body)


def _allowed(cors: Cors, request: Request) -> list[tuple[str, str]]:
    origin = next((value for name, value in request.headers if name == "origin"), None)
    if origin is None or not any(_fits(one, origin) for one in cors.allow_origins):
        return []
    everybody = "*" in cors.allow_origins
    headers = [("access-control-allow-origin", "*" if everybody else origin)]
    if not everybody:
        headers.append(("vary", "origin"))
    if cors.allow_credentials:
        headers.append(("access-control-allow-credentials", "true"))
    return headers


def _fits(allowed: str, origin: str) -> bool:
    """`*`, `https://*` and `http://*` stand for any origin of that kind."""
    return origin.startswith(allowed[:-1]) if allowed.endswith("*") else origin == allowed
