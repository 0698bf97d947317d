"""PL4xx: bucket notifications."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product

from penstock.pipelines.checks.rule import Finding, Rule
from penstock.pipelines.checks.triggers import share_prefix, share_suffix, triggering_themselves
from penstock.pipelines.graph import Graph
from penstock.pipelines.http_api import HttpApi
from penstock.pipelines.resources import BucketNotification, Entry, EventRule, Queue, Results, Topic

EVENT_NAMES = frozenset(
    [
        "s3:TestEvent",
        "s3:ObjectCreated:*",
        "s3:ObjectCreated:Put",
        "s3:ObjectCreated:Post",
        "s3:ObjectCreated:Copy",
        "s3:ObjectCreated:CompleteMultipartUpload",
        "s3:ObjectRemoved:*",
        "s3:ObjectRemoved:Delete",
        "s3:ObjectRemoved:DeleteMarkerCreated",
        "s3:ObjectRestore:*",
        "s3:ObjectRestore:Post",
        "s3:ObjectRestore:Completed",
        "s3:ObjectRestore:Delete",
        "s3:ReducedRedundancyLostObject",
        "s3:Replication:*",
        "s3:Replication:OperationFailedReplication",
        "s3:Replication:OperationMissedThreshold",
        "s3:Replication:OperationReplicatedAfterThreshold",
        "s3:Replication:OperationNotTracked",
        "s3:LifecycleExpiration:*",
        "s3:LifecycleExpiration:Delete",
        "s3:LifecycleExpiration:DeleteMarkerCreated",
        "s3:LifecycleTransition",
        "s3:IntelligentTiering",
        "s3:ObjectTagging:*",
        "s3:ObjectTagging:Put",
        "s3:ObjectTagging:Delete",
        "s3:ObjectAcl:Put",
    ]
)


def _event_names(graph: Graph) -> Iterator[Finding]:
    for notification in graph.of(BucketNotification):
        if not notification.events:
            yield Finding(
                what=f'the notification of "{notification.bucket.name}" names no event',
                part=notification,
                fix='leave events out, which is ("s3:ObjectCreated:*",), or name some',
            )
        for event in notification.events:
            if event not in EVENT_NAMES:
                yield Finding(
                    what=f'S3 has no event called "{event}"',
                    part=notification,
                    fix='the usual ones are "s3:ObjectCreated:*" and "s3:ObjectRemoved:*"',
                )


def _fifo_targets(graph: Graph) -> Iterator[Finding]:
    for notification in graph.of(BucketNotification):
        if isinstance(notification.to, Queue | Topic) and notification.to.fifo:
            kind = type(notification.to).__name__.lower()
            yield Finding(
                what=f'S3 cannot notify the FIFO {kind} "{notification.to.name}"',
                part=notification,
                fix=f"notify a standard {kind}",
            )


def _overlapping(graph: Graph) -> Iterator[Finding]:
    for first, second in combinations(graph.of(BucketNotification), 2):
        if first.bucket == second.bucket and _overlap(first, second):
            yield Finding(
                what=f'two notifications of "{second.bucket.name}" would announce the same object',
                part=second,
                fix=f"the other one is at {first.declared_at}: let their events, prefixes or suffixes differ",
            )


def _overlap(first: BucketNotification, second: BucketNotification) -> bool:
    events = any(_same_event(one, other) for one, other in product(first.events, second.events))
    return events and share_prefix(first.prefix, second.prefix) and share_suffix(first.suffix, second.suffix)


def _same_event(first: str, second: str) -> bool:
    return first.removesuffix("*").startswith(second.removesuffix("*")) or second.removesuffix(
        "*"
    ).startswith(first.removesuffix("*"))


def _ends(graph: Graph) -> Iterator[Finding]:
    for results in graph.of(Results):
        for notification in graph.of(BucketNotification):
            if results.bucket == notification.bucket and share_prefix(
                results.key_prefix, notification.prefix
            ):
                yield Finding(
                    what=f'the results in "{results.bucket.name}" would be announced as if they were input',
                    part=results,
                    within=f"BucketNotification at {notification.declared_at}",
                    fix="another bucket for the results, or prefixes that do not meet",
                )


def _unannounced_entries(graph: Graph) -> Iterator[Finding]:
    for entry in graph.of(Entry):
        heard = [item for item in graph.of(BucketNotification) if item.bucket == entry.bucket]
        on_the_bus = entry.bucket.event_bridge_enabled and any(one.pattern for one in graph.of(EventRule))
        served = bool(graph.of(HttpApi))  # `penstock serve --input` lays files there for those who ask
        if not (on_the_bus or served or any(entry.key_prefix.startswith(item.prefix) for item in heard)):
            yield Finding(
                what=f'a file that enters at "{entry.bucket.name}/{entry.key_prefix}" is announced to nobody',
                part=entry,
                fix="add a BucketNotification whose prefix begins the entry's key_prefix, or give the bucket "
                "event_bridge_enabled=True and an EventRule",
            )


def _markers_without_versions(graph: Graph) -> Iterator[Finding]:
    for notification in graph.of(BucketNotification):
        unheard = [event for event in notification.events if event.endswith(":DeleteMarkerCreated")]
        if unheard and not notification.bucket.versioned:
            yield Finding(
                what=f'"{notification.bucket.name}" keeps no versions: nothing there is deleted by a marker, '
                f'and "{unheard[0]}" never comes',
                part=notification,
                fix='Bucket(..., versioned=True), or the event "s3:ObjectRemoved:Delete"',
            )


_S3 = "https://docs.aws.amazon.com/AmazonS3/latest/userguide"

RULES = (
    Rule(
        id="PL401",
        title="a notification's events are events that S3 has",
        source=f"{_S3}/notification-how-to-event-types-and-destinations.html",
        check=_event_names,
    ),
    Rule(
        id="PL402",
        title="S3 notifies standard queues only",
        source=f"{_S3}/notification-how-to-event-types-and-destinations.html",
        check=_fifo_targets,
    ),
    Rule(
        id="PL403",
        title="an object is announced by one notification of its bucket",
        source=f"{_S3}/notification-how-to-filtering.html",
        check=_overlapping,
    ),
    Rule(
        id="PL404",
        title="a bucket does not trigger itself, nor over another one",
        source="https://docs.aws.amazon.com/lambda/latest/dg/with-s3.html",
        check=triggering_themselves,
    ),
    Rule(
        id="PL405",
        title="results are not announced as input",
        source="https://docs.aws.amazon.com/lambda/latest/dg/with-s3.html",
        check=_ends,
    ),
    Rule(
        id="PL406",
        title="a file that enters the pipeline is announced to somebody",
        source="our own: a run would end with nothing done",
        check=_unannounced_entries,
    ),
    Rule(
        id="PL407",
        title="a bucket without versions does not tell of delete markers",
        source=f"{_S3}/DeleteMarker.html",
        check=_markers_without_versions,
    ),
)
