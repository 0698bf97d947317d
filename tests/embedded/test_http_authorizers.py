"""Who may ask, over real HTTP: tokens that are checked, functions that decide, and CORS."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from penstock.errors import UsageError
from penstock.handlers.http import Cors
from penstock.pipelines import Function, HttpApi, HttpRoute, JwtAuthorizer, LambdaAuthorizer, Pipeline
from penstock.runtime.embedded import Embedded
from penstock.runtime.http.front import Front
from penstock.runtime.http.settings import api_settings
from penstock.runtime.state_folder import new_run
from tests.embedded.test_http_front import Got, ask, clean_modules, talk

ISSUER, AUDIENCE = "https://issuer.example.com/", "jobs"
NOW = 1_800_000_000

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ELLIPTIC = ec.generate_private_key(ec.SECP256R1())

HANDLERS = """
from dataclasses import dataclass
from typing import Annotated
from penstock.handlers.http import (Authorization, AuthorizerContext, Claims, Header, HttpRequest,
    on_http_authorization, on_http_request)

ASKED = []

@dataclass
class User:
    sub: str

@dataclass
class Tenant:
    tenant: str
    asked: int

@on_http_request("GET /me")
def me(user: Annotated[User, Claims], request: HttpRequest) -> dict[str, object]:
    return {"sub": user.sub, "scopes": request.authorizer.scopes, "groups": request.authorizer.claims.get("groups")}

@on_http_request("GET /{place}/{name}")
def tenant(place: str, name: str, tenant: Annotated[Tenant, AuthorizerContext]) -> Tenant:
    return tenant

@on_http_authorization
def decide(token: Annotated[str, Header("x-token")]) -> Authorization:
    ASKED.append(token)
    if token == "breaks":
        raise RuntimeError("no")
    return Authorization(allowed=token == "right", context={"tenant": "acme", "asked": len(ASKED)})

@on_http_authorization(policy=True)
def by_path(request: HttpRequest) -> Authorization:
    return Authorization(allowed="/open/" in request.path, context={"tenant": "p", "asked": 0})

def bare(event, context):
    return {"statusCode": 200, "headers": {"access-control-allow-origin": "mine", "x-a": "1"}, "body": "bare"}

def nonsense(event, context):
    return ["no"]
