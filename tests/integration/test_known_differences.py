"""What docs/parity.md says to be otherwise on LocalStack is so; when it is so no more, the page is to be changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_plus

import pytest
from botocore.exceptions import ClientError

from penstock.statemachines import load_definition
from penstock.testing.localstack import LocalStack, eventually
from penstock.testing.machines import run_machine
from tests.integration.functions import ROLE

Run = Callable[[dict[str, Any], object], Any]

PASSES = {"StartAt": "Do", "States": {"Do": {"Type": "Pass", "End": True}}}
FAILS = {"StartAt": "Do", "States": {"Do": {"Type": "Fail", "Error": "No"}}}


def distributed_map(
    children: dict[str, Any], execution_type: str = "STANDARD", **fields: object
) -> dict[str, Any]:
    """A machine of one Distributed Map."""
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": execution_type}, **children}
    return {
        "StartAt": "Each",
        "States": {"Each": {"Type": "Map", "ItemProcessor": processor, "End": True, **fields}},
    }


@pytest.fixture
def run(localstack: LocalStack, named: Callable[[str], str]) -> Run:
    """Runs a machine to its end on LocalStack."""
    client: Any = localstack.client("stepfunctions")

    def start(definition: dict[str, Any], given: object) -> Any:
        text = json.dumps(definition)
        made = client.create_state_machine(name=named("machine"), definition=text, roleArn=ROLE)
        began = client.start_execution(stateMachineArn=made["stateMachineArn"], input=json.dumps(given))

        def ended() -> Any:
            found = client.describe_execution(executionArn=began["executionArn"])
            return None if found["status"] == "RUNNING" else found

        return eventually(ended, of="the execution")

    return start


@pytest.mark.parametrize(
    ("definition", "word"),
    [
        (distributed_map(PASSES, ItemBatcher={"MaxItemsPerBatch": 2}), "ItemBatcher"),
        (distributed_map(PASSES, ToleratedFailurePercentage=10), "ToleratedFailurePercentage"),
        (distributed_map(PASSES, "EXPRESS"), "EXPRESS"),
    ],
    ids=["ItemBatcher", "an integer percentage", "EXPRESS children"],
)
def test_a_definition_that_is_refused(run: Run, definition: dict[str, Any], word: str) -> None:
    """Valid States Language that LocalStack cannot read."""
    load_definition(definition)
    with pytest.raises(ClientError, match=word) as raised:
        run(definition, [1])
    assert raised.value.response["Error"]["Code"] == "InvalidDefinition"


def test_children_that_fail_do_not_fail_their_map(run: Run) -> None:
    """With nothing tolerated, the Map fails by the specification; on LocalStack it goes on with nulls."""
    definition = distributed_map(FAILS)
    assert run_machine(load_definition(definition), [1, 2]).error == "States.ExceedToleratedFailureThreshold"
    found = run(definition, [1, 2])
    assert (found["status"], found["output"]) == ("SUCCEEDED", "[null,null]")


def test_a_computed_error_name_of_the_language(run: Run) -> None:
    """`ErrorPath` may give `States.Timeout` again; LocalStack fails with `States.Runtime` instead."""
    fails = {"StartAt": "F", "States": {"F": {"Type": "Fail", "ErrorPath": "$.error"}}}
    given = {"error": "States.Timeout"}
    assert run_machine(load_definition(fails), given).error == "States.Timeout"
    assert run(fails, given)["error"] == "States.Runtime"


def test_a_key_with_a_space(localstack: LocalStack, named: Callable[[str], str]) -> None:
    """S3 writes a space as `+` in its events, LocalStack as `%20`: both mean the same."""
    s3: Any = localstack.client("s3")
    sqs: Any = localstack.client("sqs")
    bucket = named("spaces")
    url = sqs.create_queue(QueueName=named("told"))["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    s3.create_bucket(Bucket=bucket)
    told = {"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={"QueueConfigurations": [told]},
        SkipDestinationValidation=True,
    )
    s3.put_object(Bucket=bucket, Key="d e+f", Body=b"x")

    def keys() -> list[str]:
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        records = [record for one in messages for record in json.loads(one["Body"]).get("Records", [])]
        return [record["s3"]["object"]["key"] for record in records]

    (key,) = eventually(keys, of="the event")
    assert key == "d%20e%2Bf"
    assert unquote_plus(key) == "d e+f"
