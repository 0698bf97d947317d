"""Every AWS call of a handler is in the journal: who called, what, and what it needs of IAM."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.pipelines import Bucket, Function, Pipeline, Queue
from penstock.runtime.clock import Clock, RealClock, VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.journal import read_journal
from penstock.runtime.journal_events import CallMade
from penstock.runtime.state_folder import new_run

HANDLER = """
import boto3

def handle(event, context):
    s3, sqs = boto3.client("s3"), boto3.client("sqs")
    for _ in range(2):
        s3.get_object(Bucket="files", Key="in/a")["Body"].read()
    s3.copy_object(Bucket="files", Key="out/a", CopySource={"Bucket": "files", "Key": "in/a"})
    url = "https://sqs.us-east-1.amazonaws.com/123456789012/orders"
    sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": "1", "MessageBody": "hello"}])
    boto3.client("dynamodb").list_tables()
"""


@pytest.mark.parametrize("clock", [VirtualClock(), RealClock()], ids=["inline", "worker"])
def test_calls_with_their_needs(clock: Clock, tmp_path: Path) -> None:
    """Also where a worker process reads objects by itself, and a call needs two actions, or one on everything."""
    project = tmp_path / "project"
    (project / "handlers").mkdir(parents=True)
    (project / "handlers" / "__init__.py").touch()
    (project / "handlers" / "work.py").write_text(HANDLER)
    worker = Function("work", "handlers.work.handle")
    pipeline = Pipeline("test", parts=(worker, Bucket("files"), Queue("orders")), root=project)
    folder = new_run("test", base=tmp_path)
    with Embedded(pipeline, folder, clock=clock, workers=1) as run:
        run.upload(b"hello", bucket="files", key="in/a")
        run.functions.queue_event("work", b"{}", source="test")
        run.run_until_idle()

    made: dict[tuple[str, tuple[tuple[str, str], ...]], int] = {}
    for event in read_journal(folder.journal):
        if isinstance(event, CallMade) and event.function == "work":
            name = (f"{event.service}:{event.operation}", event.needs)
            made[name] = made.get(name, 0) + event.count
    source, target = "arn:aws:s3:::files/in/a", "arn:aws:s3:::files/out/a"
    orders = "arn:aws:sqs:us-east-1:123456789012:orders"
    assert made == {
        ("s3:GetObject", (("s3:GetObject", source),)): 2,
        ("s3:CopyObject", (("s3:GetObject", source), ("s3:PutObject", target))): 1,
        ("sqs:SendMessageBatch", (("sqs:SendMessage", orders),)): 1,
        ("dynamodb:ListTables", (("dynamodb:ListTables", "*"),)): 1,
    }