"""


@pytest.fixture
def project(tmp_path: Path, clean_modules: None) -> Path:
    """A project with the handlers above."""
    (tmp_path / "handlers").mkdir()
    (tmp_path / "handlers" / "guarded.py").write_text(HANDLERS, encoding="utf-8")
    (tmp_path / "handlers" / "__init__.py").touch()
    sys.path.insert(0, str(tmp_path))
    return tmp_path


__all__ = ["clean_modules"]


def keys_of(*pairs: tuple[str, Any]) -> dict[str, object]:
    """A key set of public keys."""
    listed = []
    for kid, private in pairs:
        algorithm: Any = ECAlgorithm if isinstance(private, ec.EllipticCurvePrivateKey) else RSAAlgorithm
        listed.append({**json.loads(algorithm.to_jwk(private.public_key())), "kid": kid, "use": "sig"})
    return {"keys": listed}


KEYS = keys_of(("one", KEY), ("curve", ELLIPTIC))


def token(key: Any = KEY, *, kid: str = "one", algorithm: str = "RS256", **claims: object) -> dict[str, str]:
    """The header of a token that is right but for what is given."""
    far = 40_000_000_000
    right = {"iss": ISSUER, "aud": AUDIENCE, "exp": far, "nbf": 1, "iat": 1, "sub": "u1"}
    kept = {name: value for name, value in (right | claims).items() if value is not None}
    return {"authorization": "Bearer " + jwt.encode(kept, key, algorithm=algorithm, headers={"kid": kid})}


def function(name: str) -> Function:
    return Function(name, handler=f"handlers.guarded.{name}", timeout_seconds=10)


def served(api: HttpApi, project: Path) -> tuple[Embedded, Front]:
    pipeline = Pipeline("guarded", parts=(api,), root=project)
    run = Embedded(pipeline, new_run("guarded", base=project / "state"), workers=1)
    return run, Front(run.functions, run.scheduler, api_settings(api, root=project), port=0)


def challenge(got: Got) -> str:
    return dict(got.headers)["www-authenticate"]


def test_tokens_are_checked_as_api_gateway_does(project: Path) -> None:
    """API Gateway, "Control access to HTTP APIs with JWT authorizers": each claim, the key, the scopes."""
    tokens = JwtAuthorizer("tokens", issuer=ISSUER, audience=(AUDIENCE, "other"), keys=KEYS)
    me = function("me")
    run, front = served(
        HttpApi(
            "guarded",
            {"GET /me": me, "GET /scoped": HttpRoute(me, authorizer=tokens, scopes=("read", "write"))},
            authorizer=tokens,
        ),
        project,
    )

    def client() -> None:
        nobody = ask(front, "GET", "/me")
        assert (nobody.status, nobody.json()) == (401, {"message": "Unauthorized"})
        right = ask(front, "GET", "/me", headers=token(groups=["a", "b"], scope="read"))
        assert (right.status, right.json()) == (200, {"sub": "u1", "scopes": [], "groups": "[a b]"})
        bare = {"authorization": token()["authorization"].removeprefix("Bearer ")}
        assert ask(front, "GET", "/me", headers=bare).status == 200
        assert ask(front, "GET", "/me", headers=token(aud=None, client_id="other")).status == 200
        assert ask(front, "GET", "/me", headers=token(algorithm="RS512")).status == 200
        wrong: Mapping[str, dict[str, str]] = {
            "signature": token(OTHER_KEY),
            "not known": token(kid="two"),
            "malformed": {"authorization": "Bearer a.b"},
            "issuer": token(iss="https://elsewhere.example.com/"),
            "audience": token(aud="nobody", client_id=AUDIENCE),
            "expired": token(exp=1),
            "not valid yet": token(nbf=39_000_000_000),
            "no number": token(exp=None, nbf=None) | token(exp="soon"),
        }
        for words, headers in wrong.items():
            refused = ask(front, "GET", "/me", headers=headers)
            assert (refused.status, refused.json()) == (401, {"message": "Unauthorized"}), words
            assert words in challenge(refused)
        assert ask(front, "GET", "/me", headers=token(exp=None)).status == 401
        assert ask(front, "GET", "/me", headers=token(iat=39_000_000_000)).status == 401
        # Only RSA: a good signature of another kind, and none at all.
        assert ask(front, "GET", "/me", headers=token(ELLIPTIC, kid="curve", algorithm="ES256")).status == 401
        assert ask(front, "GET", "/me", headers=token("", algorithm="none")).status == 401
        assert ask(front, "GET", "/me", headers=token("secret" * 10, algorithm="HS256")).status == 401
        assert ask(front, "GET", "/me", headers={"authorization": "Bearer"}).status == 401
        without = ask(front, "GET", "/scoped", headers=token(scope="list"))
        assert (without.status, without.json()) == (403, {"message": "Forbidden"})
        assert 'scope="read write" error="insufficient_scope"' in challenge(without)
        # The route exists in the API, but its function has no handler for it: the authorizer let it through.
        assert ask(front, "GET", "/scoped", headers=token(scope="list write")).status == 404
        assert ask(front, "GET", "/scoped", headers=token(scp=["write"])).status == 404

    with run:
        talk(front, client)


def test_functions_decide(project: Path) -> None:
    """Without identity 401, and nobody is asked; denied 403; failed 500; the context arrives typed."""
    decide = LambdaAuthorizer(
        "decide",
        function=function("decide"),
        identity_sources=("$request.header.X-Token",),
        result_ttl_seconds=300,
    )
    by_path = LambdaAuthorizer(
        "by-path", function=function("by_path"), identity_sources=(), simple_responses=False
    )
    nonsense = LambdaAuthorizer("nonsense", function=function("nonsense"), identity_sources=())
    tenant = function("tenant")
    api = HttpApi(
        "guarded",
        {
            "GET /{place}/{name}": HttpRoute(tenant, authorizer=decide),
            "GET /open/{name}": HttpRoute(tenant, authorizer=by_path),
            "GET /closed/{name}": HttpRoute(tenant, authorizer=by_path),
            "GET /nonsense/{name}": HttpRoute(tenant, authorizer=nonsense),
        },
    )
    run, front = served(api, project)

    def client() -> None:
        assert ask(front, "GET", "/a/b").status == 401
        first = ask(front, "GET", "/a/b", headers={"x-token": "right"})
        assert (first.status, first.json()) == (200, {"tenant": "acme", "asked": 1})
        kept = ask(front, "GET", "/a/c", headers={"x-token": "right"})
        assert kept.json() == {"tenant": "acme", "asked": 1}
        denied = ask(front, "GET", "/a/b", headers={"x-token": "wrong"})
        assert (denied.status, denied.json()) == (403, {"message": "Forbidden"})
        assert ask(front, "GET", "/a/b", headers={"x-token": "breaks"}).status == 500
        assert ask(front, "GET", "/open/b").status == 200
        assert ask(front, "GET", "/closed/b").status == 403
        assert ask(front, "GET", "/nonsense/b").status == 500

    with run:
        talk(front, client)


def test_cors_is_the_apis_matter(project: Path) -> None:
    """API Gateway, "Configure CORS for HTTP APIs": preflight is answered, the function's own headers are dropped."""
    cors = Cors(
        allow_origins=("https://app.example.com", "http://*"),
        allow_methods=("GET", "POST"),
        allow_headers=("authorization",),
        expose_headers=("x-a",),
        max_age_seconds=600,
        allow_credentials=False,
    )
    tokens = JwtAuthorizer("tokens", issuer=ISSUER, audience=(AUDIENCE,), keys=KEYS)
    bare = function("bare")
    api = HttpApi(
        "guarded", {"GET /bare": bare, "ANY /secret": HttpRoute(bare, authorizer=tokens)}, cors=cors
    )
    run, front = served(api, project)
    mine = {"origin": "https://app.example.com"}
    asks = {**mine, "access-control-request-method": "GET"}

    def client() -> None:
        asked = ask(front, "OPTIONS", "/bare", headers=asks)
        headers = dict(asked.headers)
        assert (asked.status, asked.body) == (204, b"")
        assert headers["access-control-allow-origin"] == "https://app.example.com"
        assert headers["access-control-allow-methods"] == "GET,POST"
        assert headers["access-control-allow-headers"] == "authorization"
        assert headers["access-control-max-age"] == "600"
        got = dict(ask(front, "GET", "/bare", headers=mine).headers)
        assert got["access-control-allow-origin"] == "https://app.example.com"
        assert (got["access-control-expose-headers"], got["x-a"]) == ("x-a", "1")
        local = dict(ask(front, "GET", "/bare", headers={"origin": "http://localhost:3000"}).headers)
        assert local["access-control-allow-origin"] == "http://localhost:3000"
        stranger = dict(ask(front, "GET", "/bare", headers={"origin": "https://evil.example.com"}).headers)
        assert "access-control-allow-origin" not in stranger
        # A route that takes OPTIONS keeps its authorizer.
        assert ask(front, "OPTIONS", "/secret", headers=asks).status == 401
        assert ask(front, "OPTIONS", "/secret", headers=asks | token()).status == 204

    with run:
        talk(front, client)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (None, "has no keys to check tokens with"),
        (Path("missing.json"), "cannot be read"),
        ({"keys": "none"}, "are no key set"),
        ({"keys": [{"kty": "RSA", "kid": "a"}]}, "cannot be read"),
    ],
)
def test_keys_that_cannot_be_used_are_told_of_before_serving(project: Path, keys: Any, words: str) -> None:
    """Nothing is fetched from the issuer."""
    authorizer = JwtAuthorizer("tokens", issuer=ISSUER, audience=(AUDIENCE,), keys=keys)
    with pytest.raises(UsageError, match=words):
        served(HttpApi("guarded", {"GET /me": function("me")}, authorizer=authorizer), project)


def test_keys_may_stand_in_a_file_of_the_project(project: Path) -> None:
    """A relative path starts at the project's folder."""
    (project / "keys.json").write_text(json.dumps(KEYS), encoding="utf-8")
    authorizer = JwtAuthorizer("tokens", issuer=ISSUER, audience=(AUDIENCE,), keys=Path("keys.json"))
    run, front = served(HttpApi("guarded", {"GET /me": function("me")}, authorizer=authorizer), project)
    with run:
        talk(front, lambda: _is_ok(ask(front, "GET", "/me", headers=token())))


def _is_ok(got: Got) -> None:
    assert got.status == 200


def test_an_identity_source_that_is_not_known_here_is_an_error(project: Path) -> None:
    """API Gateway has more context variables than this front."""
    authorizer = LambdaAuthorizer(
        "decide", function=function("decide"), identity_sources=("$context.dataProcessed",)
    )
    with pytest.raises(UsageError, match="is not known here"):
        served(HttpApi("guarded", {"GET /me": function("bare")}, authorizer=authorizer), project)
