"""`policy=`: what a role does not allow a handler is refused as AWS refuses it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.pipelines import (
    Bucket,
    EventBus,
    Function,
    Pipeline,
    Queue,
    QueueMapping,
    StateMachine,
    Stream,
    Table,
    Topic,
    reads,
    writes,
)
from penstock.pipelines.iam import policy_of
from penstock.runtime.clock import Clock, RealClock, VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.journal import read_journal
from penstock.runtime.readers.seen_calls import seen_calls
from penstock.runtime.readers.summary import summarize
from penstock.runtime.state_folder import last_run, new_run
from tests.embedded.enforcing import HERE, PASS, QUEUE, WORK, refused, regional, without

HANDLER = f"""
import boto3
from botocore.exceptions import ClientError

URL = "https://sqs.us-east-1.amazonaws.com/123456789012/"
MACHINE = "arn:aws:states:{HERE}:stateMachine:flow"
CALLS = {{
    "get": ("s3", "get_object", {{"Bucket": "files", "Key": "secret/a"}}),
    "head": ("s3", "head_object", {{"Bucket": "files", "Key": "secret/a"}}),
    "absent": ("s3", "get_object", {{"Bucket": "unlisted", "Key": "none"}}),
    "put": ("s3", "put_object", {{"Bucket": "files", "Key": "open/b", "Body": b"1"}}),
    "list": ("s3", "list_objects_v2", {{"Bucket": "unlisted"}}),
    "send": ("sqs", "send_message_batch", {{
        "QueueUrl": URL + "closed", "Entries": [{{"Id": "1", "MessageBody": "a"}}]}}),
    "publish": ("sns", "publish", {{"TopicArn": "arn:aws:sns:{HERE}:news", "Message": "a"}}),
    "item": ("dynamodb", "put_item", {{"TableName": "items", "Item": {{"id": {{"S": "1"}}}}}}),
    "start": ("stepfunctions", "start_execution", {{"stateMachineArn": MACHINE}}),
    "invoke": ("lambda", "invoke", {{"FunctionName": "other"}}),
    "event": ("events", "put_events", {{
        "Entries": [{{"EventBusName": "bus", "Source": "a", "DetailType": "b", "Detail": "{{}}"}}]}}),
    "record": ("kinesis", "put_record", {{"StreamName": "clicks", "Data": b"1", "PartitionKey": "1"}}),
    "secret": ("secretsmanager", "get_secret_value", {{"SecretId": "prod/key"}}),
    "role": ("iam", "create_user", {{"UserName": "a"}}),
    "machines": ("ec2", "describe_instances", {{}}),
    "schedules": ("scheduler", "list_schedules", {{}}),
    "allowed": ("s3", "get_object", {{"Bucket": "files", "Key": "open/a"}}),
    "missing": ("s3", "get_object", {{"Bucket": "files", "Key": "open/none"}}),
    "sent": ("sqs", "send_message", {{"QueueUrl": URL + "done", "MessageBody": "a"}}),
    "who": ("sts", "get_caller_identity", {{}}),
}}

def handle(event, context):
    service, method, parameters = CALLS[event]
    try:
        getattr(boto3.client(service), method)(**parameters)
    except ClientError as error:
        response = error.response
        return [
            response["Error"]["Code"],
            response["ResponseMetadata"]["HTTPStatusCode"],
            response["Error"]["Message"],
        ]
    return None
