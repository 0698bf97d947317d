"""Every option that a declaration knows changes the template, or is said to be for runs on this machine only."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from penstock.handlers.http.routing import Cors
from penstock.pipelines import (
    BucketNotification,
    Entry,
    Feed,
    Part,
    Pipeline,
    QueueMapping,
    Resource,
    Results,
    StreamMapping,
    delivery_streams,
    http_api,
    pipes,
    resources,
    scheduler,
)
from penstock.pipelines.http_api import IamAuthorizer, JwtAuthorizer
from penstock.pipelines.plan import plan, written
from penstock.pipelines.resources import Place, Report, TimedRecord
from tests.unit.pipelines.plan.options import (
    ALL,
    BUCKET,
    FUNCTION,
    JWT,
    OPTIONS,
    OTHER_BUCKET,
    QUEUE,
    STREAM,
    guarded,
    made,
)

ON_THIS_MACHINE = {
    (Part, "declared_at"): "where the declaration stands",
    (Entry, "*"): "where `penstock run` puts its input",
    (Results, "*"): "what `penstock run` copies out",
    (Feed, "*"): "what `penstock run` replays",
    (TimedRecord, "*"): "a record of a feed",
    (Report, "*"): "what `penstock run` shows",
    (Place, "*"): "a line of a file",
    (IamAuthorizer, "name"): "how the declaration refers to it; API Gateway has no resource for it",
    (JwtAuthorizer, "keys"): "`penstock serve` checks tokens with them; AWS fetches the issuer's own",
}


def kinds() -> list[type]:
    """Every dataclass of a declaration."""
    return [
        one
        for module in (resources, http_api, pipes, delivery_streams, scheduler)
        for one in vars(module).values()
        if dataclasses.is_dataclass(one)
        and isinstance(one, type)
        and one.__module__.startswith(module.__name__)
        if one not in (Part, Resource)
    ]


def options() -> list[tuple[type, str]]:
    """Every field of every kind that a user may set, but for those that are for this machine only."""
    fields = [(kind, one.name) for kind in kinds() for one in dataclasses.fields(kind) if one.init]
    fields += [(Cors, name) for name in Cors.__struct_fields__]
    return [
        (kind, name)
        for kind, name in fields
        if (kind, "*") not in ON_THIS_MACHINE and (kind, name) not in ON_THIS_MACHINE
    ]


def template(part: Part) -> str:
    return written(plan(Pipeline("tried", parts=(*ALL, part))), "json")


@pytest.mark.parametrize(
    ("kind", "name"), options(), ids=lambda one: one if isinstance(one, str) else one.__name__
)
def test_an_option_changes_the_template(kind: type, name: str) -> None:
    """Two declarations that differ in one option have two templates."""
    base, changes = OPTIONS[kind]
    change = changes[name]
    before, after = change if isinstance(change, tuple) else ({}, change)

    assert template(made(kind, base, before)) != template(made(kind, base, after))


def test_nothing_is_tried_that_is_not_there() -> None:
    """The table above has neither a field too many nor one too few."""
    known = set(options())
    assert {(kind, name) for kind, (_, changes) in OPTIONS.items() for name in changes} == known


def test_what_is_for_this_machine_only() -> None:
    """An entry, results and a feed leave no trace in the template."""
    feed = Feed(STREAM, records=lambda path: ())
    parts = (
        *ALL,
        BucketNotification(BUCKET, to=QUEUE),
        QueueMapping(QUEUE, FUNCTION),
        StreamMapping(STREAM, FUNCTION),
    )
    plain = plan(Pipeline("tried", parts=parts))
    with_input = plan(Pipeline("tried", parts=parts, entry=Entry(BUCKET), results=Results(OTHER_BUCKET)))
    with_feed = plan(Pipeline("tried", parts=parts, feed=feed))

    assert json.dumps(plain) == json.dumps(with_input) == json.dumps(with_feed)
    keys = dataclasses.replace(JWT, keys=Path("keys.json"))
    assert template(guarded(JWT)) == template(guarded(keys))
