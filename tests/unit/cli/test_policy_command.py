"""`penstock policy`: roles with reasons, what runs add, what has changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from penstock.cli.main import main

PIPELINE = """
from penstock.pipelines import Bucket, BucketNotification, Entry, Function, Pipeline, reads

files = Bucket("files")
work = Function("work", "handlers.work.handle", calls=(reads(files),))
pipeline = Pipeline("sample", parts=(BucketNotification(files, to=work),), entry=Entry(files))
"""
HANDLER = """
import boto3

def handle(event, context):
    boto3.client("ssm").describe_parameters()
    for record in event["Records"]:
        boto3.client("s3").get_object(Bucket="files", Key=record["s3"]["object"]["key"])
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for folder in ("handlers", "pipelines"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").touch()
    (tmp_path / "handlers" / "work.py").write_text(HANDLER)
    (tmp_path / "pipelines" / "sample.py").write_text(PIPELINE)
    (tmp_path / "a.txt").write_text("hello")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def penstock(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_runs_add_what_they_called(project: Path) -> None:
    """Shown with the run, compared with what is kept, and kept for the plan when asked."""
    assert "s3:GetObject" in penstock("policy", "sample").output
    assert penstock("policy", "sample", "--write").exit_code == 0
    run = penstock("run", "sample", "--input", "a.txt", "--clock", "virtual", "--json")
    assert json.loads(run.output)["succeeded"], run.output

    shown = penstock("policy", "sample", "--from-runs", "--write").output
    assert "    ssm:DescribeParameters         seen in run-0001\n" in shown
    assert "calls: reads(files), pipelines/sample.py:5; seen in run-0001" in shown
    assert "  + function work: ssm:DescribeParameters on *\n" in shown
    assert "wrote pipelines/sample.policy.json" in shown

    assert "no changes since pipelines/sample.policy.json" in penstock("policy", "sample").output
    assert "ssm:DescribeParameters" in penstock("plan", "sample").output
    document = json.loads(penstock("policy", "sample", "--format", "json").output)
    assert document["changes"] == {"added": [], "removed": []}
    (role,) = document["roles"]
    assert role["owner"] == "function work"
    assert {
        "Effect": "Allow",
        "Action": "ssm:DescribeParameters",
        "Resource": "*",
        "why": ["seen in run-0001"],
    } in role["statements"]


def test_without_runs_there_is_nothing_to_learn(project: Path) -> None:
    """It says where it looked and what to do."""
    result = penstock("policy", "sample", "--from-runs")
    assert result.exit_code == 2
    assert "there are no runs of sample to learn from" in result.output
    assert "penstock run sample" in result.output


def test_an_enforced_run_names_what_is_missing(project: Path) -> None:
    """And what to do; after that, it runs. A resumed run is enforced as it was when it began."""
    (project / "handlers" / "work.py").write_text(
        HANDLER + '        boto3.client("s3").put_object(Bucket="files", Key="out/a", Body=b"1")\n'
    )
    declared = PIPELINE.replace("reads(files),)", "reads(files),), maximum_retry_attempts=0")
    declared = declared.replace("to=work)", 'to=work, suffix=".txt")')
    (project / "pipelines" / "sample.py").write_text(declared)
    run = ("run", "sample", "--input", "a.txt", "--clock", "virtual", "--enforce-iam")
    refused = penstock(*run)
    assert refused.exit_code == 1, refused.output
    assert "sample failed: run-0001" in refused.output
    assert "work may not ssm:DescribeParameters on *\n" in refused.output
    assert "penstock policy sample --from-runs --write\n" in refused.output

    assert penstock("policy", "sample", "--from-runs", "--write").exit_code == 0
    told = json.loads(penstock(*run, "--json").output)
    assert not told["succeeded"]
    (denied,) = told["denied"]
    assert denied == {
        "caller": "work",
        "action": "s3:PutObject",
        "resource": "arn:aws:s3:::files/out/a",
        "count": 1,
        "fix": 'add writes(Bucket "files") to the calls of function "work", pipelines/sample.py:5',
    }
    resumed = json.loads(penstock("run", "sample", "--resume", "--clock", "virtual", "--json").output)
    assert len(resumed["denied"]) == 1

    assert penstock("policy", "sample", "--from-runs", "--write").exit_code == 0
    allowed = penstock(*run)
    assert allowed.exit_code == 0, allowed.output
