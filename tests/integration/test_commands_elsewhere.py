"""The commands against an endpoint, as a user has them: deploy, diff, dlq, destroy, of a project with a stage."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from penstock.cli.main import main
from penstock.testing.localstack import LocalStack, eventually

HANDLER = """\
import json
import os
from dataclasses import dataclass

import boto3

from penstock.handlers import on_sqs_message

sqs = boto3.client("sqs")  # made while the environment begins, which has time of its own


@dataclass
class Bill:
    id: str
    amount: int


@on_sqs_message
def settle(bill: Bill) -> None:
    if bill.amount < 0:
        raise ValueError("an amount is never negative")
    sqs.send_message(QueueUrl=os.environ["SETTLED_URL"], MessageBody=json.dumps(bill.id))
"""

PIPELINE = """\
from handlers.billing import settle
from penstock.pipelines import Function, Pipeline, Queue, QueueMapping, writes

settled = Queue("settled-bills")
bills = Queue(
    "bills", visibility_timeout_seconds=12, dead_letter_queue=Queue("failed-bills"), max_receive_count=1
)
function = Function(
    "settle", settle, timeout_seconds=2, environment={"SETTLED_URL": settled}, calls=(writes(settled),)
)
pipeline = Pipeline("bills", parts=(QueueMapping(bills, function),))
"""

BAD = {"id": "1", "amount": -1}

Penstock = Callable[..., str]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one pipeline."""
    monkeypatch.chdir(tmp_path)
    for name, text in {
        "pyproject.toml": '[project]\nname = "billing"\nversion = "1"\n',
        "handlers/__init__.py": "",
        "handlers/billing.py": HANDLER,
        "pipelines/__init__.py": "",
        "pipelines/bills.py": PIPELINE,
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def penstock(endpoint: LocalStack, project: Path) -> Penstock:
    """A command, for what is at the endpoint."""

    def run(*arguments: str, code: int = 0) -> str:
        there = ("--endpoint-url", endpoint.endpoint_url, "--stage", "dlq")
        result = CliRunner().invoke(main, [*arguments, *there])
        assert result.exit_code == code, result.output
        return result.output

    return run


def test_from_deploy_to_destroy(
    endpoint: LocalStack, penstock: Penstock, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bill that fails is listed, shown, made a test of, mended and sent back; then all of it is gone."""
    on = endpoint.functions_on
    penstock("deploy", "bills", "--yes", *(("--parameter", f"Runtime={on}") if on is not None else ()))
    assert penstock("diff", "bills") == "dlq-bills is as planned\n"
    (project / "handlers/billing.py").write_text(f"{HANDLER}\n# another digest\n")
    assert penstock("diff", "bills", code=1).startswith("~ Code of settle: ")
    assert penstock("diff", "bills", "--no-code") == "dlq-bills is as planned\n"
    sqs: Any = endpoint.client("sqs")

    def url(name: str) -> str:
        return str(sqs.get_queue_url(QueueName=f"dlq-{name}")["QueueUrl"])

    sqs.send_message(QueueUrl=url("bills"), MessageBody=json.dumps(BAD))
    eventually(
        lambda: "     1  dlq-failed-bills\n" in penstock("dlq", "ls", "bills"), seconds=60, of="the letter"
    )
    shown = penstock("dlq", "show", "bills", "dlq-failed-bills")
    assert "from queue dlq-bills: " in shown
    assert json.dumps(BAD) in shown

    written = penstock("dlq", "pull", "bills", "dlq-failed-bills", shown[:8])
    test = (project / written.removeprefix("wrote ").strip()).read_text()
    assert 'load_pipeline("bills"' in test
    assert 'FunctionName="settle"' in test
    assert f'"eventSourceARN": "arn:aws:sqs:us-east-1:{account_of(endpoint)}:dlq-bills"' in test

    monkeypatch.setattr("click.edit", lambda text: json.dumps(BAD | {"amount": 1}))
    assert "1 sent back" in penstock("dlq", "redrive", "bills", "dlq-failed-bills", "--edit")
    assert "     0  dlq-failed-bills\n" in penstock("dlq", "ls", "bills")

    def settled() -> Any:
        return sqs.receive_message(QueueUrl=url("settled-bills")).get("Messages")

    (message,) = eventually(settled, seconds=60, of="the mended bill")
    assert json.loads(message["Body"]) == "1"

    assert "  deleted queue dlq-failed-bills" in penstock("destroy", "bills", "--yes", "--delete-data")
    assert "there is no stack dlq-bills" in penstock("diff", "bills", code=1)
    assert 'there is no queue "dlq-failed-bills"' in penstock("dlq", "ls", "bills", code=2)


def account_of(endpoint: LocalStack) -> str:
    """The account that the endpoint has for localstack-client's keys."""
    sts: Any = endpoint.client("sts")
    return str(sts.get_caller_identity()["Account"])
