"""DynamoDB on the embedded target where moto is not enough: numbers, sets, batches, transactions with a token."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from penstock.pipelines import Pipeline, Table
from penstock.pipelines.resources import Key
from penstock.runtime.clock import VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.state_folder import hold, new_run

PIPELINE = Pipeline(
    "tables",
    parts=(
        Table("seen", partition_key="id", sort_key=Key("n", "N"), stream_view_type="NEW_AND_OLD_IMAGES"),
        Table("plain", partition_key="id"),
    ),
)
ITEM = {"id": {"S": "a"}, "n": {"N": "1"}}


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Embedded]:
    with Embedded(PIPELINE, new_run("tables", base=tmp_path), clock=VirtualClock()) as found:
        yield found


def items(run: Embedded, table: str) -> list[Any]:
    client: Any = run.client("dynamodb")
    found: list[Any] = client.scan(TableName=table)["Items"]
    return found


def changes(run: Embedded) -> list[str]:
    """What the stream of `seen` tells of, in order."""
    client: Any = run.client("dynamodbstreams")
    (stream,) = client.list_streams(TableName="seen")["Streams"]
    (shard,) = client.describe_stream(StreamArn=stream["StreamArn"])["StreamDescription"]["Shards"]
    iterator = client.get_shard_iterator(
        StreamArn=stream["StreamArn"], ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )
    return [
        one["eventName"] for one in client.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
    ]


def adding(token: str, amount: str = "1") -> dict[str, Any]:
    """A transaction that counts."""
    update = {
        "TableName": "plain",
        "Key": {"id": {"S": "counter"}},
        "UpdateExpression": "ADD hits :n",
        "ExpressionAttributeValues": {":n": {"N": amount}},
    }
    return {"TransactItems": [{"Update": update}], "ClientRequestToken": token}


def test_numbers_lose_zeros_that_say_nothing(run: Embedded) -> None:
    """What is 1.5 is 1.5, as a key, as a value and in a set; the same number again is no change."""
    client: Any = run.client("dynamodb")
    numbers = {"value": {"N": "+0150.0e-2"}, "set": {"NS": ["1.0", "2"]}, "zero": {"N": "-0.00"}}
    client.put_item(TableName="seen", Item={"id": {"S": "a"}, "n": {"N": "01.50"}, **numbers})
    client.put_item(
        TableName="seen",
        Item={
            "id": {"S": "a"},
            "n": {"N": "1.5"},
            "value": {"N": "1.5"},
            "set": {"NS": ["1", "2"]},
            "zero": {"N": "0"},
        },
    )
    (item,) = items(run, "seen")
    assert (item["n"], item["value"], item["zero"]) == ({"N": "1.5"}, {"N": "1.5"}, {"N": "0"})
    assert sorted(item["set"]["NS"]) == ["1", "2"]
    assert changes(run) == ["INSERT"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"SS": ["a", "a"]}, "contains duplicates"),
        ({"NS": ["1", "1.0"]}, "contains duplicates"),
        ({"N": "1" * 39}, "38 significant digits"),
        ({"N": "1e126"}, "Number overflow"),
        ({"N": "1e-131"}, "Number underflow"),
        ({"N": "1E+2000000"}, "Number overflow"),
        ({"N": "1E-2000000"}, "Number underflow"),
        ({"NS": ["-1E+2000000"]}, "Number overflow"),
    ],
)
def test_values_that_dynamodb_does_not_take_are_refused(
    run: Embedded, value: dict[str, Any], words: str
) -> None:
    """With a ValidationException, wherever they stand."""
    client: Any = run.client("dynamodb")
    with pytest.raises(ClientError, match=words) as refused:
        client.put_item(TableName="plain", Item={"id": {"S": "a"}, "deep": {"L": [{"M": {"x": value}}]}})
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert not items(run, "plain")


def test_an_attribute_may_be_called_as_a_type(run: Embedded) -> None:
    """A map with one attribute N is no number."""
    client: Any = run.client("dynamodb")
    item = {"id": {"S": "a"}, "N": {"S": "01.0"}, "map": {"M": {"N": {"S": "01.0"}}}}
    client.put_item(TableName="plain", Item=item)
    assert items(run, "plain") == [item]


@pytest.mark.parametrize("table", ["seen", "plain"])
@pytest.mark.parametrize("wrong", [{}, {"id": {"S": "c"}, "n": {"N": "1"}, "x": {"S": "x" * 409_600}}])
def test_a_batch_with_a_wrong_item_writes_nothing(run: Embedded, table: str, wrong: dict[str, Any]) -> None:
    """Not even what stands before it; what was there is there as it was."""
    client: Any = run.client("dynamodb")
    before = {**ITEM, "old": {"BOOL": True}}
    client.put_item(TableName=table, Item=before)
    puts = [ITEM, {"id": {"S": "b"}, "n": {"N": "2"}}, wrong]
    with pytest.raises(ClientError):
        client.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": one}} for one in puts]})
    assert items(run, table) == [before]
    assert changes(run) == (["INSERT"] if table == "seen" else [])


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("get_item", {"TableName": "plain", "Key": {"id": {"N": "1"}}}),
        ("get_item", {"TableName": "seen", "Key": {"id": {"S": "a"}}}),
        ("delete_item", {"TableName": "seen", "Key": {"id": {"S": "a"}, "n": {"S": "1"}}}),
        ("update_item", {"TableName": "plain", "Key": {"id": {"B": b"1"}}}),
        ("batch_get_item", {"RequestItems": {"plain": {"Keys": [{"no": {"S": "a"}}]}}}),
        ("batch_write_item", {"RequestItems": {"plain": [{"DeleteRequest": {"Key": {"id": {"N": "1"}}}}]}}),
        (
            "transact_get_items",
            {"TransactItems": [{"Get": {"TableName": "plain", "Key": {"id": {"N": "1"}}}}]},
        ),
        (
            "transact_write_items",
            {"TransactItems": [{"Delete": {"TableName": "plain", "Key": {"id": {"N": "1"}}}}]},
        ),
    ],
)
def test_a_key_is_of_the_tables_schema(run: Embedded, operation: str, parameters: dict[str, Any]) -> None:
    """A key of another type is an error, and not an item that is not there."""
    client: Any = run.client("dynamodb")
    with pytest.raises(ClientError, match="does not match the schema"):
        getattr(client, operation)(**parameters)
    assert not items(run, "plain")


def test_sums_lose_their_zeros_too(run: Embedded) -> None:
    """0.5 and 0.5 are 1; a sum that is the same again is no change."""
    client: Any = run.client("dynamodb")
    client.put_item(
        TableName="seen", Item={**ITEM, "sum": {"N": "0.5"}, "deep": {"L": [{"M": {"x": {"N": "1"}}}]}}
    )
    for amount in ("0.50", "0.0"):
        client.update_item(
            TableName="seen",
            Key=ITEM,
            UpdateExpression="SET #s = #s + :n",
            ExpressionAttributeNames={"#s": "sum"},
            ExpressionAttributeValues={":n": {"N": amount}},
        )
        assert [one["sum"] for one in items(run, "seen")] == [{"N": "1"}]
    assert changes(run) == ["INSERT", "MODIFY"]


def updated(run: Embedded, expression: str, returned: str = "UPDATED_NEW", **values: object) -> Any:
    client: Any = run.client("dynamodb")
    given = {f":{name}": value for name, value in values.items()}
    more = {"ExpressionAttributeValues": given} if given else {}
    answer = client.update_item(
        TableName="plain",
        Key={"id": {"S": "a"}},
        UpdateExpression=expression,
        ReturnValues=returned,
        **more,
    )
    return answer.get("Attributes")


def test_an_update_returns_what_it_has_touched(run: Embedded) -> None:
    """UPDATED_NEW: also what is as it was, and a map as a whole; UPDATED_OLD: what stood there."""
    one, two = {"M": {"x": {"N": "1"}, "y": {"N": "1"}}}, {"M": {"x": {"N": "1"}, "y": {"N": "2"}}}
    assert updated(run, "SET n = :n, m = :m", n={"N": "1"}, m=one) == {"n": {"N": "1"}, "m": one}
    assert updated(run, "SET n = if_not_exists(n, :n), m = :m", n={"N": "9"}, m=two) == {
        "n": {"N": "1"},
        "m": two,
    }
    assert updated(run, "SET m.y = :y", y={"N": "2"}) == {"m": {"M": {"y": {"N": "2"}}}}
    assert updated(run, "ADD n :n", "UPDATED_OLD", n={"N": "0"}) == {"n": {"N": "1"}}
    assert updated(run, "SET z = :z", "UPDATED_OLD", z={"N": "0"}) is None
    assert updated(run, "REMOVE z") is None


@pytest.mark.parametrize(
    "expression",
    ["SET hits = :n, nothing.inside = :n", "SET hits = :n, huge = :x", "ADD hits :n, word :n"],
    ids=["path", "size", "type"],
)
@pytest.mark.parametrize(("table", "key"), [("plain", {"id": {"S": "a"}}), ("seen", ITEM)])
def test_a_refused_update_leaves_the_item_as_it_was(
    run: Embedded, table: str, key: dict[str, Any], expression: str
) -> None:
    client: Any = run.client("dynamodb")
    before = {**key, "hits": {"N": "1"}, "word": {"S": "w"}}
    client.put_item(TableName=table, Item=before)
    known = {":n": {"N": "2"}, ":x": {"S": "x" * 409_600}}
    values = {name: value for name, value in known.items() if name in expression}
    with pytest.raises(ClientError, match="ValidationException"):
        client.update_item(
            TableName=table, Key=key, UpdateExpression=expression, ExpressionAttributeValues=values
        )
    assert items(run, table) == [before]
    client.update_item(TableName=table, Key=key, UpdateExpression="REMOVE word")
    assert items(run, table) == [{**key, "hits": {"N": "1"}}]


def test_a_batch_has_25_writes(run: Embedded) -> None:
    """BatchWriteItem, "up to 25 item put or delete operations"."""
    client: Any = run.client("dynamodb")
    puts = [{"PutRequest": {"Item": {"id": {"S": str(n)}}}} for n in range(26)]
    with pytest.raises(ClientError, match="less than or equal to 25"):
        client.batch_write_item(RequestItems={"plain": puts})
    client.batch_write_item(RequestItems={"plain": puts[:25]})
    assert len(items(run, "plain")) == 25


def test_a_transaction_with_a_known_token_is_not_made_again(run: Embedded) -> None:
    """For ten minutes; with other parameters it is an error; one that was cancelled may be tried again."""
    client: Any = run.client("dynamodb")
    for _ in range(2):
        client.transact_write_items(**adding("one"))
    assert [one["hits"] for one in items(run, "plain")] == [{"N": "1"}]
    with pytest.raises(client.exceptions.IdempotentParameterMismatchException):
        client.transact_write_items(**adding("one", "5"))
    client.transact_write_items(**adding("two"))
    run.scheduler.run_for(601.0)
    client.transact_write_items(**adding("one"))
    assert [one["hits"] for one in items(run, "plain")] == [{"N": "3"}]


def test_a_resumed_run_knows_its_tokens(tmp_path: Path) -> None:
    """They are in the journal, with their transactions."""
    folder = new_run("tables", base=tmp_path)
    with Embedded(PIPELINE, folder, clock=VirtualClock()) as run:
        client: Any = run.client("dynamodb")
        client.transact_write_items(**adding("one"))
        with pytest.raises(ClientError):
            client.batch_write_item(
                RequestItems={"plain": [{"PutRequest": {"Item": one}} for one in ({"id": {"S": "x"}}, {})]}
            )
    with Embedded(PIPELINE, hold(folder.path), clock=VirtualClock()) as again:
        client = again.client("dynamodb")
        client.transact_write_items(**adding("one"))
        assert items(again, "plain") == [{"id": {"S": "counter"}, "hits": {"N": "1"}}]


def test_a_token_that_came_again_does_not_hide_those_that_are_over(tmp_path: Path) -> None:
    """A token that is over may be used again; a resumed run knows, too, that the next one is over."""
    folder = new_run("tables", base=tmp_path)
    with Embedded(PIPELINE, folder, clock=VirtualClock()) as run:
        client: Any = run.client("dynamodb")
        client.transact_write_items(**adding("A"))
        run.scheduler.run_for(1.0)
        client.transact_write_items(**adding("B"))
        run.scheduler.run_for(699.0)
        client.transact_write_items(**adding("A"))
    with Embedded(PIPELINE, hold(folder.path), clock=VirtualClock()) as again:
        again.scheduler.run_for(6.0)
        again.client("dynamodb").transact_write_items(**adding("B"))
        assert items(again, "plain") == [{"id": {"S": "counter"}, "hits": {"N": "4"}}]


def test_a_resumed_run_has_the_same_sums(tmp_path: Path) -> None:
    """As DynamoDB writes them, in tables that were declared and in one that was made meanwhile."""
    folder = new_run("tables", base=tmp_path)
    with Embedded(PIPELINE, folder, clock=VirtualClock()) as run:
        client: Any = run.client("dynamodb")
        client.create_table(
            TableName="late",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        tables = {"plain": {"id": {"S": "a"}}, "seen": ITEM, "late": {"id": {"S": "a"}}}
        for table, key in tables.items():
            for _ in range(2):
                client.update_item(
                    TableName=table,
                    Key=key,
                    UpdateExpression="ADD x :n",
                    ExpressionAttributeValues={":n": {"N": "0.5"}},
                )
            assert items(run, table) == [{**key, "x": {"N": "1"}}]
    with Embedded(PIPELINE, hold(folder.path), clock=VirtualClock()) as again:
        for table, key in tables.items():
            assert items(again, table) == [{**key, "x": {"N": "1"}}]
