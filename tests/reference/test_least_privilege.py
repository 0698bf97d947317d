"""The roles of the reference pipelines have nothing that does not matter.

Each action is taken away once. Either the enforced run is refused exactly this action, or nothing of the embedded
target does it in the role's name (`NOT_DONE_HERE`); then the policy is found to lack what the declaration implies.
"""

from __future__ import annotations

import dataclasses
import gzip
import json
from collections import Counter
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from penstock.pipelines import Pipeline
from penstock.pipelines.iam import Grant, Policy, Role, policy_of, uncovered
from penstock.runtime.clock import VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.journal import read_journal
from penstock.runtime.readers.summary import Summary, summarize
from penstock.runtime.state_folder import new_run
from penstock.testing.http_events import http_event
from pipelines.file_processing import pipeline as file_processing
from pipelines.stream_analytics import pipeline as stream_analytics

NOT_DONE_HERE = {
    "* logs:*": "Lambda and Step Functions write logs; here they are files",
    "* xray:*": "there are no traces here",
    "state machine process-file s3:AbortMultipartUpload": "results of a Map Run are written in one piece here",
    "state machine process-file s3:ListMultipartUploadParts": "as above",
    "state machine process-file states:DescribeExecution": "a Map's children are run by the machine itself here",
    "state machine process-file states:StopExecution": "as above",
    "state machine process-file states:RedriveExecution": "as above",
    "function * s3:AbortMultipartUpload": "writes() of a bucket allows it; it takes uploads of many megabytes",
    "function * s3:DeleteObject": "writes() of a bucket allows it; these handlers delete nothing",
    "function * dynamodb:BatchWriteItem": "writes() of a table allows it; these handlers put one item at a time",
    "function * dynamodb:DeleteItem": "as above",
    "function * dynamodb:UpdateItem": "as above",
}
"""Roles' actions, as patterns, that the embedded target never does in their names when these inputs are played."""

OPTIONS = {"group_by": "region", "sum": "amount"}


def process_files(run: Embedded, folder: Path) -> None:
    """Files that are good, packed, broken and gone; a message that is none; and the jobs API."""
    for name, content in (
        ("rows.csv", b"region,amount\nnorth,1\nsouth,many\n"),
        ("rows.csv.gz", gzip.compress(b"region,amount\nnorth,1\n")),
        ("broken.csv", b'region,amount\nno"rth,1\n"never closed,2\n'),
    ):
        source = folder / name
        source.write_bytes(content)
        run.upload_to_entry(source, options=OPTIONS)
    run.queues.send("file-events", "no event of S3's")
    run.run_until_idle()
    _start_for_what_is_gone(run)
    for bucket in ("penstock-uploads", "penstock-results"):
        _process_what_is_gone(run, bucket)
    _ask_the_api(run)
    run.run_until_idle()


def _start_for_what_is_gone(run: Embedded) -> None:
    client: Any = run.client("stepfunctions")
    upload = {"bucket": "penstock-uploads", "key": "incoming/gone.csv", "size_bytes": 1}
    client.start_execution(
        stateMachineArn="arn:aws:states:us-east-1:123456789012:stateMachine:process-file",
        input=json.dumps({"job": "gone", "upload": upload}),
    )


def _process_what_is_gone(run: Embedded, bucket: str) -> None:
    report = {"file_format": "csv", "groupings": [[]], "measures": [], "column_count": 2}
    chunk = {"bucket": bucket, "key": "gone", "index": 0, "start": 0, "stop": 1, "size_bytes": 1}
    value = {"job": "gone", "bucket": "penstock-results", "report": report, "chunk": chunk}
    invoke(run, "process-chunk", value)


def _ask_the_api(run: Embedded) -> None:
    for key in ("incoming/gone.csv", "incoming/rows.csv"):
        answer = invoke(run, "jobs-api", http_event("POST", "/jobs", body={"key": key, "options": OPTIONS}))
    run.run_until_idle()
    job = json.loads(answer.get("body", "{}")).get("job", "0" * 20)
    invoke(run, "jobs-api", http_event("GET", f"/jobs/{job}", path_parameters={"job": job}))


