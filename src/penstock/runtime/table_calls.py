"""DynamoDB's API, answered by moto, with what moto leaves out of it.

1. A request is checked and written as DynamoDB understands it before moto sees it: numbers without zeros that say
   nothing, sets without duplicates, batches of 25.
2. A key has the table's attributes, of their types: moto would find nothing, or make an item of another type.
3. An update returns what it has touched, not only what is different.
4. An update that is refused leaves its item as it was.
5. A transaction with a token of the last ten minutes is not made again.

Sources: DynamoDB, "Supported data types and naming rules in Amazon DynamoDB" ("Leading and trailing zeroes are
trimmed", 38 digits), "BatchWriteItem", "TransactWriteItems" of the API reference.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Final, TypeAlias

from penstock.runtime.journal_events import BridgedCall, Event
from penstock.runtime.services import Call, HttpRequest, Service, ServiceError
from penstock.runtime.streams.table_changes import as_it_was_if_refused, moto_tables
from penstock.runtime.table_numbers import checked_number, invalid
from penstock.runtime.updated_attributes import at_paths, updated_paths

MOST_WRITES: Final = 25
TOKEN_SECONDS: Final = 600.0

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
        for table, key in keys_of(call.operation, body):
            check_key(table, key)
        if call.operation == "BatchWriteItem":
            _check_batch(body)
        token = body.get("ClientRequestToken") if call.operation == "TransactWriteItems" else None
        if isinstance(token, str) and self._is_known(token, checked):
            return {}
        asked = _with_all_attributes(call.operation, checked)
        if asked != body:
            call = dataclasses.replace(call, request=_with_body(call.request, asked))
        with _whole_or_not_at_all(call.operation, body):
            answer = self._bridge.answer(call)
        if asked != checked:
            answer = _with_updated_attributes(answer, body)
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
        self._tokens.pop(token, None)  # one that is over goes to the end: they are in the order of their ends
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
            return {kind: checked_number(content)}
        if kind in _SETS and isinstance(content, list):
            return {kind: _checked_set(kind, content)}
    return {name: as_dynamodb_has_it(one) for name, one in value.items()}


def _whole_or_not_at_all(operation: str, body: Json) -> AbstractContextManager[None]:
    """While moto makes an update; moto takes back what is left of a transaction by itself."""
    match operation, body:
        case "UpdateItem", {"TableName": str(name), "Key": dict(key)}:
            return as_it_was_if_refused(name.rpartition("/")[2], key)
        case _:
            return nullcontext()


def _with_all_attributes(operation: str, body: object) -> object:
    """An update that is to return what it has touched, asked for everything instead."""
    match operation, body:
        case (
            "UpdateItem",
            {
                "ReturnValues": "UPDATED_OLD" | "UPDATED_NEW" as wanted,
                "UpdateExpression": str(text),
                **others,
            },
        ):
            whole = "ALL_OLD" if wanted == "UPDATED_OLD" else "ALL_NEW"
            return {**others, "ReturnValues": whole, "UpdateExpression": text}
        case _:
            return body


def _with_updated_attributes(answer: Json, body: Json) -> Json:
    """The answer with what the update has touched, out of everything that the item has."""
    names, attributes = body.get("ExpressionAttributeNames"), answer.pop("Attributes", None)
    paths = updated_paths(str(body["UpdateExpression"]), names if isinstance(names, dict) else {})
    found = at_paths(attributes, paths) if isinstance(attributes, dict) else {}
    return {**answer, "Attributes": found} if found else answer


def keys_of(operation: str, body: Json) -> Iterator[tuple[object, Json]]:
    """The keys that a request asks for, with their tables' names."""
    match operation, body:
        case ("GetItem" | "DeleteItem" | "UpdateItem", {"TableName": table, "Key": dict(key)}):
            yield table, key
        case "BatchGetItem", {"RequestItems": dict(wanted)}:
            for table, asked in wanted.items():
                yield from ((table, key) for key in asked.get("Keys", ()))
        case "BatchWriteItem", {"RequestItems": dict(wanted)}:
            for table, requests in wanted.items():
                yield from (
                    (table, one["DeleteRequest"]["Key"]) for one in requests if "DeleteRequest" in one
                )
        case ("TransactWriteItems" | "TransactGetItems", {"TransactItems": list(actions)}):
            for action in actions:
                yield from ((one.get("TableName"), one["Key"]) for one in action.values() if "Key" in one)
        case _:
            return


def check_key(name: object, key: Json) -> None:
    """Refuse a key that is not of the table's schema; a table that is not there is moto's matter.

    Raises:
        ServiceError: `ValidationException`.
    """
    table = moto_tables().get(str(name).rpartition("/")[2])
    if table is None:
        return
    schema: Json = {table.hash_key_attr: table.hash_key_type}
    if table.range_key_attr is not None:
        schema[table.range_key_attr] = table.range_key_type
    given = {attribute: _kind_of(value) for attribute, value in key.items()}
    if given != schema:
        raise invalid("The provided key element does not match the schema")


def _kind_of(value: object) -> object:
    return next(iter(value), None) if isinstance(value, dict) else None


def _checked_set(kind: str, content: Sequence[object]) -> list[object]:
    members: list[object] = list(content)
    if kind == "NS":
        members = [checked_number(str(one)) for one in content]
    if len(set(map(str, members))) < len(members):
        shown = ", ".join(map(str, content))
        raise invalid(
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
        raise invalid(
            f"1 validation error detected: Value at 'requestItems' has {count} members and failed to satisfy "
            f"constraint: Map value must satisfy constraint: [Member must have length less than or equal to "
            f"{MOST_WRITES}, Member must have length greater than or equal to 1]"
        )


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
