"""The table in which a function's handler remembers what it has done (Powertools for AWS Lambda, "Idempotency").

A handler calls it by its name in the pipeline. On a stage it has another one, which a variable tells.
"""

from __future__ import annotations

from typing import Final

from penstock.handlers.observability import TABLE_VARIABLE
from penstock.pipelines.graph import Graph
from penstock.pipelines.imports import spec_of
from penstock.pipelines.resources import Function, Table

__all__ = ["IDEMPOTENCY_ACTIONS", "TABLE_VARIABLE", "idempotency_table", "idempotency_table_name"]

IDEMPOTENCY_ACTIONS: Final = (
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
)
"""What Powertools does with it ("Idempotency", "Required resources")."""


def idempotency_table_name(function: Function, graph: Graph) -> str | None:
    """What the function's handler calls its table; None if it has none, or if the function's variables say which."""
    if TABLE_VARIABLE in function.environment:
        return None
    spec = spec_of(function, graph.root)
    return None if spec is None else spec.idempotency_table


def idempotency_table(function: Function, graph: Graph) -> Table | None:
    """That table; None if the function has none in this pipeline."""
    name = idempotency_table_name(function, graph)
    return next((one for one in graph.of(Table) if one.name == name), None)
