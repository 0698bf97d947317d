"""From a decoded definition to a `Machine`.

1. Nothing is read from files here, and nothing runs.
2. A definition that the engine cannot run is a `DefinitionError` with the JSON pointer of the fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TypedDict

from penstock.errors import DefinitionError
from penstock.statemachines import failures, model
from penstock.statemachines.choice_rules import parse_choice
from penstock.statemachines.fields import Fields
from penstock.statemachines.jsonpath import ReferencePath
from penstock.statemachines.map_fields import parse_map
from penstock.statemachines.model import Evaluate, Flow, Machine, State
from penstock.statemachines.nested_states import escaped
from penstock.statemachines.values import JSON, mentions, type_name

# Members that hold states of their own: what they mention is not mentioned by the state around them.
_INNER = frozenset({"ItemProcessor", "Iterator", "Branches"})


def parse_machine(definition: Mapping[str, JSON]) -> Machine:
    """Compile a definition.

    Raises:
        DefinitionError: the definition cannot be run; `at` is a JSON pointer.
    """
    flows: dict[str, Flow] = {}
    fields = Fields(definition, "", jsonata=definition.get("QueryLanguage") == "JSONata")
    flow = parse_flow(fields, flows)
    flows[""] = flow
    timeout = fields.integer("TimeoutSeconds", 0)
    return Machine(
        flow=flow,
        flows=flows,
        timeout_seconds=timeout or None,
        comment=fields.text("Comment") or "",
        source=definition,
    )


def parse_flow(fields: Fields, flows: dict[str, Flow]) -> Flow:
    """Compile `StartAt` and `States`; the processors of Distributed Maps are added to `flows`."""
    # What a Map or Parallel state says of its own language is not said of the states in it: theirs is the machine's.
    fields.jsonata = fields.whole_jsonata
    states = fields.object("States")
    if states is None or not states.members:
        raise fields.fault("States is missing or empty", fix='give "States" at least one state')
    start_at = fields.required_text("StartAt")
    parsed = {
        name: parse_state(name, states.nested(value, escaped(name)), flows)
        for name, value in states.members.items()
    }
    if start_at not in parsed:
        raise fields.fault(f'no state is called "{start_at}"', "StartAt", fix=_nearest(start_at, parsed))
    for state in parsed.values():
        _check_targets(state, parsed)
    return Flow(pointer=fields.pointer, start_at=start_at, states=parsed)


def parse_state(name: str, fields: Fields, flows: dict[str, Flow]) -> State:
    """Compile one state of any type."""
    language = fields.text("QueryLanguage")
    if fields.whole_jsonata and language == "JSONPath":
        raise fields.fault(
            "a state cannot be JSONPath in a machine whose query language is JSONata",
            "QueryLanguage",
            fix="set QueryLanguage in each state, and leave it out at the top",
        )
    if language is not None:
        fields.jsonata = language == "JSONata"
    kind = fields.required_text("Type")
    parser = _PARSERS.get(kind)
    if parser is None:
        raise fields.fault(
            f'no state type is called "{kind}"', "Type", fix=f"use one of {', '.join(_PARSERS)}"
        )
    return parser(name, fields, flows)


class Common(TypedDict):
    """The members of `State` that every type shares."""

    name: str
    pointer: str
    type: str
    jsonata: bool
    next: str | None
    input_path: Evaluate | None
    discards_input: bool
    output_path: Evaluate | None
    discards_output: bool
    output: Evaluate | None
    assign: Evaluate | None
    reads_context: bool
    entered_event: str
    exited_event: str


def common(name: str, fields: Fields) -> Common:
    """Compile what every state has."""
    kind = fields.required_text("Type")
    jsonata = fields.jsonata
    next_state = fields.text("Next")
    ends = fields.value("End") is True or kind in ("Succeed", "Fail", "Choice")
    if next_state is None and not ends:
        raise fields.fault("the state has neither Next nor End", fix='add "Next" or "End": true')
    own = {key: value for key, value in fields.members.items() if key not in _INNER}
    members = fields.members
    return Common(
        name=name,
        pointer=fields.pointer,
        type=kind,
        jsonata=jsonata,
        next=None if ends else next_state,
        input_path=None if jsonata else fields.path("InputPath"),
        discards_input=not jsonata and "InputPath" in members and members["InputPath"] is None,
        output_path=None if jsonata else fields.path("OutputPath"),
        discards_output=not jsonata and "OutputPath" in members and members["OutputPath"] is None,
        output=fields.template("Output") if jsonata else None,
        assign=fields.template("Assign"),
        reads_context=mentions(own, "$states" if jsonata else "$$"),
        entered_event=f"{kind}StateEntered",
        exited_event=f"{kind}StateExited",
    )


class Working(TypedDict):
    """The members of `State` that states with a result of their own share."""

    arguments: Evaluate | None
    selector: Evaluate | None
    result_path: ReferencePath | None
    discards_result: bool
    retriers: tuple[model.Retrier, ...]
    catchers: tuple[model.Catcher, ...]


def working(fields: Fields, *, parameters: bool = True) -> Working:
    """Compile the data flow and the error handling of a Task, Parallel, Map or Pass state."""
    jsonata = fields.jsonata
    arguments = fields.template("Arguments" if jsonata else "Parameters") if parameters else None
    return Working(
        arguments=arguments,
        selector=None if jsonata else fields.template("ResultSelector"),
        result_path=None if jsonata else fields.reference_path("ResultPath"),
        discards_result=not jsonata and "ResultPath" in fields and fields.value("ResultPath") is None,
        retriers=tuple(_retrier(item) for item in _all_last(fields.objects("Retry"))),
        catchers=tuple(_catcher(item) for item in _all_last(fields.objects("Catch"))),
    )


def _all_last(handlers: Sequence[Fields]) -> Iterator[Fields]:
    """Retriers or Catchers; `States.ALL` stands alone in its array and in the last of them.

    (States Language, "Retrying after error", "Fallback states".)
    """
    for number, handler in enumerate(handlers, 1):
        names = handler.texts("ErrorEquals")
        if failures.ALL in names:
            if len(names) > 1:
                raise handler.fault(
                    "States.ALL stands beside other names",
                    "ErrorEquals",
                    fix='write "ErrorEquals": ["States.ALL"]: it stands for the other names as well',
                )
            if number < len(handlers):
                raise handler.fault(
                    "States.ALL is not in the last one",
                    "ErrorEquals",
                    fix="put it last: what follows would never be looked at",
                )
        yield handler


def _retrier(fields: Fields) -> model.Retrier:
    longest = fields.integer("MaxDelaySeconds", 0)
    return model.Retrier(
        error_equals=fields.texts("ErrorEquals"),
        interval_seconds=fields.integer("IntervalSeconds", 1),
        max_attempts=fields.integer("MaxAttempts", 3),
        backoff_rate=fields.number("BackoffRate", 2.0),
        max_delay_seconds=longest or None,
        full_jitter=fields.text("JitterStrategy") == "FULL",
    )


def _catcher(fields: Fields) -> model.Catcher:
    jsonata = fields.jsonata
    place = f"Catch[{fields.pointer.rpartition('/')[2]}]"
    return model.Catcher(
        error_equals=fields.texts("ErrorEquals"),
        next=fields.required_text("Next"),
        result_path=None if jsonata else fields.reference_path("ResultPath"),
        discards_result=not jsonata and "ResultPath" in fields and fields.value("ResultPath") is None,
        output=fields.template("Output", field=f"{place}/Output") if jsonata else None,
        assign=fields.template("Assign", field=f"{place}/Assign"),
    )


def _pass(name: str, fields: Fields, _flows: dict[str, Flow]) -> State:
    shared, work = common(name, fields), working(fields)
    has_result = "Result" in fields and not fields.jsonata
    plain = (
        not shared["discards_input"]
        and not shared["discards_output"]
        and not work["discards_result"]
        and all(
            stage is None
            for stage in (
                shared["input_path"],
                shared["output_path"],
                shared["output"],
                shared["assign"],
                work["arguments"],
                work["result_path"],
            )
        )
    )
    return model.Pass(**shared, **work, has_result=has_result, result=fields.value("Result"), plain=plain)


def _succeed(name: str, fields: Fields, _flows: dict[str, Flow]) -> State:
    return model.Succeed(**common(name, fields))


def _fail(name: str, fields: Fields, _flows: dict[str, Flow]) -> State:
    error = fields.template("Error", expected="string") or fields.path_or_intrinsic("ErrorPath")
    cause = fields.template("Cause", expected="string") or fields.path_or_intrinsic("CausePath")
    return model.Fail(**common(name, fields), error=error, cause=cause)


def _wait(name: str, fields: Fields, _flows: dict[str, Flow]) -> State:
    seconds = fields.template("Seconds") or fields.query("SecondsPath")
    timestamp = fields.template("Timestamp") or fields.query("TimestampPath")
    if (seconds is None) == (timestamp is None):
        raise fields.fault(
            "a Wait state has exactly one of Seconds, SecondsPath, Timestamp and TimestampPath",
            fix='write one of them, for example "Seconds": 10',
        )
    return model.Wait(
        **common(name, fields),
        seconds=seconds,
        timestamp=timestamp,
        path=fields.text("SecondsPath") or fields.text("TimestampPath"),
    )


def _task(name: str, fields: Fields, _flows: dict[str, Flow]) -> State:
    resource = fields.required_text("Resource")
    resource_type, action, pattern = parse_resource(resource)
    credentials = fields.object("Credentials")
    if credentials is not None and not {"RoleArn", "RoleArn.$"} & credentials.members.keys():
        raise credentials.fault("RoleArn is missing", fix='add "RoleArn"')
    timeout, heartbeat = fields.value("TimeoutSeconds"), fields.value("HeartbeatSeconds")
    if isinstance(timeout, int) and isinstance(heartbeat, int) and heartbeat >= timeout:
        raise fields.fault(
            f"HeartbeatSeconds is {heartbeat}, TimeoutSeconds is {timeout}",
            "HeartbeatSeconds",
            fix="a heartbeat is expected more often than the timeout: make it smaller than TimeoutSeconds",
        )
    return model.Task(
        **common(name, fields),
        **working(fields),
        resource=resource,
        resource_type=resource_type,
        action=action,
        pattern=pattern,
        timeout=fields.setting("TimeoutSeconds"),
        heartbeat=fields.setting("HeartbeatSeconds"),
        credentials=fields.template("Credentials"),
    )


@lru_cache(maxsize=1024)
def parse_resource(resource: str) -> tuple[str, str, str]:
    """Split a Task's Resource into type, action and integration pattern.

    `arn:aws:states:::sqs:sendMessage.waitForTaskToken` gives `("sqs", "sendMessage", "waitForTaskToken")`,
    `arn:aws:states:::aws-sdk:s3:getObject` gives `("aws-sdk:s3", "getObject", "request_response")`, a Lambda
    function's ARN `("lambda", "", ...)`, an activity's `("activity", "", ...)`.
    """
    parts = resource.split(":")
    if len(parts) > 5 and parts[2] == "lambda":
        return "lambda", "", "request_response"
    if len(parts) > 6 and parts[2] == "states" and parts[5] == "activity":
        return "activity", "", "request_response"
    rest = parts[5:] if len(parts) > 6 and parts[2] == "states" else []
    if not rest:
        return "unknown", resource, "request_response"
    joined = ":".join(rest)
    service, action = rest[0], ":".join(rest[1:])
    if service == "aws-sdk" and len(rest) > 2:
        service, action = f"aws-sdk:{rest[1]}", ":".join(rest[2:])
    for pattern in ("waitForTaskToken", "sync:2", "sync"):
        if joined.endswith(f".{pattern}"):
            return service, action[: -len(pattern) - 1], pattern
    return service, action, "request_response"


def _parallel(name: str, fields: Fields, flows: dict[str, Flow]) -> State:
    branches = fields.objects("Branches")
    if not branches:
        raise fields.fault("a Parallel state has at least one branch", "Branches")
    return model.Parallel(
        **common(name, fields),
        **working(fields),
        branches=tuple(parse_flow(branch, flows) for branch in branches),
    )


def _choice(name: str, fields: Fields, _flows: dict[str, Flow]) -> State:
    rules = tuple(parse_choice(rule) for rule in fields.objects("Choices"))
    if not rules:
        raise fields.fault("a Choice state has at least one rule", "Choices")
    return model.Choice(**common(name, fields), rules=rules, default=fields.text("Default"))


def _map(name: str, fields: Fields, flows: dict[str, Flow]) -> State:
    processor_fields = fields.object("ItemProcessor") or fields.object("Iterator")
    if processor_fields is None:
        raise fields.fault("a Map state has an ItemProcessor", fix='add "ItemProcessor"')
    processor = parse_flow(processor_fields, flows)
    members = parse_map(fields, processor_fields)
    if members["distributed"]:
        flows[processor.pointer] = processor
    # "ItemSelector" took the place of "Parameters", which is still accepted and means the same in a Map
    # state.
    return model.Map(
        **common(name, fields), **working(fields, parameters=False), **members, processor=processor
    )


_PARSERS: dict[str, Callable[[str, Fields, dict[str, Flow]], State]] = {
    "Task": _task,
    "Pass": _pass,
    "Choice": _choice,
    "Wait": _wait,
    "Succeed": _succeed,
    "Fail": _fail,
    "Parallel": _parallel,
    "Map": _map,
}


def _check_targets(state: State, states: Mapping[str, State]) -> None:
    targets = [("Next", state.next)] if state.next is not None else []
    targets += [(f"Catch/{index}/Next", catcher.next) for index, catcher in enumerate(state.catchers)]
    if isinstance(state, model.Choice):
        targets += [(f"Choices/{index}/Next", rule.next) for index, rule in enumerate(state.rules)]
        if state.default is not None:
            targets.append(("Default", state.default))
    for place, target in targets:
        if target not in states:
            raise DefinitionError(
                f'no state is called "{target}"',
                at=f"{state.pointer}/{place}",
                fix=_nearest(str(target), states),
            )


def _nearest(name: str, states: Mapping[str, State]) -> str | None:
    from difflib import get_close_matches

    near = get_close_matches(name, list(states), n=1)
    return f'did you mean "{near[0]}"?' if near else None


__all__ = ["parse_flow", "parse_machine", "parse_resource", "parse_state", "type_name"]
