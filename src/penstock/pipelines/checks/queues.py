"""PL2xx: queues, their dead-letter queues, and where failed events go."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from penstock.pipelines.checks.rule import Finding, Rule
from penstock.pipelines.graph import Graph
from penstock.pipelines.resources import (
    Bucket,
    EventBus,
    Function,
    Named,
    Part,
    Queue,
    QueueMapping,
    Resource,
    StreamMapping,
    Subscription,
    Topic,
)


def _fifo_suffix(graph: Graph) -> Iterator[Finding]:
    for queue in graph.of(Queue):
        if queue.fifo and not queue.name.endswith(".fifo"):
            yield Finding(
                what=f'"{queue.name}" is a FIFO queue whose name does not end with .fifo',
                part=queue,
                fix=f'call it "{queue.name}.fifo", or leave fifo=True out',
            )
        if not queue.fifo and queue.name.endswith(".fifo"):
            yield Finding(
                what=f'"{queue.name}" ends with .fifo but is a standard queue',
                part=queue,
                fix="say fifo=True, or take .fifo off the name",
            )


def _deduplication(graph: Graph) -> Iterator[Finding]:
    several: tuple[Queue | Topic, ...] = (*graph.of(Queue), *graph.of(Topic))
    for one in several:
        if one.content_based_deduplication and not one.fifo:
            kind = type(one).__name__.lower()
            yield Finding(
                what=f'"{one.name}" asks for content-based deduplication, which only a FIFO {kind} has',
                part=one,
                fix="say fifo=True, or leave content_based_deduplication out",
            )


def _kinds_of_dead_letter_queue(graph: Graph) -> Iterator[Finding]:
    for queue in graph.of(Queue):
        dead = _dead_letter_queue(queue, graph)
        if dead is not None and dead.fifo != queue.fifo:
            kind = "FIFO" if queue.fifo else "standard"
            yield Finding(
                what=f'"{queue.name}" is {kind}, its dead-letter queue "{dead.name}" is not',
                part=queue,
                fix=f'make "{dead.name}" {kind} too (fifo={queue.fifo})',
            )


def _dead_letter_is_a_queue(graph: Graph) -> Iterator[Finding]:
    for queue in graph.of(Queue):
        if isinstance(queue.dead_letter_queue, Named):
            yield from _must_be((Queue,), queue.dead_letter_queue, graph, f'dead letters of "{queue.name}"')
    for function in graph.of(Function):
        if isinstance(function.dead_letter_queue, Named):
            yield from _must_be(
                (Queue, Topic), function.dead_letter_queue, graph, f'dead letters of "{function.name}"'
            )


def _destinations(graph: Graph) -> Iterator[Finding]:
    kinds = (Queue, Topic, Function, EventBus)
    for function in graph.of(Function):
        if isinstance(function.on_success, Named):
            yield from _must_be(kinds, function.on_success, graph, f'successes of "{function.name}"')
        if isinstance(function.on_failure, Named):
            yield from _must_be(
                (*kinds, Bucket), function.on_failure, graph, f'failures of "{function.name}"'
            )


def _must_be(kinds: tuple[type[Resource], ...], named: Named, graph: Graph, what: str) -> Iterator[Finding]:
    resource = graph.follow(named)
    if resource is not None and not isinstance(resource, kinds):
        yield Finding(
            what=f'{what} cannot go to "{named.name}", a {type(resource).__name__}',
            part=named,
            fix=f"name a {' or a '.join(kind.__name__ for kind in kinds)}",
        )


def _cycles(graph: Graph) -> Iterator[Finding]:
    reported: set[str] = set()
    for queue in graph.of(Queue):
        path = [queue.name]
        current = _dead_letter_queue(queue, graph)
        while current is not None and current.name not in path:
            path.append(current.name)
            current = _dead_letter_queue(current, graph)
        if current is not None and current.name == queue.name and not reported & set(path):
            reported.update(path)
            yield Finding(
                what=f"dead letters go round in a circle: {' -> '.join([*path, queue.name])}",
                part=queue,
                fix="the last dead-letter queue has none of its own",
            )


def _failures_in_circles(graph: Graph) -> Iterator[Finding]:
    for function in graph.of(Function):
        seen: list[Function] = []
        waiting = list(_told_of_failures(function, graph))
        while waiting:
            told = waiting.pop()
            if told not in seen:
                seen.append(told)
                waiting.extend(_told_of_failures(told, graph))
        if function in seen:
            yield Finding(
                what=f'"{function.name}" is told of its own failures: each would be an event that may fail again',
                part=function,
                fix="tell a queue or a bucket of them, or a function whose failures go elsewhere",
            )


def _told_of_failures(function: Function, graph: Graph) -> Iterator[Function]:
    """The functions that are invoked with every failure of a function."""
    for reference in (function.on_failure, function.dead_letter_queue):
        told = None if reference is None else graph.follow(reference)
        if isinstance(told, Function):
            yield told
        elif isinstance(told, Topic):
            for one in graph.of(Subscription):
                if one.topic == told and isinstance(one.to, Function) and one.filter_policy is None:
                    yield one.to


def _retention(graph: Graph) -> Iterator[Finding]:
    for queue in graph.of(Queue):
        dead = _dead_letter_queue(queue, graph)
        if dead is not None and dead.message_retention_seconds < queue.message_retention_seconds:
            yield Finding(
                what=(
                    f'"{dead.name}" keeps messages for {dead.message_retention_seconds:,} s, less than '
                    f'"{queue.name}" ({queue.message_retention_seconds:,} s): a dead letter keeps its first '
                    "date and may be gone before anyone sees it"
                ),
                part=dead,
                fix=f"message_retention_seconds={queue.message_retention_seconds} or more, up to 1,209,600",
            )


def _failures_to_fifo(graph: Graph) -> Iterator[Finding]:
    for function in graph.of(Function):
        for field in ("on_success", "on_failure", "dead_letter_queue"):
            target = getattr(function, field)
            yield from _no_fifo(target, function, f'{field} of "{function.name}"', graph)
    for mapping in graph.of(StreamMapping):
        yield from _no_fifo(mapping.on_failure, mapping, f'on_failure of "{mapping.stream.name}"', graph)


def _no_fifo(target: Resource | Named | None, part: Part, what: str, graph: Graph) -> Iterator[Finding]:
    resource = None if target is None else graph.follow(target)
    if isinstance(resource, Queue | Topic) and resource.fifo:
        kind = type(resource).__name__.lower()
        yield Finding(
            what=f'{what} is the FIFO {kind} "{resource.name}", which Lambda cannot send failures to',
            part=part,
            fix=f"give a standard {kind}",
        )


def _visibility(graph: Graph) -> Iterator[Finding]:
    for mapping in graph.of(QueueMapping):
        queue, function = mapping.queue, mapping.function
        needed = 6 * function.timeout_seconds + ceil(mapping.batching_window_seconds)
        if queue.visibility_timeout_seconds < needed:
            window = " plus the batching window" if mapping.batching_window_seconds else ""
            yield Finding(
                what=(
                    f'the visibility timeout of "{queue.name}" is {queue.visibility_timeout_seconds} s, '
                    f'under six times the timeout of "{function.name}" ({function.timeout_seconds} s){window}'
                    ": a message that is still being handled would be delivered again"
                ),
                part=queue,
                within=f"mapped at {mapping.declared_at}",
                fix=f"visibility_timeout_seconds={needed}, or a shorter timeout_seconds for the function",
            )


def _dead_letter_queue(queue: Queue, graph: Graph) -> Queue | None:
    if queue.dead_letter_queue is None:
        return None
    found = graph.follow(queue.dead_letter_queue)
    return found if isinstance(found, Queue) else None


_RECORDS = "https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"
_SQS = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest"

RULES = (
    Rule(
        id="PL201",
        title="the name of a FIFO queue, and of no other, ends with .fifo",
        source=f"{_SQS}/APIReference/API_CreateQueue.html",
        check=_fifo_suffix,
    ),
    Rule(
        id="PL202",
        title="only a FIFO queue or topic deduplicates by content",
        source=f"{_SQS}/APIReference/API_SetQueueAttributes.html",
        check=_deduplication,
    ),
    Rule(
        id="PL203",
        title="a dead-letter queue is of the same kind as its queue",
        source=f"{_SQS}/SQSDeveloperGuide/sqs-dead-letter-queues.html",
        check=_kinds_of_dead_letter_queue,
    ),
    Rule(
        id="PL204",
        title="dead letters go to a queue, a function's to a queue or a topic",
        source=f"{_SQS}/SQSDeveloperGuide/sqs-dead-letter-queues.html and {_RECORDS}#invocation-dlq",
        check=_dead_letter_is_a_queue,
    ),
    Rule(
        id="PL205",
        title="dead letters do not go round in a circle",
        source="our own: a message in a circle is never seen by anyone",
        check=_cycles,
    ),
    Rule(
        id="PL206",
        title="a dead-letter queue keeps its messages at least as long as the queue before it",
        source=f"{_SQS}/SQSDeveloperGuide/sqs-dead-letter-queues.html#understanding-message-retention-periods",
        check=_retention,
    ),
    Rule(
        id="PL207",
        title="failed invocations do not go to a FIFO queue",
        source=_RECORDS,
        check=_failures_to_fifo,
    ),
    Rule(
        id="PL208",
        title="a queue's visibility timeout is at least six times its function's timeout",
        source="https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html",
        check=_visibility,
    ),
    Rule(
        id="PL209",
        title="records of asynchronous invocations go to a queue, a topic, a function or an event bus, of failures "
        "also to a bucket",
        source=_RECORDS,
        check=_destinations,
    ),
    Rule(
        id="PL210",
        title="a function is not told of its own failures",
        source="https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html",
        check=_failures_in_circles,
    ),
)
