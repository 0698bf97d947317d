"""Parallel states and inline Map states: their branches, their events, their failures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from penstock.statemachines import RunTask, load_definition
from penstock.testing.machines import Answer, Hangs, MachineRun, Returns, Throws, no_tasks, run_machine
from penstock.testing.machines import Tasks as TasksOf

INVOKE = "arn:aws:states:::lambda:invoke"
PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
TASK = {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": INVOKE, "End": True}}}


def run(state: object, value: object, tasks: TasksOf = no_tasks, **others: object) -> MachineRun:
    definition = {"StartAt": "S", "States": {"S": state, **others}}
    return run_machine(load_definition(definition), value, tasks=tasks)


def test_parallel_gives_its_branches_results_in_order() -> None:
    """The result is an array in the order of Branches, however long each one takes."""

    def slow_first(task: RunTask) -> Answer:
        return Returns(task.state_name, after_seconds={"A": 5.0, "B": 1.0}[task.state_name])

    branches = [
        {"StartAt": name, "States": {name: {"Type": "Task", "Resource": INVOKE, "End": True}}}
        for name in ("A", "B")
    ]
    ran = run({"Type": "Parallel", "Branches": branches, "End": True}, {}, slow_first)
    assert ran.output == ["A", "B"]
    assert ran.ended_at == 5.0


def test_parallel_events_follow_from_its_start() -> None:
    """The first event of every branch follows ParallelStateStarted; the exit follows the last branch."""
    ran = run({"Type": "Parallel", "Branches": [PASS, PASS], "End": True}, 1)
    started = ran.event_types.index("ParallelStateStarted") + 1
    entered = [event for event in ran.history if event.type == "PassStateEntered"]
    assert [event.previous_event_id for event in entered] == [started, started]
    assert ran.history[-3].type == "ParallelStateSucceeded"
    assert ran.history[-2].previous_event_id == ran.history[-3].previous_event_id


def test_a_failed_branch_stops_the_others() -> None:
    """One branch's failure ends the state with its error; the others' states are aborted."""

    def answer(task: RunTask) -> Answer:
        return Throws("E", "c", after_seconds=1) if task.parameters == {"fails": True} else Hangs()

    fails = {
        "StartAt": "T",
        "States": {"T": {"Type": "Task", "Resource": INVOKE, "Parameters": {"fails": True}, "End": True}},
    }
    waits = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 50, "End": True}}}
    state = {
        "Type": "Parallel",
        "Branches": [TASK, fails, waits],
        "Catch": [{"ErrorEquals": ["E"], "Next": "C"}],
        "End": True,
    }
    ran = run(state, 1, answer, C={"Type": "Pass", "End": True})
    assert ran.output == {"Error": "E", "Cause": "c"}
    aborted = Counter(kind for kind in ran.event_types if kind.endswith("Aborted"))
    assert aborted == {"TaskStateAborted": 2, "WaitStateAborted": 1}


def test_parallel_is_retried_as_a_whole() -> None:
    """Retry of a Parallel state starts every branch anew; the state is not entered again."""
    failing = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E"}}}
    state = {
        "Type": "Parallel",
        "Branches": [failing],
        "Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 2, "IntervalSeconds": 1}],
        "End": True,
    }
    ran = run(state, 1)
    counted = Counter(ran.event_types)
    assert (counted["ParallelStateStarted"], counted["ParallelStateEntered"]) == (3, 1)
    assert counted["ParallelStateFailed"] == 1
    assert ran.ended_at == 3.0


def test_map_runs_every_item_in_order_of_its_array() -> None:
    """The result is an array in the order of the items."""
    state = {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": PASS, "End": True}
    assert run(state, {"items": [3, None, "x", {}]}).output == [3, None, "x", {}]
    assert run(state, {"items": []}).output == []


def test_item_selector_sees_item_and_input() -> None:
    """ItemSelector: `$` is the state's input, `$$.Map.Item` the item; `Parameters` means the same."""
    template = {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value", "all.$": "$.k"}
    for name in ("ItemSelector", "Parameters"):
        state = {"Type": "Map", "ItemsPath": "$.items", name: template, "ItemProcessor": PASS, "End": True}
        assert run(state, {"items": ["a", "b"], "k": 0}).output == [
            {"i": 0, "v": "a", "all": 0},
            {"i": 1, "v": "b", "all": 0},
        ]


def test_map_item_is_seen_within_the_iteration() -> None:
    """States of an iteration see the item of the innermost Map around them."""
    inner = {
        "StartAt": "P",
        "States": {"P": {"Type": "Pass", "Parameters": {"i.$": "$$.Map.Item.Index"}, "End": True}},
    }
    state = {"Type": "Map", "ItemProcessor": inner, "End": True}
    assert run(state, ["a", "b"]).output == [{"i": 0}, {"i": 1}]


def test_max_concurrency_bounds_the_iterations() -> None:
    """No more than MaxConcurrency iterations run at once; 0 means AWS's own bound, 40."""

    def most_at_once(limit: dict[str, object], items: int) -> float:
        state = {"Type": "Map", "ItemProcessor": TASK, "End": True, **limit}
        return run(state, list(range(items)), lambda _task: Returns(0, after_seconds=1)).ended_at

    assert most_at_once({"MaxConcurrency": 2}, 5) == 3.0
    assert most_at_once({"MaxConcurrency": 0}, 80) == 2.0
    assert most_at_once({}, 80) == 2.0


def test_a_failed_iteration_fails_the_map() -> None:
    """The iteration's failure is the state's; iterations in progress are aborted, later ones never start."""

    def answer(task: RunTask) -> Answer:
        return Throws("E") if task.parameters == 1 else Hangs()

    ran = run({"Type": "Map", "MaxConcurrency": 3, "ItemProcessor": TASK, "End": True}, [0, 1, 2, 3], answer)
    assert (ran.status, ran.error) == ("FAILED", "E")
    counted = Counter(ran.event_types)
    assert counted["MapIterationStarted"] == 3
    assert (counted["MapIterationFailed"], counted["MapIterationAborted"]) == (1, 2)
    assert counted["TaskStateAborted"] == 3


def test_attempts_that_time_out_together_do_so_before_anything_follows() -> None:
    """Timeouts of one moment are all recorded, then the first one fails the state (recorded on AWS)."""
    processor = {
        "StartAt": "T",
        "States": {"T": {"Type": "Task", "Resource": INVOKE, "TimeoutSeconds": 5, "End": True}},
    }
    ran = run({"Type": "Map", "ItemProcessor": processor, "End": True}, [1, 2], lambda _task: Hangs())
    tail = ran.event_types[-8:]
    assert tail[:2] == ["TaskTimedOut", "TaskTimedOut"]
    failed = next(event for event in ran.history if event.type == "MapIterationFailed")
    assert failed.details == {"index": 0, "name": "S"}


def test_what_is_no_array_fails_the_map() -> None:
    """The items must be an array."""
    ran = run({"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": PASS, "End": True}, {"items": {}})
    assert (ran.status, ran.error) == ("FAILED", "States.Runtime")


def test_variables_of_an_iteration_stay_there() -> None:
    """An iteration sees the variables around it; what it assigns is gone when it ends."""
    inner = {
        "StartAt": "P",
        "States": {
            "P": {"Type": "Pass", "Assign": {"own.$": "$"}, "Next": "Q"},
            "Q": {"Type": "Pass", "Parameters": {"own.$": "$own", "outer.$": "$outer"}, "End": True},
        },
    }
    definition = {
        "StartAt": "A",
        "States": {
            "A": {"Type": "Pass", "Assign": {"outer": 7}, "Next": "M"},
            "M": {"Type": "Map", "ItemProcessor": inner, "Next": "B"},
            "B": {"Type": "Pass", "Parameters": {"own.$": "$own"}, "End": True},
        },
    }
    ran = run_machine(load_definition(definition), [1, 2])
    assert ran.status == "FAILED"
    exited = next(event for event in ran.history if event.type == "MapStateExited")
    assert exited.details is not None
    assert exited.details["output"] == [{"own": 1, "outer": 7}, {"own": 2, "outer": 7}]


def test_deep_nesting_uses_no_stack() -> None:
    """Thirty Maps within each other run like one."""
    flow: Mapping[str, object] = PASS
    for depth in range(30):
        flow = {
            "StartAt": "M",
            "States": {"M": {"Type": "Map", "ItemProcessor": flow, "End": True, "Comment": str(depth)}},
        }
    value: object = 1
    for _ in range(30):
        value = [value]
    ran = run_machine(load_definition(flow), value)
    assert ran.output == value


def test_an_iteration_that_cannot_begin_stops_the_others() -> None:
    """ItemSelector fails for the second item: the first iteration, which has begun, runs no further."""
    states = {
        "M": {
            "Type": "Map",
            "ItemSelector": {"x": "{% $states.context.Map.Item.Value.a %}"},
            "ItemProcessor": {
                "StartAt": "T",
                "States": {"T": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}},
            },
            "Catch": [{"ErrorEquals": ["States.QueryEvaluationError"], "Output": "caught", "Next": "W"}],
            "End": True,
        },
        "W": {"Type": "Wait", "Seconds": 5, "End": True},
    }
    machine = load_definition({"QueryLanguage": "JSONata", "StartAt": "M", "States": states})
    ran = run_machine(machine, [{"a": 1}, {}], tasks=no_tasks)
    assert (ran.output, ran.ended_at) == ("caught", 5.0)
    assert "TaskStateEntered" not in ran.event_types
