"""Scenarios of executions as the service runs them: names, tokens, redriving, a restart."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from penstock.pipelines import Function, Pipeline, Queue, StateMachine
from penstock.runtime.clock import VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.state_folder import last_run, new_run
from tests.conformance.semantics import plain_handlers

Json = Any

ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:machine"
WORK = "arn:aws:lambda:us-east-1:123456789012:function:work"


def complaints(scenario: Mapping[str, Json], folder: Path) -> Iterator[str]:
    """Run a scenario and say what is not as expected."""
    expected = scenario["expected"]
    if "redrive" in expected:
        yield from _redriven_map(scenario, folder)
    elif "second_callback_error" in expected:
        yield from _task_token(scenario, folder)
    elif "results" in expected:
        yield from _same_name(scenario, folder)
    elif "min_runs" in expected:
        yield from _restarted(scenario, folder)
    elif "error" in expected:
        yield from _redriven_express(scenario, folder)
    else:
        yield f"the expectations {sorted(expected)} are not understood"


def _run(definition: Json, folder: Path, *, kind: str = "STANDARD", resume: bool = False) -> Embedded:
    parts = (
        Function("work", plain_handlers.work),
        Queue("tokens"),
        StateMachine("machine", definition, kind=kind),  # type: ignore[arg-type]
    )
    place = last_run("scenario", base=folder) if resume else new_run("scenario", base=folder)
    return Embedded(Pipeline("scenario", parts=parts), place, clock=VirtualClock())


def _one(state: Json, name: str = "S") -> Json:
    return {"StartAt": name, "States": {name: {**state, "End": True}}}


def _start(run: Embedded, value: Json, **more: str) -> str:
    client: Any = run.client("stepfunctions")
    return str(client.start_execution(stateMachineArn=ARN, input=json.dumps(value), **more)["executionArn"])


def _redriven_map(scenario: Mapping[str, Json], folder: Path) -> Iterator[str]:
    expected, outcomes = scenario["expected"], scenario["handler"]["items"]
    plain_handlers.WORK.script(outcomes)
    # What fails takes a second longer than the rest, so that the other children have ended when it fails.
    slow = [{"Variable": "$", "NumericEquals": int(item), "Next": "Wait"} for item in outcomes]
    processor = _one({"Type": "Task", "Resource": WORK}, "Work")
    processor["StartAt"] = "Choose"
    processor["States"] |= {
        "Choose": {"Type": "Choice", "Choices": slow, "Default": "Work"},
        "Wait": {"Type": "Wait", "Seconds": 1, "Next": "Work"},
    }
    processor["ProcessorConfig"] = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    with _run(_one({"Type": "Map", "ItemProcessor": processor}, "Map"), folder) as run:
        client: Any = run.client("stepfunctions")
        execution = _start(run, scenario["inputs"][0])
        run.run_until_idle()
        first = client.describe_execution(executionArn=execution)["status"]
        if first != expected["first"]["status"]:
            yield f"first: is {first}"
        plain_handlers.WORK.seen.clear()
        client.redrive_execution(executionArn=execution)
        run.run_until_idle()
        if plain_handlers.WORK.seen != expected["redrive"]["reran"]:
            yield f"redrive: ran {plain_handlers.WORK.seen}"
        status = client.describe_execution(executionArn=execution)["status"]
        if status != expected["redrive"]["status"]:
            yield f"redrive: is {status}"


def _redriven_express(scenario: Mapping[str, Json], folder: Path) -> Iterator[str]:
    with _run(_one({"Type": "Pass"}), folder, kind="EXPRESS") as run:
        client: Any = run.client("stepfunctions")
        execution = _start(run, {})
        run.run_until_idle()
        code = _code_of(lambda: client.redrive_execution(executionArn=execution))
        if code not in scenario["expected"]["error"].split("|"):
            yield f"error: is {code}"


def _same_name(scenario: Mapping[str, Json], folder: Path) -> Iterator[str]:
    seconds = scenario["handler"]["always"]["duration_s"]
    results: list[str] = []
    with _run(_one({"Type": "Wait", "Seconds": seconds}), folder) as run:
        first: str | None = None
        for one in scenario["inputs"]:
            started: list[str] = []
            code = _code_of(
                lambda one=one, to=started: to.append(_start(run, one["input"], name=one["name"]))
            )
            if code is not None:
                results.append(code)
            else:
                results.append(
                    "started" if first is None else "same-execution" if started == [first] else "other"
                )
                first = first or started[0]
    if results != scenario["expected"]["results"]:
        yield f"results: are {results}"


def _restarted(scenario: Mapping[str, Json], folder: Path) -> Iterator[str]:
    plain_handlers.WORK.script({})
    definition = _one({"Type": "Task", "Resource": WORK})
    kind = scenario["setup"]["type"]
    with _run(definition, folder, kind=kind) as run:
        execution = _start(run, scenario["inputs"][0])
        run.journal.flush()
    with _run(definition, folder, kind=kind, resume=True) as run:
        run.run_until_idle()
        ended = [event.status for event in _finished(run.folder.journal) if event.execution == execution]
    if len(plain_handlers.WORK.seen) < scenario["expected"]["min_runs"]:
        yield f"min_runs: ran {len(plain_handlers.WORK.seen)} times"
    if ended != ["SUCCEEDED"]:
        yield f"the execution ended {ended}"


def _finished(journal: Path) -> Iterator[Any]:
    from penstock.runtime.journal import read_journal
    from penstock.runtime.journal_events import ExecutionFinished

    return (event for event in read_journal(journal) if isinstance(event, ExecutionFinished))


def _task_token(scenario: Mapping[str, Json], folder: Path) -> Iterator[str]:
    expected = scenario["expected"]
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "TimeoutSeconds": scenario["setup"]["state"]["TimeoutSeconds"],
        "Parameters": {
            "QueueUrl": "https://sqs.us-east-1.amazonaws.com/123456789012/tokens",
            "MessageBody.$": "$$.Task.Token",
        },
    }
    first, second = scenario["handler"]["callbacks"]
    with _run(_one(state), folder) as run:
        client: Any = run.client("stepfunctions")
        execution = _start(run, scenario["inputs"][0])
        run.scheduler.run_for(1)
        (message,) = run.queues.find("tokens").messages.values()
        client.send_task_success(taskToken=message.body, output=json.dumps(first["success"]))
        run.run_until_idle()
        code = _code_of(
            lambda: client.send_task_success(taskToken=message.body, output=json.dumps(second["success"]))
        )
        found = client.describe_execution(executionArn=execution)
    if code not in expected["second_callback_error"].split("|"):
        yield f"second_callback_error: is {code}"
    final = {"status": found["status"], "output": json.loads(found["output"])}
    if final != expected["final"]:
        yield f"final: is {final}"


def _code_of(act: Any) -> str | None:
    try:
        act()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return None
