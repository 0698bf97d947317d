"""How DynamoDB streams and their mappings deliver, rule by rule."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from tests.contracts.conftest import Running
from tests.contracts.delivery import dynamodb, dynamodb_here
from tests.contracts.delivery.asking import LAMBDA, TABLES, seen, states

pipeline = dynamodb_here.pipeline
elsewhere = dynamodb.pipeline

STREAMS = "https://docs.aws.amazon.com/amazondynamodb/latest/APIReference"

A_DAY = "it would wait for a day"

NOT_ON_LOCALSTACK: dict[str, str] = {}
DEPLOYED_ALONE = {
    "test_a_stream_has_the_images_that_its_view_asks_for": ("seen-keys", "seen-new", "seen-old"),
    "test_an_update_that_makes_an_item_is_one_insertion": ("seen-new",),
    "test_what_expires_is_deleted_by_the_service": ("expiring",),
    "test_a_transaction_that_fails_tells_of_nothing": ("refusing",),
    "test_a_change_that_fails_is_told_of": ("refusing",),
    "test_changes_go_on_at_the_lowest_failure": ("refusing",),
    "test_a_bucket_keeps_the_changes_themselves": ("keeping",),
    "test_filters_see_typed_attributes": ("chosen",),
    "test_a_number_is_text_to_a_filter": ("numeric", "refusing"),
    "test_a_filter_asks_for_attributes": ("present",),
    "test_a_tables_stream_is_read_from_where_it_is_asked_for": ("refusing",),
}
ONLY_EMBEDDED = {
    "test_changes_of_one_item_stay_in_order": "endpoints work on one batch of a shard at once",
    "test_changes_are_read_for_a_day": A_DAY,
    "test_an_iterator_of_a_table_lives_for_fifteen_minutes": "it would wait for a quarter of an hour",
}


def put_item(run: Running, table: str, key: str, **attributes: dict[str, Any]) -> None:
    run.client("dynamodb").put_item(TableName=table, Item={"id": {"S": key}, **attributes})


def asking(**wanted: object) -> dict[str, Any]:
    """An attribute that says what the function does with the change."""
    return {"S": json.dumps(wanted)}


def iterator(run: Running, table: str, kind: str, **more: str) -> str:
    client = run.client("dynamodbstreams")
    (stream,) = client.list_streams(TableName=table)["Streams"]
    (shard,) = client.describe_stream(StreamArn=stream["StreamArn"])["StreamDescription"]["Shards"]
    found = client.get_shard_iterator(
        StreamArn=stream["StreamArn"], ShardId=shard["ShardId"], ShardIteratorType=kind, **more
    )
    return str(found["ShardIterator"])


def read(run: Running, table: str, kind: str = "TRIM_HORIZON", **more: str) -> list[dict[str, Any]]:
    found = run.client("dynamodbstreams").get_records(ShardIterator=iterator(run, table, kind, **more))
    records = found["Records"]
    assert isinstance(records, list)
    return records


@states(f"{TABLES}/Streams.html")
def test_a_table_tells_of_changes_only(delivering: Running, page: str) -> None:
    """Items are told of with their images; a write that changes nothing has no record."""
    client = delivering.client("dynamodb")
    for number in ("1", "1", "2"):
        client.put_item(TableName="delivery-items", Item={"id": {"S": "a"}, "n": {"N": number}})
    client.delete_item(TableName="delivery-items", Key={"id": {"S": "a"}})
    assert seen(delivering, "of-table", count=3) == [
        ["INSERT", False, True],
        ["MODIFY", True, True],
        ["REMOVE", True, False],
    ]


@states(f"{TABLES}/Streams.html")
def test_a_stream_has_the_images_that_its_view_asks_for(delivering: Running, page: str) -> None:
    """The stream's view type says whether records have the old image, the new one or the keys alone."""
    keys, old, new = (
        {"id": {"S": "a"}},
        {"id": {"S": "a"}, "n": {"N": "1"}},
        {"id": {"S": "a"}, "n": {"N": "2"}},
    )
    shown = {
        "keys": ("KEYS_ONLY", {}, {}, {}),
        "new": ("NEW_IMAGE", {"NewImage": old}, {"NewImage": new}, {}),
        "old": ("OLD_IMAGE", {}, {"OldImage": old}, {"OldImage": new}),
    }
    for name, (view, *images) in shown.items():
        table = f"delivery-seen-{name}"
        put_item(delivering, table, "a", n={"N": "1"})
        put_item(delivering, table, "a", n={"N": "2"})
        delivering.client("dynamodb").delete_item(TableName=table, Key=keys)
        told = seen(delivering, f"seen-{name}", count=3)
        assert [what for what, _, _ in told] == ["INSERT", "MODIFY", "REMOVE"]
        assert [change for _, change, _ in told] == [
            {"Keys": keys, **image, "StreamViewType": view} for image in images
        ]


