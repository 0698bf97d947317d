"""PL3xx: event source mappings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations
from typing import Final

from penstock.errors import EventPatternError
from penstock.pipelines.checks.rule import Finding, Rule
from penstock.pipelines.filter_criteria import FilterCriteria, FilterSource
from penstock.pipelines.graph import Graph
from penstock.pipelines.resources import Bucket, Queue, QueueMapping, StreamMapping, Table, Topic


def _fifo_batches(graph: Graph) -> Iterator[Finding]:
    for mapping in graph.of(QueueMapping):
        if mapping.queue.fifo and mapping.batch_size > 10:
            yield Finding(
                what=f'batch_size={mapping.batch_size} from the FIFO queue "{mapping.queue.name}"',
                part=mapping,
                fix="a FIFO queue gives at most 10: batch_size=10",
            )


def _fifo_windows(graph: Graph) -> Iterator[Finding]:
    for mapping in graph.of(QueueMapping):
        if mapping.queue.fifo and mapping.batching_window_seconds:
            yield Finding(
                what=f'a batching window for the FIFO queue "{mapping.queue.name}"',
                part=mapping,
                fix="leave batching_window_seconds out: Lambda has no window for FIFO queues",
            )


def _large_batches(graph: Graph) -> Iterator[Finding]:
    for mapping in graph.of(QueueMapping):
        if not mapping.queue.fifo and mapping.batch_size > 10 and mapping.batching_window_seconds < 1:
            yield Finding(
                what=f"batch_size={mapping.batch_size} without a batching window",
                part=mapping,
                within=f'QueueMapping("{mapping.queue.name}")',
                fix="batching_window_seconds=1 or more, or batch_size=10",
            )


def _windows_of_whole_seconds(graph: Graph) -> Iterator[Finding]:
    mappings: list[QueueMapping | StreamMapping] = [*graph.of(QueueMapping), *graph.of(StreamMapping)]
    for mapping in mappings:
        seconds = mapping.batching_window_seconds
        if seconds != int(seconds):
            yield Finding(
                what=f"a batching window of {seconds} seconds: Lambda takes whole seconds",
                part=mapping,
                fix=f"write {int(seconds)} or {int(seconds) + 1}",
            )


def _twice(graph: Graph) -> Iterator[Finding]:
    for first, second in combinations(graph.of(QueueMapping), 2):
        if (first.queue, first.function.name) == (second.queue, second.function.name):
            yield Finding(
                what=f'"{second.queue.name}" is mapped to "{second.function.name}" twice',
                part=second,
                fix=f"the other mapping is at {first.declared_at}: keep one",
            )
    for one, other in combinations(graph.of(StreamMapping), 2):
        mine, others = ((it.stream, it.consumer, it.function.name) for it in (one, other))
        if mine == others:
            yield Finding(
                what=f'"{other.stream.name}" is mapped to "{other.function.name}" twice',
                part=other,
                fix=f"the other mapping is at {one.declared_at}: keep one",
            )


def _tables_without_stream(graph: Graph) -> Iterator[Finding]:
    for mapping in graph.of(StreamMapping):
        if isinstance(mapping.stream, Table) and mapping.stream.stream_view_type is None:
            yield Finding(
                what=f'the table "{mapping.stream.name}" has no stream to map',
                part=mapping,
                fix='give the table stream_view_type="NEW_AND_OLD_IMAGES"',
            )


def _starting_positions(graph: Graph) -> Iterator[Finding]:
    for mapping in graph.of(StreamMapping):
        if isinstance(mapping.stream, Table) and mapping.starting_position == "AT_TIMESTAMP":
            yield Finding(
                what=f'the table stream of "{mapping.stream.name}" cannot be read from a point in time',
                part=mapping,
                fix='starting_position="TRIM_HORIZON" or "LATEST"; AT_TIMESTAMP is for Kinesis',
            )
        elif mapping.starting_position == "AT_TIMESTAMP" and mapping.starting_timestamp is None:
            yield Finding(
                what=f'the stream "{mapping.stream.name}" is read from a point in time that is not given',
                part=mapping,
                fix="starting_timestamp=... in epoch seconds",
            )
        elif mapping.starting_position != "AT_TIMESTAMP" and mapping.starting_timestamp is not None:
            yield Finding(
                what=f'a starting_timestamp for "{mapping.stream.name}", which is read from '
                f"{mapping.starting_position} on",
                part=mapping,
                fix='starting_position="AT_TIMESTAMP", or leave starting_timestamp out',
            )


def _failure_destinations(graph: Graph) -> Iterator[Finding]:
    for mapping in graph.of(StreamMapping):
        if mapping.on_failure is None:
            continue
        resource = graph.follow(mapping.on_failure)
        fifo = isinstance(resource, Queue | Topic) and resource.fifo
        if resource is not None and (fifo or not isinstance(resource, Queue | Bucket | Topic)):
            kind = f"{'FIFO ' if fifo else ''}{type(resource).__name__.lower()}"
            yield Finding(
                what=f'failures cannot go to "{resource.name}", a {kind}',
                part=mapping,
                fix="name a standard queue, a standard topic or a bucket",
            )


def _windows(graph: Graph) -> Iterator[Finding]:
    for mapping in graph.of(StreamMapping):
        spec = getattr(mapping.function.handler, "spec", None)
        windowed = bool(getattr(spec, "windowed", False))
        if spec is not None and windowed != bool(mapping.tumbling_window_seconds):
            name = mapping.function.name
            yield Finding(
                what=f'"{name}" takes a window, which the mapping does not have'
                if windowed
                else f'"{name}" keeps no state, which every answer in a tumbling window must have',
                part=mapping,
                fix="set tumbling_window_seconds (1 to 900)"
                if windowed
                else "let the handler take a TumblingWindow[...] and return its state, or leave the window out",
            )
        elif mapping.tumbling_window_seconds and mapping.parallelization_factor > 1:
            yield Finding(
                what="a tumbling window with several batches of a shard at once",
                part=mapping,
                fix="leave parallelization_factor out: a window's state belongs to its shard",
            )


def _consumers(graph: Graph) -> Iterator[Finding]:
    mappings = [mapping for mapping in graph.of(StreamMapping) if mapping.consumer is not None]
    for mapping in mappings:
        if isinstance(mapping.stream, Table):
            yield Finding(
                what=f'the stream of the table "{mapping.stream.name}" has no consumers of its own',
                part=mapping,
                fix="leave consumer out: enhanced fan-out is for Kinesis",
            )
        elif not _CONSUMER.fullmatch(mapping.consumer or ""):
            yield Finding(
                what=f'"{mapping.consumer}" is no name of a consumer',
                part=mapping,
                fix="use 1 to 128 letters, digits, dots, hyphens and underscores",
            )
    for one, other in combinations(mappings, 2):
        if (one.stream, one.consumer) == (other.stream, other.consumer):
            yield Finding(
                what=f'two mappings read "{other.stream.name}" as the consumer "{other.consumer}"',
                part=other,
                fix=f"the other mapping is at {one.declared_at}: give each a consumer of its own",
            )
    for stream in {mapping.stream.name: mapping.stream for mapping in mappings}.values():
        mine = [mapping for mapping in mappings if mapping.stream == stream]
        if len(mine) > MOST_CONSUMERS:
            yield Finding(
                what=f'"{stream.name}" has {len(mine)} consumers',
                part=mine[-1],
                fix=f"a stream has at most {MOST_CONSUMERS}: let some mappings read without a consumer",
            )


MOST_CONSUMERS: Final = 20
"""Of one stream in provisioned mode (Kinesis, `RegisterStreamConsumer`)."""

_CONSUMER: Final = re.compile(r"[a-zA-Z0-9_.-]{1,128}")


def _filters(graph: Graph) -> Iterator[Finding]:
    sources: list[tuple[QueueMapping | StreamMapping, FilterSource]] = [
        *((mapping, "sqs") for mapping in graph.of(QueueMapping)),
        *(
            (mapping, "dynamodb" if isinstance(mapping.stream, Table) else "kinesis")
            for mapping in graph.of(StreamMapping)
        ),
    ]
    for mapping, source in sources:
        try:
            FilterCriteria(mapping.filter_criteria, source=source)
        except EventPatternError as error:
            yield Finding(
                what=f"Lambda refuses the filter: {error.what}",
                part=mapping,
                within=f"filter_criteria{error.at or ''}",
                fix=error.fix or "write an event pattern",
            )


_LAMBDA = "https://docs.aws.amazon.com/lambda/latest"

RULES = (
    Rule(
        id="PL301",
        title="a batch from a FIFO queue has at most 10 messages",
        source=f"{_LAMBDA}/api/API_CreateEventSourceMapping.html#lambda-CreateEventSourceMapping-request-BatchSize",
        check=_fifo_batches,
    ),
    Rule(
        id="PL302",
        title="a FIFO queue has no batching window",
        source=f"{_LAMBDA}/dg/services-sqs-configure.html",
        check=_fifo_windows,
    ),
    Rule(
        id="PL303",
        title="a batch of more than 10 messages has a batching window of at least one second",
        source=f"{_LAMBDA}/dg/services-sqs-configure.html",
        check=_large_batches,
    ),
    Rule(
        id="PL304",
        title="a source is mapped to a function once",
        source=f"{_LAMBDA}/api/API_CreateEventSourceMapping.html (ResourceConflictException)",
        check=_twice,
    ),
    Rule(
        id="PL305",
        title="a mapped table has a stream",
        source="https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html",
        check=_tables_without_stream,
    ),
    Rule(
        id="PL306",
        title="a table's stream is read from its horizon or from now, any stream from a time that is given",
        source=f"{_LAMBDA}/dg/services-ddb-params.html and {_LAMBDA}/dg/services-kinesis-parameters.html",
        check=_starting_positions,
    ),
    Rule(
        id="PL307",
        title="the on-failure destination of a stream mapping is a standard queue or a bucket",
        source=f"{_LAMBDA}/dg/kinesis-on-failure-destination.html",
        check=_failure_destinations,
    ),
    Rule(
        id="PL308",
        title="a filter is a valid event pattern",
        source=f"{_LAMBDA}/dg/invocation-eventfiltering.html",
        check=_filters,
    ),
    Rule(
        id="PL309",
        title="a handler that keeps the state of a window has a mapping with a window, and no other has one",
        source=f"{_LAMBDA}/dg/services-kinesis-windows.html",
        check=_windows,
    ),
    Rule(
        id="PL310",
        title="a batching window is of whole seconds",
        source=f"{_LAMBDA}/api/API_CreateEventSourceMapping.html (MaximumBatchingWindowInSeconds)",
        check=_windows_of_whole_seconds,
    ),
    Rule(
        id="PL311",
        title="a consumer of a Kinesis stream belongs to one mapping",
        source="https://docs.aws.amazon.com/kinesis/latest/APIReference/API_RegisterStreamConsumer.html",
        check=_consumers,
    ),
)
