"""What calls of DynamoDB and of its streams need of IAM.

Source: Service Authorization Reference, "Amazon DynamoDB"; DynamoDB, "Amazon DynamoDB Transactions: How it works"
(each item's own action is needed) and "Using IAM policies with PartiQL".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from penstock.pipelines.iam.needs import ANY, Need, Parameters, ServiceNeeds, arn, mappings

_STATEMENT: Final = re.compile(
    r"\s*(?:EXISTS\s*\(\s*)?(?:(SELECT)\b.*?\bFROM|(INSERT)\s+INTO|(UPDATE)|(DELETE)\s+FROM)"
    r"""\s+["']?([A-Za-z0-9_.-]+)["']?(?:\s*\.\s*["']([A-Za-z0-9_.-]+)["'])?""",
    re.IGNORECASE | re.DOTALL,
)
"""The verb, the table and the index of a PartiQL statement."""


def table_arn(name: object) -> str:
    """The ARN of a table by its name or ARN."""
    text = str(name)
    return text if text.startswith("arn:") else arn("dynamodb", f"table/{text}")


def _table(parameters: Parameters) -> str:
    name = parameters.get("TableName")
    if name is None:
        return str(parameters.get("ResourceArn") or ANY)
    index = parameters.get("IndexName")
    return table_arn(name) if index is None else f"{table_arn(name)}/index/{index}"


def _batch(action: str) -> Callable[[Parameters], Iterable[Need]]:
    def needs(parameters: Parameters) -> Iterable[Need]:
        items = parameters.get("RequestItems")
        return (Need(action, table_arn(name)) for name in (items if isinstance(items, Mapping) else ()))

    return needs


_OF_ITEM: Final = {
    "ConditionCheck": "dynamodb:ConditionCheckItem",
    "Delete": "dynamodb:DeleteItem",
    "Get": "dynamodb:GetItem",
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
}


def _transaction(parameters: Parameters) -> Iterable[Need]:
    for item in mappings(parameters.get("TransactItems")):
        for kind, of_item in item.items():
            if kind in _OF_ITEM and isinstance(of_item, Mapping):
                yield Need(_OF_ITEM[kind], table_arn(of_item.get("TableName")))


def _statement(parameters: Parameters) -> Iterable[Need]:
    found = _STATEMENT.match(str(parameters.get("Statement") or ""))
    if found is None:
        return
    verb = next(one for one in found.groups()[:4] if one).capitalize()
    table, index = found[5], found[6]
    yield Need(f"dynamodb:PartiQL{verb}", table_arn(table) + (f"/index/{index}" if index else ""))


def _statements(name: str) -> Callable[[Parameters], Iterable[Need]]:
    return lambda parameters: (need for one in mappings(parameters.get(name)) for need in _statement(one))


DYNAMODB: Final = ServiceNeeds(
    "dynamodb",
    _table,
    on_all=frozenset(
        {
            "DescribeEndpoints",
            "DescribeLimits",
            "ListBackups",
            "ListContributorInsights",
            "ListGlobalTables",
            "ListTables",
        }
    ),
    special={
        "BatchGetItem": _batch("dynamodb:BatchGetItem"),
        "BatchWriteItem": _batch("dynamodb:BatchWriteItem"),
        "BatchExecuteStatement": _statements("Statements"),
        "ExecuteStatement": _statement,
        "ExecuteTransaction": _statements("TransactStatements"),
        "TransactGetItems": _transaction,
        "TransactWriteItems": _transaction,
    },
)


def _stream(parameters: Parameters) -> str:
    given = parameters.get("StreamArn")
    if isinstance(given, str):
        return given
    table = parameters.get("TableName")
    return ANY if table is None else f"{table_arn(table)}/stream/*"


DYNAMODB_STREAMS: Final = ServiceNeeds("dynamodb", _stream, on_all=frozenset({"ListStreams"}))
