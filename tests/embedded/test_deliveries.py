"""Targets that do not take what rules and topics give them: tried again, then a dead-letter queue."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from penstock.handlers import on_event, on_sns_message
from penstock.pipelines import (
    EventRule,
    Function,
    Pipeline,
    Queue,
    RuleTarget,
    StateMachine,
    Subscription,
    Topic,
)
from penstock.runtime.clock import VirtualClock
from penstock.runtime.dead_letters.letters import letters_in
from penstock.runtime.dead_letters.redrive import redrive
from penstock.runtime.embedded import Embedded
from penstock.runtime.journal import read_journal
from penstock.runtime.journal_events import DeliveryDelayed, DeliverySettled, DeliveryTried, RunFinished
from penstock.runtime.state_folder import hold, new_run
from penstock.testing.faults import refusing, throttled, unreachable
from penstock.testing.plugin import StartPipeline

SEEN: list[object] = []


@on_event
def see(detail: dict[str, Any]) -> None:
    SEEN.append(detail)


@on_sns_message
def hear(message: str) -> None: ...


ALERTS, LETTERS, NEWS_LETTERS, GROUPED = (
    Queue("alerts"),
    Queue("letters"),
    Queue("news-letters"),
    Queue("grouped.fifo", fifo=True, content_based_deduplication=True),
)
NEWS = Topic("news")
MACHINE = StateMachine("steps", {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})
PIPELINE = Pipeline(
    "deliveries",
    parts=(
        EventRule(
            "late",
            pattern={"source": ["flights"]},
            to=(
                RuleTarget(
                    ALERTS,
                    input_paths={"flight": "$.detail.flight"},
                    input_template='"<flight> is late"',
                    dead_letter_queue=LETTERS,
                ),
                RuleTarget(NEWS, input_path="$.detail"),
                RuleTarget(GROUPED, message_group_id="late"),
                RuleTarget(MACHINE, input={"constant": True}),
                Function("see", see),
            ),
        ),
        EventRule(
            "soon-given-up",
            pattern={"source": ["trains"]},
            to=(
                RuleTarget(
                    ALERTS,
                    maximum_retry_attempts=2,
                    maximum_event_age_seconds=3600,
                    dead_letter_queue=LETTERS,
                ),
            ),
        ),
        EventRule("lost", pattern={"source": ["ships"]}, to=(RuleTarget(ALERTS, maximum_retry_attempts=0),)),
        Subscription(NEWS, to=Queue("readers"), dead_letter_queue=NEWS_LETTERS, raw_message_delivery=True),
        Subscription(Topic("news-of-functions"), to=Function("hear", hear), dead_letter_queue=NEWS_LETTERS),
    ),
)


@pytest.fixture
def run(embedded: StartPipeline) -> Any:
    SEEN.clear()
    with embedded(PIPELINE) as found:
        yield found


def put(run: Embedded, source: str = "flights", **detail: object) -> None:
    entry = {"Source": source, "DetailType": "departure", "Detail": json.dumps(detail)}
    client: Any = run.client("events")
    assert client.put_events(Entries=[entry])["FailedEntryCount"] == 0


def bodies(run: Embedded, queue: Queue) -> list[str]:
    return [one.body for one in run.queues.find(queue.name).messages.values()]


def outcomes(run: Embedded) -> list[tuple[int, str]]:
    run.journal.flush()
    settled = [one for one in read_journal(run.folder.journal) if isinstance(one, DeliverySettled)]
    return [(one.attempts, one.outcome) for one in settled]


def test_each_target_gets_its_own_input(run: Embedded) -> None:
    """A template, a part of the event, a constant, a message group, and the event itself."""
    put(run, flight="LH 400")
    run.run_until_idle()
    assert bodies(run, ALERTS) == ['"LH 400 is late"']
    assert [json.loads(one) for one in bodies(run, Queue("readers"))] == [{"flight": "LH 400"}]
    (grouped,) = run.queues.find("grouped.fifo").messages.values()
    assert grouped.group_id == "late"
    client: Any = run.client("stepfunctions")
    machine = "arn:aws:states:us-east-1:123456789012:stateMachine:steps"
    (execution,) = client.list_executions(stateMachineArn=machine)["executions"]
    described = client.describe_execution(executionArn=execution["executionArn"])
    assert json.loads(described["input"]) == {"constant": True}
    assert SEEN == [{"flight": "LH 400"}]


def test_a_target_that_comes_back_gets_everything(run: Embedded) -> None:
    """Nothing is lost, nothing is a dead letter; the other targets do not wait."""
    with unreachable(run, ALERTS, seconds=3600) as fault:
        put(run, flight="LH 400")
        run.scheduler.run_for(60)
        assert bodies(run, ALERTS) == []
        assert len(SEEN) == 1
        run.run_until_idle()
    assert bodies(run, ALERTS) == ['"LH 400 is late"']
    assert bodies(run, LETTERS) == []
    ((attempts, outcome),) = outcomes(run)
    assert (attempts, outcome) == (fault.failed + 1, "Delivered")


def test_after_a_day_the_event_is_a_dead_letter(run: Embedded) -> None:
    """185 retries within 24 hours; what EventBridge says of it stands in the attributes."""
    unreachable(run, "alerts")
    began = run.scheduler.now()
    put(run, flight="LH 400")
    run.run_until_idle()
    (letter,) = run.queues.find("letters").messages.values()
    assert letter.body == '"LH 400 is late"'
    told = {name: one.string_value for name, one in letter.attributes.items()}
    assert told == {
        "RULE_ARN": "arn:aws:events:us-east-1:123456789012:rule/late",
        "TARGET_ARN": "arn:aws:sqs:us-east-1:123456789012:alerts",
        "ERROR_CODE": "CONNECTION_FAILURE",
        "ERROR_MESSAGE": "The target cannot be reached.",
        "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
        "RETRY_ATTEMPTS": "185",
    }
    assert 3600 < letter.sent_at - began < 86_400
    assert outcomes(run) == [(186, "DeadLettered")]


def test_a_dead_letter_of_a_rule_is_redriven_to_its_target(run: Embedded) -> None:
    """`penstock dlq`: it says why it is there and where it was going, and goes there once that can be reached."""
    with unreachable(run, ALERTS):
        put(run, "trains", line="S1")
        run.run_until_idle()
    with letters_in(run.client("sqs"), "letters") as letters:
        (letter,) = letters
        assert letter.reason() == "CONNECTION_FAILURE after 2 retries"
        assert str(letter.origin) == "queue alerts"
        redrive(letter, run.client)
    assert [json.loads(one)["detail"] for one in bodies(run, ALERTS)] == [{"line": "S1"}]
    assert bodies(run, LETTERS) == []


def test_throttling_is_tried_again_and_a_refusal_is_not(run: Embedded) -> None:
    """EventBridge retries retriable errors only; what is refused is a dead letter at once."""
    with throttled(run, ALERTS, times=2):
        put(run, "trains", line="S1")
        run.run_until_idle()
    assert len(bodies(run, ALERTS)) == 1
    with throttled(run, ALERTS, times=3):
        put(run, "trains", line="S2")
        run.run_until_idle()
    with refusing(run, ALERTS):
        put(run, "trains", line="S3")
        run.run_until_idle()
    assert [json.loads(one)["detail"]["line"] for one in bodies(run, LETTERS)] == ["S2", "S3"]
    letters = run.queues.find("letters").messages.values()
    codes = [one.attributes["ERROR_CODE"].string_value for one in letters]
    assert codes == ["THROTTLING", "NO_PERMISSIONS"]
    assert outcomes(run) == [(3, "Delivered"), (3, "DeadLettered"), (1, "DeadLettered")]


def test_without_a_dead_letter_queue_it_is_dropped_and_told(run: Embedded) -> None:
    """The journal has it."""
    with unreachable(run, ALERTS):
        put(run, "ships", name="Vasa")
        run.run_until_idle()
    assert outcomes(run) == [(1, "Dropped")]


def test_a_subscription_is_tried_for_23_days(run: Embedded) -> None:
    """SNS, "Amazon SNS message delivery retries"; then the subscription's dead-letter queue."""
    unreachable(run, "readers")
    client: Any = run.client("sns")
    client.publish(TopicArn="arn:aws:sns:us-east-1:123456789012:news", Message="late again")
    run.run_until_idle()
    (letter,) = run.queues.find("news-letters").messages.values()
    assert letter.body == "late again"
    assert outcomes(run) == [(100_016, "DeadLettered")]


