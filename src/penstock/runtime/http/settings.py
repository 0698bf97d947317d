"""An HTTP API as the front serves it: from the declaration, by names.

Raises UsageError for what AWS can do and this machine cannot: checking tokens without the issuer's keys.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from penstock.errors import UsageError
from penstock.handlers.http.routing import Cors
from penstock.pipelines.http_api import (
    HttpApi,
    IamAuthorizer,
    JwtAuthorizer,
    LambdaAuthorizer,
    authorizers_of,
    routes_of,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSettings:
    """An authorizer of JSON Web Tokens; `keys` is a JSON Web Key Set."""

    name: str
    issuer: str
    audience: tuple[str, ...]
    identity_source: str
    keys: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskingSettings:
    """An authorizer that is a function, by name."""

    name: str
    function: str
    identity_sources: tuple[str, ...]
    simple: bool = True
    ttl_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSettings:
    """What a route leads to; `authorizer` by name."""

    function: str
    authorizer: str | None = None
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """An API: its routes by their keys, its authorizers by their names."""

    name: str = "local"
    routes: Mapping[str, RouteSettings]
    authorizers: Mapping[str, TokenSettings | AskingSettings] = field(default_factory=dict)
    cors: Cors | None = None


def api_settings(api: HttpApi, *, root: Path) -> ApiSettings:
    """What the front needs to know of an API.

    Args:
        root: the project's folder, where a relative path of keys starts.

    Raises:
        UsageError: an authorizer of tokens has no keys, or they cannot be read.
    """
    authorizers: dict[str, TokenSettings | AskingSettings] = {}
    for one in authorizers_of(api):
        if isinstance(one, LambdaAuthorizer):
            authorizers[one.name] = AskingSettings(
                name=one.name,
                function=one.function.name,
                identity_sources=tuple(one.identity_sources),
                simple=one.simple_responses,
                ttl_seconds=one.result_ttl_seconds,
            )
        elif isinstance(one, JwtAuthorizer):
            authorizers[one.name] = TokenSettings(
                name=one.name,
                issuer=one.issuer,
                audience=tuple(one.audience),
                identity_source=one.identity_source,
                keys=_keys(one, root),
            )
    routes = {
        key: RouteSettings(
            function=route.function.name,
            authorizer=None
            if route.authorizer is None or isinstance(route.authorizer, IamAuthorizer)
            else route.authorizer.name,
            scopes=tuple(route.scopes),
        )
        for key, route in routes_of(api).items()
    }
    return ApiSettings(name=api.name, routes=routes, authorizers=authorizers, cors=api.cors)


def _keys(one: JwtAuthorizer, root: Path) -> Mapping[str, object]:
    at, fix = str(one.declared_at), "a JSON Web Key Set, as the issuer's jwks_uri gives it"
    if one.keys is None:
        raise UsageError(
            f'the authorizer "{one.name}" has no keys to check tokens with: nothing is fetched from {one.issuer}',
            at=at,
            fix=f"give JwtAuthorizer(keys=...): {fix}, or a file of one",
        )
    if isinstance(one.keys, Path):
        path = root / one.keys
        try:
            found = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise UsageError(
                f'the keys of the authorizer "{one.name}" cannot be read: {error}', at=str(path), fix=fix
            ) from error
    else:
        found = one.keys
    if not isinstance(found, Mapping) or not isinstance(found.get("keys"), list):
        raise UsageError(f'the keys of the authorizer "{one.name}" are no key set', at=at, fix=fix)
    return found
