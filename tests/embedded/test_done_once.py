"""Handlers that remember what they have done: the table of the pipeline, embedded, planned and allowed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from penstock.errors import DeclarationError
from penstock.handlers import Powertools, on_sqs_message
from penstock.pipelines import Function, Key, Pipeline, Queue, QueueMapping, Table
from penstock.pipelines.iam import policy_of
from penstock.pipelines.plan import plan
from penstock.runtime.clock import VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.state_folder import new_run

ACTIONS = {f"dynamodb:{verb}Item" for verb in ("Delete", "Get", "Put", "Update")}


@dataclass
class Order:
    id: str


@on_sqs_message(
    powertools=Powertools(
        service="shop",
        log=False,
        idempotency_table="orders-done",
        idempotency_key="id",
        idempotency_seconds=60,
    )
)
def settle(order: Order) -> None:
    boto3.resource("dynamodb").Table("settled").update_item(
        Key={"id": order.id}, UpdateExpression="ADD times :one", ExpressionAttributeValues={":one": 1}
    )


done = Table("orders-done", partition_key="id", time_to_live_attribute="expiration")
settled = Table("settled", partition_key="id")
orders = Queue("orders", visibility_timeout_seconds=60)
settler = Function("settle", settle, timeout_seconds=10, calls=(settled,))
pipeline = Pipeline("shop", parts=(QueueMapping(orders, settler), done, settled))


def test_an_order_is_settled_once(tmp_path: Path) -> None:
    """Though it is delivered twice, and sent twice; with no more rights than the role has."""
    with Embedded(
        pipeline, new_run("shop", base=tmp_path), clock=VirtualClock(), policy=policy_of(pipeline)
    ) as run:
        for identity in ("1", "2", "1"):
            run.queues.send("orders", f'{{"id": "{identity}"}}')
        run.run_until_idle()
        dynamodb: Any = run.client("dynamodb")
        items = dynamodb.scan(TableName="settled")["Items"]
        remembered = dynamodb.scan(TableName="orders-done")["Items"]
    assert sorted(item["id"]["S"] for item in items) == ["1", "2"]
    assert {item["times"]["N"] for item in items} == {"1"}
    assert len(remembered) == 2
    assert all(item["id"]["S"].startswith(f"{__name__}.settle") for item in remembered)


def test_on_a_stage_it_is_the_table_of_the_stage() -> None:
    """The function is told of its name, and its role allows what Powertools does with it."""
    resources = plan(pipeline, stage="dev")["Resources"]
    assert isinstance(resources, dict)
    assert resources["OrdersDoneTable"]["Properties"]["TableName"] == "dev-orders-done"
    variables = resources["SettleFunction"]["Properties"]["Environment"]["Variables"]
    assert variables["PENSTOCK_IDEMPOTENCY_TABLE"] == {"Ref": "OrdersDoneTable"}
    (role,) = policy_of(pipeline).roles
    allowed = {grant.action for grant in role.grants if grant.resource.endswith(":table/orders-done")}
    assert allowed == ACTIONS


def test_a_table_of_somebody_else_is_named_by_a_variable() -> None:
    """Then nothing is asked of the pipeline, and nothing allowed."""
    function = Function(
        "settle", settle, timeout_seconds=10, environment={"PENSTOCK_IDEMPOTENCY_TABLE": "theirs"}
    )
    alone = Pipeline("shop", parts=(QueueMapping(orders, function),))
    (role,) = policy_of(alone).roles
    assert not any(grant.action in ACTIONS for grant in role.grants)


@pytest.mark.parametrize(
    "table",
    [
        Table("orders-done", partition_key="order"),
        Table("orders-done", partition_key=Key("id", "N")),
        Table("orders-done", partition_key="id", sort_key="at"),
    ],
)
def test_the_table_has_the_keys_that_powertools_writes(table: Table) -> None:
    """Its partition key is the text `id`."""
    with pytest.raises(DeclarationError) as caught:
        Pipeline("shop", parts=(QueueMapping(orders, settler), table, settled))
    (problem,) = caught.value.problems
    assert "has other keys than Powertools writes" in problem.what