@states(f"{TABLES}/Streams.html")
def test_an_update_that_makes_an_item_is_one_insertion(delivering: Running, page: str) -> None:
    """An update that creates an item has one record, an insertion with all that the item has."""
    client = delivering.client("dynamodb")
    counted = {
        "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
        "TableName": "delivery-seen-new",
    }
    client.update_item(Key={"id": {"S": "a"}}, **counted)
    client.transact_write_items(
        TransactItems=[{"Update": {"Key": {"id": {"S": key}}, **counted}} for key in "abc"]
    )
    told = [(one["eventName"], one["dynamodb"]["NewImage"]) for one in read(delivering, "delivery-seen-new")]
    assert told == [
        ("INSERT", {"id": {"S": "a"}, "n": {"N": "1"}}),
        ("MODIFY", {"id": {"S": "a"}, "n": {"N": "2"}}),
        ("INSERT", {"id": {"S": "b"}, "n": {"N": "1"}}),
        ("INSERT", {"id": {"S": "c"}, "n": {"N": "1"}}),
    ]


@states(f"{TABLES}/time-to-live-ttl-streams.html")
def test_what_expires_is_deleted_by_the_service(delivering: Running, page: str) -> None:
    """The record of an item that expired says that the service deleted it; one of a user's deletion does not."""
    (stream,) = delivering.client("dynamodbstreams").list_streams(TableName="delivery-expiring")["Streams"]
    put_item(delivering, "delivery-expiring", "mine", until={"N": "9999999999"})
    delivering.client("dynamodb").delete_item(TableName="delivery-expiring", Key={"id": {"S": "mine"}})
    (first, *_) = read(delivering, "delivery-expiring")
    began = first["dynamodb"]["ApproximateCreationDateTime"].timestamp()
    put_item(delivering, "delivery-expiring", "old", until={"N": str(int(began) + 10)})
    delivering.wait(20)
    told = [
        (what, change["Keys"]["id"]["S"], who) for what, change, who in seen(delivering, "expiring", count=4)
    ]
    service = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    assert [one for one in told if one[0] == "REMOVE"] == [
        ("REMOVE", "mine", None),
        ("REMOVE", "old", service),
    ]
    assert stream["TableName"] == "delivery-expiring"


@states(f"{TABLES}/transaction-apis.html")
def test_a_transaction_that_fails_tells_of_nothing(delivering: Running, page: str) -> None:
    """All changes of a transaction are in the stream, or none."""
    client = delivering.client("dynamodb")

    def transact(condition: str) -> None:
        client.transact_write_items(
            TransactItems=[
                {"Put": {"TableName": "delivery-refusing", "Item": {"id": {"S": f"a{condition}"}}}},
                {
                    "ConditionCheck": {
                        "TableName": "delivery-refusing",
                        "Key": {"id": {"S": "b"}},
                        "ConditionExpression": f"{condition}(id)",
                    }
                },
            ]
        )

    with pytest.raises(ClientError, match="TransactionCanceledException"):
        transact("attribute_exists")
    transact("attribute_not_exists")
    assert seen(delivering, "refusing", count=1) == [[["INSERT", "aattribute_not_exists"]]]


