"""What a deployment to MiniStack says or refuses is so there; when it is so no more, the deployment is to change."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.errors import TargetError
from penstock.pipelines import Bucket, Pipeline, Queue, Table
from penstock.pipelines.deploy import Request, Terminal, connect, deploy, destroy
from penstock.testing.localstack import LocalStack, eventually
from tests.integration.functions import ROLE

pytestmark = pytest.mark.ministack


def outcome(client: Any, items: list[int], **fields: object) -> object:
    """What a Distributed Map over items, whose children give back what they get, comes to."""
    children = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "Do",
        "States": {"Do": {"Type": "Pass", "End": True}},
    }
    each = {"Type": "Map", "ItemProcessor": children, "End": True, **fields}
    text = json.dumps({"StartAt": "Each", "States": {"Each": each}})
    made = client.create_state_machine(name=f"map-{'-'.join(fields)}", definition=text, roleArn=ROLE)
    began = client.start_execution(stateMachineArn=made["stateMachineArn"], input=json.dumps(items))

    def ended() -> Any:
        found = client.describe_execution(executionArn=began["executionArn"])
        return None if found["status"] == "RUNNING" else found

    found = eventually(ended, of="the execution")
    assert found["status"] == "SUCCEEDED"
    return json.loads(found["output"])


def test_items_are_not_batched(ministack: LocalStack) -> None:
    """`ItemBatcher` is passed over: each child gets an item."""
    assert outcome(ministack.client("stepfunctions"), [1, 2, 3], ItemBatcher={"MaxItemsPerBatch": 2}) == [
        1,
        2,
        3,
    ]


def test_results_are_not_written(ministack: LocalStack) -> None:
    """`ResultWriter` is passed over: the results are the state's, and the bucket stays empty."""
    s3: Any = ministack.client("s3")
    s3.create_bucket(Bucket="results-of-maps")
    writer = {
        "Resource": "arn:aws:states:::s3:putObject",
        "Parameters": {"Bucket": "results-of-maps", "Prefix": "p"},
    }
    assert outcome(ministack.client("stepfunctions"), [1, 2], ResultWriter=writer) == [1, 2]
    assert "Contents" not in s3.list_objects_v2(Bucket="results-of-maps")


def test_a_bucket_that_was_kept_is_named(ministack: LocalStack) -> None:
    """MiniStack validates early, as AWS does: the reason stands in DescribeEvents only, and names the resource."""
    destination = connect(ministack.endpoint_url, None)
    request = Request(pipeline=Pipeline("keeping", parts=(Bucket("kept-by-destroy"),)))
    terminal = Terminal(tell=print, agree=lambda lines: True)
    assert deploy(request, destination, terminal)
    assert destroy(request, destination, terminal)
    with pytest.raises(TargetError, match=r"KeptByDestroyBucket \(AWS::S3::Bucket\)") as raised:
        deploy(request, destination, terminal)
    assert "--delete-data" in str(raised.value.fix)
    assert destroy(request, destination, terminal, delete_data=True)
    assert deploy(request, destination, terminal)


def test_what_was_kept_is_taken_over(ministack: LocalStack) -> None:
    """Messages and objects outlive their stack: imported by MiniStack, whose answers were measured on AWS."""
    destination = connect(ministack.endpoint_url, None)
    parts = (
        Queue("kept-queue", visibility_timeout_seconds=60),
        Bucket("kept-bucket"),
        Table("kept-table", partition_key="id"),
    )
    request = Request(pipeline=Pipeline("taken-over", parts=parts), import_kept=True)
    told: list[str] = []
    terminal = Terminal(tell=told.append, agree=lambda lines: True)
    assert deploy(request, destination, terminal)
    sqs: Any = ministack.client("sqs")
    url = sqs.get_queue_url(QueueName="kept-queue")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="kept")
    assert destroy(request, destination, terminal)

    assert deploy(request, destination, terminal)
    assert "taken over: queue kept-queue, bucket kept-bucket, table kept-table" in told
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "kept"
    again = deploy(request, destination, terminal)
    assert again is not None
    assert not again.changed
    assert destroy(request, destination, terminal, delete_data=True)
