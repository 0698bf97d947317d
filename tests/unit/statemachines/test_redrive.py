"""RedriveExecution: going on from where an execution failed, keeping what had ended well."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from penstock.statemachines import (
    ChildFinished,
    Execution,
    Finished,
    ItemsRead,
    ReadItems,
    Redriven,
    RunTask,
    SetTimer,
    StartChild,
    Step,
    TaskFailed,
    TaskSucceeded,
    TimerFired,
    advance,
    load_definition,
    start,
)

INVOKE = "arn:aws:states:::lambda:invoke"
TASK = {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": INVOKE, "End": True}}}


def begin(definition: Mapping[str, object], value: object) -> Step:
    arn = "arn:aws:states:us-east-1:123456789012"
    return start(
        load_definition(definition),
        value,
        execution_arn=f"{arn}:execution:m:e",
        state_machine_arn=f"{arn}:stateMachine:m",
        role_arn="r",
        at=0,
    )


def tasks(step: Step) -> list[RunTask]:
    return [command for command in step.commands if isinstance(command, RunTask)]


def succeed(execution: Execution, task: RunTask, output: object = None) -> Step:
    return advance(execution, TaskSucceeded(task_id=task.task_id, output=output, at=9))


def test_a_task_is_scheduled_again() -> None:
    """A failed Task state is not entered again, its attempts are counted anew, and the count is in `$$`."""
    definition = {
        "StartAt": "T",
        "States": {
            "T": {
                "Type": "Task",
                "Resource": INVOKE,
                "Parameters": {"c.$": "$$.Execution.RedriveCount"},
                "End": True,
            }
        },
    }
    step = begin(definition, {})
    (task,) = tasks(step)
    step = advance(step.execution, TaskFailed(task_id=task.task_id, error="E", at=1))
    assert isinstance(step.commands[-1], Finished)
    step = advance(step.execution, Redriven(at=5))
    (again,) = tasks(step)
    assert again.parameters == {"c": 1}
    step = succeed(step.execution, again, "done")
    assert step.execution.output == "done"
    types = [event.type for event in step.execution.history]
    assert types.count("TaskStateEntered") == 1
    redriven = next(event for event in step.execution.history if event.type == "ExecutionRedriven")
    assert redriven.details == {"redriveCount": 1}


def test_only_unfinished_iterations_run_again() -> None:
    """A Map's iterations that ended well keep their results; failed, aborted and unstarted ones run."""
    step = begin(
        {
            "StartAt": "M",
            "States": {"M": {"Type": "Map", "MaxConcurrency": 3, "ItemProcessor": TASK, "End": True}},
        },
        [0, 1, 2, 3],
    )
    zero, one, two = tasks(step)
    step = succeed(step.execution, zero, "zero")
    step = advance(step.execution, TaskFailed(task_id=one.task_id, error="E", at=2))
    assert step.execution.status.value == "FAILED"
    assert succeed(step.execution, two).commands == ()
    step = advance(step.execution, Redriven(at=5))
    again = tasks(step)
    assert [task.parameters for task in again] == [1, 2, 3]
    for task in again:
        step = succeed(step.execution, task, f"again {task.parameters}")
    assert step.execution.output == ["zero", "again 1", "again 2", "again 3"]


def test_a_branch_within_a_branch_goes_on() -> None:
    """Nested branches go on where each of them was."""
    inner = {"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": [TASK, TASK], "End": True}}}
    step = begin(
        {"StartAt": "O", "States": {"O": {"Type": "Parallel", "Branches": [inner, TASK], "End": True}}}, 1
    )
    _first, second, third = tasks(step)
    step = succeed(step.execution, third, 3)
    step = advance(step.execution, TaskFailed(task_id=second.task_id, at=2))
    step = advance(step.execution, Redriven(at=5))
    assert len(tasks(step)) == 2
    for number, task in enumerate(tasks(step)):
        step = succeed(step.execution, task, number)
    assert sorted(str(step.execution.output)) == sorted(str([[0, 1], 3]))


