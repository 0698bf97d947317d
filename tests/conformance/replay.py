"""Running a recorded case: its tasks answer what they answered on AWS, its S3 objects are those of its
setup."""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from hashlib import md5

from penstock.errors import ItemFormatError, UsageError
from penstock.statemachines import ItemsReadFailed, ReadItems, RunTask, load_definition
from penstock.statemachines.item_formats import decode_items
from penstock.statemachines.values import JSON, compact
from penstock.testing.machines import Answer, Hangs, MachineRun, Returns, Throws, run_machine
from tests.conformance.corpus import Case
from tests.conformance.matching import matches

ACCOUNT = "111111111111"
EXTRACTED_AT = 1_795_209_600.0
"""2026-11-20T21:20:00Z: the corpus's date-times were computed then, so the virtual clock starts then."""

_SLEEPS_LONG = 3_600.0


def run_case(case: Case) -> MachineRun:
    """Run a case in virtual time."""
    data = case.data
    world = World(data)
    machine_data = data["state_machine"]
    described = machine_data if isinstance(machine_data, dict) else {"name": str(machine_data)}
    definition = data["definition"]
    assert isinstance(definition, dict)
    interactions = _calls(data, "interactions")
    stops = any(call["operation"] == "stop_execution" for call in interactions)
    return run_machine(
        load_definition(definition),
        data.get("input"),
        tasks=world.answer,
        items=world.items,
        at=EXTRACTED_AT,
        kind="EXPRESS" if described.get("type") == "EXPRESS" else "STANDARD",
        synchronous=data.get("start") == "StartSyncExecution",
        name=str(data["execution_name"]),
        state_machine=str(described["name"]),
        account=ACCOUNT,
        activities=world.activities,
        stop_after_seconds=1.0 if stops else None,
    )


def _calls(data: Mapping[str, object], member: str) -> list[Mapping[str, object]]:
    calls = data.get(member) or []
    assert isinstance(calls, list)
    return calls


class World:
    """Everything outside the execution, as the case has recorded it."""

    def __init__(self, data: Mapping[str, object]) -> None:
        self._results: dict[str, list[Mapping[str, object]]] = {}
        recorded = data.get("task_results") or {}
        assert isinstance(recorded, dict)
        for state, results in recorded.items():
            self._results[str(state)] = list(results)
        self._functions = _calls(data, "lambda")
        self._submitted: dict[str, deque[JSON]] = defaultdict(deque)
        self._workers: deque[str | None] = deque()
        self._activities_seen: set[str] = set()
        expected = data["expected"]
        assert isinstance(expected, dict)
        for event in expected.get("events") or []:
            details = event.get("details") or {}
            if event["type"] == "TaskSubmitted":
                self._submitted[f"{details['resourceType']}:{details['resource']}"].append(details["output"])
            elif event["type"] == "ActivityStarted":
                self._workers.append(details.get("workerName"))
        self._objects: dict[tuple[str, str], bytes] = {}
        for call in _calls(data, "setup"):
            parameters = call.get("params")
            if call["operation"] == "put_object" and isinstance(parameters, dict):
                place = str(parameters.get("Bucket")), str(parameters.get("Key"))
                body = _plain(parameters.get("Body", ""))
                self._objects[place] = (body if isinstance(body, str) else compact(body)).encode()

    @property
    def activities(self) -> tuple[str, ...]:
        """The activities that existed when the case ran: those that a task was recorded for."""
        return tuple(
            str(result["resource"])
            for results in self._results.values()
            for result in results
            if ":activity:" in str(result["resource"])
        )

    def answer(self, task: RunTask) -> Answer:
        result = self._take_result(task)
        if result is None:
            return self.call_function(task)
        suffix = "" if task.pattern.value == "request_response" else f".{task.pattern.value}"
        waiting = self._submitted[f"{task.resource_type}:{task.action}{suffix}"]
        accepted = bool(waiting)
        submitted = waiting.popleft() if waiting else None
        worker = self._workers.popleft() if task.resource_type == "activity" and self._workers else None
        if result["kind"] == "timeout":
            return Hangs(submitted=submitted, worker_name=worker)
        if result["kind"] == "return":
            return Returns(_plain(result.get("output")), submitted=submitted, worker_name=worker)
        error, cause = result.get("error"), result.get("cause")
        direct = task.resource_type == "lambda" and not task.action
        if direct and isinstance(cause, dict) and "$json" in cause:
            # AWS shows the function's own text for a direct ARN; Lambda's Python runtime puts spaces into it.
            cause = json.dumps(_plain(cause["$json"]), ensure_ascii=False)
        cause = _plain(cause)
        return Throws(
            None if error is None else str(error),
            None if cause is None else str(cause),
            accepted=accepted,
            submitted=submitted,
            worker_name=worker,
        )

    def _take_result(self, task: RunTask) -> Mapping[str, object] | None:
        """The first unused result of an attempt that was given the same, else the first unused one."""
        results = self._results.get(task.state_name)
        if not results:
            return None
        for index, result in enumerate(results):
            if matches(result.get("given"), task.parameters):
                return results.pop(index)
        return results.pop(0)

    def call_function(self, task: RunTask) -> Answer:
        """A Lambda function's behaviour, where no result was recorded."""
        direct = not task.action
        given = task.parameters if isinstance(task.parameters, dict) else {}
        name = task.resource if direct else str(given.get("FunctionName"))
        payload = task.parameters if direct else given.get("Payload")
        if payload is None and not direct:
            payload = {}
        for function in self._functions:
            if name in (function.get("arn"), function.get("function")) or (
                "arn" not in function and name.endswith(f":function:{function['function']}")
            ):
                behaviour = function["behaviour"]
                assert isinstance(behaviour, dict)
                return _behave(behaviour, payload, direct=direct)
        return Throws("Lambda.ResourceNotFoundException", f"Function not found: {name}")

    def items(self, command: ReadItems) -> Sequence[JSON] | ItemsReadFailed:
        where = command.parameters if isinstance(command.parameters, dict) else {}
        bucket = str(where.get("Bucket"))
        if command.resource.endswith("listObjectsV2"):
            prefix = str(where.get("Prefix", ""))
            return [
                {
                    "Etag": f'"{md5(body, usedforsecurity=False).hexdigest()}"',
                    "Key": key,
                    "LastModified": int(EXTRACTED_AT),
                    "Size": len(body),
                    "StorageClass": "STANDARD",
                }
                for (in_bucket, key), body in sorted(self._objects.items())
                if in_bucket == bucket and key.startswith(prefix)
            ]
        body = self._objects.get((bucket, str(where.get("Key"))))
        if body is None:
            return ItemsReadFailed(read_id=0, cause="The specified key does not exist.", at=0.0)
        try:
            return list(decode_items(command.config, [body]))
        except ItemFormatError as error:
            return ItemsReadFailed(read_id=0, cause=error.what, at=0.0)


