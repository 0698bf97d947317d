"""Handlers that decide who may call an API: Lambda authorizers.

    @on_http_authorization
    def authorize(token: Annotated[str, Header("authorization")]) -> Authorization:
        return Authorization(allowed=token in TOKENS, context={"tenant": "acme"})

1. The decision is written in the form that the event asks for: a simple response for payload format 2.0, an IAM
   policy for format 1.0 and for REST APIs. With `policy=True` it is always a policy, for an authorizer of format 2.0
   whose simple responses are off.
2. A request that the parameters cannot be read from is denied. Any exception of the function fails the invocation, of
   which API Gateway makes a 500.

Sources: API Gateway, "Control access to HTTP APIs with AWS Lambda authorizers", "Output from an API Gateway Lambda
authorizer" (REST APIs: a context has no objects and no arrays).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar, cast, get_type_hints, overload

import msgspec

from penstock.errors import HandlerError
from penstock.handlers.context import LambdaContext
from penstock.handlers.declared import declared_at
from penstock.handlers.entry_point import EntryPoint
from penstock.handlers.events import parse_event
from penstock.handlers.events.http import HTTPAuthorizerRequest, RestAuthorizerRequest, TokenAuthorizerRequest
from penstock.handlers.http.answers import HttpError
from penstock.handlers.http.parameters import Take, parameter_readers
from penstock.handlers.http.requests import HttpRequest, Sender, asked_of_http_api, asked_of_rest_api
from penstock.handlers.payloads import encoded
from penstock.handlers.spec import HandlerSpec, Source

P = ParamSpec("P")
R = TypeVar("R", bound="bool | Authorization")


class Authorization(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a request is let through.

    Attributes:
        context: what the function that answers the request is told: a mapping, or anything with fields.
        principal: who calls; only IAM policies name it.
    """

    allowed: bool
    context: object = None
    principal: str = "caller"


class AuthorizationHandler(EntryPoint[P, R]):
    """What `on_http_authorization` returns: the function itself for tests, and Lambda's entry for questions."""

    def __init__(
        self, function: Callable[P, R], spec: HandlerSpec, readers: Mapping[str, Take], *, policy: bool
    ) -> None:
        super().__init__(function)
        self.spec = spec
        self.policy = policy
        self._readers = readers

    def invoke(self, event: object, context: LambdaContext) -> dict[str, object]:
        """Answer an event as Lambda would have it.

        Raises:
            EventError: the event asks no authorizer anything.
            HandlerError: the function's result says neither yes nor no, or its context has no JSON form.
            Exception: what the function raises, other than HttpError.
        """
        request, resource = _asked(event)
        try:
            given = {name: take(request) for name, take in self._readers.items()}
            result: object = cast("Callable[..., object]", self.function)(**given)
        except HttpError:
            result = False
        decision = Authorization(allowed=result) if isinstance(result, bool) else result
        if not isinstance(decision, Authorization):
            raise HandlerError(
                f"{self.spec.qualname} returned {type(result).__name__}",
                at=f"{self.spec.module}.{self.spec.qualname}",
                fix="return Authorization(allowed=...), or a bool",
            )
        told = self._context(decision.context, nested=request.sender is Sender.HTTP_API)
        if request.sender is Sender.HTTP_API and not self.policy:
            return {"isAuthorized": decision.allowed, "context": told}
        statement = {
            "Action": "execute-api:Invoke",
            "Effect": "Allow" if decision.allowed else "Deny",
            "Resource": resource,
        }
        return {
            "principalId": decision.principal,
            "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
            "context": told,
        }

    def _context(self, context: object, *, nested: bool) -> dict[str, object]:
        told = {} if context is None else encoded(context)
        wrong = "it is no mapping" if not isinstance(told, dict) else None
        if isinstance(told, dict) and not nested:
            deep = next((name for name, value in told.items() if isinstance(value, dict | list)), None)
            wrong = None if deep is None else f"{deep} is no plain value, as REST APIs and format 1.0 want"
        if wrong is not None or not isinstance(told, dict):
            raise HandlerError(
                f"the context that {self.spec.qualname} returned cannot be sent: {wrong}",
                at=f"{self.spec.module}.{self.spec.qualname}",
                fix="return a mapping of names to texts, numbers and booleans",
            )
        return told

    def __repr__(self) -> str:
        return f"<authorizer {self.spec.module}.{self.spec.qualname}>"


def _asked(event: object) -> tuple[HttpRequest, str]:
    """The request that is asked about, and the ARN of what it wants to call."""
    asked = parse_event("apigw-authorizer", event)
    if isinstance(asked, HTTPAuthorizerRequest):
        return asked_of_http_api(asked), asked.route_arn
    if isinstance(asked, TokenAuthorizerRequest):
        headers = {"authorization": asked.authorization_token}
        # arn:aws:execute-api:region:account:api/stage/METHOD/path
        parts = asked.method_arn.rpartition(":")[2].split("/", 3)
        request = HttpRequest(
            method=parts[2] if len(parts) > 2 else "",
            path=f"/{parts[3]}" if len(parts) > 3 else "/",
            sender=Sender.REST_API,
            headers=headers,
        )
        return request, asked.method_arn
    rest = cast("RestAuthorizerRequest", asked)
    return asked_of_rest_api(rest), rest.method_arn


class _Decorate:
    def __init__(self, *, policy: bool) -> None:
        self._policy = policy

    def __call__(self, function: Callable[P, R], /) -> AuthorizationHandler[P, R]:
        at = declared_at(function)
        readers = parameter_readers(function, frozenset(), at)
        answer: Any = get_type_hints(function).get("return")
        if answer not in (bool, Authorization):
            raise HandlerError(
                f"{function.__qualname__} does not say that it returns an Authorization",
                at=at,
                fix="annotate what it returns: -> Authorization, or -> bool",
            )
        spec = HandlerSpec(
            source=Source.HTTP_AUTHORIZATION,
            payload=HttpRequest,
            per_batch=False,
            module=function.__module__,
            qualname=function.__qualname__,
        )
        return AuthorizationHandler(function, spec, readers, policy=self._policy)


@overload
def on_http_authorization(function: Callable[P, R], /) -> AuthorizationHandler[P, R]: ...


@overload
def on_http_authorization(*, policy: bool = ...) -> _Decorate: ...


def on_http_authorization(function: Callable[..., Any] | None = None, /, *, policy: bool = False) -> object:
    """The function decides whether a request is let through: `@on_http_authorization`.

    It takes what a handler of requests takes but for the path and the body: `HttpRequest`, headers, the query.

    Args:
        policy: answer with an IAM policy also where simple responses could be asked for.

    Raises:
        HandlerError: a parameter that no request can fill, or another result than `Authorization` or `bool`.
    """
    decorate = _Decorate(policy=policy)
    return decorate if function is None else decorate(function)


__all__ = ["Authorization", "AuthorizationHandler", "on_http_authorization"]
