"""`policy=`: what a role does not allow is refused as AWS refuses it, wherever the call is made."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.handlers import on_task
from penstock.pipelines import (
    Bucket,
    EventBus,
    EventRule,
    Function,
    Pipeline,
    Queue,
    QueueMapping,
    RuleTarget,
    StateMachine,
    Stream,
    StreamMapping,
    Table,
    Topic,
    reads,
    writes,
)
from penstock.pipelines.iam import Policy, policy_of
from penstock.pipelines.pipes import Pipe, PipeTarget
from penstock.pipelines.resources import Value
from penstock.runtime.clock import Clock, RealClock, VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.journal import read_journal
from penstock.runtime.readers.seen_calls import seen_calls
from penstock.runtime.readers.summary import summarize
from penstock.runtime.state_folder import last_run, new_run
from penstock.testing.plugin import StartPipeline

HERE = "us-east-1:123456789012"
PASS: dict[str, object] = {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}}

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

USER = "arn:aws:sts::123456789012:assumed-role/WorkFunctionRole/work"


def refused(action: str, resource: str) -> str:
    return (
        f"User: {USER} is not authorized to perform: {action} on resource: {resource} "
        f"because no identity-based policy allows the {action} action"
    )


def regional(service: str, rest: str) -> str:
    return f"arn:aws:{service}:{HERE}:{rest}"


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


def without(policy: Policy, owner: str, action: str) -> Policy:
    """The policy without an action of one role."""
    roles = []
    for role in policy.roles:
        kept = tuple(one for one in role.grants if role.owner != owner or one.action != action)
        roles.append(dataclasses.replace(role, grants=kept))
    assert any(len(old.grants) != len(new.grants) for old, new in zip(policy.roles, roles, strict=True))
    return dataclasses.replace(policy, roles=tuple(roles))


# --- State machines ---------------------------------------------------------------------------------------


@on_task
def step(value: dict[str, Any]) -> dict[str, Any]:
    return value


def task(resource: str, **parameters: object) -> dict[str, object]:
    state: dict[str, object] = {"Type": "Task", "Resource": resource, "Parameters": parameters, "End": True}
    return {"StartAt": "A", "States": {"A": state}}


CHILD: dict[str, object] = {
    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
    "StartAt": "B",
    "States": {"B": {"Type": "Pass", "End": True}},
}
READER = {
    "Resource": "arn:aws:states:::s3:getObject",
    "Parameters": {"Bucket": "${Files}", "Key": "items.json"},
}
INVOKE = task("arn:aws:states:::lambda:invoke", FunctionName="${Step}", Payload={})
SEND = task("arn:aws:states:::sqs:sendMessage", QueueUrl="${Done}", MessageBody="a")
PUT = task("arn:aws:states:::dynamodb:putItem", TableName="${Items}", Item={"id": {"S": "1"}})
START = task("arn:aws:states:::states:startExecution", StateMachineArn="${Inner}", Input={})
MAP: dict[str, object] = {
    "StartAt": "A",
    "States": {"A": {"Type": "Map", "ItemProcessor": CHILD, "ItemReader": READER, "End": True}},
}


@pytest.mark.parametrize(
    ("definition", "action", "error"),
    [
        (INVOKE, "lambda:InvokeFunction", "Lambda.AWSLambdaException"),
        (SEND, "sqs:SendMessage", "SQS.AmazonSQSException"),
        (PUT, "dynamodb:PutItem", "DynamoDB.AmazonDynamoDBException"),
        (START, "states:StartExecution", "StepFunctions.AWSStepFunctionsException"),
        (MAP, "s3:GetObject", "States.ItemReaderFailed"),
        (MAP, "states:StartExecution", "States.ExceedToleratedFailureThreshold"),
    ],
)
def test_a_task_fails_with_the_services_refusal(
    definition: dict[str, object], action: str, error: str, embedded: StartPipeline
) -> None:
    """With the whole policy it succeeds; without one action it fails as the integration's other errors do."""
    files = Bucket("files")
    named: dict[str, Value] = {
        "Step": Function("step", step),
        "Done": Queue("done"),
        "Items": Table("items", partition_key="id"),
        "Inner": StateMachine("inner", PASS),
        "Files": files,
    }
    used = {name: value for name, value in named.items() if f"${{{name}}}" in json.dumps(definition)}
    machine = StateMachine("flow", definition, substitutions=used)
    pipeline = Pipeline("test", parts=(machine, files))
    policy = policy_of(pipeline)
    for enforced in (policy, without(policy, "state machine flow", action)):
        with embedded(pipeline, policy=enforced) as run:
            run.upload(b"[1]", bucket="files", key="items.json")
            client: Any = run.client("stepfunctions")
            arn = client.start_execution(stateMachineArn=regional("states", "stateMachine:flow"))[
                "executionArn"
            ]
            run.run_until_idle()
            described = client.describe_execution(executionArn=arn)
            summary = summarize(read_journal(run.folder.journal))
        if enforced is policy:
            assert described["status"] == "SUCCEEDED", described
            assert not summary.denied
    assert (described["status"], described["error"]) == ("FAILED", error)
    ((caller, denied, _),) = summary.denied
    assert (caller, denied) == ("stateMachine/flow", action)
    if error.endswith(("AWSLambdaException", "AmazonSQSException")):
        begin = "User: arn:aws:sts::123456789012:assumed-role/FlowStateMachineRole/flow is not authorized"
        assert described["cause"].startswith(begin)
        assert "Status Code: 403; Error Code: AccessDenied" in described["cause"]


