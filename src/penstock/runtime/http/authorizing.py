"""Who may ask: the authorizers of one API, before a route's function is invoked.

1. A request without what identifies its caller is a 401, and nobody is asked. One that an authorizer denies is a 403.
   An authorizer that fails, answers in another form or takes over ten seconds makes a 500.
2. A Lambda authorizer's decision is kept under its identity sources, for all routes that have the authorizer, as long
   as it says; an IAM policy is evaluated again for each route.

Sources: API Gateway, "Control access to HTTP APIs with AWS Lambda authorizers" ("Authorizer response format",
"Identity sources", "Cached authorizer responses"), "Control access to HTTP APIs with JWT authorizers in API Gateway".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, cast

from penstock.errors import UsageError
from penstock.runtime.functions.functions import Functions
from penstock.runtime.http.events import Answer, Request, message
from penstock.runtime.http.settings import ApiSettings, AskingSettings, RouteSettings, TokenSettings
from penstock.runtime.http.tokens import TokenRefused, Tokens
from penstock.runtime.invocation import InvocationOutcome
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import ServiceError

AUTHORIZER_TIMEOUT_SECONDS: Final = 10.0

UNAUTHORIZED: Final = message(401, "Unauthorized")
FORBIDDEN: Final = message(403, "Forbidden")
FAILED: Final = message(500, "Internal Server Error")

_CONTEXT: Final[Mapping[str, tuple[str, ...]]] = {
    "accountId": ("accountId",),
    "apiId": ("apiId",),
    "domainName": ("domainName",),
    "httpMethod": ("http", "method"),
    "identity.sourceIp": ("http", "sourceIp"),
    "identity.userAgent": ("http", "userAgent"),
    "path": ("http", "path"),
    "protocol": ("http", "protocol"),
    "routeKey": ("routeKey",),
    "stage": ("stage",),
}
"""Where an event has what `$context.NAME` stands for."""

Event = dict[str, object]
Allowed = Callable[[Event | None], None]
Refused = Callable[[Answer], None]


@dataclass(frozen=True, slots=True)
class _Decision:
    until: float
    payload: Mapping[str, object]


class Authorizers:
    """The authorizers of one API.

    Raises:
        UsageError: keys cannot be read, or an identity source is one that is not known here.
    """

    def __init__(self, api: ApiSettings, functions: Functions, scheduler: Scheduler) -> None:
        self._functions = functions
        self._scheduler = scheduler
        self._tokens: dict[str, tuple[TokenSettings, Tokens]] = {}
        self._asking: dict[str, AskingSettings] = {}
        self._kept: dict[tuple[str, tuple[str, ...]], _Decision] = {}
        for name, one in api.authorizers.items():
            if isinstance(one, TokenSettings):
                self._tokens[name] = (one, Tokens(one))
                continue
            for source in one.identity_sources:
                if not source.startswith("$request.") and source.removeprefix("$context.") not in _CONTEXT:
                    raise UsageError(
                        f'the identity source "{source}" of the authorizer "{name}" is not known here',
                        fix=f"$request.header.NAME, $request.querystring.NAME, $context. and one of "
                        f"{', '.join(_CONTEXT)}",
                    )
            self._asking[name] = one

    def decide(
        self, route: RouteSettings, request: Request, event: Event, *, allowed: Allowed, refused: Refused
    ) -> None:
        """Call `allowed` with what the event has to say of the caller, or `refused` with the answer.

        Args:
            event: as the route's function would get it.
        """
        if route.authorizer is None:
            allowed(None)
        elif route.authorizer in self._tokens:
            self._check_token(route, event, allowed, refused)
        else:
            self._ask(self._asking[route.authorizer], request, event, allowed, refused)

    def _check_token(self, route: RouteSettings, event: Event, allowed: Allowed, refused: Refused) -> None:
        settings, tokens = self._tokens[str(route.authorizer)]
        token = _identity(settings.identity_source, event)
        if not token:
            refused(_challenged(UNAUTHORIZED, "Bearer"))
            return
        try:
            claims, scopes = tokens.check(token, now=self._scheduler.now(), scopes=route.scopes)
        except TokenRefused as error:
            refused(_challenged(UNAUTHORIZED if error.status == 401 else FORBIDDEN, error.challenge))
            return
        allowed({"jwt": {"claims": claims, "scopes": list(scopes) or None}})

    def _ask(
        self, settings: AskingSettings, request: Request, event: Event, allowed: Allowed, refused: Refused
    ) -> None:
        identity = tuple(_identity(source, event) for source in settings.identity_sources)
        if not all(identity):
            refused(UNAUTHORIZED)
            return
        resource = _route_arn(event, request)
        kept = self._kept.get((settings.name, identity))
        if kept is not None and kept.until > self._scheduler.now():
            _settle(settings, kept.payload, resource, allowed, refused)
            return
        waiting = [True]

        def answered(outcome: InvocationOutcome) -> None:
            if not waiting:
                return
            waiting.clear()
            timer.cancel()
            payload = None if outcome.payload is None else json.loads(outcome.payload)
            if not isinstance(payload, dict):
                refused(FAILED)
                return
            if settings.ttl_seconds:
                until = self._scheduler.now() + settings.ttl_seconds
                self._kept[settings.name, identity] = _Decision(until, payload)
            _settle(settings, payload, resource, allowed, refused)

        def too_late() -> None:
            if waiting:
                waiting.clear()
                refused(FAILED)

        timer = self._scheduler.call_at(self._scheduler.now() + AUTHORIZER_TIMEOUT_SECONDS, too_late)
        question = {name: value for name, value in event.items() if name not in ("body", "isBase64Encoded")}
        question |= {
            "type": "REQUEST",
            "routeArn": resource,
            "identitySource": list(identity) or None,
        }
        try:
            self._functions.run(
                settings.function, json.dumps(question).encode(), answered, source="apigateway"
            )
        except ServiceError:
            timer.cancel()
            refused(FAILED)


def _settle(
    settings: AskingSettings, payload: Mapping[str, object], resource: str, allowed: Allowed, refused: Refused
) -> None:
    decided = _simple(payload) if settings.simple else _by_policy(payload.get("policyDocument"), resource)
    context = payload.get("context")
    if decided is None or not isinstance(context, dict | None):
        refused(FAILED)
    elif not decided:
        refused(FORBIDDEN)
    else:
        allowed({"lambda": context or None})


def _simple(payload: Mapping[str, object]) -> bool | None:
    decided = payload.get("isAuthorized")
    return decided if isinstance(decided, bool) else None


def _by_policy(document: object, resource: str) -> bool | None:
    """Whether a policy allows the call: one statement allows it, none denies it. None: it is no policy."""
    statements = document.get("Statement") if isinstance(document, dict) else None
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not all(isinstance(one, dict) for one in statements):
        return None
    effects = {
        one.get("Effect")
        for one in cast("list[dict[str, object]]", statements)
        if _any_matches(one.get("Action"), "execute-api:Invoke", fold=True)
        and _any_matches(one.get("Resource"), resource)
    }
    return "Allow" in effects and "Deny" not in effects


def _any_matches(patterns: object, text: str, *, fold: bool = False) -> bool:
    listed = patterns if isinstance(patterns, list) else [patterns]
    for pattern in listed:
        wanted = re.escape(str(pattern)).replace(r"\*", ".*").replace(r"\?", ".")
        if re.fullmatch(wanted, text, re.IGNORECASE | re.DOTALL if fold else re.DOTALL):
            return True
    return False


def _route_arn(event: Event, request: Request) -> str:
    context = cast("dict[str, str]", event["requestContext"])
    return (
        f"arn:aws:execute-api:us-east-1:{context['accountId']}:{context['apiId']}/"
        f"{context['stage']}/{request.method}{request.path}"
    )


def _identity(source: str, event: Event) -> str:
    """What an identity source stands for in a request; empty if it has none."""
    if source.startswith("$request.header."):
        headers = cast("dict[str, str]", event["headers"])
        return headers.get(source.removeprefix("$request.header.").lower(), "")
    if source.startswith("$request.querystring."):
        query = cast("dict[str, str]", event.get("queryStringParameters", {}))
        return query.get(source.removeprefix("$request.querystring."), "")
    found: object = event["requestContext"]
    for name in _CONTEXT[source.removeprefix("$context.")]:
        found = cast("dict[str, object]", found)[name]
    return str(found)


def _challenged(answer: Answer, challenge: str) -> Answer:
    headers = (*answer.headers, ("www-authenticate", challenge))
    return Answer(status=answer.status, headers=headers, body=answer.body)
