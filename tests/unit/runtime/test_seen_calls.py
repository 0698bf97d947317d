"""What runs were seen to need: calls, and what the journal has instead of a call."""

from __future__ import annotations

from pathlib import Path

from penstock.pipelines.iam import Need, Seen
from penstock.runtime.journal import Journal
from penstock.runtime.journal_events import CallMade, Event, InvocationStarted, MapRunStarted, RunStarted
from penstock.runtime.readers.seen_calls import seen_calls, seen_in_runs
from penstock.runtime.state_folder import new_run

EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:flow"
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:flow"
OBJECT = "arn:aws:s3:::files/in/a"


def call(function: str, *needs: tuple[str, str], error: str | None = None) -> CallMade:
    return CallMade(at=1.0, function=function, service="s3", operation="Any", needs=needs, error=error)


def test_callers_and_their_needs() -> None:
    """The program itself has no role; an object that is not there needs the bucket to be listed, to be told so."""
    events = [
        call("", ("s3:PutObject", OBJECT)),
        call("work", ("s3:GetObject", OBJECT)),
        call("other", ("s3:GetObject", OBJECT), error="NoSuchKey"),
        call("other", ("s3:PutObject", OBJECT), error="PreconditionFailed"),
    ]
    get, put = (
        Need("s3:GetObject", "arn:aws:s3:::files/in/*"),
        Need("s3:PutObject", "arn:aws:s3:::files/in/*"),
    )
    assert seen_calls(events, "run-1") == Seen(
        {
            "work": {get: "run-1"},
            "other": {get: "run-1", Need("s3:ListBucket", "arn:aws:s3:::files"): "run-1", put: "run-1"},
        }
    )


def test_what_a_machine_starts() -> None:
    """Its functions, also those of a Map's children, and the children themselves; a mapping's function is not its."""
    events: list[Event] = [
        InvocationStarted(at=1.0, request_id="1", function="plan", source=f"{EXECUTION}:run"),
        InvocationStarted(at=1.0, request_id="2", function="chunk", source=f"{EXECUTION}/Chunks:child"),
        InvocationStarted(at=1.0, request_id="3", function="start", source="orders->start"),
        MapRunStarted(at=1.0, execution=f"{EXECUTION}:run", map_run="any", state="A"),
    ]
    function = "arn:aws:lambda:us-east-1:123456789012:function"
    assert seen_calls(events, "run-1").needs == {
        "stateMachine/flow": {
            Need("lambda:InvokeFunction", f"{function}:chunk"): "run-1",
            Need("lambda:InvokeFunction", f"{function}:plan"): "run-1",
            Need("states:StartExecution", MACHINE): "run-1",
        }
    }


def test_the_runs_of_one_pipeline(tmp_path: Path) -> None:
    """Each need with the first run that had it; other pipelines' runs are theirs."""
    for pipeline in ("mine", "mine", "other"):
        with new_run(pipeline, base=tmp_path) as folder:
            journal = Journal(folder.journal)
            journal.append(
                RunStarted(at=1.0, run_id=folder.run_id, pipeline=pipeline, seed=0, clock="virtual")
            )
            journal.append(call("work", ("sqs:SendMessage", pipeline)))
            journal.append(call("work", ("sqs:SendMessage", folder.run_id)))
            journal.close()
    seen, runs = seen_in_runs(tmp_path, "mine")
    assert runs == ("run-0001", "run-0002")
    assert seen.of("work") == {
        Need("sqs:SendMessage", "mine"): "run-0001",
        Need("sqs:SendMessage", "run-0001"): "run-0001",
        Need("sqs:SendMessage", "run-0002"): "run-0002",
    }