def test_a_dead_letter_of_a_functions_subscription_is_what_a_queue_would_get(run: Embedded) -> None:
    """SNS's envelope, not the event that the function would have been invoked with."""
    unreachable(run, "hear")
    client: Any = run.client("sns")
    attributes = {"n": {"DataType": "Number", "StringValue": "1"}}
    arn = "arn:aws:sns:us-east-1:123456789012:news-of-functions"
    client.publish(TopicArn=arn, Message="late", MessageAttributes=attributes)
    run.run_until_idle()
    (letter,) = run.queues.find("news-letters").messages.values()
    told = json.loads(letter.body)
    assert (told["Type"], told["Message"], told["TopicArn"]) == ("Notification", "late", arn)
    assert told["MessageAttributes"] == {"n": {"Type": "Number", "Value": "1"}}
    assert "UnsubscribeURL" in told
    assert not letter.attributes


def test_without_a_dead_letter_queue_no_dead_letter_is_written(embedded: StartPipeline) -> None:
    """What a function's subscription did not get in is in the journal once, as its event."""
    news = Topic("news")
    with embedded(Pipeline("quiet", parts=(Subscription(news, to=Function("hear", hear)),))) as run:
        unreachable(run, "hear")
        client: Any = run.client("sns")
        client.publish(TopicArn="arn:aws:sns:us-east-1:123456789012:news", Message="late")
        run.journal.flush()
        (delayed,) = [one for one in read_journal(run.folder.journal) if isinstance(one, DeliveryDelayed)]
        assert (json.loads(delayed.parcel.body)["Records"][0]["Sns"]["Message"]) == "late"
        assert delayed.parcel.dead_letter is None


def test_a_run_that_was_cut_off_goes_on_trying(tmp_path: Path) -> None:
    """What waited is in the journal, with its attempts."""
    folder = new_run("deliveries", base=tmp_path)
    with Embedded(PIPELINE, folder, clock=VirtualClock()) as run:
        unreachable(run, ALERTS)
        put(run, flight="LH 400")
        run.scheduler.run_for(30)
        run.journal.flush()
    events = list(read_journal(folder.journal))
    before = sum(isinstance(one, DeliveryTried | DeliveryDelayed) for one in events)
    assert before > 3
    assert not any(isinstance(one, RunFinished) for one in events)
    with Embedded(PIPELINE, hold(folder.path), clock=VirtualClock()) as again:
        again.run_until_idle()
        assert bodies(again, ALERTS) == ['"LH 400 is late"']
        assert outcomes(again) == [(before + 1, "Delivered")]
