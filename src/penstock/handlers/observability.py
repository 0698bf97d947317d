"""Powertools for Lambda around a handler: logging, metrics, tracing and idempotency, loaded only if they are used.

1. Nothing of Powertools is imported until a handler that asks for it is invoked for the first time.
2. What is wrapped and what it returns is Powertools' own: its environment variables
   (`POWERTOOLS_LOG_LEVEL`, `POWERTOOLS_TRACE_DISABLED`, `POWERTOOLS_IDEMPOTENCY_DISABLED`) hold here too.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, get_origin

import msgspec

from penstock.errors import HandlerError
from penstock.handlers.context import LambdaContext
from penstock.handlers.payloads import encoded
from penstock.handlers.records import PAYLOADS
from penstock.handlers.spec import HandlerSpec, Source

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger, Metrics, Tracer
    from aws_lambda_powertools.utilities.idempotency import IdempotencyConfig


TABLE_VARIABLE: Final = "PENSTOCK_IDEMPOTENCY_TABLE"
"""The variable with the name of the table where the function runs; a pipeline sets it."""


class Powertools(msgspec.Struct, frozen=True, kw_only=True):
    """What of Powertools a handler uses.

    Args:
        service: the service's name in logs, metrics and traces. A `Logger` of the same service, made anywhere in
            the function's code, writes the keys that are set here.
        log: structured logging; every line bears the invocation's request id and the record's id.
        metrics_namespace: count `RecordsSucceeded` and `RecordsFailed` in this CloudWatch namespace.
        trace: an X-Ray subsegment around each record (needs the package aws-xray-sdk).
        idempotency_table: a DynamoDB table in which finished records are remembered, by its name in the pipeline,
            which finds it on a stage and allows its use; a record that was done before is not done again, a task that
            was done before answers with its first result. Its partition key is `id`; Powertools writes when an item
            expires into `expiration` (Powertools, "Idempotency").
        idempotency_key: a JMESPath expression over what the function is given, as JSON, that identifies it: `id` of
            an `Order`, `body.id` of an `SQSMessage[Order]`. By default the record's own id. A task needs it: each
            retry of a state is a new invocation.
        idempotency_seconds: how long a finished record is remembered.
    """

    service: str
    log: bool = True
    metrics_namespace: str | None = None
    trace: bool = False
    idempotency_table: str | None = None
    idempotency_key: str | None = None
    idempotency_seconds: int = 3600


def check_powertools(options: Powertools, spec: HandlerSpec, at: str) -> None:
    """Refuse what cannot be done for this handler.

    Raises:
        HandlerError: with what to write instead.
    """
    seconds: object = options.idempotency_seconds
    if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds < 1:
        raise HandlerError(
            f"idempotency_seconds is {seconds!r}: nothing would be remembered",
            at=at,
            fix="give whole seconds, for longer than a record may come again",
        )
    if options.idempotency_table is None:
        if options.idempotency_key is not None:
            raise HandlerError(
                "an idempotency_key is of no use alone", at=at, fix="give idempotency_table too"
            )
        return
    if spec.per_batch:
        raise HandlerError(
            "a batch as a whole cannot be idempotent: it is cut differently each time that it is delivered",
            at=at,
            fix="write the handler per record",
        )
    if spec.source is Source.TASK and options.idempotency_key is None:
        raise HandlerError(
            "an idempotent task needs an idempotency_key: each retry of a state is a new invocation",
            at=at,
            fix="name what identifies the input, as in idempotency_key='chunk.id'",
        )
    _check_key(options.idempotency_key or "", spec, at)


def _check_key(key: str, spec: HandlerSpec, at: str) -> None:
    """Refuse a key that begins with what a record with its metadata does not have: `id` for `body.id`."""
    envelope: Any = get_origin(spec.payload) or spec.payload
    first = key.partition(".")[0]
    if not first.isidentifier() or envelope not in PAYLOADS or first in envelope.__struct_fields__:
        return
    content = PAYLOADS[envelope]
    raise HandlerError(
        f"idempotency_key={key!r}: an {envelope.__name__} has no {first!r}, "
        f"but {', '.join(envelope.__struct_fields__)}",
        at=at,
        fix=f"write '{content}.{key}'" if content else "begin with one of these",
    )


class Tools:
    """Powertools at work for one handler; made at its first invocation.

    Args:
        name: the handler's: two handlers may share one idempotency table.
    """

    def __init__(self, options: Powertools, name: str) -> None:
        self._logger: Logger | None = None
        self._metrics: Metrics | None = None
        self._tracer: Tracer | None = None
        self._once: Callable[..., object] | None = None
        self._name, self._key = name, options.idempotency_key
        self._by_key = options.idempotency_key is not None
        if options.log:
            from aws_lambda_powertools import Logger

            self._logger = Logger(service=options.service)
        if options.metrics_namespace is not None:
            from aws_lambda_powertools import Metrics

            self._metrics = Metrics(service=options.service, namespace=options.metrics_namespace)
        if options.trace:
            from aws_lambda_powertools import Tracer

            self._tracer = Tracer(service=options.service, auto_patch=False)
        if options.idempotency_table is not None:
            self._config = _idempotency(options)
            table = os.environ.get(TABLE_VARIABLE) or options.idempotency_table
            self._once = _once(table, self._config, name)

    def begin(self, context: LambdaContext) -> None:
        """An invocation begins."""
        if self._logger is not None:
            self._logger.append_keys(
                function_request_id=context.aws_request_id, function_name=context.function_name
            )
        if self._once is not None:
            self._config.register_lambda_context(context)  # type: ignore[arg-type]  # it asks the time that is left

    def end(self, *, succeeded: int, failed: int) -> None:
        """An invocation ends: its metrics are written."""
        if self._metrics is not None:
            from aws_lambda_powertools.metrics import MetricUnit

            self._metrics.add_metric(name="RecordsSucceeded", unit=MetricUnit.Count, value=succeeded)
            self._metrics.add_metric(name="RecordsFailed", unit=MetricUnit.Count, value=failed)
            self._metrics.flush_metrics()

    def around(self, act: Callable[[], object], payload: object, record_id: str) -> object:
        """Do `act` for one record, with its id in the logs and a span of its own; once, if it is idempotent."""
        if self._logger is not None:
            self._logger.append_keys(record_id=record_id)
        try:
            if self._tracer is None:
                return self._do(act, payload, record_id)
            with self._tracer.provider.in_subsegment(name="## record") as span:
                span.put_annotation("record_id", record_id)
                return self._do(act, payload, record_id)
        except Exception:
            if self._logger is not None:
                self._logger.exception("record failed")
            raise
        finally:
            if self._logger is not None:
                self._logger.remove_keys(["record_id"])

    def _do(self, act: Callable[[], object], payload: object, record_id: str) -> object:
        if self._once is None:
            return act()
        if not self._by_key:
            return self._once(act, record={"id": record_id})
        from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyKeyError

        record = encoded(payload)
        try:
            return self._once(act, record=record)
        except IdempotencyKeyError as error:
            has = ", ".join(record) if isinstance(record, dict) else type(record).__name__
            raise IdempotencyKeyError(
                f"{self._name}: its idempotency_key {self._key!r} finds nothing in what it is given ({has})"
            ) from error


def _idempotency(options: Powertools) -> IdempotencyConfig:
    from aws_lambda_powertools.utilities.idempotency import IdempotencyConfig

    return IdempotencyConfig(
        event_key_jmespath=options.idempotency_key or "",
        expires_after_seconds=options.idempotency_seconds,
        raise_on_no_idempotency_key=True,
    )


def _once(table: str, config: IdempotencyConfig, name: str) -> Callable[..., object]:
    """A function that does `act` unless its record is in the table, and remembers what it returned."""
    from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, idempotent_function

    def once(act: Callable[[], object], *, record: object) -> object:
        return encoded(act())

    decorate: Any = idempotent_function
    found: Callable[..., object] = decorate(
        once,
        data_keyword_argument="record",
        persistence_store=DynamoDBPersistenceLayer(table_name=table),
        config=config,
        key_prefix=name,
    )
    return found
