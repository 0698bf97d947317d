"""SQS as boto3 sees it: answers, errors, batches, long polls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import ClientError

from penstock.runtime.aws_calls import answering, settled
from penstock.runtime.clock import VirtualClock
from penstock.runtime.ids import Ids
from penstock.runtime.journal import Journal
from penstock.runtime.queues.queue import QueueSettings
from penstock.runtime.queues.queues import Queues
from penstock.runtime.queues.service import SqsService
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import Router

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

URL = "https://sqs.us-east-1.amazonaws.com/123456789012/orders"


@pytest.fixture
def scheduler() -> Scheduler:
    return Scheduler(VirtualClock())


@pytest.fixture
def sqs(scheduler: Scheduler) -> Iterator[SQSClient]:
    arn = "arn:aws:sqs:us-east-1:123456789012:orders"
    made = [
        QueueSettings(name="orders", arn=arn, url=URL, dead_letter_queue="failed"),
        QueueSettings(
            name="failed", arn=arn.replace("orders", "failed"), url=URL.replace("orders", "failed")
        ),
    ]
    queues = Queues(made, scheduler=scheduler, journal=Journal(), ids=Ids(1))
    router = Router(services={"sqs": SqsService(queues, scheduler)})
    with answering(lambda call: settled(lambda: router.answer(call))):
        yield boto3.client("sqs", region_name="us-east-1")


def test_a_message_goes_round(sqs: SQSClient) -> None:
    """Sent, received with its attributes, deleted; boto3 checks the MD5 sums itself."""
    assert sqs.get_queue_url(QueueName="orders")["QueueUrl"] == URL
    sent = sqs.send_message(
        QueueUrl=URL,
        MessageBody="häl",
        MessageAttributes={
            "kind": {"DataType": "String", "StringValue": "new"},
            "blob": {"DataType": "Binary", "BinaryValue": b"\x00\x01"},
        },
    )
    (message,) = sqs.receive_message(
        QueueUrl=URL, MessageSystemAttributeNames=["All"], MessageAttributeNames=["All"]
    )["Messages"]
    assert message["MessageId"] == sent["MessageId"]
    assert message["Body"] == "häl"
    assert message["MessageAttributes"]["blob"]["BinaryValue"] == b"\x00\x01"
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    sqs.delete_message(QueueUrl=URL, ReceiptHandle=message["ReceiptHandle"])
    counts = sqs.get_queue_attributes(QueueUrl=URL, AttributeNames=["All"])["Attributes"]
    assert counts["ApproximateNumberOfMessages"] == counts["ApproximateNumberOfMessagesNotVisible"] == "0"
    assert '"maxReceiveCount":3' in counts["RedrivePolicy"]


def test_an_old_receipt_handle_deletes_nothing(sqs: SQSClient, scheduler: Scheduler) -> None:
    """After another delivery, the first one's handle is out of date."""
    sqs.send_message(QueueUrl=URL, MessageBody="a")
    (first,) = sqs.receive_message(QueueUrl=URL)["Messages"]
    scheduler.run_for(31)
    sqs.receive_message(QueueUrl=URL)
    sqs.delete_message(QueueUrl=URL, ReceiptHandle=first["ReceiptHandle"])
    counts = sqs.get_queue_attributes(QueueUrl=URL, AttributeNames=["All"])["Attributes"]
    assert counts["ApproximateNumberOfMessagesNotVisible"] == "1"


def test_a_batch_is_answered_entry_by_entry(sqs: SQSClient) -> None:
    """What is refused is under Failed with its code; the others are sent."""
    answer = sqs.send_message_batch(
        QueueUrl=URL,
        Entries=[
            {"Id": "good", "MessageBody": "a"},
            {"Id": "late", "MessageBody": "b", "DelaySeconds": 901},
        ],
    )
    assert [one["Id"] for one in answer["Successful"]] == ["good"]
    assert [(one["Id"], one["Code"]) for one in answer["Failed"]] == [("late", "InvalidParameterValue")]


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        (11, "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"),
        (0, "AWS.SimpleQueueService.EmptyBatchRequest"),
    ],
)
def test_batches_that_sqs_refuses(sqs: SQSClient, entries: int, code: str) -> None:
    """None of it is sent."""
    with pytest.raises(ClientError) as caught:
        sqs.send_message_batch(
            QueueUrl=URL, Entries=[{"Id": str(number), "MessageBody": "a"} for number in range(entries)]
        )
    assert caught.value.response["Error"]["Code"] == code


def test_errors_are_the_clients_own(sqs: SQSClient) -> None:
    """`client.exceptions` has them, as with AWS."""
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.send_message(QueueUrl=URL + "-not", MessageBody="a")
    with pytest.raises(sqs.exceptions.ReceiptHandleIsInvalid):
        sqs.delete_message(QueueUrl=URL, ReceiptHandle="nonsense")


def test_a_long_poll_waits_in_virtual_time(sqs: SQSClient, scheduler: Scheduler) -> None:
    """It answers as soon as a message comes, and with nothing when its time is over."""
    began = scheduler.now()
    assert "Messages" not in sqs.receive_message(QueueUrl=URL, WaitTimeSeconds=20)
    assert scheduler.now() == began + 20
    sqs.send_message(QueueUrl=URL, MessageBody="a", DelaySeconds=3)
    (message,) = sqs.receive_message(QueueUrl=URL, WaitTimeSeconds=20)["Messages"]
    assert message["Body"] == "a"
    assert scheduler.now() == began + 23


def test_an_operation_that_nobody_answers_names_itself(sqs: SQSClient) -> None:
    """It is not a ClientError, so that no handler hides it."""
    with pytest.raises(Exception, match="does not answer sqs:StartMessageMoveTask"):
        sqs.start_message_move_task(SourceArn="arn:aws:sqs:us-east-1:123456789012:failed")


def test_queues_are_listed_in_pages(sqs: SQSClient) -> None:
    """MaxResults cuts the list, and then a token goes on behind it."""
    first = sqs.list_queues(MaxResults=1)
    assert [url.rpartition("/")[2] for url in first["QueueUrls"]] == ["failed"]
    rest = sqs.list_queues(MaxResults=1, NextToken=first["NextToken"])
    assert ([url.rpartition("/")[2] for url in rest["QueueUrls"]], "NextToken" in rest) == (["orders"], False)
    assert "NextToken" not in sqs.list_queues()
    with pytest.raises(ClientError, match="MaxResults"):
        sqs.list_queues(MaxResults=1001)
