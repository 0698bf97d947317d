"""PL90x: what a pipe's declaration keeps, finding by finding."""

from __future__ import annotations

import pytest

from penstock.errors import DeclarationError, RuleError
from penstock.handlers import on_sqs_message
from penstock.pipelines import (
    EventBus,
    Function,
    Pipe,
    Pipeline,
    Queue,
    StateMachine,
    Stream,
    Table,
    Topic,
)

PASS: dict[str, object] = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
QUEUE, OTHER, STREAM, BUS = Queue("q"), Queue("o"), Stream("s"), EventBus("b")
FIFO, WORK = Queue("f.fifo", fifo=True), Function("work", "json.dumps")
PLAIN = Table("plain", partition_key="id")
TABLE = Table("table", partition_key="id", stream_view_type="NEW_IMAGE")
STANDARD, EXPRESS = StateMachine("standard", PASS), StateMachine("express", PASS, kind="EXPRESS")


@on_sqs_message
def of_a_queue(body: dict[str, object]) -> None:
    raise AssertionError(body)


def found(pipe: Pipe) -> list[tuple[str, str]]:
    """The rules that are broken, with their words."""
    try:
        Pipeline("piped", parts=(pipe,))
    except DeclarationError as error:
        return [(one.rule, one.what) for one in error.problems if isinstance(one, RuleError)]
    return []


@pytest.mark.parametrize(
    "pipe",
    [
        Pipe("p", QUEUE, to=WORK, batch_size=1000, batching_window_seconds=5),
        Pipe("p", STREAM, to=WORK, enrichment=EXPRESS, dead_letter_queue=OTHER, automatic_bisect=True),
        Pipe("p", TABLE, to=EXPRESS, invocation="REQUEST_RESPONSE"),
        Pipe("p", QUEUE, to=STANDARD, invocation="FIRE_AND_FORGET"),
        Pipe("p", QUEUE, to=FIFO, message_group_id="all"),
        Pipe("p", QUEUE, to=BUS, detail_type="a", event_source="b"),
        Pipe("p", QUEUE, to=STREAM, partition_key="$.body.id"),
    ],
)
def test_sound_pipes_break_no_rule(pipe: Pipe) -> None:
    """One of each kind."""
    assert found(pipe) == []


@pytest.mark.parametrize(
    ("rule", "words", "pipe"),
    [
        ("PL901", "has no stream to read", Pipe("p", PLAIN, to=WORK)),
        (
            "PL901",
            "cannot be read from a point in time",
            Pipe("p", TABLE, to=WORK, starting_position="AT_TIMESTAMP", starting_timestamp=1.0),
        ),
        ("PL901", "automatic_bisect for the queue", Pipe("p", QUEUE, to=WORK, automatic_bisect=True)),
        ("PL901", "dead_letter_queue for the queue", Pipe("p", QUEUE, to=WORK, dead_letter_queue=OTHER)),
        ("PL901", "is a FIFO queue", Pipe("p", STREAM, to=WORK, dead_letter_queue=FIFO)),
        ("PL901", 'batches of 100 records for "b"', Pipe("p", STREAM, to=BUS)),
        ("PL901", "without a batching window", Pipe("p", QUEUE, to=WORK, batch_size=11)),
        (
            "PL901",
            "from the FIFO queue",
            Pipe("p", FIFO, to=WORK, batch_size=11, batching_window_seconds=1),
        ),
        (
            "PL902",
            "refuses the filter",
            Pipe("p", QUEUE, to=WORK, filter_criteria=({"body": {"n": [{"numeric": [">", "a"]}]}},)),
        ),
        ("PL902", "refuses the template", Pipe("p", QUEUE, to=WORK, input_template='{"a": <body>}')),
        (
            "PL902",
            "no path that EventBridge knows",
            Pipe("p", QUEUE, to=FIFO, message_group_id="$..everything"),
        ),
        ("PL903", "is a STANDARD state machine", Pipe("p", QUEUE, to=WORK, enrichment=STANDARD)),
        ("PL903", "an enrichment that is not there", Pipe("p", QUEUE, to=WORK, enrichment_template="<$.a>")),
        ("PL903", "the FIFO topic", Pipe("p", QUEUE, to=Topic("t.fifo", fifo=True))),
        ("PL903", "there is no message_group_id", Pipe("p", QUEUE, to=FIFO)),
        ("PL903", "there is no partition_key", Pipe("p", QUEUE, to=STREAM)),
        ("PL903", "which is not a stream", Pipe("p", QUEUE, to=WORK, partition_key="a")),
        ("PL903", "which is no event bus", Pipe("p", QUEUE, to=WORK, detail_type="a")),
        ("PL903", "which is not invoked", Pipe("p", QUEUE, to=OTHER, invocation="FIRE_AND_FORGET")),
        ("PL903", "is to be waited for", Pipe("p", QUEUE, to=STANDARD, invocation="REQUEST_RESPONSE")),
        ("PL503", "gives it lists of records", Pipe("p", QUEUE, to=Function("f", of_a_queue))),
        ("PL106", "refuses the pipe name", Pipe("no name", QUEUE, to=WORK)),
        ("PL107", "parallelization_factor=11", Pipe("p", STREAM, to=WORK, parallelization_factor=11)),
    ],
)
def test_each_finding(rule: str, words: str, pipe: Pipe) -> None:
    """One for each thing that AWS, or the worker, would stumble over; and no other."""
    ((broken, what),) = found(pipe)
    assert words in what
    assert broken == rule
