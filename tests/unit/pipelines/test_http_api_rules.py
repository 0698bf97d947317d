"""PL80x: what an HTTP API's declaration keeps."""

from __future__ import annotations

from typing import Annotated

import pytest

from penstock.errors import DeclarationError, HandlerError, RuleError
from penstock.handlers import on_sqs_message
from penstock.handlers.http import Cors, Header, HttpRequest, on_http_authorization
from penstock.pipelines import Function, HttpApi, HttpRoute, JwtAuthorizer, LambdaAuthorizer, Pipeline

ISSUER = "https://issuer.example.com/"


@on_http_authorization
def simple(token: Annotated[str, Header("authorization")]) -> bool:
    return bool(token)


@on_http_authorization(policy=True)
def with_policy(request: HttpRequest) -> bool:
    return True


@on_sqs_message
def of_a_queue(body: dict[str, object]) -> None:
    raise AssertionError(body)


answers = Function("answers", "json.dumps")


def rules_broken(api: HttpApi) -> list[str]:
    """The ids of what is found, in order."""
    try:
        Pipeline("apis", parts=(api,))
    except DeclarationError as error:
        return [problem.rule for problem in error.problems if isinstance(problem, RuleError)]
    return []


def tokens(
    *, issuer: str = ISSUER, audience: tuple[str, ...] = ("a",), source: str = "$request.header.Authorization"
) -> JwtAuthorizer:
    return JwtAuthorizer("tokens", issuer=issuer, audience=audience, identity_source=source)


SOUND = [
    HttpApi("api", {"GET /": answers}, authorizer=tokens()),
    HttpApi("api", {"GET /": HttpRoute(answers, authorizer=tokens(), scopes=("read",))}),
    HttpApi("api", {"GET /": answers}, authorizer=LambdaAuthorizer("f", function=Function("f", simple))),
    HttpApi(
        "api",
        {"GET /": answers},
        authorizer=LambdaAuthorizer(
            "f",
            function=Function("f", with_policy),
            simple_responses=False,
            identity_sources=("$request.querystring.key", "$context.routeKey"),
            result_ttl_seconds=3600,
        ),
    ),
]


@pytest.mark.parametrize("api", SOUND)
def test_sound_declarations_break_no_rule(api: HttpApi) -> None:
    """Authorizers of both kinds, for the API or for a route."""
    assert rules_broken(api) == []


BROKEN = {
    "no https": ("PL802", HttpApi("api", {"GET /": answers}, authorizer=tokens(issuer="http://x"))),
    "no audience": ("PL802", HttpApi("api", {"GET /": answers}, authorizer=tokens(audience=()))),
    "no source": ("PL802", HttpApi("api", {"GET /": answers}, authorizer=tokens(source="Authorization"))),
    "scopes without tokens": ("PL802", HttpApi("api", {"GET /": HttpRoute(answers, scopes=("read",))})),
    "two of one name": (
        "PL802",
        HttpApi(
            "api",
            {"GET /": HttpRoute(answers, authorizer=tokens(audience=("b",)))},
            authorizer=tokens(),
        ),
    ),
    "kept too long": (
        "PL802",
        HttpApi(
            "api",
            {"GET /": answers},
            authorizer=LambdaAuthorizer("f", function=answers, result_ttl_seconds=3601),
        ),
    ),
    "kept without identity": (
        "PL802",
        HttpApi(
            "api",
            {"GET /": answers},
            authorizer=LambdaAuthorizer("f", function=answers, identity_sources=(), result_ttl_seconds=1),
        ),
    ),
    "a header without its place": (
        "PL802",
        HttpApi(
            "api",
            {"GET /": answers},
            authorizer=LambdaAuthorizer("f", function=answers, identity_sources=("x-token",)),
        ),
    ),
    "a queue's handler answers": ("PL803", HttpApi("api", {"GET /": Function("f", of_a_queue)})),
    "a queue's handler authorizes": (
        "PL803",
        HttpApi(
            "api",
            {"GET /": answers},
            authorizer=LambdaAuthorizer("f", function=Function("f", of_a_queue)),
        ),
    ),
    "a policy where yes or no is expected": (
        "PL803",
        HttpApi(
            "api",
            {"GET /": answers},
            authorizer=LambdaAuthorizer("f", function=Function("f", with_policy)),
        ),
    ),
    "yes or no where a policy is expected": (
        "PL803",
        HttpApi(
            "api",
            {"GET /": answers},
            authorizer=LambdaAuthorizer("f", function=Function("f", simple), simple_responses=False),
        ),
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_each_rule_finds_what_it_is_for(what: str) -> None:
    """And only that."""
    rule, api = BROKEN[what]
    assert rules_broken(api) == [rule]


def test_credentials_and_any_origin_do_not_go_together() -> None:
    """API Gateway and browsers refuse it; it is told when the value is made."""
    with pytest.raises(HandlerError, match="allows nothing by"):
        Cors(allow_credentials=True)