def _behave(behaviour: Mapping[str, object], payload: JSON, *, direct: bool, after: float = 0.0) -> Answer:
    kind = behaviour["kind"]
    if kind == "sleep":
        then = behaviour.get("then") or {"kind": "identity"}
        assert isinstance(then, dict)
        seconds = behaviour.get("seconds", _SLEEPS_LONG)
        assert isinstance(seconds, int | float)
        return _behave(then, payload, direct=direct, after=after + seconds)
    if kind == "throw":
        text = behaviour.get("payload_text")
        shown = {"errorMessage": behaviour.get("errorMessage"), "errorType": behaviour.get("errorType")}
        raw = text if isinstance(text, str) else json.dumps(shown)
        cause = raw if direct else compact(json.loads(raw))
        return Throws(str(behaviour.get("errorType")), cause, after)
    if kind == "identity":
        output: JSON = payload
    elif kind == "return":
        output = behaviour.get("value")
    elif kind == "return_repeat":
        char, times = behaviour.get("char", "0"), behaviour.get("count", 1)
        assert isinstance(char, str)
        assert isinstance(times, int)
        output = char * times
    elif kind != "return_format":
        raise UsageError(f'the runner knows no behaviour "{kind}"', fix="see the README of the corpus")
    else:
        shown_payload = payload if isinstance(payload, str) else repr(payload)
        output = str(behaviour.get("format", behaviour.get("value", ""))).replace("{event}", shown_payload)
    if direct:
        return Returns(output, after)
    return Returns({"ExecutedVersion": "$LATEST", "Payload": output, "StatusCode": 200}, after)


def _plain(value: object) -> JSON:
    """A recorded value as AWS gave it: `$json` and `$text` markers are texts again."""
    if isinstance(value, dict):
        if value.keys() == {"$json"}:
            return compact(_plain(value["$json"]))
        if value.keys() == {"$text"}:
            return value["$text"]
        return {key: _plain(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def events_of(run: MachineRun) -> Iterator[Mapping[str, object]]:
    """The run's history in the corpus's shape."""
    for event in run.history:
        yield {
            "type": event.type,
            "id": event.id,
            "previousEventId": event.previous_event_id,
            "details": None if event.details is None else _parsed(event.details),
        }


def _parsed(details: Mapping[str, JSON]) -> Mapping[str, JSON]:
    return dict(details)
