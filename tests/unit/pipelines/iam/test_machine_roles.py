"""What a state machine's role allows: what its definition knows is exact, the rest is what the pipeline has."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.errors import DeclarationError
from penstock.pipelines import Function, Queue
from tests.unit.pipelines.iam.machine_roles import Case, allowed, regional, task, unknown

CASES: list[Case] = [
    (
        "a function by its ARN",
        {"Type": "Task", "Resource": regional("lambda", "function:work")},
        {("lambda:InvokeFunction", regional("lambda", "function:work"))},
    ),
    (
        "a function by its name",
        task("lambda:invoke", FunctionName="work"),
        {("lambda:InvokeFunction", regional("lambda", "function:work"))},
    ),
    (
        "a queue that only the input knows",
        task("sqs:sendMessage", **{"QueueUrl.$": "$.queue", "MessageBody": "a"}),
        {("sqs:SendMessage", regional("sqs", name)) for name in ("orders", "letters")},
    ),
    (
        "a topic that only a JSONata expression knows",
        {
            "Type": "Task",
            "QueryLanguage": "JSONata",
            "Resource": "arn:aws:states:::sns:publish",
            "Arguments": {"TopicArn": "{% $states.input.topic %}", "Message": "a"},
        },
        {("sns:Publish", regional("sns", "news"))},
    ),
    (
        "an index of a table that the input names",
        task("aws-sdk:dynamodb:query", **{"TableName.$": "$.table", "IndexName": "by-day"}),
        {("dynamodb:Query", regional("dynamodb", "table/items/index/by-day"))},
    ),
    (
        "a transaction",
        task(
            "aws-sdk:dynamodb:transactWriteItems",
            TransactItems=[
                {"Put": {"TableName": "items", "Item.$": "$.a"}},
                {"Delete": {"TableName": "items", "Key.$": "$.b"}},
            ],
        ),
        {(f"dynamodb:{name}Item", regional("dynamodb", "table/items")) for name in ("Put", "Delete")},
    ),
    (
        "an object whose key the input names",
        task("aws-sdk:s3:getObject", **{"Bucket": "files", "Key.$": "$.key"}),
        {("s3:GetObject", "arn:aws:s3:::files/*")},
    ),
    (
        "an object that is known",
        task("aws-sdk:s3:copyObject", Bucket="files", Key="b", CopySource="others/a"),
        {("s3:GetObject", "arn:aws:s3:::others/a"), ("s3:PutObject", "arn:aws:s3:::files/b")},
    ),
    (
        "an object in a bucket that the input names",
        task("aws-sdk:s3:headObject", **{"Bucket.$": "$.bucket", "Key": "a"}),
        {("s3:GetObject", f"arn:aws:s3:::{bucket}/a") for bucket in ("files", "others")},
    ),
    ("buckets as such", task("aws-sdk:s3:listBuckets"), {("s3:ListAllMyBuckets", "*")}),
    (
        "events for a bus and for the default one",
        task("events:putEvents", Entries=[{"EventBusName": "bus"}, {"Source": "a"}]),
        {("events:PutEvents", regional("events", f"event-bus/{name}")) for name in ("bus", "default")},
    ),
    (
        "events that only the input knows",
        task("events:putEvents", **{"Entries.$": "$.entries"}),
        {("events:PutEvents", regional("events", "event-bus/bus"))},
    ),
    (
        "a service without a table",
        task("aws-sdk:translate:translateText", **{"Text.$": "$.text"}),
        {("translate:TranslateText", "*")},
    ),
    (
        "a parameter",
        task("aws-sdk:ssm:getParameter", Name="/app/mode"),
        {("ssm:GetParameter", regional("ssm", "parameter/app/mode"))},
    ),
    (
        "a nested execution",
        task("states:startExecution", StateMachineArn=regional("states", "stateMachine:inner")),
        {("states:StartExecution", regional("states", "stateMachine:inner"))},
    ),
    (
        "a nested execution that is waited for",
        task("states:startExecution.sync:2", StateMachineArn=regional("states", "stateMachine:inner")),
        {
            ("states:StartExecution", regional("states", "stateMachine:inner")),
            ("states:DescribeExecution", regional("states", "execution:inner:*")),
            ("states:StopExecution", regional("states", "execution:inner:*")),
            *(
                (
                    f"events:{name}",
                    regional("events", "rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"),
                )
                for name in ("DescribeRule", "PutRule", "PutTargets")
            ),
        },
    ),
    (
        "an execution that the input names",
        task("aws-sdk:sfn:describeExecution", **{"ExecutionArn.$": "$.arn"}),
        {
            ("states:DescribeExecution", regional("states", f"execution:{name}:*"))
            for name in ("flow", "inner")
        },
    ),
    (
        "a token that is sent back",
        task("aws-sdk:sfn:sendTaskSuccess", **{"TaskToken.$": "$.token", "Output": "1"}),
        {("states:SendTaskSuccess", "*")},
    ),
    ("an activity", {"Type": "Task", "Resource": regional("states", "activity:by-hand")}, set()),
]


@pytest.mark.parametrize(("state", "needs"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_a_task_needs(state: dict[str, Any], needs: set[tuple[str, str]]) -> None:
    """No wildcard where the definition knows the ARN; no bucket or queue that the pipeline does not have."""
    assert allowed(state) == needs


def test_what_aws_knows_of_it() -> None:
    """Every action is one that IAM has, on an ARN of a kind that it knows."""
    assert unknown(CASES) == set()


def test_a_role_that_only_the_input_knows() -> None:
    """Who may pass any role may do anything."""
    state = task("sagemaker:createTrainingJob", TrainingJobName="fit", **{"RoleArn.$": "$.role"})
    with pytest.raises(DeclarationError, match="only the input knows which role") as raised:
        allowed(state)
    assert raised.value.fix


def test_substitutions_are_followed() -> None:
    """By name, ARN or URL, whatever the argument takes."""
    step = Function("step", "json.dumps")
    state = task("lambda:invoke", FunctionName="${Step}")
    assert allowed(state, Step=step) == {("lambda:InvokeFunction", regional("lambda", "function:step"))}
    state = task("sqs:sendMessage", QueueUrl="${Orders}", MessageBody="a")
    assert allowed(state, Orders=Queue("orders")) == {("sqs:SendMessage", regional("sqs", "orders"))}


CHILD = {
    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
    "StartAt": "B",
    "States": {"B": {"Type": "Pass", "End": True}},
}
READ, LIST = "arn:aws:states:::s3:getObject", "arn:aws:states:::s3:listObjectsV2"


@pytest.mark.parametrize(
    ("part", "needs"),
    [
        (
            {"ItemReader": {"Resource": READ, "Parameters": {"Bucket": "files", "Key": "items.json"}}},
            {("s3:GetObject", "arn:aws:s3:::files/items.json")},
        ),
        (
            {
                "ItemReader": {
                    "Resource": READ,
                    "ReaderConfig": {"InputType": "MANIFEST"},
                    "Parameters": {"Bucket": "files", "Key": "manifest.json"},
                }
            },
            {("s3:GetObject", "arn:aws:s3:::files/*")},
        ),
        (
            {"ItemReader": {"Resource": LIST, "Parameters": {"Bucket.$": "$.bucket"}}},
            {("s3:ListBucket", "arn:aws:s3:::files"), ("s3:ListBucket", "arn:aws:s3:::others")},
        ),
        (
            {
                "ItemReader": {
                    "Resource": LIST,
                    "ReaderConfig": {"InputType": "JSON", "Transformation": "LOAD_AND_FLATTEN"},
                    "Parameters": {"Bucket": "files", "Prefix": "in/"},
                }
            },
            {("s3:ListBucket", "arn:aws:s3:::files"), ("s3:GetObject", "arn:aws:s3:::files/in/*")},
        ),
        (
            {
                "ResultWriter": {
                    "Resource": "arn:aws:states:::s3:putObject",
                    "Parameters": {"Bucket": "files", "Prefix": "out"},
                }
            },
            {
                (f"s3:{name}", "arn:aws:s3:::files/out/*")
                for name in ("AbortMultipartUpload", "GetObject", "ListMultipartUploadParts", "PutObject")
            },
        ),
    ],
)
def test_what_the_files_of_a_distributed_map_need(part: dict[str, Any], needs: set[tuple[str, str]]) -> None:
    """The object or the prefix that the definition names, beside the children's executions."""
    found = allowed({"Type": "Map", "ItemProcessor": CHILD, **part})
    assert {one for one in found if one[0].startswith("s3:")} == needs
    assert ("states:StartExecution", regional("states", "stateMachine:flow")) in found


@pytest.mark.parametrize(
    ("resource", "words"),
    [
        ("athena:createNamedQuery", "no rule for arn:aws:states:::athena:createNamedQuery"),
        ("eks:updateAddon.sync", "no rule for arn:aws:states:::eks:updateAddon.sync"),
        ("aws-sdk:nothing:doIt", "no rule for arn:aws:states:::aws-sdk:nothing:doIt"),
        ("aws-sdk:kinesis:putRecord", "the pipeline has no Stream"),
    ],
)
def test_what_cannot_be_planned_is_named(resource: str, words: str) -> None:
    """An integration without a rule, and an open name of which the pipeline has nothing."""
    with pytest.raises(DeclarationError, match=words):
        allowed(task(resource, **{"StreamName.$": "$.stream", "Data": "a", "PartitionKey": "a"}))
