"""Strategies: state machines that are valid, inputs for them, and what their tasks answer."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from hypothesis import strategies as st

from penstock.statemachines import RunTask
from penstock.testing.machines import Answer, Hangs, Returns, Tasks, Throws

Document = dict[str, object]
Fields = Mapping[str, st.SearchStrategy[object]]

INVOKE = "arn:aws:states:::lambda:invoke"
TOKEN = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"

json_values: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers(-100, 100) | st.floats(-10, 10) | st.text("ab$.é", max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abn"), inner, max_size=3),
    max_leaves=8,
)

inputs: st.SearchStrategy[Document] = st.fixed_dictionaries(
    {
        "n": st.integers(0, 9),
        "items": st.lists(st.fixed_dictionaries({"n": json_values, "items": st.just([1])}), max_size=4),
        "a": json_values,
    }
)
"""What the paths below are about. A state's data stays of this shape, mostly."""

_paths = st.sampled_from(["$", "$.n", "$.items", "$.a", "$$.Execution.Name", "$.items[0]", "$.a.b"])
_templates: st.SearchStrategy[object] = st.fixed_dictionaries(
    {}, optional={"a.$": _paths, "n": json_values, "b": st.just({"c.$": "$"})}
)

_retriers: st.SearchStrategy[Document] = st.fixed_dictionaries(
    {"ErrorEquals": st.sampled_from([["E"], ["States.ALL"], ["States.Timeout"], ["States.TaskFailed"]])},
    optional={
        "IntervalSeconds": st.integers(1, 5),
        "MaxAttempts": st.integers(0, 2),
        "BackoffRate": st.sampled_from([1.0, 1.5, 2.0]),
        "MaxDelaySeconds": st.integers(6, 20),
        "JitterStrategy": st.sampled_from(["FULL", "NONE"]),
    },
)

_retry = (
    st.lists(_retriers, max_size=2)
    .map(lambda retriers: sorted(retriers, key=lambda one: one["ErrorEquals"] == ["States.ALL"]))
    .filter(lambda retriers: [one["ErrorEquals"] for one in retriers].count(["States.ALL"]) < 2)
)
"""States.ALL may stand in the last one only."""

_flowing: Fields = {"InputPath": st.just("$"), "Assign": _templates}
_working: Fields = {
    **_flowing,
    "ResultSelector": st.just({"r.$": "$"}),
    "Retry": _retry,
}
_result: Fields = {"ResultPath": st.sampled_from(["$.r", "$.a", "$.a.b", None])}


def _state(kind: str, required: Fields, optional: Fields) -> st.SearchStrategy[Document]:
    return st.fixed_dictionaries({"Type": st.just(kind), **required}, optional=optional)


_simple = (
    _state(
        "Pass",
        _result,
        {"Assign": _templates, "Result": json_values, "OutputPath": st.sampled_from(["$", "$.a"])},
    )
    | _state("Pass", _result, {**_flowing, "Parameters": _templates})
    | _state("Wait", {"Seconds": st.integers(0, 9)}, _flowing)
    | _state(
        "Task",
        {**_result, "Resource": st.sampled_from([INVOKE, TOKEN]), "TimeoutSeconds": st.integers(3, 9)},
        {**_working, "Parameters": _templates, "HeartbeatSeconds": st.integers(1, 2)},
    )
)
_ends = _state("Succeed", {}, {}) | _state("Fail", {}, {"Error": st.just("E"), "Cause": st.just("c")})


def _fan_outs(flows: st.SearchStrategy[Document]) -> st.SearchStrategy[Document]:
    processors = st.builds(
        lambda flow, mode: {**flow, "ProcessorConfig": {"Mode": mode, "ExecutionType": "STANDARD"}},
        flows,
        st.sampled_from(["INLINE", "DISTRIBUTED"]),
    )
    selectors = st.just({"n.$": "$$.Map.Item.Index", "a.$": "$$.Map.Item.Value", "items.$": "$.items"})
    branches = st.lists(flows, min_size=1, max_size=3)
    return _state("Parallel", {**_result, "Branches": branches}, _working) | _state(
        "Map",
        {**_result, "ItemProcessor": processors, "ItemsPath": st.just("$.items")},
        {**_working, "MaxConcurrency": st.integers(0, 3), "ItemSelector": selectors},
    )