# --- Mappings ---------------------------------------------------------------------------------------------


@states(f"{LAMBDA}/services-dynamodb-errors.html")
def test_a_change_that_fails_is_told_of(delivering: Running, page: str) -> None:
    """A batch of changes is bisected to the one that fails, of which the destination is told after its retries."""
    client = delivering.client("dynamodb")
    client.transact_write_items(
        TransactItems=[
            {
                "Put": {
                    "TableName": "delivery-refusing",
                    "Item": {"id": {"S": key}, "data": asking(breaks=key == "c")},
                }
            }
            for key in "abcd"
        ]
    )
    (letter,) = (json.loads(one) for one in delivering.letters("delivery-refused-changes"))
    assert letter["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert letter["requestContext"]["approximateInvokeCount"] == 2
    batch = letter["DDBStreamBatchInfo"]
    changed = read(delivering, "delivery-refusing")[2]["dynamodb"]["SequenceNumber"]
    assert [batch["startSequenceNumber"], batch["endSequenceNumber"]] == [changed, changed]
    assert ":table/delivery-refusing/stream/" in batch["streamArn"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", batch["approximateArrivalOfFirstRecord"])
    assert seen(delivering, "refusing", count=5)[-1] == [["INSERT", "d"]]


@states(f"{LAMBDA}/services-ddb-batchfailurereporting.html")
def test_changes_go_on_at_the_lowest_failure(delivering: Running, page: str) -> None:
    """What lies before the lowest sequence number that the function names is done; the rest comes again."""
    delivering.client("dynamodb").transact_write_items(
        TransactItems=[
            {
                "Put": {
                    "TableName": "delivery-refusing",
                    "Item": {"id": {"S": key}, "data": asking(fails=key == "b")},
                }
            }
            for key in "abc"
        ]
    )
    noted = [[key for _, key in batch] for batch in seen(delivering, "refusing", count=5)]
    assert noted[:2] == [["a", "b", "c"], ["b", "c"]]
    assert noted[-1] == ["c"]


@states(f"{LAMBDA}/services-dynamodb-errors.html")
def test_a_bucket_keeps_the_changes_themselves(delivering: Running, page: str) -> None:
    """A bucket gets the changes of a discarded batch besides its metadata."""
    put_item(delivering, "delivery-keeping", "a", data=asking(breaks=True))
    s3 = delivering.client("s3")

    def kept() -> Any:
        return s3.list_objects_v2(Bucket="delivery-kept-changes").get("Contents")

    (found,) = delivering.settle(kept, of="the document")
    document = json.loads(s3.get_object(Bucket="delivery-kept-changes", Key=found["Key"])["Body"].read())
    (record,) = document["payload"]["Records"]
    assert record["dynamodb"]["NewImage"]["id"] == {"S": "a"}
    assert document["DDBStreamBatchInfo"]["batchSize"] == 1


@states(f"{LAMBDA}/with-ddb-filtering.html")
def test_filters_see_typed_attributes(delivering: Running, page: str) -> None:
    """A filter looks at what has happened, and at values under the letters of their types."""
    for key, number in (("a", "7"), ("b", "8"), ("c", "7"), ("b", "7")):
        put_item(delivering, "delivery-chosen", key, n={"N": number})
    batches = seen(delivering, "chosen", count=1)
    assert [change for batch in batches for change in batch] == [["INSERT", "a"], ["INSERT", "c"]]


@states(f"{LAMBDA}/with-ddb-filtering.html")
def test_a_number_is_text_to_a_filter(delivering: Running, page: str) -> None:
    """Numbers of items are texts in a record: a numeric filter matches none of them."""
    put_item(delivering, "delivery-numeric", "a", n={"N": "7"})
    put_item(delivering, "delivery-refusing", "a")
    assert seen(delivering, "refusing", count=1)
    assert seen(delivering, "numeric", count=0) == []


@states(f"{LAMBDA}/with-ddb-filtering.html")
def test_a_filter_asks_for_attributes(delivering: Running, page: str) -> None:
    """Whether an item has an attribute is asked of the value under its type."""
    put_item(delivering, "delivery-present", "a", n={"N": "7"})
    put_item(delivering, "delivery-present", "b", m={"N": "7"})
    put_item(delivering, "delivery-present", "c", n={"S": "7"})
    batches = seen(delivering, "present", count=1)
    assert [change for batch in batches for change in batch] == [["INSERT", "a"]]


@states(f"{LAMBDA}/with-ddb.html")
def test_changes_of_one_item_stay_in_order(delivering: Running, page: str) -> None:
    """With ParallelizationFactor each item's changes stay in order, and one that fails holds up its own."""
    name = uuid4().hex
    put_item(delivering, "delivery-apart", "0", data=asking(breaks_first=5, name=name))
    for number in (1, 2):
        for key in range(9):
            put_item(delivering, "delivery-apart", str(key), n={"N": str(number)})
    noted = [change for (change,) in seen(delivering, "apart", count=24)]
    for key in range(9):
        mine = [what for what, one in noted if one == str(key)]
        assert list(dict.fromkeys(mine)) == ["INSERT", "MODIFY"]
    last_try = max(place for place, change in enumerate(noted) if change == ["INSERT", "0"])
    assert {key for _, key in noted[:last_try]} > {"0"}


# --- Reading ----------------------------------------------------------------------------------------------


@states(f"{STREAMS}/API_streams_GetShardIterator.html")
def test_a_tables_stream_is_read_from_where_it_is_asked_for(delivering: Running, page: str) -> None:
    """A table's stream is read from its oldest record, from its newest, at a sequence number or behind it."""
    table = "delivery-refusing"
    put_item(delivering, table, "before")
    latest = iterator(delivering, table, "LATEST")
    put_item(delivering, table, "after")
    first, second = (one["dynamodb"]["SequenceNumber"] for one in read(delivering, table))
    assert int(first) < int(second)

    def numbers(found: list[dict[str, Any]]) -> list[str]:
        return [one["dynamodb"]["SequenceNumber"] for one in found]

    records = delivering.client("dynamodbstreams").get_records(ShardIterator=latest)["Records"]
    assert numbers(records) == [second]
    assert numbers(read(delivering, table, "AT_SEQUENCE_NUMBER", SequenceNumber=second)) == [second]
    assert numbers(read(delivering, table, "AFTER_SEQUENCE_NUMBER", SequenceNumber=first)) == [second]
    assert isinstance(records[0]["dynamodb"]["ApproximateCreationDateTime"], dt.datetime)


@states(f"{TABLES}/Streams.html")
def test_changes_are_read_for_a_day(delivering: Running, page: str) -> None:
    """A table's stream keeps its records for 24 hours; what is older cannot be asked for."""
    put_item(delivering, "delivery-refusing", "a")
    (record,) = read(delivering, "delivery-refusing")
    delivering.wait(24 * 3600 + 60)
    assert read(delivering, "delivery-refusing") == []
    with pytest.raises(ClientError, match="TrimmedDataAccessException"):
        read(
            delivering,
            "delivery-refusing",
            "AT_SEQUENCE_NUMBER",
            SequenceNumber=record["dynamodb"]["SequenceNumber"],
        )


@states(f"{STREAMS}/API_streams_GetShardIterator.html")
def test_an_iterator_of_a_table_lives_for_fifteen_minutes(delivering: Running, page: str) -> None:
    """A shard iterator of a table's stream expires 15 minutes after it was given out."""
    found = iterator(delivering, "delivery-refusing", "LATEST")
    delivering.wait(14 * 60)
    assert delivering.client("dynamodbstreams").get_records(ShardIterator=found)["Records"] == []
    delivering.wait(2 * 60)
    with pytest.raises(ClientError, match="ExpiredIteratorException"):
        delivering.client("dynamodbstreams").get_records(ShardIterator=found)
