"""Authorizers' handlers: typed questions, and the form of the answer that each API wants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import pytest

from penstock.errors import EventError, HandlerError
from penstock.handlers.http import (
    Authorization,
    AuthorizerContext,
    Claims,
    Header,
    HttpRequest,
    HttpResponse,
    on_http_authorization,
    on_http_request,
)
from penstock.handlers.spec import Source
from penstock.testing.context import FakeContext
from penstock.testing.http_events import authorizer_event, http_authorizer_event, http_event


@dataclass(frozen=True)
class Tenant:
    name: str
    seats: int = 0


@on_http_authorization
def by_token(token: Annotated[str, Header("authorization")]) -> Authorization:
    return Authorization(allowed=token == "Bearer right", context=Tenant("acme", 3), principal="me")


@on_http_authorization(policy=True)
def by_path(request: HttpRequest) -> bool:
    return request.method == "GET" and request.path.startswith("/open/")


@on_http_authorization
def with_a_list(request: HttpRequest) -> Authorization:
    return Authorization(allowed=True, context={"roles": ["a", "b"]})


@on_http_authorization
def breaks(request: HttpRequest) -> bool:
    raise RuntimeError("no")


def asked(handler: Any, event: object) -> Any:
    return handler(event, FakeContext())


def test_a_simple_response_says_yes_or_no_and_what_it_knows() -> None:
    """API Gateway, "Control access to HTTP APIs with AWS Lambda authorizers": response format 2.0."""
    right = http_authorizer_event("GET", "/jobs", headers={"Authorization": "Bearer right"})
    assert asked(by_token, right) == {"isAuthorized": True, "context": {"name": "acme", "seats": 3}}
    wrong = http_authorizer_event("GET", "/jobs", headers={"authorization": "wrong"})
    assert asked(by_token, wrong)["isAuthorized"] is False
    assert by_token.spec.source is Source.HTTP_AUTHORIZATION


def test_a_question_that_cannot_be_read_is_denied() -> None:
    """The function is not even called: its parameter is missing."""
    assert asked(by_token, http_authorizer_event("GET", "/jobs")) == {"isAuthorized": False, "context": {}}


def test_a_policy_is_for_what_was_asked() -> None:
    """API Gateway, "Output from an API Gateway Lambda authorizer"."""
    answer = asked(by_path, http_authorizer_event("GET", "/open/door"))
    (statement,) = answer["policyDocument"]["Statement"]
    assert statement["Effect"] == "Allow"
    assert statement["Resource"].endswith("/$default/GET/open/door")
    (denied,) = asked(by_path, http_authorizer_event("POST", "/open/door"))["policyDocument"]["Statement"]
    assert denied["Effect"] == "Deny"


def test_a_rest_api_always_gets_a_policy() -> None:
    """Its TOKEN question has nothing but the token and the method's ARN."""
    event = authorizer_event("Bearer right", path="/jobs")
    answer = asked(by_token, event)
    assert answer["principalId"] == "me"
    assert answer["context"] == {"name": "acme", "seats": 3}
    assert answer["policyDocument"]["Statement"][0]["Resource"] == event["methodArn"]
    (open_door,) = asked(by_path, authorizer_event(path="/open/door"))["policyDocument"]["Statement"]
    assert open_door["Effect"] == "Allow"


def test_a_rest_apis_context_has_no_lists() -> None:
    """API Gateway refuses it; the error says so first. An HTTP API takes it."""
    assert asked(with_a_list, http_authorizer_event())["context"] == {"roles": ["a", "b"]}
    with pytest.raises(HandlerError, match="roles is no plain value"):
        asked(with_a_list, authorizer_event())


def test_other_events_and_exceptions_fail_the_invocation() -> None:
    """API Gateway makes a 500 of either."""
    with pytest.raises(EventError):
        asked(by_token, {"Records": []})
    with pytest.raises(RuntimeError, match="no"):
        asked(breaks, http_authorizer_event())


def test_what_it_returns_is_said_and_kept() -> None:
    """A missing annotation is an error at import, a wrong value one at run time."""
    with pytest.raises(HandlerError, match="does not say that it returns"):

        @on_http_authorization  # type: ignore[type-var]
        def silent(request: HttpRequest) -> str:
            return "yes"

    @on_http_authorization
    def lies(request: HttpRequest) -> bool:
        return "yes"  # type: ignore[return-value]

    with pytest.raises(HandlerError, match="returned str"):
        asked(lies, http_authorizer_event())


@dataclass(frozen=True)
class User:
    sub: str
    level: int = 0


@on_http_request("GET /me")
def me(user: Annotated[User, Claims], tenant: Annotated[Tenant, AuthorizerContext]) -> HttpResponse:
    return HttpResponse(body={"user": user.sub, "level": user.level, "tenant": tenant.name})


def test_claims_and_context_are_typed() -> None:
    """Claims arrive as texts; what the function is not for is a 403 that names the field."""
    event: Any = http_event("GET", "/me")
    caller: dict[str, Any] = {
        "jwt": {"claims": {"sub": "u1", "level": "7"}, "scopes": None},
        "lambda": {"name": "acme"},
    }
    event["requestContext"]["authorizer"] = caller
    assert asked(me, event)["body"] == '{"user":"u1","level":7,"tenant":"acme"}'
    caller["jwt"] = {"claims": {}, "scopes": None}
    refused = asked(me, event)
    assert refused["statusCode"] == 403
    assert "claims" in refused["body"]
    assert me(User("u2"), Tenant("b")).status == 200
