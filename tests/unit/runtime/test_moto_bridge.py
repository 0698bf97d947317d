"""The services that moto answers: errors, what it does not know, and its state after a restart."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import boto3
import pytest

from penstock.errors import UnansweredOperationError
from penstock.runtime.aws_calls import answering
from penstock.runtime.moto_bridge import MotoBridge
from penstock.runtime.services import Call


class Journaled:
    """A bridge, and the changes that it told of."""

    def __init__(self) -> None:
        self.changes: list[Call] = []
        self.bridge = MotoBridge(self.changes.append)

    def restarted(self) -> MotoBridge:
        """Make the changes again, as a resumed run does, in a bridge that knows nothing yet."""
        again = MotoBridge()
        for call in self.changes:
            assert call.request is not None
            again.redo(call.service, call.operation, call.request)
        return again


@pytest.fixture
def journaled() -> Iterator[Journaled]:
    made = Journaled()
    with answering(made.bridge.answer):
        yield made


def make_table() -> None:
    boto3.client("dynamodb").create_table(
        TableName="flights",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def test_a_table_through_the_resource(journaled: Journaled) -> None:
    """`Table.put_item` and `get_item`, with numbers as decimals."""
    make_table()
    table = boto3.resource("dynamodb").Table("flights")
    table.put_item(Item={"id": "a", "delay": Decimal("1.5"), "raw": b"\x00\xff"})
    item = table.get_item(Key={"id": "a"})["Item"]
    assert item["delay"] == Decimal("1.5")
    assert bytes(item["raw"]) == b"\x00\xff"


def test_errors_are_modelled_exceptions(journaled: Journaled) -> None:
    """With what belongs to them: why a transaction was cancelled."""
    make_table()
    dynamodb = boto3.client("dynamodb")
    condition, item = "attribute_exists(id)", {"id": {"S": "a"}}
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
        dynamodb.put_item(TableName="flights", Item=item, ConditionExpression=condition)
    put = {"TableName": "flights", "Item": item, "ConditionExpression": condition}
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException) as caught:
        dynamodb.transact_write_items(TransactItems=[{"Put": put}])
    reasons = caught.value.response["CancellationReasons"]
    assert [reason["Code"] for reason in reasons] == ["ConditionalCheckFailed"]
    with pytest.raises(dynamodb.exceptions.ResourceNotFoundException):
        dynamodb.get_item(TableName="nowhere", Key={"id": {"S": "a"}})


def test_only_calls_that_may_change_something_are_journaled(journaled: Journaled) -> None:
    """Reads and refused calls are not."""
    ssm = boto3.client("ssm")
    ssm.put_parameter(Name="/a", Value="1", Type="String")
    with pytest.raises(ssm.exceptions.ParameterAlreadyExists):
        ssm.put_parameter(Name="/a", Value="2", Type="String")
    ssm.get_parameter(Name="/a")
    assert [call.operation for call in journaled.changes] == ["PutParameter"]


def test_a_restart_finds_everything_under_the_same_ids(journaled: Journaled) -> None:
    """Made again, a secret has the ARN that was given out before the restart, and that the journal may hold."""
    secrets, sns = boto3.client("secretsmanager"), boto3.client("sns")
    first = secrets.create_secret(Name="one", SecretString="1")
    secrets.list_secrets()
    with pytest.raises(secrets.exceptions.ResourceExistsException):
        secrets.create_secret(Name="one", SecretString="2")
    second = secrets.create_secret(Name="two", SecretString="2")
    topic = sns.create_topic(Name="told")["TopicArn"]
    with answering(journaled.restarted().answer):
        assert secrets.get_secret_value(SecretId=first["ARN"])["SecretString"] == "1"
        assert secrets.get_secret_value(SecretId=second["ARN"])["SecretString"] == "2"
        assert [one["TopicArn"] for one in sns.list_topics()["Topics"]] == [topic]


def test_two_changes_have_different_ids(journaled: Journaled) -> None:
    """The number of a change is its own."""
    kms = boto3.client("kms")
    assert kms.create_key()["KeyMetadata"]["KeyId"] != kms.create_key()["KeyMetadata"]["KeyId"]


def test_what_moto_does_not_know_is_named(journaled: Journaled, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operation, a whole service, a part of moto that is not installed."""
    for name in [name for name in sys.modules if name.startswith("moto.cognitoidp")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "joserfc", None)
    with pytest.raises(UnansweredOperationError, match="textract:AnalyzeDocument"):
        boto3.client("textract").analyze_document(Document={"Bytes": b"1"}, FeatureTypes=["TABLES"])
    with pytest.raises(UnansweredOperationError, match="moto does not know the service"):
        boto3.client("translate").list_languages()
    with pytest.raises(UnansweredOperationError, match=r"pip install 'moto\[cognitoidp\]'"):
        boto3.client("cognito-idp").list_user_pools(MaxResults=1)


def test_a_failure_of_motos_own_does_not_end_the_run(
    journaled: Journaled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the error of the call, with moto's words."""
    make_table()

    def fail(*_: object) -> None:
        raise KeyError("unheard of")

    monkeypatch.setattr("moto.dynamodb.responses.DynamoHandler.put_item", fail)
    with pytest.raises(UnansweredOperationError, match="moto failed: KeyError: 'unheard of'"):
        boto3.client("dynamodb").put_item(TableName="flights", Item={"id": {"S": "a"}})
    assert [call.operation for call in journaled.changes] == ["CreateTable"]


def test_moto_is_imported_when_it_is_needed_only() -> None:
    """It is slow to import, and most runs need none of it."""
    script = (
        "import sys, penstock.runtime.embedded; print(any(name.startswith('moto') for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(("service", "operation"), [("scheduler", "list_schedules"), ("pipes", "list_pipes")])
def test_what_would_never_be_done_is_refused(journaled: Journaled, service: str, operation: str) -> None:
    """moto keeps a schedule that is never due: whoever makes one, or looks for one, is told so."""
    client: Any = boto3.client(service)  # type: ignore[call-overload]  # its name is a variable
    with pytest.raises(UnansweredOperationError, match="declaration"):
        getattr(client, operation)()
    assert not journaled.changes


def test_a_streamed_answer_can_be_read(journaled: Journaled) -> None:
    """Also where moto gives a text."""
    answer = boto3.client("bedrock-runtime").invoke_model(modelId="some.model", body=b"{}")
    assert isinstance(answer["body"].read(), bytes)
