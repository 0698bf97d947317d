"""Functions that wait for others, where there are as many workers as functions that wait."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from penstock.pipelines import Function, Pipeline, Queue, uses
from penstock.runtime.embedded import Embedded
from penstock.runtime.state_folder import new_run

HANDLERS = """
import io
import json
import time

import boto3

def outer(event, context):
    answer = boto3.client("lambda").invoke(FunctionName="inner", Payload=json.dumps(event).encode())
    return {"inner": json.load(answer["Payload"])}

def from_a_file(event, context):
    payload = io.BytesIO(json.dumps(event).encode())
    return json.load(boto3.client("lambda").invoke(FunctionName="inner", Payload=payload)["Payload"])

def inner(event, context):
    boto3.client("sqs").send_message(QueueUrl=event["queue"], MessageBody="from inner")
    return event["n"]

def waits(event, context):
    asked = {"FunctionName": "inner", "InvocationType": "Event", "Payload": json.dumps(event).encode()}
    boto3.client("lambda").invoke(**asked)
    found = boto3.client("sqs").receive_message(QueueUrl=event["queue"], WaitTimeSeconds=20)
    return [one["Body"] for one in found["Messages"]]

def polls(event, context):
    boto3.client("sqs").receive_message(QueueUrl=event["queue"], WaitTimeSeconds=20)

def itself(event, context):
    if not event["n"]:
        return 0
    further = json.dumps({"n": event["n"] - 1}).encode()
    return event["n"] + json.load(boto3.client("lambda").invoke(FunctionName="itself", Payload=further)["Payload"])

def slow(event, context):
    time.sleep(event["seconds"])

def impatient(event, context):
    boto3.client("lambda").invoke(FunctionName="slow", Payload=json.dumps(event).encode())
"""
QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/told"


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    folder = tmp_path / "project" / "waiting"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "nested.py").write_text(HANDLERS)
    told = Queue("told")
    inner = Function("inner", "waiting.nested.inner", calls=(told,))
    outer = Function("outer", "waiting.nested.outer", timeout_seconds=60, calls=(inner,))
    from_a_file = Function("from-a-file", "waiting.nested.from_a_file", timeout_seconds=60, calls=(inner,))
    waits = Function("waits", "waiting.nested.waits", timeout_seconds=60, calls=(inner, uses(told)))
    polls = Function("polls", "waiting.nested.polls", timeout_seconds=1, calls=(uses(told),))
    itself = Function("itself", "waiting.nested.itself", timeout_seconds=60)
    slow = Function("slow", "waiting.nested.slow", timeout_seconds=60)
    impatient = Function("impatient", "waiting.nested.impatient", timeout_seconds=1, calls=(slow,))
    return Pipeline(
        "nested", root=folder.parent, parts=(outer, inner, from_a_file, waits, polls, itself, impatient, told)
    )


def answered(run: Embedded, function: str, event: object) -> Any:
    client: Any = run.client("lambda")
    answer = client.invoke(FunctionName=function, Payload=json.dumps(event).encode())
    return json.load(answer["Payload"])


def test_a_function_that_invokes_another_leaves_it_its_worker(pipeline: Pipeline, tmp_path: Path) -> None:
    """On Lambda every function has environments of its own: with one worker, too, the inner one runs meanwhile."""
    with Embedded(pipeline, new_run("nested", base=tmp_path), workers=1) as run:
        assert answered(run, "outer", {"n": 7, "queue": QUEUE}) == {"inner": 7}
        assert answered(run, "waits", {"n": 8, "queue": QUEUE}) == ["from inner"]
        assert answered(run, "outer", {"n": 9, "queue": QUEUE}) == {"inner": 9}


def test_a_payload_may_be_a_file(pipeline: Pipeline, tmp_path: Path) -> None:
    """From a worker process as from anywhere else."""
    with Embedded(pipeline, new_run("nested", base=tmp_path), workers=1) as run:
        assert answered(run, "from-a-file", {"n": 7, "queue": QUEUE}) == 7


def test_functions_may_wait_for_one_another_in_a_row(pipeline: Pipeline, tmp_path: Path) -> None:
    """Each leaves its place to the next one; when all are over, there is one place again."""
    with Embedded(pipeline, new_run("nested", base=tmp_path), workers=1) as run:
        assert answered(run, "itself", {"n": 4}) == 10
        assert answered(run, "outer", {"n": 7, "queue": QUEUE}) == {"inner": 7}


def test_a_function_that_ends_while_it_waits_gives_its_place_back(pipeline: Pipeline, tmp_path: Path) -> None:
    """Out of time, while the one that it has invoked still runs."""
    with Embedded(pipeline, new_run("nested", base=tmp_path), workers=1) as run:
        assert answered(run, "impatient", {"seconds": 2})["errorType"] == "Sandbox.Timedout"
        run.run_until_idle()
        assert answered(run, "outer", {"n": 7, "queue": QUEUE}) == {"inner": 7}


def test_a_function_that_has_ended_receives_no_more(pipeline: Pipeline, tmp_path: Path) -> None:
    """A long poll ends with the function that waits for it: a message that comes later is there for others."""
    with Embedded(pipeline, new_run("nested", base=tmp_path), workers=1) as run:
        assert answered(run, "polls", {"queue": QUEUE})["errorType"] == "Sandbox.Timedout"
        run.queues.send("told", "later")
        assert answered(run, "waits", {"n": 8, "queue": QUEUE}) == ["later"]
        (message, *_) = run.queues.find("told").messages.values()
        assert message.receive_count == 1