# --- In a role's name -------------------------------------------------------------------------------------


@on_task
def fail(value: object) -> None:
    raise RuntimeError("boom")


def asynchronous(**options: Any) -> tuple[Pipeline, str]:
    return Pipeline("test", parts=(Function("work", fail, maximum_retry_attempts=0, **options),)), "work"


@pytest.mark.parametrize(
    ("pipeline", "action"),
    [
        (asynchronous(on_failure=Queue("failed"))[0], "sqs:SendMessage"),
        (asynchronous(dead_letter_queue=Queue("failed"))[0], "sqs:SendMessage"),
        (asynchronous(on_failure=EventBus("failed"))[0], "events:PutEvents"),
        (asynchronous(on_failure=Function("failed", step))[0], "lambda:InvokeFunction"),
    ],
)
def test_a_destination_needs_the_functions_role(
    pipeline: Pipeline, action: str, embedded: StartPipeline
) -> None:
    """Lambda sends the record in the function's name: without the action it is lost, and nobody is told."""
    policy = policy_of(pipeline)
    for enforced in (policy, without(policy, "function work", action)):
        with embedded(pipeline, policy=enforced) as run:
            run.functions.queue_event("work", b"{}", source="test")
            run.run_until_idle()
            summary = summarize(read_journal(run.folder.journal))
            letters = sum(len(run.queues.find(queue.name).messages) for queue in pipeline.of(Queue))
        if enforced is policy:
            assert not summary.denied
            assert letters == len(pipeline.of(Queue))
    assert [key[:2] for key in summary.denied] == [("work", action)]
    assert letters == 0


DEAD = Queue("dead")
QUEUE = Queue("orders", visibility_timeout_seconds=180, dead_letter_queue=DEAD, max_receive_count=1)
CLICKS = Stream("clicks")
CHANGES = Table("items", partition_key="id", stream_view_type="NEW_IMAGE")
WORK = Function("work", "json.dumps")  # fails: it takes one argument


