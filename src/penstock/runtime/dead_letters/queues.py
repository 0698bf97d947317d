"""Which queues and buckets of a pipeline are for dead letters."""

from __future__ import annotations

from penstock.pipelines import (
    Bucket,
    EventRule,
    Function,
    Pipe,
    Pipeline,
    Queue,
    QueueMapping,
    StreamMapping,
    Subscription,
)
from penstock.pipelines.resolve import EMBEDDED, Target, name_of
from penstock.pipelines.scheduler import Schedule


def dead_letter_queues(pipeline: Pipeline, target: Target = EMBEDDED) -> list[str]:
    """The queues that nothing consumes, but for the one that tells of results and targets of rules, topics, pipes."""
    consumed = {name_of(mapping.queue, target) for mapping in pipeline.of(QueueMapping)}
    consumed |= {name_of(one, target) for pipe in pipeline.of(Pipe) for one in (pipe.source, pipe.to)}
    consumed |= {name_of(subscription.to, target) for subscription in pipeline.of(Subscription)}
    consumed |= {name_of(to.to, target) for rule in pipeline.of(EventRule) for to in rule.targets}
    consumed |= {name_of(schedule.to, target) for schedule in pipeline.of(Schedule)}
    results = pipeline.results
    if results is not None and results.announced_in is not None:
        consumed.add(name_of(results.announced_in, target))
    return [name for queue in pipeline.of(Queue) if (name := name_of(queue, target)) not in consumed]


def failure_buckets(pipeline: Pipeline, target: Target = EMBEDDED, suffix: str = "") -> list[str]:
    """The buckets in which functions and stream mappings keep what failed.

    Args:
        suffix: ends the names of the stack's buckets.
    """
    owners: tuple[Function | StreamMapping, ...] = (*pipeline.of(Function), *pipeline.of(StreamMapping))
    kept = [pipeline.graph.follow(one.on_failure) for one in owners if one.on_failure is not None]
    return list(dict.fromkeys(f"{name_of(one, target)}{suffix}" for one in kept if isinstance(one, Bucket)))
