"""What the pipelines of the delivery rules are made with: one pipeline for each family of rules."""

from __future__ import annotations

from pathlib import Path

from penstock.pipelines import (
    Bucket,
    EventBus,
    Function,
    Part,
    Pipeline,
    Queue,
    QueueMapping,
    Stream,
    StreamMapping,
    Subscription,
    Table,
    Topic,
    writes,
)

ROOT = Path(__file__).parents[3]
HANDLERS = "tests.contracts.delivery.functions"


def family(name: str, *parts: Part) -> Pipeline:
    """The pipeline of a family of rules."""
    return Pipeline(f"delivery-{name}", parts=parts, root=ROOT)


def only(pipeline: Pipeline, *sources: str) -> Pipeline:
    """What the pipeline has of queues, streams and tables, named without `delivery-`: mappings, and who is told."""
    wanted = {f"delivery-{one}" for one in sources}

    def is_of(part: Part) -> bool:
        match part:
            case StreamMapping():
                return part.stream.name in wanted
            case QueueMapping():
                return part.queue.name in wanted
            case Queue() | Stream() | Table():
                return part.name in wanted
            case _:
                return False

    mine = [one for one in pipeline.parts if is_of(one)]
    told = {one.on_failure for one in mine if isinstance(one, StreamMapping)}
    subscribed = [one for one in pipeline.parts if isinstance(one, Subscription) and one.topic in told]
    return family("alone", *mine, *subscribed)


def function(
    name: str,
    handler: str,
    *,
    timeout_seconds: int = 5,
    reserved_concurrency: int | None = None,
    maximum_retry_attempts: int = 2,
    maximum_event_age_seconds: int = 21_600,
    on_success: Queue | Topic | Function | EventBus | None = None,
    on_failure: Queue | Topic | Function | EventBus | Bucket | None = None,
    dead_letter_queue: Queue | Topic | None = None,
) -> Function:
    """A function that notes what it is given in a queue of its own, which `seen` reads by the same name."""
    saw = Queue(f"delivery-{name}-saw")
    return Function(
        f"delivery-{name}",
        f"{HANDLERS}.{handler}" if "." not in handler else f"tests.contracts.delivery.{handler}",
        timeout_seconds=timeout_seconds,
        environment={"SEEN_URL": saw},
        calls=(writes(saw),),
        reserved_concurrency=reserved_concurrency,
        maximum_retry_attempts=maximum_retry_attempts,
        maximum_event_age_seconds=maximum_event_age_seconds,
        on_success=on_success,
        on_failure=on_failure,
        dead_letter_queue=dead_letter_queue,
    )
