"""Powertools for Lambda around a handler: logging, metrics, tracing and idempotency, loaded only if they are used.

Nothing of Powertools is imported until a handler that asks for it is invoked for the first time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from penstock.handlers.context import LambdaContext

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger, Metrics, Tracer

Record = Mapping[str, Any]


class Powertools(msgspec.Struct, frozen=True, kw_only=True):
    """What of Powertools a handler uses.

    Args:
        service: the service's name in logs, metrics and traces.
        log: structured logging; every line of the handler's logger bears the record's id.
        metrics_namespace: count `RecordsSucceeded` and `RecordsFailed` in this CloudWatch namespace.
        trace: an X-Ray subsegment around each record (needs the package aws-xray-sdk).
        idempotency_table: a DynamoDB table in which finished records are remembered; a record that was done
            before is not done again.
        idempotency_key: a JMESPath expression over the record that identifies it; by default its id.
    """

    service: str
    log: bool = True
    metrics_namespace: str | None = None
    trace: bool = False
    idempotency_table: str | None = None
    idempotency_key: str | None = None


class Tools:
    """Powertools at work for one handler; made at its first invocation."""

    def __init__(self, options: Powertools) -> None:
        self._options = options
        self.logger: Logger | None = None
        self.metrics: Metrics | None = None
        self.tracer: Tracer | None = None
        self._idempotent: Callable[..., Any] | None = None
        if options.log:
            from aws_lambda_powertools import Logger

            self.logger = Logger(service=options.service)
        if options.metrics_namespace is not None:
            from aws_lambda_powertools import Metrics

            self.metrics = Metrics(service=options.service, namespace=options.metrics_namespace)
        if options.trace:
            from aws_lambda_powertools import Tracer

            self.tracer = Tracer(service=options.service)
        if options.idempotency_table is not None:
            self._idempotent = _idempotent(options.idempotency_table, options.idempotency_key)

    def begin(self, context: LambdaContext) -> None:
        """An invocation begins."""
        if self.logger is not None:
            self.logger.append_keys(
                function_request_id=context.aws_request_id, function_name=context.function_name
            )

    def end(self, *, succeeded: int, failed: int) -> None:
        """An invocation ends: its metrics are written."""
        if self.metrics is not None:
            from aws_lambda_powertools.metrics import MetricUnit

            self.metrics.add_metric(name="RecordsSucceeded", unit=MetricUnit.Count, value=succeeded)
            self.metrics.add_metric(name="RecordsFailed", unit=MetricUnit.Count, value=failed)
            self.metrics.flush_metrics()

    def __call__(self, act: Callable[[], object], record: Record, record_id: str) -> object:
        """Do `act` for one record, with its id in the logs and in a span of its own; once, if idempotent."""
        if self.logger is not None:
            self.logger.append_keys(record_id=record_id)
        try:
            if self.tracer is None:
                return self._do(act, record, record_id)
            with self.tracer.provider.in_subsegment(name="## record"):
                return self._do(act, record, record_id)
        finally:
            if self.logger is not None:
                self.logger.remove_keys(["record_id"])

    def _do(self, act: Callable[[], object], record: Record, record_id: str) -> object:
        if self._idempotent is None:
            return act()
        key = dict(record) if self._options.idempotency_key else {"id": record_id}
        return self._idempotent(act, record=key)


def _idempotent(table: str, key: str | None) -> Callable[..., Any]:
    from aws_lambda_powertools.utilities.idempotency import (
        DynamoDBPersistenceLayer,
        IdempotencyConfig,
        idempotent_function,
    )

    config = IdempotencyConfig(event_key_jmespath=key) if key else IdempotencyConfig()

    def once(act: Callable[[], object], *, record: Mapping[str, Any]) -> None:
        act()

    decorate: Callable[..., Any] = idempotent_function
    found: Callable[..., Any] = decorate(
        once,
        data_keyword_argument="record",
        persistence_store=DynamoDBPersistenceLayer(table_name=table),
        config=config,
        key_prefix="penstock",
    )
    return found
