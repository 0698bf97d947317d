"""An HTTP API: which function answers which requests, and who may ask (API Gateway, "HTTP APIs")."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import TypeAlias

from penstock.handlers.http.routing import Cors
from penstock.pipelines.graph import Reference, references
from penstock.pipelines.resources import Function, Part, Resource

DEFAULT_ROUTE = "$default"
AUTHORIZATION_HEADER = "$request.header.Authorization"


@dataclass(frozen=True, slots=True)
class JwtAuthorizer(Part):
    """Lets requests with a JSON Web Token of an issuer through ("Control access to HTTP APIs with JWT authorizers").

    Args:
        name: unique in its API.
        issuer: the token's `iss`. On AWS its keys are fetched from there: it is an `https` URL.
        audience: of which one has to be the token's `aud`, or its `client_id` if it has no `aud`.
        identity_source: where the token stands.
        keys: the issuer's public keys as a JSON Web Key Set, or a file of one (a relative path starts at the
            project's folder): `penstock serve` fetches nothing. AWS never reads them.
    """

    name: str
    _: KW_ONLY
    issuer: str
    audience: Sequence[str]
    identity_source: str = AUTHORIZATION_HEADER
    keys: Path | Mapping[str, object] | None = field(default=None, hash=False)


@dataclass(frozen=True, slots=True)
class LambdaAuthorizer(Part):
    """Lets requests through that a function allows ("Control access to HTTP APIs with AWS Lambda authorizers").

    The function gets payload format 2.0; `penstock.handlers.http.on_http_authorization` makes one.

    Args:
        name: unique in its API.
        function: what decides; it has ten seconds.
        identity_sources: what a request must have to be asked about at all, and the key of the cache:
            `$request.header.name`, `$request.querystring.name`, `$context.routeKey` and others of `$context`.
        simple_responses: the function answers `isAuthorized`; otherwise with an IAM policy.
        result_ttl_seconds: how long a decision is kept, up to 3600; 0: not at all.
    """

    name: str
    _: KW_ONLY
    function: Function
    identity_sources: Sequence[str] = (AUTHORIZATION_HEADER,)
    simple_responses: bool = True
    result_ttl_seconds: int = 0


@dataclass(frozen=True, slots=True)
class IamAuthorizer(Part):
    """Lets callers through whose requests are signed, and whose policies allow `execute-api:Invoke` (AWS_IAM).

    API Gateway, "Control access to HTTP APIs with IAM authorization". `penstock serve` checks no signatures, and says
    so: whoever reaches the port may ask.
    """

    name: str


Authorizer: TypeAlias = JwtAuthorizer | LambdaAuthorizer | IamAuthorizer


@dataclass(frozen=True, slots=True)
class HttpRoute(Part):
    """A route with settings of its own; the API's authorizer does not hold for it.

    Args:
        authorizer: None: anybody may ask.
        scopes: of which a token must have at least one.
    """

    function: Function
    _: KW_ONLY
    authorizer: Authorizer | None = None
    scopes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class HttpApi(Resource):
    """An HTTP API whose routes invoke functions with payload format 2.0.

    Args:
        routes: a function, or a `HttpRoute`, for each route key: `POST /jobs`, `ANY /files/{key+}`, or `$default`
            for the rest.
        cors: answers preflight requests, and sets the headers of all answers, whatever the functions say.
        authorizer: of every route that is a bare function.
    """

    routes: Mapping[str, Function | HttpRoute] = field(hash=False)
    _: KW_ONLY
    cors: Cors | None = field(default=None, hash=False)
    authorizer: Authorizer | None = None


def routes_of(api: HttpApi) -> dict[str, HttpRoute]:
    """Every route with its settings written out, in the order of the declaration."""
    return {
        key: route if isinstance(route, HttpRoute) else HttpRoute(route, authorizer=api.authorizer)
        for key, route in api.routes.items()
    }


def authorizers_of(api: HttpApi) -> tuple[Authorizer, ...]:
    """Every authorizer that a route has, or the API itself, each once."""
    found: list[Authorizer] = []
    for one in (api.authorizer, *(route.authorizer for route in routes_of(api).values())):
        if one is not None and one not in found:
            found.append(one)
    return tuple(found)


@references.register(HttpApi)
def _of_api(part: HttpApi) -> Iterator[Reference]:
    for key, route in routes_of(part).items():
        yield Reference(f"routes[{key!r}]", route.function)
    for authorizer in authorizers_of(part):
        if isinstance(authorizer, LambdaAuthorizer):
            yield Reference(f'authorizer "{authorizer.name}"', authorizer.function)
