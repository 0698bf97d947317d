"""How DynamoDB streams and their mappings deliver, rule by rule."""

from __future__ import annotations

from tests.contracts.conftest import Running
from tests.contracts.delivery import dynamodb
from tests.contracts.delivery.asking import TABLES, seen, states

pipeline = dynamodb.pipeline

NOT_ON_LOCALSTACK: dict[str, str] = {}


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
