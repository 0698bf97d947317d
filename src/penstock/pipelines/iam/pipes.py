"""What a pipe's role allows: to read its source, to ask its enrichment, to send to its target and its dead letters.

Source: EventBridge, "Permissions for Amazon EventBridge Pipes".
"""

from __future__ import annotations

from collections.abc import Iterator

from penstock.pipelines.graph import Graph
from penstock.pipelines.iam.functions import LIST_STREAMS, STREAM_ACTIONS, TABLE_STREAM_ACTIONS
from penstock.pipelines.iam.statements import Statement, access, arn_text, because
from penstock.pipelines.pipes import Pipe
from penstock.pipelines.resources import Queue, Resource, StateMachine, Stream


def pipe_statements(pipe: Pipe, graph: Graph, stage: str = "") -> tuple[Statement, ...]:
    """The statements of the pipe's role."""
    return tuple(_statements(pipe, graph, stage))


def _statements(pipe: Pipe, graph: Graph, stage: str) -> Iterator[Statement]:
    arn, why = arn_text(pipe.source, stage), f"its source, {pipe.declared_at}"
    if isinstance(pipe.source, Queue):
        yield Statement(("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"), (arn,), why)
    elif isinstance(pipe.source, Stream):
        yield Statement(STREAM_ACTIONS, (arn,), why)
    else:
        yield Statement(TABLE_STREAM_ACTIONS, (f"{arn}/stream/*",), why)
        yield Statement((LIST_STREAMS,), ("*",), why)
    if pipe.enrichment is not None:
        yield from because(
            f"its enrichment, {pipe.declared_at}", _invoked(pipe.enrichment, stage, waits=True)
        )
    yield from because(f"its target, {pipe.declared_at}", _invoked(pipe.to, stage, waits=pipe.waits))
    letters = None if pipe.dead_letter_queue is None else graph.follow(pipe.dead_letter_queue)
    if letters is not None:
        yield from because(
            f"dead_letter_queue, {pipe.declared_at}", access(letters, stage, read=False, write=True)
        )


def _invoked(resource: Resource, stage: str, *, waits: bool) -> Iterator[Statement]:
    if isinstance(resource, StateMachine) and waits:
        yield Statement(("states:StartSyncExecution",), (arn_text(resource, stage),))
    else:
        yield from access(resource, stage, read=False, write=True)