@st.composite
def _flow(draw: st.DrawFn, states: st.SearchStrategy[Document], caught: str = "ResultPath") -> Document:
    """One to four states in a row; whatever fails in one of them may be caught by the last.

    Args:
        caught: the member of a Catcher that keeps the state's data in shape, by query language.
    """
    names = [f"S{number}" for number in range(draw(st.integers(1, 4)))]
    flow: Document = {}
    for name, following in zip(names, [*names[1:], None], strict=True):
        state = dict(draw(states if following else states | _ends))
        if following is not None:
            state["Next"] = following
        elif state["Type"] not in ("Succeed", "Fail"):
            state["End"] = True
        if state["Type"] in ("Task", "Map", "Parallel") and following and draw(st.booleans()):
            kept = "$.caught" if caught == "ResultPath" else "{% $states.input %}"
            state["Catch"] = [{"ErrorEquals": ["States.ALL"], "Next": names[-1], caught: kept}]
        flow[name] = state
    return {"StartAt": names[0], "States": flow}


_flat = _flow(_simple)
_nested = _flow(_simple | _fan_outs(_flat))
machines: st.SearchStrategy[Document] = _flow(_simple | _fan_outs(_flat | _nested))
"""Valid definitions with every state type but Choice, nested up to three deep. Paths may lead to nothing."""


_expressions = st.sampled_from(
    [
        "{% $states.input %}",
        "{% $states.input.n + 1 %}",
        "{% $states.input.items[0] %}",
        "{% $count($states.input.items) > 1 %}",
        "{% {'n': $states.input.n, 'items': $states.input.items, 'a': $random()} %}",
        "{% $states.context.State.Name & $uuid() %}",
        "{% $states.result %}",
        "{% $x %}",
        "{% $map($states.input.items, function($v) { $v.n }) %}",
    ]
)
_outputs = st.fixed_dictionaries(
    {"n": st.integers(0, 9), "items": st.just("{% $states.input.items %}")},
    optional={"a": _expressions, "b": st.lists(_expressions, max_size=2)},
)
_jsonata_flowing: Fields = {"Assign": st.fixed_dictionaries({"x": _expressions})}

_jsonata_simple = (
    _state("Pass", {"Output": _outputs}, _jsonata_flowing)
    | _state("Wait", {"Seconds": st.integers(0, 9) | st.just("{% $states.input.n %}")}, {"Output": _outputs})
    | _state(
        "Task",
        {
            "Resource": st.sampled_from([INVOKE, TOKEN]),
            "TimeoutSeconds": st.integers(3, 9),
            "Output": _outputs,
        },
        {**_jsonata_flowing, "Arguments": _outputs, "Retry": _retry},
    )
)


def _jsonata_fan_outs(flows: st.SearchStrategy[Document]) -> st.SearchStrategy[Document]:
    processors = st.builds(
        lambda flow, mode: {**flow, "ProcessorConfig": {"Mode": mode, "ExecutionType": "STANDARD"}},
        flows,
        st.sampled_from(["INLINE", "DISTRIBUTED"]),
    )
    branches = st.lists(flows, min_size=1, max_size=3)
    return _state("Parallel", {"Branches": branches, "Output": _outputs}, _jsonata_flowing) | _state(
        "Map",
        {"ItemProcessor": processors, "Items": st.just("{% $states.input.items %}"), "Output": _outputs},
        {"MaxConcurrency": st.integers(0, 3), "ItemSelector": _outputs},
    )


_jsonata_flat = _flow(_jsonata_simple, "Output")
jsonata_machines: st.SearchStrategy[Document] = _flow(
    _jsonata_simple | _jsonata_fan_outs(_jsonata_flat), "Output"
).map(lambda machine: {**machine, "QueryLanguage": "JSONata"})
"""The same in JSONata."""


def answers(seed: int) -> Tasks:
    """Tasks whose answers follow from a seed and from the attempt alone."""

    def answer(task: RunTask) -> Answer:
        draw = Random(f"{seed} {task.state_name} {task.task_token}")
        kind = draw.randrange(8)
        if kind == 0:
            return Throws("E", "c", after_seconds=draw.uniform(0, 3))
        if kind == 1:
            return Throws(None, None, accepted=draw.random() < 0.5)
        if kind == 2:
            return Hangs()
        return Returns({"a": [1, {"b": draw.randrange(9)}], "n": 2}, after_seconds=draw.uniform(0, 4))

    return answer
