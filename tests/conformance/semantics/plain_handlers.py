"""The handlers that scenarios declare."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.handlers import (
    DynamoDBChange,
    S3Upload,
    on_dynamodb_change,
    on_kinesis_record,
    on_s3_upload,
    on_sqs_message,
    on_task,
)


@on_sqs_message
def message(body: str) -> None:
    """Take a message."""


@on_s3_upload
def upload(one: S3Upload) -> None:
    """Take an upload."""


@on_kinesis_record
def record(data: bytes) -> None:
    """Take a record."""


@on_dynamodb_change
def change(item: DynamoDBChange[dict[str, object]]) -> None:
    """Take a change."""


@on_task
def task(data: dict[str, object]) -> None:
    """Take an event."""


class Work:
    """What the function `work` does: each item has outcomes of its own, attempt by attempt."""

    def __init__(self) -> None:
        self.seen: list[object] = []
        self._outcomes: dict[str, list[object]] = {}

    def script(self, outcomes: Mapping[str, object]) -> None:
        """Begin anew with these outcomes, by item."""
        self.seen.clear()
        self._outcomes = {
            name: list(plan) if isinstance(plan, list) else [plan] for name, plan in outcomes.items()
        }

    def do(self, item: object) -> None:
        """Do an item's next outcome."""
        self.seen.append(item)
        plan = self._outcomes.get(str(item))
        outcome = plan.pop(0) if plan else "success"
        if isinstance(outcome, dict):
            raise RuntimeError(outcome["error"])


WORK = Work()


@on_task
def work(item: object) -> None:
    """Do what the scenario says of this item."""
    WORK.do(item)
