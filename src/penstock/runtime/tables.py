"""Making the declared tables."""

from __future__ import annotations

from penstock.pipelines import Table
from penstock.pipelines.resolve import name_of
from penstock.pipelines.resources import Key
from penstock.runtime.executions.sdk import Client


def create_table(client: Client, table: Table) -> None:
    """Ask DynamoDB for a table, as it is declared."""
    keys = [("HASH", table.partition_key), *([("RANGE", table.sort_key)] if table.sort_key else [])]
    named = [(kind, key if isinstance(key, Key) else Key(key)) for kind, key in keys]
    request: dict[str, object] = {
        "TableName": name_of(table),
        "KeySchema": [{"AttributeName": key.name, "KeyType": kind} for kind, key in named],
        "AttributeDefinitions": [{"AttributeName": key.name, "AttributeType": key.type} for _, key in named],
        "BillingMode": "PAY_PER_REQUEST",
    }
    if table.stream_view_type is not None:
        request["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": table.stream_view_type}
    client.create_table(**request)