def invoke(run: Embedded, function: str, value: object) -> Any:
    client: Any = run.client("lambda")
    return json.loads(
        client.invoke(FunctionName=function, Payload=json.dumps(value).encode())["Payload"].read()
    )


def analyze_departures(run: Embedded, folder: Path) -> None:
    """Departures that are late enough for an alert, and one that is none."""
    lines = [
        {
            "at": f"2013-01-01T00:0{minute}:00+00:00",
            "flight": f"UA {minute}",
            "origin": "EWR",
            "scheduled": "2012-12-31T20:00:00+00:00",
            "delay_minutes": 240,
        }
        for minute in range(4)
    ]
    source = folder / "departures.jsonl"
    source.write_text("\n".join([*(json.dumps(line) for line in lines), "not JSON"]) + "\n")
    run.feed(source)
    run.scheduler.run_for(2 * 3600)  # a window that cannot be stored is tried for days


Play = Callable[[Embedded, Path], None]
PLAYS: list[tuple[Pipeline, Play]] = [
    (file_processing, process_files),
    (stream_analytics, analyze_departures),
]


def played(pipeline: Pipeline, play: Play, policy: Policy, base: Path) -> Summary:
    folder = new_run(pipeline.name, base=base)
    with Embedded(pipeline, folder, clock=VirtualClock(1_356_998_400.0), policy=policy) as run:
        play(run, base)
    return summarize(read_journal(folder.journal))


def is_done_here(role: Role, grant: Grant) -> bool:
    return not any(fnmatchcase(f"{role.owner} {grant.action}", pattern) for pattern in NOT_DONE_HERE)


def each_grant() -> list[Any]:
    return [
        pytest.param(pipeline, play, role, grant, id=f"{role.owner}: {grant.action} on {grant.need.resource}")
        for pipeline, play in PLAYS
        for role in policy_of(pipeline).roles
        for grant in role.grants
    ]


def without(policy: Policy, role: Role, grant: Grant) -> Policy:
    less = dataclasses.replace(role, grants=tuple(one for one in role.grants if one != grant))
    return dataclasses.replace(policy, roles=tuple(less if one == role else one for one in policy.roles))


@pytest.mark.parametrize(("pipeline", "play"), PLAYS, ids=["file-processing", "stream-analytics"])
def test_the_whole_policy_is_enough(pipeline: Pipeline, play: Play, tmp_path: Path) -> None:
    """Nothing is refused, also without what is not done here: `NOT_DONE_HERE` says it rightly."""
    policy = policy_of(pipeline)
    assert uncovered(policy, pipeline) == ()
    done = [
        dataclasses.replace(role, grants=tuple(one for one in role.grants if is_done_here(role, one)))
        for role in policy.roles
    ]
    less = dataclasses.replace(policy, roles=tuple(done))
    assert played(pipeline, play, less, tmp_path).denied == Counter()


@pytest.mark.parametrize(("pipeline", "play", "role", "grant"), each_grant())
def test_every_action_matters(
    pipeline: Pipeline, play: Play, role: Role, grant: Grant, tmp_path: Path
) -> None:
    """Without it, the run is refused exactly this; or, if it is not done here, the policy is found to lack it."""
    policy = without(policy_of(pipeline), role, grant)
    (missing,) = uncovered(policy, pipeline)
    assert (missing.owner, missing.grant) == (role.owner, grant)
    if not is_done_here(role, grant):
        return
    summary = played(pipeline, play, policy, tmp_path)
    assert not summary.succeeded
    assert {(caller, action) for caller, action, _ in summary.denied} == {(role.caller, grant.action)}
    assert all(fnmatchcase(resource, grant.need.resource) for _, _, resource in summary.denied)
