"""`policy=`: a state machine's tasks do what its role allows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.pipelines import Bucket, Function, Pipeline, Queue, StateMachine, Table
from penstock.pipelines.iam import policy_of
from penstock.pipelines.resources import Value
from penstock.runtime.journal import read_journal
from penstock.runtime.readers.summary import summarize
from penstock.testing.plugin import StartPipeline
from tests.embedded.enforcing import PASS, regional, step, task, without

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