@pytest.mark.parametrize(
    ("mapping", "actions"),
    [
        (QueueMapping(QUEUE, WORK), ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")),
        (
            StreamMapping(CLICKS, WORK, maximum_retry_attempts=0),
            ("GetRecords", "GetShardIterator", "ListShards", "DescribeStream", "DescribeStreamSummary"),
        ),
        (
            StreamMapping(CHANGES, WORK, maximum_retry_attempts=0),
            ("GetRecords", "GetShardIterator", "DescribeStream", "ListStreams"),
        ),
    ],
)
def test_a_mapping_polls_with_the_functions_role(
    mapping: QueueMapping | StreamMapping, actions: tuple[str, ...], embedded: StartPipeline
) -> None:
    """Without one of the actions nothing is delivered; each that is missing is named."""
    pipeline = Pipeline("test", parts=(mapping,))
    policy = policy_of(pipeline)
    for name in ("", *actions):
        owner = "function work"
        prefix = {Queue: "sqs", Stream: "kinesis", Table: "dynamodb"}[type(_source(mapping))]
        enforced = without(policy, owner, f"{prefix}:{name}") if name else policy
        with embedded(pipeline, policy=enforced) as run:
            client: Any
            if prefix == "sqs":
                run.queues.send("orders", "1")
            elif prefix == "kinesis":
                client = run.client("kinesis")
                client.put_record(StreamName="clicks", Data=b"1", PartitionKey="1")
            else:
                client = run.client("dynamodb")
                client.put_item(TableName="items", Item={"id": {"S": "1"}})
            run.run_until_idle()
            summary = summarize(read_journal(run.folder.journal))
        assert [key[1] for key in summary.denied] == ([f"{prefix}:{name}"] if name else [])
        assert summary.invocations == (0 if name else 1)


def _source(mapping: QueueMapping | StreamMapping) -> Queue | Stream | Table:
    return mapping.queue if isinstance(mapping, QueueMapping) else mapping.stream


@pytest.mark.parametrize(
    ("target", "actions"),
    [(Queue("failed"), ("sqs:SendMessage",)), (Bucket("failed"), ("s3:ListBucket", "s3:PutObject"))],
)
def test_discarded_records_are_told_of_with_the_functions_role(
    target: Queue | Bucket, actions: tuple[str, ...], embedded: StartPipeline
) -> None:
    """Without it they are given up untold, which the run's summary calls a failure."""
    mapping = StreamMapping(CLICKS, WORK, maximum_retry_attempts=0, on_failure=target)
    pipeline = Pipeline("test", parts=(mapping,))
    policy = policy_of(pipeline)
    for action in ("", *actions):
        enforced = without(policy, "function work", action) if action else policy
        with embedded(pipeline, policy=enforced) as run:
            client: Any = run.client("kinesis")
            client.put_record(StreamName="clicks", Data=b"1", PartitionKey="1")
            run.run_until_idle()
            summary = summarize(read_journal(run.folder.journal))
        assert (summary.discarded, summary.told_of) == (1, 0 if action else 1)
        assert [key[:2] for key in summary.denied] == ([("work", action)] if action else [])


def test_a_rule_sends_to_another_bus_with_its_own_role(embedded: StartPipeline) -> None:
    """It may do that and nothing else; without it the event is a dead letter that names no permissions."""
    bus, letters, found = EventBus("bus"), Queue("letters"), Queue("found")
    sending = EventRule(
        "sends", pattern={"source": ["app"]}, to=(RuleTarget(bus, dead_letter_queue=letters),)
    )
    pipeline = Pipeline(
        "test", parts=(sending, EventRule("finds", bus=bus, pattern={"source": ["app"]}, to=(found,)))
    )
    policy = policy_of(pipeline)
    for enforced, arrived in ((policy, 1), (without(policy, "rule sends", "events:PutEvents"), 0)):
        with embedded(pipeline, policy=enforced) as run:
            client: Any = run.client("events")
            client.put_events(Entries=[{"Source": "app", "DetailType": "t", "Detail": "{}"}])
            run.run_until_idle()
            dead = list(run.queues.find("letters").messages.values())
            assert (len(run.queues.find("found").messages), len(dead)) == (arrived, 1 - arrived)
            denied = summarize(read_journal(run.folder.journal)).denied
    assert dead[0].attributes["ERROR_CODE"].string_value == "NO_PERMISSIONS"
    assert [key[:2] for key in denied] == [("rule/sends", "events:PutEvents")]


def test_a_rule_starts_a_machine_with_its_own_role(embedded: StartPipeline) -> None:
    """Without the action the machine is not started."""
    machine = StateMachine("flow", PASS)
    rule = EventRule("every", pattern={"source": ["app"]}, to=(machine,))
    pipeline = Pipeline("test", parts=(rule,))
    policy = policy_of(pipeline)
    entry = {"Source": "app", "DetailType": "a", "Detail": "{}"}
    for enforced in (policy, without(policy, "rule every", "states:StartExecution")):
        with embedded(pipeline, policy=enforced) as run:
            client: Any = run.client("events")
            client.put_events(Entries=[entry])
            run.run_until_idle()
            summary = summarize(read_journal(run.folder.journal))
        if enforced is policy:
            assert summary.executions == {"SUCCEEDED": 1}
    assert not summary.executions
    assert [key[:2] for key in summary.denied] == [("rule/every", "states:StartExecution")]


@on_task
def enrich(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"n": 1} for _ in records]


@pytest.mark.parametrize(
    "target",
    [
        Queue("target"),
        Stream("target"),
        EventBus("target"),
        Topic("target"),
        Function("target", enrich),
        StateMachine("target", PASS, kind="EXPRESS"),
    ],
    ids=lambda target: type(target).__name__,
)
def test_a_pipe_works_with_its_own_role(target: PipeTarget, embedded: StartPipeline) -> None:
    """Each action of it matters, of a stream's two the one that is used."""
    key = "1" if isinstance(target, Stream) else None
    pipe = Pipe("copies", QUEUE, to=target, enrichment=Function("enrich", enrich), partition_key=key)
    pipeline = Pipeline("test", parts=(pipe,))
    policy = policy_of(pipeline)
    (role,) = (one for one in policy.roles if one.owner == "pipe copies")
    actions = {one.action for one in role.grants} - {"kinesis:PutRecords"}
    if isinstance(target, Function):
        actions.discard("lambda:InvokeFunction")  # twice: of the enrichment and of the target
    for action in ("", *sorted(actions)):
        with embedded(pipeline, policy=without(policy, role.owner, action) if action else policy) as run:
            run.queues.send("orders", "1")
            run.run_until_idle()
            summary = summarize(read_journal(run.folder.journal))
            left = len(run.queues.find("orders").messages) + len(run.queues.find("dead").messages)
        assert [denied[:2] for denied in summary.denied] == ([("pipe/copies", action)] if action else [])
        assert left == (1 if action else 0)


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
