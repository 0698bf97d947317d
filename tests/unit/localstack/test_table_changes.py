"""The records that the plugin has moto's tables make of changes, and of items that expire."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.dynamodb.models import DynamoDBBackend, dynamodb_backends
from moto.dynamodb.models.table import StreamShard

from penstock.localstack.plugin.expiring import OLDEST_SECONDS, expire
from penstock.localstack.plugin.table_changes import record_changes

REGION = "us-east-1"
COUNTED: dict[str, Any] = {
    "TableName": "items",
    "UpdateExpression": "ADD n :one",
    "ExpressionAttributeValues": {":one": {"N": "1"}},
}


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """DynamoDB's client; there is a table, `items`, whose stream shows all."""
    monkeypatch.setattr(StreamShard, "add", StreamShard.add)
    monkeypatch.setattr(DynamoDBBackend, "update_item", DynamoDBBackend.update_item)
    record_changes()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = boto3.client("dynamodb", region_name=REGION)
        client.create_table(
            TableName="items",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        yield client


def records() -> list[dict[str, Any]]:
    """What the stream has."""
    shard = dynamodb_backends["123456789012"][REGION].tables["items"].stream_shard
    assert shard is not None
    return [one.record for one in shard.items]


def told() -> list[tuple[str, object, object]]:
    """The events, the old images and the new ones."""
    return [
        (one["eventName"], one["dynamodb"].get("OldImage"), one["dynamodb"].get("NewImage"))
        for one in records()
    ]


def test_a_write_that_changes_nothing_is_no_record(table: Any) -> None:
    """And there are no empty images."""
    item = {"id": {"S": "a"}}
    table.put_item(TableName="items", Item=item)
    table.put_item(TableName="items", Item=item)
    table.delete_item(TableName="items", Key=item)
    assert told() == [("INSERT", None, item), ("REMOVE", item, None)]


def test_an_update_that_makes_an_item_is_one_insertion(table: Any) -> None:
    """Alone, in a transaction, and where it gives the item nothing but its keys."""
    key = {"id": {"S": "a"}}
    table.update_item(Key=key, **COUNTED)
    table.update_item(Key=key, **COUNTED)
    table.transact_write_items(TransactItems=[{"Update": {"Key": {"id": {"S": "b"}}, **COUNTED}}])
    table.update_item(TableName="items", Key={"id": {"S": "c"}}, UpdateExpression="REMOVE n")
    table.put_item(TableName="items", Item={"id": {"S": "d"}})
    assert told() == [
        ("INSERT", None, {**key, "n": {"N": "1"}}),
        ("MODIFY", {**key, "n": {"N": "1"}}, {**key, "n": {"N": "2"}}),
        ("INSERT", None, {"id": {"S": "b"}, "n": {"N": "1"}}),
        ("INSERT", None, {"id": {"S": "c"}}),
        ("INSERT", None, {"id": {"S": "d"}}),
    ]


def test_what_follows_an_update_that_was_refused_is_recorded(table: Any) -> None:
    """The refused one has written nothing."""
    refused = {**COUNTED, "ConditionExpression": "attribute_exists(id)"}
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        table.update_item(Key={"id": {"S": "a"}}, **refused)
    table.put_item(TableName="items", Item={"id": {"S": "a"}})
    assert told() == [("INSERT", None, {"id": {"S": "a"}})]


def test_an_item_is_deleted_when_its_time_has_passed(table: Any) -> None:
    """By the service, which the record says; only numbers count, and none of more than five years ago."""
    now = 1_800_000_000
    times = {
        "due": {"N": f"{now}"},
        "later": {"N": f"{now + 1}"},
        "text": {"S": f"{now}"},
        "ancient": {"N": f"{now - int(OLDEST_SECONDS) - 1}"},
    }
    for key, until in times.items():
        table.put_item(TableName="items", Item={"id": {"S": key}, "until": until})
    table.put_item(TableName="items", Item={"id": {"S": "without"}})
    expire(now)
    assert len(told()) == 5
    specification = {"Enabled": True, "AttributeName": "until"}
    table.update_time_to_live(TableName="items", TimeToLiveSpecification=specification)
    expire(now)
    expire(now)
    table.delete_item(TableName="items", Key={"id": {"S": "later"}})
    removed = [one for one in records() if one["eventName"] == "REMOVE"]
    assert [(one["dynamodb"]["Keys"]["id"]["S"], one.get("userIdentity")) for one in removed] == [
        ("due", {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}),
        ("later", None),
    ]
