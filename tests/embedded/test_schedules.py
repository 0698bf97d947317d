"""Rules with a schedule on the embedded target: their targets get a scheduled event when it is due."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from penstock.handlers import EventBridgeEvent, on_schedule
from penstock.handlers.events import parse_event
from penstock.handlers.events.buses import ScheduledEvent
from penstock.pipelines import EventRule, Function, Part, Pipeline, Queue, Schedule, StateMachine
from penstock.pipelines.iam import policy_of
from penstock.runtime.clock import VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.journal import read_journal
from penstock.runtime.journal_events import EventPut
from penstock.runtime.state_folder import last_run, new_run

SEEN: list[str] = []


@on_schedule
def note(event: EventBridgeEvent[dict[str, Any]]) -> None:
    SEEN.append(event.time)


TICKS, HOURS = Queue("ticks"), Queue("hours")
RULES = (
    EventRule("every-minute", schedule="rate(1 minute)", to=(TICKS,)),
    EventRule("mornings", schedule="cron(30 6 ? * MON-FRI *)", to=(Function("note", note), HOURS)),
)
HOUR = 3600.0


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Embedded]:
    SEEN.clear()
    with opened(tmp_path, RULES) as found:
        yield found


def opened(base: Path, rules: Sequence[Part]) -> Embedded:
    return Embedded(Pipeline("test", parts=rules), new_run("test", base=base), clock=VirtualClock())


def bodies(run: Embedded, queue: str) -> list[dict[str, Any]]:
    return [json.loads(message.body) for message in run.queues.find(queue).messages.values()]


def test_a_rate_and_a_cron_expression_are_due_in_virtual_time(run: Embedded) -> None:
    """Every minute from the run's beginning; on weekdays at 06:30 UTC (2026-01-03 is a Saturday)."""
    run.scheduler.run_for(150.0)
    times = [event["time"] for event in bodies(run, "ticks")]
    assert times == ["2026-01-01T00:01:00Z", "2026-01-01T00:02:00Z"]
    run.scheduler.run_for(5 * 24 * HOUR)
    assert SEEN == ["2026-01-01T06:30:00Z", "2026-01-02T06:30:00Z", "2026-01-05T06:30:00Z"]


def test_the_event_is_what_eventbridge_sends(run: Embedded) -> None:
    """`penstock.handlers.events` reads it as a scheduled event of the rule."""
    run.scheduler.run_for(7 * HOUR)
    (event,) = bodies(run, "hours")
    parsed = parse_event("scheduled", event)
    assert isinstance(parsed, ScheduledEvent)
    assert (parsed.source, parsed.detail_type, parsed.detail) == ("aws.events", "Scheduled Event", {})
    assert parsed.resources == ["arn:aws:events:us-east-1:123456789012:rule/mornings"]
    assert parsed.time == dt.datetime(2026, 1, 1, 6, 30, tzinfo=dt.UTC)


def test_a_schedule_does_not_keep_a_run_from_being_idle(run: Embedded) -> None:
    """Otherwise no run with a schedule would ever end."""
    run.run_until_idle()
    assert not bodies(run, "ticks")


def test_a_rule_with_a_pattern_and_a_schedule_has_both(tmp_path: Path) -> None:
    """EventBridge, "PutRule": it is triggered by matching events as well as on the schedule."""
    rule = EventRule("both", schedule="rate(1 hour)", pattern={"source": ["shop"]}, to=(TICKS,))
    with opened(tmp_path, (rule,)) as run:
        client: Any = run.client("events")
        client.put_events(Entries=[{"Source": "shop", "DetailType": "sale", "Detail": "{}"}])
        run.scheduler.run_for(1.5 * HOUR)
        assert [event["source"] for event in bodies(run, "ticks")] == ["shop", "aws.events"]


def test_a_resumed_run_goes_on_with_its_schedules(tmp_path: Path) -> None:
    """No time is sent twice, and the next one is counted from the first run's beginning."""
    rule = EventRule("hourly", schedule="rate(1 hour)", to=(TICKS,))
    pipeline = Pipeline("test", parts=(rule,))
    with Embedded(pipeline, new_run("test", base=tmp_path), clock=VirtualClock()) as first:
        first.scheduler.run_for(2.5 * HOUR)
    with Embedded(pipeline, last_run("test", base=tmp_path), clock=VirtualClock()) as second:
        second.scheduler.run_for(1.5 * HOUR)
        put = [one for one in read_journal(second.folder.journal) if isinstance(one, EventPut)]
    assert [one.at - put[0].at for one in put] == [0.0, HOUR, 2 * HOUR]
    assert [one.rules for one in put] == [("hourly",)] * 3


def test_a_resumed_run_goes_on_with_schedules_of_the_scheduler(tmp_path: Path) -> None:
    """What was due is not due again, and a rate keeps its beat."""
    schedules = (Schedule("beat", expression="rate(1 hour)", to=HOURS, flexible_window_minutes=1),)
    with opened(tmp_path, schedules) as run:
        run.scheduler.run_for(2.5 * HOUR)
        assert len(bodies(run, "hours")) == 3
    with Embedded(
        Pipeline("test", parts=schedules), last_run("test", base=tmp_path), clock=VirtualClock()
    ) as again:
        again.scheduler.run_for(1.5 * HOUR)
        assert [one["time"][11:16] for one in bodies(again, "hours")][-1:] == ["03:00"]


def test_a_schedule_has_a_role(tmp_path: Path) -> None:
    """It may do what it is declared to do: enforced, a machine is started all the same."""
    machine = StateMachine("steps", {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}})
    pipeline = Pipeline("test", parts=(Schedule("start", expression="rate(1 hour)", to=machine),))
    with Embedded(
        pipeline, new_run("test", base=tmp_path), clock=VirtualClock(), policy=policy_of(pipeline)
    ) as run:
        run.scheduler.run_for(0.5 * HOUR)
        client: Any = run.client("stepfunctions")
        arn = client.list_state_machines()["stateMachines"][0]["stateMachineArn"]
        assert [one["status"] for one in client.list_executions(stateMachineArn=arn)["executions"]] == [
            "SUCCEEDED"
        ]
    (role,) = [one for one in policy_of(pipeline).roles if one.owner == "schedule start"]
    assert [one.action for one in role.grants] == ["states:StartExecution"]


def test_a_window_that_is_open_when_a_run_is_cut_off_is_kept(tmp_path: Path) -> None:
    """What was due, and had not come yet within its flexible window, comes in the resumed run, and once."""
    start = "2026-01-01T01:00:00Z"
    beat = Schedule("beat", expression="rate(1 hour)", to=HOURS, start=start, flexible_window_minutes=50)
    pipeline = Pipeline("test", parts=(beat, TICKS))
    with Embedded(pipeline, new_run("test", base=tmp_path), clock=VirtualClock()) as run:
        run.scheduler.run_for(HOUR + 1.0)
        run.queues.send("ticks", "the journal has this moment")
        assert not bodies(run, "hours")
    with Embedded(pipeline, last_run("test", base=tmp_path), clock=VirtualClock()) as again:
        again.scheduler.run_for(2 * HOUR - 2.0)
        assert [one["time"][11:16] for one in bodies(again, "hours")] == ["01:00", "02:00"]
