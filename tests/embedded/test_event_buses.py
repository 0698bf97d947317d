"""EventBridge on the embedded target: events reach the targets of the rules that they match."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from penstock.errors import UnansweredOperationError
from penstock.handlers import EventBridgeEvent, on_event
from penstock.pipelines import EventBus, EventRule, Function, Pipeline, Queue, StateMachine
from penstock.runtime.clock import VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.journal import read_journal
from penstock.runtime.journal_events import EventPut
from penstock.runtime.services import Call
from penstock.runtime.state_folder import new_run

SEEN: list[EventBridgeEvent[dict[str, Any]]] = []


@on_event
def alert(event: EventBridgeEvent[dict[str, Any]]) -> None:
    if event.detail.get("fails"):
        raise RuntimeError("not this one")
    SEEN.append(event)


BUS = EventBus("orders")
LETTERS = Queue("letters")
FAILED = Queue("failed-alerts")
MACHINE = StateMachine("steps", {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})
RULES = (
    EventRule(
        "large",
        bus=BUS,
        pattern={"source": ["shop"], "detail": {"amount": [{"numeric": [">", 100]}]}},
        to=(LETTERS, Function("alert", alert, on_failure=FAILED), MACHINE),
    ),
    EventRule("all-on-default", pattern={"source": [{"prefix": ""}]}, to=(Queue("defaults"),)),
)


@pytest.fixture
def run(tmp_path: Path) -> Any:
    SEEN.clear()
    with Embedded(
        Pipeline("test", parts=RULES), new_run("test", base=tmp_path), clock=VirtualClock()
    ) as found:
        yield found


def entry(amount: int, **more: object) -> dict[str, object]:
    detail = {"amount": amount, **more.pop("detail", {})}  # type: ignore[dict-item]
    return {
        "Source": "shop",
        "DetailType": "order placed",
        "Detail": json.dumps(detail),
        "EventBusName": "orders",
        **more,
    }


@pytest.mark.parametrize(
    "time",
    [
        dt.datetime(2020, 1, 1, 12, tzinfo=dt.UTC),
        "2020-01-01T12:00:00Z",
        "2020-01-01T13:00:00+01:00",
        1577880000,
        1577880000.5,
    ],
)
def test_an_event_has_the_time_that_it_is_given(run: Embedded, time: object) -> None:
    """In any form that boto3 takes; not the time at which it was put."""
    client: Any = run.client("events")
    client.put_events(Entries=[entry(500, Time=time)])
    run.run_until_idle()
    (letter,) = run.queues.find("letters").messages.values()
    assert json.loads(letter.body)["time"] == "2020-01-01T12:00:00Z"


def test_global_endpoints_are_refused(run: Embedded) -> None:
    """They would be passed over."""
    parameters = {"Entries": [entry(500)], "EndpointId": "abcde.veo"}
    with pytest.raises(UnansweredOperationError, match="EndpointId"):
        run.router.answer(Call(service="events", operation="PutEvents", parameters=parameters))


def test_an_event_reaches_every_target_of_the_rules_that_it_matches(run: Embedded) -> None:
    """A queue gets its JSON, a function is invoked, a state machine starts."""
    client: Any = run.client("events")
    answer = client.put_events(Entries=[entry(5), entry(500)])
    run.run_until_idle()
    assert answer["FailedEntryCount"] == 0
    (letter,) = run.queues.find("letters").messages.values()
    event = json.loads(letter.body)
    assert (event["id"], event["source"], event["detail-type"], event["detail"], event["time"]) == (
        answer["Entries"][1]["EventId"],
        "shop",
        "order placed",
        {"amount": 500},
        "2026-01-01T00:00:00Z",
    )
    assert [one.detail for one in SEEN] == [{"amount": 500}]
    executions = run.client("stepfunctions").list_executions(
        stateMachineArn="arn:aws:states:us-east-1:123456789012:stateMachine:steps"
    )["executions"]
    assert [one["status"] for one in executions] == ["SUCCEEDED"]
    assert not run.queues.find("defaults").messages


def test_a_function_that_fails_is_an_asynchronous_failure(run: Embedded) -> None:
    """It is tried three times, and then its own destination is told."""
    client: Any = run.client("events")
    client.put_events(Entries=[entry(500, detail={"fails": True})])
    run.run_until_idle()
    (letter,) = run.queues.find("failed-alerts").messages.values()
    context = json.loads(letter.body)["requestContext"]
    assert (context["condition"], context["approximateInvokeCount"]) == ("RetriesExhausted", 3)


def test_the_journal_says_which_rules_matched(run: Embedded) -> None:
    """Also that none did."""
    client: Any = run.client("events")
    client.put_events(Entries=[entry(500), entry(5)])
    run.run_until_idle()
    put = [one for one in read_journal(run.folder.journal) if isinstance(one, EventPut)]
    assert [one.rules for one in put] == [("large",), ()]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"Detail": "no JSON"}, "MalformedDetail"),
        ({"Detail": "[1]"}, "MalformedDetail"),
        ({"Detail": '{"a": NaN}'}, "MalformedDetail"),
        ({"Detail": '{"a":' * 100_000}, "MalformedDetail"),
        ({"Source": ""}, "InvalidArgument"),
        ({"EventBusName": "nowhere"}, "ResourceNotFoundException"),
    ],
)
def test_an_entry_that_is_refused_does_not_hold_up_the_others(
    run: Embedded, changed: dict[str, object], code: str
) -> None:
    """The answer has a code for it, and an id for the others."""
    client: Any = run.client("events")
    answer = client.put_events(Entries=[entry(500, **changed), entry(500)])
    run.run_until_idle()
    assert answer["FailedEntryCount"] == 1
    assert answer["Entries"][0]["ErrorCode"] == code
    assert len(SEEN) == 1


def test_patterns_are_tried_through_boto3(run: Embedded) -> None:
    """`TestEventPattern` answers, and refuses what is no pattern."""
    client: Any = run.client("events")
    event = json.dumps({"source": "shop"})
    assert client.test_event_pattern(EventPattern='{"source": ["shop"]}', Event=event)["Result"]
    with pytest.raises(ClientError, match="InvalidEventPatternException"):
        client.test_event_pattern(EventPattern='{"source": "shop"}', Event=event)
    with pytest.raises(ClientError, match="ValidationException"):
        client.put_events(Entries=[entry(1)] * 11)
