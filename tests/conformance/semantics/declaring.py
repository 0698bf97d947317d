"""Scenarios that AWS refuses when something is created: the declaration is refused as well."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from penstock.errors import DeclarationError
from penstock.pipelines import (
    Function,
    Part,
    Pipeline,
    Queue,
    QueueMapping,
    Stream,
    StreamMapping,
    Table,
)
from tests.conformance.semantics import plain_handlers

Json = Any


def refusal_complaints(scenario: Mapping[str, Json]) -> Iterator[str]:
    """What is wrong if a scenario's configuration is declared: nothing, if it is refused."""
    try:
        Pipeline("scenario", parts=tuple(_parts(scenario)))
    except DeclarationError as error:
        if " fix: " not in str(error).replace("\n", " "):
            yield f"the refusal says no remedy: {error}"
        return
    yield "create_error: it was accepted"


def _parts(scenario: Mapping[str, Json]) -> Iterator[Part]:
    setup = scenario["setup"]
    if "config" in setup:
        yield _function(plain_handlers.task, **_asynchronous(setup["config"]))
        return
    esm, source = setup["esm"], setup["source"]
    timeout = setup.get("function", {}).get("timeout", 3)
    criteria = _criteria(esm)
    if source["kind"] == "sqs":
        queue = Queue(
            "source.fifo" if source.get("fifo") else "source",
            visibility_timeout_seconds=source.get("visibility_timeout", 30),
            fifo=bool(source.get("fifo")),
        )
        yield QueueMapping(
            queue,
            _function(plain_handlers.message, timeout_seconds=timeout),
            batch_size=esm.get("BatchSize", 10),
            batching_window_seconds=esm.get("MaximumBatchingWindowInSeconds", 0),
            maximum_concurrency=esm.get("ScalingConfig", {}).get("MaximumConcurrency"),
            filter_criteria=criteria,
        )
        return
    kinesis = source["kind"] == "kinesis"
    stream = (
        Stream("source")
        if kinesis
        else Table("source", partition_key="id", stream_view_type="NEW_AND_OLD_IMAGES")
    )
    yield StreamMapping(
        stream,
        _function(plain_handlers.record if kinesis else plain_handlers.change, timeout_seconds=timeout),
        batch_size=esm.get("BatchSize", 100),
        batching_window_seconds=esm.get("MaximumBatchingWindowInSeconds", 0),
        starting_position=esm.get("StartingPosition", "TRIM_HORIZON"),
        parallelization_factor=esm.get("ParallelizationFactor", 1),
        maximum_retry_attempts=esm.get("MaximumRetryAttempts", -1),
        maximum_record_age_seconds=esm.get("MaximumRecordAgeInSeconds", -1),
        tumbling_window_seconds=esm.get("TumblingWindowInSeconds"),
        filter_criteria=criteria,
    )


def _criteria(esm: Mapping[str, Json]) -> tuple[Json, ...]:
    if "FilterCriteria_raw" in esm:
        return tuple(_pattern(text) for text in esm["FilterCriteria_raw"])
    return tuple(esm.get("FilterCriteria", ()))


def _pattern(text: str) -> Json:
    """A pattern as it is declared; a text that is no JSON is declared as it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _function(handler: Any, **options: Any) -> Function:
    return Function("consumer", handler, **options)


def _asynchronous(config: Mapping[str, Json]) -> dict[str, Any]:
    names = {
        "MaximumRetryAttempts": "maximum_retry_attempts",
        "MaximumEventAgeInSeconds": "maximum_event_age_seconds",
    }
    return {names[name]: value for name, value in config.items() if name in names}
