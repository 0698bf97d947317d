"""PL7xx: EventBridge's rules."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.errors import EventPatternError
from penstock.pipelines.checks.rule import Finding, Rule
from penstock.pipelines.event_patterns import compile_pattern
from penstock.pipelines.graph import Graph
from penstock.pipelines.resources import EventRule, Queue

MOST_TARGETS = 5


def _patterns(graph: Graph) -> Iterator[Finding]:
    for rule in graph.of(EventRule):
        try:
            compile_pattern(rule.pattern)
        except EventPatternError as error:
            yield Finding(
                what=f"EventBridge refuses the pattern: {error.what}",
                part=rule,
                within=f'EventRule("{rule.name}").pattern{error.at or ""}',
                fix=error.fix or "write an event pattern",
            )


def _targets(graph: Graph) -> Iterator[Finding]:
    for rule in graph.of(EventRule):
        if not 1 <= len(rule.to) <= MOST_TARGETS:
            yield Finding(
                what=f'the rule "{rule.name}" has {len(rule.to)} targets',
                part=rule,
                fix=f"a rule has 1 to {MOST_TARGETS}: write a second rule for more",
            )
        for target in rule.to:
            if isinstance(target, Queue) and target.fifo:
                yield Finding(
                    what=f'the rule "{rule.name}" sends to the FIFO queue "{target.name}" without a group',
                    part=rule,
                    fix="name a standard queue; a function can send to a FIFO queue with a group",
                )


_EVENTS = "https://docs.aws.amazon.com/eventbridge/latest/userguide"

RULES = (
    Rule(
        id="PL701",
        title="a rule's event pattern is valid",
        source=f"{_EVENTS}/eb-event-patterns.html",
        check=_patterns,
    ),
    Rule(
        id="PL702",
        title="a rule has one to five targets, and a FIFO queue is none",
        source=f"{_EVENTS}/eb-targets.html",
        check=_targets,
    ),
)