def test_unsuccessful_children_run_again_and_the_rest_of_the_items() -> None:
    """A Map Run keeps its successful children; the others run again, then the items that were left."""
    processor = {**TASK, "ProcessorConfig": {"Mode": "DISTRIBUTED"}}
    reader = {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": "b", "Key": "k"}}
    definition = {
        "StartAt": "M",
        "States": {
            "M": {
                "Type": "Map",
                "MaxConcurrency": 2,
                "ItemReader": reader,
                "ItemProcessor": processor,
                "End": True,
            }
        },
    }
    step = begin(definition, {})
    (read,) = step.commands
    assert isinstance(read, ReadItems)
    step = advance(step.execution, ItemsRead(read_id=read.read_id, items=(0, 1, 2), done=False, at=1))
    zero, one = [command for command in step.commands if isinstance(command, StartChild)]
    step = advance(
        step.execution, ChildFinished(child_id=zero.child_id, status="SUCCEEDED", output="zero", at=1)
    )
    step = advance(step.execution, ChildFinished(child_id=one.child_id, status="FAILED", error="E", at=1))
    assert step.execution.error == "States.ExceedToleratedFailureThreshold"
    step = advance(step.execution, Redriven(at=5))
    assert "MapRunRedriven" in [event.type for event in step.execution.history]
    outputs = {0: "zero"}
    pages = [(0, 1, 2, 3), ()]
    while step.execution.status.value == "RUNNING":
        for command in step.commands:
            if isinstance(command, ReadItems):
                assert command.page == 0
                page = pages.pop(0)
                read_again = ItemsRead(read_id=command.read_id, items=page, done=True, at=6)
                step = advance(step.execution, read_again)
                break
            if isinstance(command, StartChild) and command.index not in outputs:
                outputs[command.index] = str(command.input)
                ended = ChildFinished(
                    child_id=command.child_id, status="SUCCEEDED", output=str(command.input), at=6
                )
                later = step.commands[step.commands.index(command) + 1 :]
                following = advance(step.execution, ended)
                step = Step(following.execution, (*later, *following.commands))
                break
        else:
            break
    assert step.execution.output == ["zero", "1", "2", "3"]
    assert [command for command in step.commands if isinstance(command, Finished)]


@pytest.mark.parametrize(("kind", "redrive"), [("STANDARD", True), ("EXPRESS", False)])
def test_children_wait_for_their_turn(kind: str, redrive: bool) -> None:
    """MaxConcurrency holds in a redrive too; Standard children are redriven, Express ones are started anew."""
    processor = {**TASK, "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": kind}}
    state = {
        "Type": "Map",
        "MaxConcurrency": 2,
        "ToleratedFailureCount": 2,
        "ItemProcessor": processor,
        "End": True,
    }
    step = begin({"StartAt": "M", "States": {"M": state}}, [0, 1, 2, 3])

    def end(status: str, at: float) -> list[StartChild]:
        """End the first child that runs; the children that are started then."""
        nonlocal step
        child_id = next(iter(step.execution.children))
        step = advance(step.execution, ChildFinished(child_id=child_id, status=status, output=9, at=at))
        return [command for command in step.commands if isinstance(command, StartChild)]

    first = [command for command in step.commands if isinstance(command, StartChild)]
    assert [len(end("FAILED", 1)) for _ in range(3)] == [1, 1, 0]
    assert step.execution.error == "States.ExceedToleratedFailureThreshold"
    step = advance(step.execution, Redriven(at=5))
    again = [command for command in step.commands if isinstance(command, StartChild)]
    assert [command.execution_arn for command in again] == [command.execution_arn for command in first]
    assert {command.redrive for command in again} == {redrive}
    assert [len(end("SUCCEEDED", 6)) for _ in range(4)] == [1, 1, 0, 0]
    assert step.execution.output == [9, 9, 9, 9]


def test_what_cannot_be_redriven_is_left_alone() -> None:
    """A successful execution, a running one and an Express one are not redriven."""
    done = begin({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}, 1)
    assert advance(done.execution, Redriven(at=5)).commands == ()
    running = begin(TASK, 1)
    assert advance(running.execution, Redriven(at=5)).commands == ()
    assert running.execution.redrive_count == 0


