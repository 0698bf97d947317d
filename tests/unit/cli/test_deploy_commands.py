"""`penstock deploy`, `destroy` and `diff`, as a user types them; CloudFormation is moto's."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import click
import pytest
from click.testing import CliRunner, Result
from moto import mock_aws

from penstock.cli.main import main

SOURCE = """\
from penstock.pipelines import Pipeline, Queue

pipeline = Pipeline("orders", parts=(Queue("orders", visibility_timeout_seconds=30),))
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "__init__.py").touch()
    (tmp_path / "pipelines" / "orders.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield tmp_path


def penstock(*arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--region", "eu-central-1"], prog_name="penstock")


def test_from_nothing_to_nothing(project: Path) -> None:
    """diff (1: all is new), deploy, deploy (nothing to change), diff (0), a change, diff (1), destroy."""
    new = penstock("diff", "orders")
    assert new.exit_code == 1
    assert "there is no stack orders" in new.output
    assert "+ Resources.OrdersQueue (AWS::SQS::Queue)" in new.output

    done = penstock("deploy", "orders", "--yes")
    assert done.exit_code == 0, done.output
    assert "Add     AWS::SQS::Queue" in done.output
    assert "orders is ready" in done.output

    assert "nothing to change in orders" in penstock("deploy", "orders").output
    assert penstock("diff", "orders").output == "orders is as planned\n"

    (project / "pipelines" / "orders.py").write_text(SOURCE.replace("30", "300"))
    del sys.modules["pipelines.orders"]  # each command is a process of its own
    changed = penstock("diff", "orders")
    assert (changed.exit_code, changed.output) == (
        1,
        "~ Resources.OrdersQueue.Properties.VisibilityTimeout: 30 -> 300\n",
    )
    gone = penstock("destroy", "orders", "--yes")
    assert gone.exit_code == 0, gone.output
    assert "deleted the stack orders" in gone.output
    assert "there is no stack orders" in penstock("destroy", "orders", "--yes").output


def test_a_question_that_is_interrupted(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C at the question: exit code 130, as anywhere else."""

    def interrupted(name: str, options: object) -> int:
        raise click.Abort  # as click.confirm does

    monkeypatch.setattr("penstock.cli.deploying.deploy_pipeline", interrupted)
    result = penstock("deploy", "orders")
    assert (result.exit_code, result.output) == (130, "interrupted\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full is Linux's")
@pytest.mark.parametrize("arguments", [["plan", "orders"], ["--help"]])
def test_a_full_disk(arguments: list[str], project: Path) -> None:
    """Output that does not fit is told of, without a traceback."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "penstock.cli.main", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "error: no space is left\n  fix: make room, and run the command again\n"


def test_nothing_was_kept(project: Path) -> None:
    """`--import-kept` where nothing is there deploys as always, and says so; what a stack has, it has."""
    first = penstock("deploy", "orders", "--yes", "--import-kept")
    assert first.exit_code == 0, first.output
    assert "nothing was kept that is not the stack's already" in first.output
    again = penstock("deploy", "orders", "--import-kept")
    assert (again.exit_code, "nothing to change in orders" in again.output) == (0, True)


def test_what_somebody_else_has(project: Path) -> None:
    """A queue of the name, without the pipeline's tags, is refused with its remedy; nothing is made."""
    boto3.client("sqs", "eu-central-1").create_queue(QueueName="orders")
    done = penstock("deploy", "orders", "--yes", "--import-kept")
    assert done.exit_code == 1
    assert "not taken over: queue orders (without this pipeline's tags)" in done.output
    assert "there is no stack orders" in penstock("diff", "orders").output


def test_nobody_is_there_to_agree(project: Path) -> None:
    """Without a terminal, `--yes` is needed; nothing is changed."""
    done = penstock("deploy", "orders")
    assert done.exit_code == 2
    assert "give --yes" in done.output
    assert penstock("diff", "orders").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("deploy", "order"), 'did you mean "orders"?'),
        (("deploy", "orders", "--stage", "Dev!"), "no name for a stage"),
        (("deploy", "orders", "--parameter", "x"), "--parameter x has no value"),
        (("deploy", "orders", "--parameter", "x=1"), 'no parameter "x"'),
        (("deploy", "orders", "--endpoint-url", "here"), "http://127.0.0.1:4566"),
        (("diff", "orders", "--endpoint-url", "ftp://x"), "URL is none"),
    ],
)
def test_commands_that_are_used_wrongly(project: Path, arguments: tuple[str, ...], words: str) -> None:
    """Exit code 2, and the remedy."""
    done = penstock(*arguments)
    assert done.exit_code == 2, done.output
    assert words in done.output
