"""What a scenario's function does, as the corpus writes it: an invoker that plays `handler`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from penstock.runtime.invocation import (
    THROTTLED,
    TIMED_OUT,
    FunctionError,
    Invocation,
    InvocationOutcome,
    written,
)
from penstock.runtime.scheduler import Scheduler

Json = Any  # a scenario's members, as its file has them


class Crash(Exception):
    """The process ends here, after the handler and before anything is told of it."""


@dataclass
class Delivery:
    """One invocation that the function was really given."""

    at: float
    request_id: str
    event: Json
    ids: list[str] = field(default_factory=list)
    response_failures: list[str] | None = None
    handled: list[str] = field(default_factory=list)
    failed: bool = False
    ended: float = 0.0

    @property
    def records(self) -> list[dict[str, Any]]:
        records = self.event.get("Records", []) if isinstance(self.event, dict) else []
        assert isinstance(records, list)
        return records


@dataclass
class ScriptedInvoker:
    """Plays a scenario's `handler`.

    Args:
        id_of: what the scenario calls a record of the event.
        real_id: the identifier that the scenario's id stands for.
        crash_at: the invocation (from 1) that the process does not survive.
    """

    scheduler: Scheduler
    handler: Mapping[str, Json]
    id_of: Callable[[Mapping[str, Json]], str] = lambda record: ""
    real_id: Callable[[str], str] = lambda identifier: identifier
    timeout_seconds: float = 3.0
    crash_at: int | None = None
    library: Callable[[Json, ScriptedInvoker, Delivery], Json] | None = None
    deliveries: list[Delivery] = field(default_factory=list)
    throttled_at: list[float] = field(default_factory=list)
    attempts: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    running: int = 0
    most_running: int = 0

    def invoke(self, invocation: Invocation, done: Callable[[InvocationOutcome], None]) -> None:
        """Answer as the script says; see `Invoker.invoke`."""
        event = json.loads(written(invocation.payload))
        delivery = Delivery(self.scheduler.now(), invocation.request_id, event)
        delivery.ids = [self.id_of(record) for record in delivery.records]
        outcome = self._next(delivery)
        seconds = 0.0
        if isinstance(outcome, dict) and outcome.get("throttle"):
            self.throttled_at.append(self.scheduler.now())
            self._end_later(invocation, done, _error(THROTTLED, "Rate Exceeded."), 0.0)
            return
        self.deliveries.append(delivery)
        if self.crash_at == len(self.deliveries):
            raise Crash
        if isinstance(outcome, dict):
            seconds = float(outcome.get("duration_s", 0.0))
        result = self._result(delivery, outcome)
        delivery.failed = isinstance(result, FunctionError)
        delivery.ended = delivery.at + seconds
        if isinstance(result, bytes) and delivery.response_failures is None:
            delivery.response_failures = _named_failures(result)
        self._end_later(invocation, done, result, seconds)

    def close(self) -> None:
        """Nothing is held."""

    def fail_times(self, identifier: str, times: int) -> bool:
        """Whether this try of a record that fails so often is one of those."""
        self.failures[identifier] = self.failures.get(identifier, 0) + 1
        return self.failures[identifier] <= times

    def _end_later(
        self,
        invocation: Invocation,
        done: Callable[[InvocationOutcome], None],
        result: bytes | FunctionError,
        seconds: float,
    ) -> None:
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        if isinstance(result, FunctionError) and result.error_type == TIMED_OUT:
            seconds = self.timeout_seconds

        def end() -> None:
            self.running -= 1
            error = result if isinstance(result, FunctionError) else None
            payload = None if isinstance(result, FunctionError) else result
            done(InvocationOutcome(request_id=invocation.request_id, payload=payload, error=error))

        self.scheduler.call_at(self.scheduler.now() + seconds, end)

    def _next(self, delivery: Delivery) -> Json:
        handler = self.handler
        if "script" in handler:
            index, self.attempts = self.attempts, self.attempts + 1
            return handler["script"][index] if index < len(handler["script"]) else "success"
        return handler.get("always", handler.get("default", "success"))

    def _result(self, delivery: Delivery, outcome: Json) -> bytes | FunctionError:
        handler = self.handler
        if self.library is not None:
            return json.dumps(self.library(delivery.event, self, delivery)).encode()
        if "fail_records" in handler:
            return self._failing(delivery, {str(one) for one in handler["fail_records"]}, handler["report"])
        if "per_record" in handler:
            failing = [
                one
                for one in delivery.ids
                if one in handler["per_record"]
                and self.fail_times(one, int(handler["per_record"][one]["fail_times"]))
            ]
            return _error("Exception", "boom") if failing else b"null"
        if "fold" in handler:
            return self._folded(delivery)
        if not isinstance(outcome, dict):
            return b"null"
        if (size := _state_bytes(outcome)) is not None:
            return json.dumps({"state": {"pad": "x" * size}}).encode()
        if "raise" in outcome:
            return _error(str(outcome["raise"]), str(outcome.get("message", "")))
        if outcome.get("timeout"):
            return _error(TIMED_OUT, "Task timed out")
        if "return" in outcome:
            return json.dumps(self._with_real_ids(outcome["return"])).encode()
        return b"null"

    def _failing(self, delivery: Delivery, failing: set[str], report: str) -> bytes | FunctionError:
        failed = [one for one in delivery.ids if one in failing]
        if failed and report == "raise":
            return _error("Exception", "boom")
        items = [{"itemIdentifier": self.real_id(one)} for one in (failed if report == "all" else failed[:1])]
        return json.dumps({"batchItemFailures": items}).encode()

    def _folded(self, delivery: Delivery) -> bytes:
        assert self.handler["fold"] == "state.sum += v", "the only fold that is written"
        added = [value_of(record) for record in delivery.records]
        state = delivery.event["state"]
        return json.dumps({"state": {"sum": state.get("sum", 0) + sum(added)}}).encode()

    def _with_real_ids(self, answer: Json) -> Json:
        failures = answer.get("batchItemFailures") if isinstance(answer, dict) else None
        if not isinstance(failures, list):
            return answer
        translated = [
            {**one, "itemIdentifier": self.real_id(one["itemIdentifier"])}
            if isinstance(one, dict) and isinstance(one.get("itemIdentifier"), str)
            else one
            for one in failures
        ]
        return {**answer, "batchItemFailures": translated}


def _named_failures(answer: bytes) -> list[str] | None:
    """The identifiers that an answer names as failed, if it is one that names some."""
    decoded = json.loads(answer)
    failures = decoded.get("batchItemFailures") if isinstance(decoded, dict) else None
    if not isinstance(failures, list):
        return None
    return [str(one.get("itemIdentifier")) for one in failures if isinstance(one, dict)]


def _state_bytes(outcome: Mapping[str, Json]) -> int | None:
    """How large a state is returned, if an outcome says that: `state_bytes`, `return_state_mb` and the like."""
    for name, value in outcome.items():
        if "state" in name and isinstance(value, int | float):
            return int(value * (1_048_576 if "mb" in name else 1024 if "kb" in name else 1))
    return None


def value_of(record: Mapping[str, Json]) -> int:
    """The number `v` of a stream's record."""
    import base64

    if "kinesis" in record:
        return int(json.loads(base64.b64decode(record["kinesis"]["data"]))["v"])
    return int(record["dynamodb"]["NewImage"]["v"]["N"])