@pytest.mark.parametrize("mode", ["INLINE", "DISTRIBUTED"])
@pytest.mark.parametrize("batcher", [{}, {"ItemBatcher": {"MaxItemsPerBatch": 2}}])
def test_an_item_that_cannot_be_selected_is_not_lost(mode: str, batcher: dict[str, object]) -> None:
    """ItemSelector fails: a redrive comes to the same item again, in a new Map Run, and to the same failure."""
    config = {"Mode": mode, **({"ExecutionType": "STANDARD"} if mode == "DISTRIBUTED" else {})}
    states = {"P": {"Type": "Wait", "Seconds": 1, "End": True}}
    state = {
        "Type": "Map",
        "ItemSelector": {"x": "{% $states.context.Map.Item.Value.a %}"},
        "ItemProcessor": {"ProcessorConfig": config, "StartAt": "P", "States": states},
        "End": True,
        **(batcher if mode == "DISTRIBUTED" else {}),
    }
    step = begin({"QueryLanguage": "JSONata", "StartAt": "M", "States": {"M": state}}, [{"a": 1}, {}])
    for at in (1, 2):
        assert step.execution.error == "States.QueryEvaluationError"
        step = advance(step.execution, Redriven(at=at))
        for _ in range(3):
            children = [command for command in step.commands if isinstance(command, StartChild)]
            timers = [command for command in step.commands if isinstance(command, SetTimer)]
            if children and step.execution.children:
                ended = ChildFinished(child_id=children[0].child_id, status="SUCCEEDED", at=at)
                step = advance(step.execution, ended)
            elif timers and step.execution.timers:
                step = advance(step.execution, TimerFired(timer_id=timers[0].timer_id, at=at + 1))
    assert step.execution.status.value == "FAILED"
    types = [event.type for event in step.execution.history]
    begun = 3 if mode == "DISTRIBUTED" else 0
    assert (types.count("MapRunStarted"), types.count("MapRunFailed")) == (begun, begun)
    assert "MapRunRedriven" not in types


def test_a_map_run_of_an_earlier_attempt_is_not_redriven() -> None:
    """The first attempt's Map Run fails, the second attempt comes to none: a redrive begins a new one."""
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "P",
        "States": {"P": {"Type": "Pass", "End": True}},
    }
    state = {
        "Type": "Map",
        "Items": [1],
        "MaxConcurrency": "{% $states.context.State.RetryCount = 0 ? 1 : 'x' %}",
        "Retry": [{"ErrorEquals": ["States.ExceedToleratedFailureThreshold"]}],
        "ItemProcessor": processor,
        "End": True,
    }
    step = begin({"QueryLanguage": "JSONata", "StartAt": "M", "States": {"M": state}}, {})
    (child,) = (command for command in step.commands if isinstance(command, StartChild))
    step = advance(step.execution, ChildFinished(child_id=child.child_id, status="FAILED", at=1))
    (timer,) = (command for command in step.commands if isinstance(command, SetTimer))
    step = advance(step.execution, TimerFired(timer_id=timer.timer_id, at=9))
    assert step.execution.error == "States.QueryEvaluationError"
    step = advance(step.execution, Redriven(at=10))
    assert [event.type for event in step.execution.history][-2:] == ["MapStateStarted", "MapRunStarted"]


@pytest.mark.parametrize("concurrency", [1, 2])
def test_iterations_that_ended_before_an_item_failed_are_not_done_again(concurrency: int) -> None:
    """However many run at once: the redrive goes on with the item that could not be selected."""
    state = {
        "Type": "Map",
        "MaxConcurrency": concurrency,
        "ItemSelector": {"x.$": "$$.Map.Item.Value.a"},
        "ItemProcessor": TASK,
        "End": True,
    }
    step = begin({"StartAt": "M", "States": {"M": state}}, [{"a": 0}, {"a": 1}, {"a": 2}, {}])
    for at in (1, 2):
        tasks = [command for command in step.commands if isinstance(command, RunTask)]
        while tasks and step.execution.status.value == "RUNNING":
            step = advance(step.execution, TaskSucceeded(task_id=tasks.pop(0).task_id, output=at, at=at))
            tasks += [command for command in step.commands if isinstance(command, RunTask)]
        assert step.execution.error == "States.Runtime"
        step = advance(step.execution, Redriven(at=at))
    succeeded = [event for event in step.execution.history if event.type == "MapIterationSucceeded"]
    assert len(succeeded) == 3