"""
REFUSED: dict[str, tuple[str, int, str]] = {
    "get": ("AccessDenied", 403, refused("s3:GetObject", '"arn:aws:s3:::files/secret/a"')),
    "head": ("403", 403, "Forbidden"),
    "absent": ("AccessDenied", 403, refused("s3:GetObject", '"arn:aws:s3:::unlisted/none"')),
    "put": ("AccessDenied", 403, refused("s3:PutObject", '"arn:aws:s3:::files/open/b"')),
    "list": ("AccessDenied", 403, refused("s3:ListBucket", '"arn:aws:s3:::unlisted"')),
    "send": ("AccessDenied", 403, refused("sqs:sendmessage", regional("sqs", "closed"))),
    "publish": (
        "AuthorizationError",
        403,
        refused("SNS:Publish", regional("sns", "news")),
    ),
    "item": (
        "AccessDeniedException",
        400,
        refused("dynamodb:PutItem", regional("dynamodb", "table/items")),
    ),
    "start": (
        "AccessDeniedException",
        400,
        refused("states:StartExecution", regional("states", "stateMachine:flow")),
    ),
    "invoke": (
        "AccessDeniedException",
        403,
        refused("lambda:InvokeFunction", regional("lambda", "function:other")),
    ),
    "event": (
        "AccessDeniedException",
        400,
        refused("events:PutEvents", regional("events", "event-bus/bus")),
    ),
    "record": (
        "AccessDeniedException",
        400,
        refused("kinesis:PutRecord", regional("kinesis", "stream/clicks")),
    ),
    "secret": (
        "AccessDeniedException",
        400,
        refused("secretsmanager:GetSecretValue", "prod/key"),
    ),
    "role": ("AccessDenied", 403, refused("iam:CreateUser", "*")),
    "machines": (
        "UnauthorizedOperation",
        403,
        f"You are not authorized to perform this operation. {refused('ec2:DescribeInstances', '*')}",
    ),
    "schedules": ("AccessDeniedException", 403, refused("scheduler:ListSchedules", "*")),
}


def project(base: Path) -> Path:
    root = base / "project"
    (root / "handlers").mkdir(parents=True)
    (root / "handlers" / "__init__.py").touch()
    (root / "handlers" / "work.py").write_text(HANDLER)
    return root


def sample(root: Path) -> Pipeline:
    files, done = Bucket("files"), Queue("done")
    work = Function("work", "handlers.work.handle", calls=(reads(files, "open/"), writes(done)))
    others = (Bucket("unlisted"), Queue("closed"), Topic("news"), EventBus("bus"), Stream("clicks"))
    more = (
        Table("items", partition_key="id"),
        StateMachine("flow", PASS),
        Function("other", "handlers.work.handle"),
    )
    return Pipeline("test", parts=(work, *others, *more), root=root)


@pytest.mark.parametrize("clock", [VirtualClock, RealClock], ids=["inline", "worker"])
def test_a_handler_sees_the_services_own_refusal(clock: Callable[[], Clock], tmp_path: Path) -> None:
    """Code, HTTP status and text; the same in a worker process; what is allowed goes on as before."""
    pipeline = sample(project(tmp_path))
    folder = new_run("test", base=tmp_path)
    with Embedded(pipeline, folder, clock=clock(), workers=2, policy=policy_of(pipeline)) as run:
        for key in ("open/a", "secret/a"):
            run.upload(b"hello", bucket="files", key=key)
        client: Any = run.client("lambda")

        def called(name: str) -> Any:
            answer = client.invoke(FunctionName="work", Payload=json.dumps(name).encode())
            return json.loads(answer["Payload"].read())

        found = {name: called(name) for name in REFUSED}
        allowed = {name: called(name) for name in ("allowed", "sent", "who")}
        missing = called("missing")
        run.run_until_idle()
    assert found == {name: list(refusal) for name, refusal in REFUSED.items()}
    assert allowed == {"allowed": None, "sent": None, "who": None}
    assert missing[:2] == ["NoSuchKey", 404]

    events = tuple(read_journal(folder.journal))
    summary = summarize(events)
    assert not summary.succeeded
    assert summary.denied["work", "s3:GetObject", "arn:aws:s3:::files/secret/a"] == 2
    assert summary.denied["work", "sqs:SendMessage", regional("sqs", "closed")] == 1
    assert len(summary.denied) == len(REFUSED) - 1

    also = policy_of(pipeline, seen=seen_calls(events, "run-0001"))
    with Embedded(pipeline, new_run("test", base=tmp_path), clock=clock(), workers=2, policy=also) as run:
        run.upload(b"hello", bucket="files", key="secret/a")
        client = run.client("lambda")
        assert [called(name) for name in ("get", "put", "send", "item", "invoke")] == [None] * 5
        run.run_until_idle()


def test_that_an_object_does_not_exist_is_told_to_listers_only(tmp_path: Path) -> None:
    """S3, "GetObject": without `s3:ListBucket` on the bucket, 403 takes the place of 404; what is needed is seen."""
    pipeline = sample(project(tmp_path))
    whole = policy_of(pipeline)
    policy = without(whole, "function work", "s3:ListBucket")
    for clock in (VirtualClock(), RealClock()):
        folder = new_run("test", base=tmp_path)
        with Embedded(pipeline, folder, clock=clock, workers=2, policy=policy) as run:
            client: Any = run.client("lambda")
            answer = client.invoke(FunctionName="work", Payload=b'"missing"')
            assert json.loads(answer["Payload"].read()) == [
                "AccessDenied",
                403,
                refused("s3:ListBucket", '"arn:aws:s3:::files"'),
            ]
            run.run_until_idle()
        seen = seen_calls(read_journal(folder.journal), "run-0001").of("work")
        assert sorted(need.action for need in seen) == ["s3:GetObject", "s3:ListBucket"]


@pytest.mark.parametrize("enforced", [False, True])
def test_a_resumed_run_is_enforced_as_it_began(enforced: bool, tmp_path: Path) -> None:
    """A policy of the test's own lets nothing be polled; resumed without one, the pipeline's own is enforced."""
    pipeline = Pipeline("test", parts=(QueueMapping(QUEUE, WORK),))
    policy = without(policy_of(pipeline), "function work", "sqs:ReceiveMessage") if enforced else None
    with Embedded(pipeline, new_run("test", base=tmp_path), clock=VirtualClock(), policy=policy) as run:
        run.queues.send("orders", "1")
        run.run_until_idle()
        assert summarize(read_journal(run.folder.journal)).invocations == (0 if enforced else 1)
    with Embedded(pipeline, last_run("test", base=tmp_path), clock=VirtualClock(0.0)) as run:
        assert (run.authority is not None) is enforced
        run.run_until_idle()
        assert summarize(read_journal(run.folder.journal)).invocations == 1
