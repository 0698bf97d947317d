"""PL9xx: EventBridge's pipes."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.errors import EventPatternError
from penstock.pipelines.checks.rule import Finding, Rule
from penstock.pipelines.filter_criteria import FilterCriteria, FilterSource
from penstock.pipelines.graph import Graph
from penstock.pipelines.input_transformers import PipeInput, parse_json_path
from penstock.pipelines.pipes import Pipe
from penstock.pipelines.resources import EventBus, Function, Queue, StateMachine, Stream, Table, Topic

MOST_AT_ONCE = {EventBus: 10, Queue: 10, Stream: 500, Topic: 10}
"""How many records a target takes in one call (EventBridge Pipes, "Supported batchable targets")."""


def _sources(graph: Graph) -> Iterator[Finding]:
    for pipe in graph.of(Pipe):
        if isinstance(pipe.source, Table) and pipe.source.stream_view_type is None:
            yield Finding(
                what=f'the table "{pipe.source.name}" has no stream to read',
                part=pipe,
                fix='give the table stream_view_type="NEW_AND_OLD_IMAGES"',
            )
        if isinstance(pipe.source, Table) and pipe.starting_position == "AT_TIMESTAMP":
            yield Finding(
                what=f'the table stream of "{pipe.source.name}" cannot be read from a point in time',
                part=pipe,
                fix='starting_position="TRIM_HORIZON" or "LATEST"; AT_TIMESTAMP is for Kinesis',
            )
        if isinstance(pipe.source, Queue):
            yield from _of_streams_only(pipe)
        elif (pipe.starting_position == "AT_TIMESTAMP") != (pipe.starting_timestamp is not None):
            yield Finding(
                what=f'"{pipe.source.name}" is read from a point in time that is not given'
                if pipe.starting_timestamp is None
                else f'a starting_timestamp for "{pipe.source.name}", which is read from '
                f"{pipe.starting_position} on",
                part=pipe,
                fix='starting_position="AT_TIMESTAMP" and starting_timestamp=... in epoch seconds, or neither',
            )
        letters = None if pipe.dead_letter_queue is None else graph.follow(pipe.dead_letter_queue)
        if isinstance(letters, Queue) and letters.fifo:
            yield Finding(
                what=f'the dead-letter queue "{letters.name}" is a FIFO queue',
                part=pipe,
                fix="name a standard queue",
            )
        most = next((most for kind, most in MOST_AT_ONCE.items() if isinstance(pipe.to, kind)), None)
        if most is not None and pipe.records_in_a_batch > most:
            yield Finding(
                what=f'batches of {pipe.records_in_a_batch} records for "{pipe.to.name}"',
                part=pipe,
                fix=f"it takes {most} at once: batch_size={most} or less",
            )
        large = isinstance(pipe.source, Queue) and pipe.records_in_a_batch > 10
        if large and not pipe.batching_window_seconds:
            yield Finding(
                what=f"batch_size={pipe.batch_size} without a batching window",
                part=pipe,
                fix="batching_window_seconds=1 or more, or batch_size=10",
            )
        if isinstance(pipe.source, Queue) and pipe.source.fifo and large:
            yield Finding(
                what=f'batch_size={pipe.batch_size} from the FIFO queue "{pipe.source.name}"',
                part=pipe,
                fix="a FIFO queue gives at most 10: batch_size=10",
            )


def _of_streams_only(pipe: Pipe) -> Iterator[Finding]:
    given = {
        "parallelization_factor": pipe.parallelization_factor != 1,
        "maximum_retry_attempts": pipe.maximum_retry_attempts != -1,
        "maximum_record_age_seconds": pipe.maximum_record_age_seconds != -1,
        "automatic_bisect": pipe.automatic_bisect,
        "starting_timestamp": pipe.starting_timestamp is not None,
        "dead_letter_queue": pipe.dead_letter_queue is not None,
    }
    for name in (name for name, is_given in given.items() if is_given):
        yield Finding(
            what=f'{name} for the queue "{pipe.source.name}"',
            part=pipe,
            fix="leave it out: it is for streams. A queue has its own redrive policy",
        )


def _inputs(graph: Graph) -> Iterator[Finding]:
    for pipe in graph.of(Pipe):
        source: FilterSource = "dynamodb"
        if isinstance(pipe.source, Queue | Stream):
            source = "sqs" if isinstance(pipe.source, Queue) else "kinesis"
        try:
            FilterCriteria(pipe.filter_criteria, source=source)
        except EventPatternError as error:
            yield Finding(
                what=f"EventBridge refuses the filter: {error.what}",
                part=pipe,
                within=f"filter_criteria{error.at or ''}",
                fix=error.fix or "write an event pattern",
            )
        for name, template in (
            ("enrichment_template", pipe.enrichment_template),
            ("input_template", pipe.input_template),
        ):
            try:
                if template is not None:
                    PipeInput(template)
            except EventPatternError as error:
                yield Finding(
                    what=f"EventBridge refuses the template: {error.what}",
                    part=pipe,
                    within=name,
                    fix=error.fix or "write a template",
                )
        for name, value in (
            ("message_group_id", pipe.message_group_id),
            ("partition_key", pipe.partition_key),
        ):
            try:
                if value is not None and value.startswith("$"):
                    parse_json_path(value)
            except EventPatternError as error:
                yield Finding(what=error.what, part=pipe, within=name, fix=error.fix or "write a path")


def _targets(graph: Graph) -> Iterator[Finding]:
    for pipe in graph.of(Pipe):
        if isinstance(pipe.enrichment, StateMachine) and pipe.enrichment.kind != "EXPRESS":
            yield Finding(
                what=f'the enrichment "{pipe.enrichment.name}" is a STANDARD state machine',
                part=pipe,
                fix='kind="EXPRESS": a pipe waits for its enrichment',
            )
        if pipe.enrichment is None and pipe.enrichment_template is not None:
            yield Finding(
                what="a template for an enrichment that is not there",
                part=pipe,
                fix="leave enrichment_template out",
            )
        to = pipe.to
        if isinstance(to, Topic) and to.fifo:
            yield Finding(
                what=f'the FIFO topic "{to.name}" is the target', part=pipe, fix="name a standard topic"
            )
        needs = (
            ("message_group_id", pipe.message_group_id, isinstance(to, Queue) and to.fifo, "a FIFO queue"),
            ("partition_key", pipe.partition_key, isinstance(to, Stream), "a stream"),
        )
        for name, value, needed, words in needs:
            if needed and value is None:
                yield Finding(
                    what=f'"{to.name}" is {words}, and there is no {name}',
                    part=pipe,
                    fix=f'{name}="$.body.customer", or a text',
                )
            elif value is not None and not needed:
                yield Finding(
                    what=f'{name} for "{to.name}", which is not {words}', part=pipe, fix="leave it out"
                )
        for name, given in (("detail_type", pipe.detail_type), ("event_source", pipe.event_source)):
            if given is not None and not isinstance(to, EventBus):
                yield Finding(
                    what=f'{name} for "{to.name}", which is no event bus', part=pipe, fix="leave it out"
                )
        if pipe.invocation is not None and not isinstance(to, Function | StateMachine):
            yield Finding(
                what=f'invocation for "{to.name}", which is not invoked', part=pipe, fix="leave it out"
            )
        if pipe.invocation == "REQUEST_RESPONSE" and isinstance(to, StateMachine) and to.kind == "STANDARD":
            yield Finding(
                what=f'the STANDARD state machine "{to.name}" is to be waited for',
                part=pipe,
                fix='kind="EXPRESS", or leave invocation out',
            )


_PIPES = "https://docs.aws.amazon.com/eventbridge/latest/userguide"

RULES = (
    Rule(
        id="PL901",
        title="a pipe's source can be read as it says, in batches that its target takes",
        source=f"{_PIPES}/eb-pipes-batching-concurrency.html and {_PIPES}/eb-pipes-event-source.html",
        check=_sources,
    ),
    Rule(
        id="PL902",
        title="a pipe's filters, templates and paths are valid",
        source=f"{_PIPES}/eb-pipes-event-filtering.html and {_PIPES}/eb-pipes-input-transformation.html",
        check=_inputs,
    ),
    Rule(
        id="PL903",
        title="a pipe's settings are those of its enrichment and its target",
        source=f"{_PIPES}/eb-pipes-event-target.html and {_PIPES}/pipes-enrichment.html",
        check=_targets,
    ),
)