def _error(kind: str, message: str) -> FunctionError:
    return FunctionError(error_type=kind, error_message=message)


def shape_complaint(expected: Json, actual: Json, where: str = "") -> str | None:
    """Why a value does not have the expected shape; `<...>` in it stands for anything that is there."""
    if isinstance(expected, str) and expected.startswith("<"):
        return _placeholder_complaint(expected, actual, where)
    if isinstance(expected, dict) and isinstance(actual, dict):
        if expected.keys() != actual.keys():
            return f"{where or '/'} has {sorted(actual)}, not {sorted(expected)}"
        complaints = (shape_complaint(expected[key], actual[key], f"{where}/{key}") for key in expected)
        return next((one for one in complaints if one), None)
    if isinstance(expected, Sequence) and not isinstance(expected, str) and isinstance(actual, list):
        if len(expected) != len(actual):
            return f"{where or '/'} has {len(actual)} members, not {len(expected)}"
        each = (
            shape_complaint(one, other, f"{where}/{index}")
            for index, (one, other) in enumerate(zip(expected, actual, strict=True))
        )
        return next((one for one in each if one), None)
    return None if expected == actual else f"{where or '/'} is {actual!r}, not {expected!r}"


_MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
_PLACEHOLDERS = {
    "<iso8601-ms-Z>": rf"{_MOMENT}\.\d{{3}}Z",
    "<iso8601-Z>": rf"{_MOMENT}Z",
    "<uuid>": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "<arn>": r"arn:aws:.+",
    "<arn-without-qualifier>": r"arn:aws:lambda:[^:]+:\d{12}:function:[^:]+",
    "<arn>:$LATEST": r"arn:aws:lambda:[^:]+:\d{12}:function:[^:]+:\$LATEST",
    "<shard>": r"shardId-.+",
}


def _placeholder_complaint(expected: str, actual: Json, where: str) -> str | None:
    import re

    pattern = _PLACEHOLDERS.get(expected)
    if pattern is None:
        return None if actual not in (None, "") else f"{where} is empty, not {expected}"
    is_it = isinstance(actual, str) and re.fullmatch(pattern, actual) is not None
    return None if is_it else f"{where} is {actual!r}, not {expected}"
