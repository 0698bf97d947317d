"""What typed handlers cost: importing them, and settling a batch, against Powertools for Lambda in the same run.

    python -m benchmarks.handlers

Workloads, budgets and checks of the answers:

* `import penstock.handlers`, in fresh processes, median of 20: at most a quarter of importing Powertools' batch
  processor and parser (`aws_lambda_powertools.utilities.batch` and `.parser`);
* an SQS batch of 10 JSON bodies, each decoded into a dataclass and settled: at most half of Powertools'
  `process_partial_response` with a Pydantic model for each record. Both give the same partial batch response for
  a batch with failures, and have seen the same totals. A bare `json.loads` loop is shown beside them.

Exits with 1 if a budget is missed.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.parser import BaseModel
from aws_lambda_powertools.utilities.parser.models import SqsRecordModel
from aws_lambda_powertools.utilities.parser.types import Json

from benchmarks.measure import Comparison, compare, fresh_processes, repeated, report
from penstock.handlers import on_sqs_message
from penstock.testing.context import FakeContext
from penstock.testing.events import sqs_event

IMPORT_BUDGET = 0.25
BATCH_BUDGET = 0.5
BATCH_SIZE = 10
BATCHES_A_ROUND = 500


@dataclass
class Order:
    id: str
    customer: str
    total: int
    lines: list[str]


class OrderModel(BaseModel):
    id: str
    customer: str
    total: int
    lines: list[str]


class RecordModel(SqsRecordModel):
    body: Json[OrderModel]


class Seen:
    """What the handlers have seen: the work that both do."""

    total = 0


def work(total: int) -> None:
    if total < 0:
        raise ValueError(total)
    Seen.total += total


@on_sqs_message
def typed(order: Order) -> None:
    work(order.total)


def modelled(record: Any) -> None:
    work(record.body.total)


PROCESSOR = BatchProcessor(event_type=EventType.SQS, model=RecordModel)


class Context(FakeContext):
    """Asks the clock as Lambda's own context does."""

    def get_remaining_time_in_millis(self) -> int:
        return max(int(DEADLINE_MILLIS - time.time() * 1000), 0)


CONTEXT = Context()
DEADLINE_MILLIS = (time.time() + 900) * 1000


def batch(*, failing: frozenset[int] = frozenset()) -> dict[str, Any]:
    """Ten orders; those in `failing` make the handler raise."""
    return sqs_event(
        *(
            Order(str(n), f"customer-{n}", -1 if n in failing else n, ["pen", "paper", "ink"])
            for n in range(BATCH_SIZE)
        )
    )


def ours(event: dict[str, Any]) -> object:
    return typed.invoke(event, CONTEXT)


def theirs(event: dict[str, Any]) -> object:
    return process_partial_response(event=event, record_handler=modelled, processor=PROCESSOR)


def bare(event: dict[str, Any]) -> None:
    for record in event["Records"]:
        work(json.loads(record["body"])["total"])


def check_answers() -> None:
    """Both name the same failures, and have seen the same totals."""
    import logging

    logging.getLogger("penstock.handlers").setLevel(logging.CRITICAL)
    event = batch(failing=frozenset({2, 7}))
    Seen.total = 0
    answer, sum_of_ours = ours(event), Seen.total
    Seen.total = 0
    expected, sum_of_theirs = theirs(event), Seen.total
    if answer != expected or sum_of_ours != sum_of_theirs or not sum_of_ours:
        raise SystemExit(f"the answers differ: {answer} {sum_of_ours}, {expected} {sum_of_theirs}")


def importing() -> Comparison:
    with fresh_processes() as fresh_process:
        return compare(
            "import penstock.handlers",
            fresh_process("import penstock.handlers"),
            "import Powertools' batch and parser",
            fresh_process(
                "import aws_lambda_powertools.utilities.batch, aws_lambda_powertools.utilities.parser"
            ),
            rounds=20,
            budget=IMPORT_BUDGET,
        )


def settling() -> list[Comparison]:
    event = batch()
    peers = (
        ("process_partial_response with a Pydantic model", lambda: theirs(event), BATCH_BUDGET),
        ("a bare json.loads loop", lambda: bare(event), float("inf")),
    )
    return [
        compare(
            "a typed record, decoded and settled",
            repeated(lambda: ours(event), BATCHES_A_ROUND),
            peer,
            repeated(act, BATCHES_A_ROUND),
            rounds=15,
            budget=budget,
            units=BATCH_SIZE * BATCHES_A_ROUND,
        )
        for peer, act, budget in peers
    ]


def main() -> int:
    check_answers()
    return report([importing(), *settling()])


if __name__ == "__main__":
    sys.exit(main())
