"""DynamoDB's API, answered by moto, with what moto leaves out of it.

1. A request is checked and written as DynamoDB understands it before moto sees it: numbers without zeros that say
   nothing, sets without duplicates, batches of 25.
2. A transaction with a token of the last ten minutes is not made again.

Sources: DynamoDB, "Supported data types and naming rules in Amazon DynamoDB" ("Leading and trailing zeroes are
trimmed", 38 digits), "BatchWriteItem", "TransactWriteItems" of the API reference.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from decimal import Context, Decimal, InvalidOperation
from typing import Final, TypeAlias

from penstock.runtime.journal_events import BridgedCall, Event
from penstock.runtime.services import Call, HttpRequest, Service, ServiceError

MOST_WRITES: Final = 25
MOST_DIGITS: Final = 38
GREATEST_EXPONENT: Final = 125
SMALLEST_EXPONENT: Final = -130
TOKEN_SECONDS: Final = 600.0

_EXACT: Final = Context(prec=1000)
_SETS: Final = ("SS", "NS", "BS")

Json: TypeAlias = dict[str, object]


class TableCalls:
    """DynamoDB for one run.

    Args:
        bridge: answers the calls in the end.
        now: epoch seconds by the run's clock.
    """

    def __init__(self, bridge: Service, now: Callable[[], float]) -> None:
        self._bridge = bridge
        self._now = now
        self._tokens: OrderedDict[str, tuple[float, str]] = OrderedDict()

    def answer(self, call: Call) -> dict[str, object]:
        """Answer one call; see `Service.answer`."""
        if call.request is None:
            return self._bridge.answer(call)
        body = _body_of(call.request)
        checked = as_dynamodb_has_it(body)
        if call.operation == "BatchWriteItem":
            _check_batch(body)
        token = body.get("ClientRequestToken") if call.operation == "TransactWriteItems" else None
        if isinstance(token, str) and self._is_known(token, checked):
            return {}
        if checked != body:
            call = dataclasses.replace(call, request=_with_body(call.request, checked))
        answer = self._bridge.answer(call)
        if isinstance(token, str):
            self._remember(token, checked, self._now())
        return answer

    def apply(self, event: Event) -> None:
        """Fold an event of the journal: which transactions were made."""
        if isinstance(event, BridgedCall) and event.operation == "TransactWriteItems":
            body: Json = json.loads(event.body)
            if isinstance(token := body.get("ClientRequestToken"), str):
                self._remember(token, body, event.at)

    def _is_known(self, token: str, body: object) -> bool:
        """Whether the transaction of this token was made in the last ten minutes.

        Raises:
            ServiceError: `IdempotentParameterMismatchException`, it was another one.
        """
        while self._tokens and next(iter(self._tokens.values()))[0] <= self._now():
            self._tokens.popitem(last=False)
        known = self._tokens.get(token)
        if known is not None and known[1] != _digest(body):
            raise ServiceError(
                "IdempotentParameterMismatchException",
                "The request has the token of another transaction, with other parameters.",
            )
        return known is not None

    def _remember(self, token: str, body: object, at: float) -> None:
        self._tokens[token] = (at + TOKEN_SECONDS, _digest(body))


def as_dynamodb_has_it(value: object) -> object:
    """A request's JSON with every number as DynamoDB writes it.

    Raises:
        ServiceError: `ValidationException`, a number or a set that DynamoDB does not take.
    """
    if isinstance(value, list):
        return [as_dynamodb_has_it(one) for one in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((kind, content),) = value.items()
        if kind == "N" and isinstance(content, str):
            return {kind: number_text(content)}
        if kind in _SETS and isinstance(content, list):
            return {kind: _checked_set(kind, content)}
    return {name: as_dynamodb_has_it(one) for name, one in value.items()}


def number_text(text: str) -> str:
    """A number without leading and trailing zeros, without an exponent; what is none stays as it is.

    Raises:
        ServiceError: `ValidationException`, it has more than 38 digits or is out of range.
    """
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    if not number.is_finite():
        return text
    number = number.normalize(_EXACT)
    if not number:
        return "0"
    if len(number.as_tuple().digits) > MOST_DIGITS:
        raise _invalid("Attempting to store more than 38 significant digits in a Number")
    if number.adjusted() > GREATEST_EXPONENT:
        raise _invalid(
            "Number overflow. Attempting to store a number with magnitude larger than supported range"
        )
    if number.adjusted() < SMALLEST_EXPONENT:
        raise _invalid(
            "Number underflow. Attempting to store a number with magnitude smaller than supported range"
        )
    return format(number, "f")


def _checked_set(kind: str, content: Sequence[object]) -> list[object]:
    members: list[object] = list(content)
    if kind == "NS":
        members = [number_text(str(one)) for one in content]
    if len(set(map(str, members))) < len(members):
        shown = ", ".join(map(str, content))
        raise _invalid(
            f"One or more parameter values were invalid: Input collection [{shown}] contains duplicates."
        )
    return members


def _check_batch(body: Mapping[str, object]) -> None:
    """Refuse a batch of more than 25 writes.

    Raises:
        ServiceError: `ValidationException`.
    """
    requests = body.get("RequestItems")
    batches = requests.values() if isinstance(requests, Mapping) else ()
    count = sum(len(one) for one in batches if isinstance(one, list))
    if not 1 <= count <= MOST_WRITES:
        raise _invalid(
            f"1 validation error detected: Value at 'requestItems' has {count} members and failed to satisfy "
            f"constraint: Map value must satisfy constraint: [Member must have length less than or equal to "
            f"{MOST_WRITES}, Member must have length greater than or equal to 1]"
        )


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def _digest(body: object) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _body_of(request: HttpRequest) -> Json:
    try:
        found = json.loads(request.body or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _with_body(request: HttpRequest, body: object) -> HttpRequest:
    content = json.dumps(body).encode()
    headers = {
        name: str(len(content)) if name.lower() == "content-length" else value
        for name, value in request.headers.items()
    }
    return dataclasses.replace(request, headers=headers, body=content)
