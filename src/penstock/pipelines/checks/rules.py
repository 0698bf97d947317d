"""PL7xx: EventBridge's rules, and SNS's topics and subscriptions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from penstock.errors import EventPatternError, ScheduleExpressionError
from penstock.pipelines.checks.rule import Finding, Rule
from penstock.pipelines.event_patterns import compile_pattern
from penstock.pipelines.graph import Graph
from penstock.pipelines.input_transformers import rule_input
from penstock.pipelines.pattern_limits import check_length, check_policy
from penstock.pipelines.resources import (
    EventBus,
    EventRule,
    Function,
    Named,
    Part,
    Queue,
    Subscription,
    Topic,
)
from penstock.pipelines.scheduler import Schedule
from penstock.pipelines.schedules import read_schedule, read_timetable

MOST_TARGETS = 5


def _patterns(graph: Graph) -> Iterator[Finding]:
    for rule in graph.of(EventRule):
        if rule.pattern is None:
            continue
        try:
            compile_pattern(rule.pattern)
            check_length(rule.pattern)
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
        for target in rule.targets:
            to = target.to
            if isinstance(to, Queue) and to.fifo and target.message_group_id is None:
                yield Finding(
                    what=f'the rule "{rule.name}" sends to the FIFO queue "{to.name}" without a group',
                    part=rule,
                    fix="RuleTarget(queue, message_group_id=...), or name a standard queue",
                )
            if isinstance(to, Queue) and to.fifo and not to.content_based_deduplication:
                yield Finding(
                    what=f'the rule "{rule.name}" sends to the FIFO queue "{to.name}", which takes no message '
                    "without a deduplication id",
                    part=rule,
                    fix="content_based_deduplication=True for the queue: EventBridge gives no such ids",
                )
            if target.message_group_id is not None and not (isinstance(to, Queue) and to.fifo):
                yield Finding(
                    what=f'the rule "{rule.name}" has a message group for "{to.name}", which is no FIFO queue',
                    part=rule,
                    fix="leave message_group_id out",
                )
            if isinstance(to, Topic) and to.fifo:
                yield Finding(
                    what=f'the rule "{rule.name}" publishes to the FIFO topic "{to.name}"',
                    part=rule,
                    fix="name a standard topic: EventBridge publishes to no other",
                )
            if isinstance(to, EventBus) and to == rule.bus:
                yield Finding(
                    what=f'the rule "{rule.name}" sends the events of "{to.name}" to "{to.name}" again',
                    part=rule,
                    fix="name another event bus",
                )


def _target_settings(graph: Graph) -> Iterator[Finding]:
    for rule in graph.of(EventRule):
        for target in rule.targets:
            within = f'RuleTarget("{target.to.name}")'
            try:
                rule_input(target)
            except EventPatternError as error:
                yield Finding(
                    what=f"EventBridge refuses the input: {error.what}",
                    part=rule,
                    within=within,
                    fix=error.fix or "write a path or a template",
                )
            changed = (target.input, target.input_path, target.input_template)
            if isinstance(target.to, EventBus) and any(one is not None for one in changed):
                yield Finding(
                    what=f'the event bus "{target.to.name}" is given something else than the event',
                    part=rule,
                    within=within,
                    fix="leave input, input_path and input_template out: a bus gets the event as it is",
                )
            if not 0 <= target.maximum_retry_attempts <= 185:
                yield Finding(
                    what=f"{target.maximum_retry_attempts} retries", part=rule, within=within, fix="0 to 185"
                )
            if not 60 <= target.maximum_event_age_seconds <= 86_400:
                yield Finding(
                    what=f"an event is tried for {target.maximum_event_age_seconds} seconds",
                    part=rule,
                    within=within,
                    fix="60 to 86400",
                )
            yield from _dead_letters(graph, rule, target.dead_letter_queue, within)
    for subscription in graph.of(Subscription):
        yield from _dead_letters(
            graph,
            subscription,
            subscription.dead_letter_queue,
            "dead_letter_queue",
            fifo=subscription.topic.fifo,
        )


def _dead_letters(
    graph: Graph, part: Part, queue: Queue | Named | None, within: str, *, fifo: bool = False
) -> Iterator[Finding]:
    found = None if queue is None else graph.follow(queue)
    if isinstance(found, Queue) and found.fifo != fifo:
        is_one, needed = ("a standard", "a FIFO") if fifo else ("a FIFO", "a standard")
        yield Finding(
            what=f'the dead-letter queue "{found.name}" is {is_one} queue',
            part=part,
            within=within,
            fix=f"name {needed} queue",
        )


def _schedules(graph: Graph) -> Iterator[Finding]:
    for rule in graph.of(EventRule):
        if rule.schedule is None:
            if rule.pattern is None:
                yield Finding(
                    what=f'the rule "{rule.name}" has neither a pattern nor a schedule',
                    part=rule,
                    fix='write pattern={"source": [...]}, or schedule="rate(5 minutes)"',
                )
            continue
        if rule.bus is not None:
            yield Finding(
                what=f'the rule "{rule.name}" has a schedule, but is on the event bus "{rule.bus.name}"',
                part=rule,
                fix="leave bus out: schedules are on the default bus only",
            )
        try:
            read_schedule(rule.schedule)
        except ScheduleExpressionError as error:
            yield Finding(
                what=f"EventBridge refuses the schedule: {error.what}",
                part=rule,
                within=f'EventRule("{rule.name}").schedule',
                fix=error.fix or "write rate(5 minutes)",
            )


def _timetables(graph: Graph) -> Iterator[Finding]:
    for schedule in graph.of(Schedule):
        within = f'Schedule("{schedule.name}")'
        try:
            read_timetable(
                schedule.expression, timezone=schedule.timezone, start=schedule.start, end=schedule.end
            )
        except ScheduleExpressionError as error:
            yield Finding(
                what=f"EventBridge Scheduler refuses the schedule: {error.what}",
                part=schedule,
                within=within,
                fix=error.fix or "write rate(5 minutes)",
            )
        to = schedule.to
        is_line = isinstance(to, Queue) and to.fifo
        if is_line != (schedule.message_group_id is not None):
            yield Finding(
                what=f'"{to.name}" {"is a" if is_line else "is no"} FIFO queue',
                part=schedule,
                within=within,
                fix="message_group_id=... is for a FIFO queue, which needs one",
            )
        if isinstance(to, Queue) and to.fifo and not to.content_based_deduplication:
            yield Finding(
                what=f'"{to.name}" takes no message without a deduplication id',
                part=schedule,
                within=within,
                fix="content_based_deduplication=True for the queue: EventBridge Scheduler gives no such ids",
            )
        if isinstance(to, Topic) and to.fifo:
            yield Finding(
                what=f'the schedule publishes to the FIFO topic "{to.name}"',
                part=schedule,
                within=within,
                fix="name a standard topic",
            )
        yield from _dead_letters(graph, schedule, schedule.dead_letter_queue, within)


def _policies(graph: Graph) -> Iterator[Finding]:
    for subscription in graph.of(Subscription):
        if subscription.filter_policy is None:
            continue
        try:
            compile_pattern(subscription.filter_policy)
            check_policy(subscription.filter_policy, subscription.filter_policy_scope)
        except EventPatternError as error:
            yield Finding(
                what=f"SNS refuses the filter policy: {error.what}",
                part=subscription,
                within=f"filter_policy{error.at or ''}",
                fix=error.fix or "write a filter policy",
            )


def _topics(graph: Graph) -> Iterator[Finding]:
    for topic in graph.of(Topic):
        if topic.fifo != topic.name.endswith(".fifo"):
            yield Finding(
                what=f'the topic "{topic.name}" is {"" if topic.fifo else "no "}FIFO topic',
                part=topic,
                fix="a FIFO topic has fifo=True and a name that ends with .fifo, any other topic neither",
            )
    for subscription in graph.of(Subscription):
        to = subscription.to
        if isinstance(to, Queue) and to.fifo and not subscription.topic.fifo:
            yield Finding(
                what=f'the FIFO queue "{to.name}" is subscribed to the standard topic "{subscription.topic.name}"',
                part=subscription,
                fix="subscribe a standard queue, or make the topic a FIFO topic",
            )
        if isinstance(to, Function) and subscription.topic.fifo:
            yield Finding(
                what=f'the function "{to.name}" is subscribed to the FIFO topic "{subscription.topic.name}"',
                part=subscription,
                fix="subscribe a queue and map it to the function: a FIFO topic sends to queues only",
            )
        if isinstance(to, Function) and subscription.raw_message_delivery:
            yield Finding(
                what=f'raw message delivery to the function "{to.name}"',
                part=subscription,
                fix="leave raw_message_delivery out: it is for queues",
            )
    for first, second in combinations(graph.of(Subscription), 2):
        if (first.topic, first.to) == (second.topic, second.to):
            yield Finding(
                what=f'"{second.to.name}" is subscribed to the topic "{second.topic.name}" twice',
                part=second,
                fix=f"the other subscription is at {first.declared_at}: keep one",
            )


_SNS = "https://docs.aws.amazon.com/sns/latest/dg"
_EVENTS = "https://docs.aws.amazon.com/eventbridge/latest/userguide"

RULES = (
    Rule(
        id="PL701",
        title="a rule's event pattern is valid",
        source=f"{_EVENTS}/eb-event-patterns.html and {_EVENTS}/eb-quota.html",
        check=_patterns,
    ),
    Rule(
        id="PL702",
        title="a rule has one to five targets, a FIFO queue with a message group",
        source=f"{_EVENTS}/eb-targets.html",
        check=_targets,
    ),
    Rule(
        id="PL703",
        title="a subscription's filter policy is valid",
        source=f"{_SNS}/sns-message-filtering.html and {_SNS}/subscription-filter-policy-constraints.html",
        check=_policies,
    ),
    Rule(
        id="PL704",
        title="topics, their names and what is subscribed to them fit together",
        source=f"{_SNS}/fifo-message-delivery.html and {_SNS}/sns-large-payload-raw-message-delivery.html",
        check=_topics,
    ),
    Rule(
        id="PL705",
        title="a rule has a pattern or a valid schedule, and schedules are on the default bus",
        source=f"{_EVENTS}/eb-create-rule-schedule.html",
        check=_schedules,
    ),
    Rule(
        id="PL706",
        title="a target's input can be made, its retries are within the limits, and its dead letters have a place",
        source=f"{_EVENTS}/eb-transform-target-input.html and {_EVENTS}/eb-rule-retry-policy.html",
        check=_target_settings,
    ),
    Rule(
        id="PL707",
        title="a schedule is one that EventBridge Scheduler takes, and so are its target and dead-letter queue",
        source="https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html",
        check=_timetables,
    ),
)
