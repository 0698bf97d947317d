"""Items that expire: deleted in virtual time, with a record that says who did it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from penstock.handlers import DynamoDBChange, on_dynamodb_change
from penstock.pipelines import Function, Pipeline, StreamMapping, Table
from penstock.runtime.clock import VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.state_folder import hold, new_run

SEEN: list[tuple[str, bool, object]] = []


@on_dynamodb_change
def see(change: DynamoDBChange[dict[str, Any]]) -> None:
    SEEN.append((change.event_name, change.expired, change.keys["id"]))


SESSIONS = Table(
    "sessions", partition_key="id", stream_view_type="NEW_AND_OLD_IMAGES", time_to_live_attribute="expires"
)
QUIET = Table("quiet", partition_key="id", sort_key="at", time_to_live_attribute="expires")
PIPELINE = Pipeline("expiring", parts=(StreamMapping(SESSIONS, Function("see", see)), QUIET))


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    SEEN.clear()


def put(run: Embedded, table: str, identifier: str, seconds: float | None, kind: str = "N") -> None:
    item: dict[str, object] = {"id": {"S": identifier}}
    if table == "quiet":
        item["at"] = {"S": "now"}
    if seconds is not None:
        item["expires"] = {kind: str(int(run.scheduler.now() + seconds))}
    client: Any = run.client("dynamodb")
    client.put_item(TableName=table, Item=item)


def left(run: Embedded, table: str) -> set[str]:
    client: Any = run.client("dynamodb")
    return {one["id"]["S"] for one in client.scan(TableName=table)["Items"]}


def test_an_item_is_gone_at_its_time_and_its_stream_tells(tmp_path: Path) -> None:
    """DynamoDB, "Using time to live (TTL)": the delete is the service's own; others are not marked so."""
    with Embedded(PIPELINE, new_run("expiring", base=tmp_path), clock=VirtualClock()) as run:
        put(run, "sessions", "a", 3600)
        put(run, "sessions", "b", 7200)
        put(run, "sessions", "never", None)
        put(run, "sessions", "text", 60, kind="S")
        put(run, "quiet", "c", 60)
        run.run_until_idle()
        assert left(run, "sessions") == {"a", "b", "never", "text"}
        run.scheduler.run_for(3601)
        assert left(run, "sessions") == {"b", "never", "text"}
        assert left(run, "quiet") == set()
        client: Any = run.client("dynamodb")
        client.delete_item(TableName="sessions", Key={"id": {"S": "b"}})
        run.run_until_idle()
    inserted = [("INSERT", False, one) for one in ("a", "b", "never", "text")]
    assert [*inserted, ("REMOVE", True, "a"), ("REMOVE", False, "b")] == SEEN


def test_a_later_time_counts_and_a_very_old_one_does_not(tmp_path: Path) -> None:
    """The time of the last write; more than five years ago is taken for a mistake."""
    with Embedded(PIPELINE, new_run("expiring", base=tmp_path), clock=VirtualClock()) as run:
        put(run, "sessions", "a", 60)
        put(run, "sessions", "a", 600)
        put(run, "sessions", "old", -6 * 365 * 86_400)
        run.scheduler.run_for(61)
        assert left(run, "sessions") == {"a", "old"}
        put(run, "sessions", "a", None)
        run.scheduler.run_for(3600)
        assert left(run, "sessions") == {"a", "old"}
        put(run, "sessions", "just", -1)
        run.scheduler.run_for(1)
        assert left(run, "sessions") == {"a", "old"}


def test_a_resumed_run_lets_its_items_expire(tmp_path: Path) -> None:
    """The timers follow from the items."""
    folder = new_run("expiring", base=tmp_path)
    with Embedded(PIPELINE, folder, clock=VirtualClock()) as run:
        put(run, "sessions", "a", 3600)
        put(run, "quiet", "c", 3600)
        run.scheduler.run_for(10)
        run.journal.flush()
    with Embedded(PIPELINE, hold(folder.path), clock=VirtualClock()) as again:
        assert left(again, "sessions") == {"a"}
        again.scheduler.run_for(3600)
        assert left(again, "sessions") == left(again, "quiet") == set()
        again.run_until_idle()
    assert SEEN[-1] == ("REMOVE", True, "a")
