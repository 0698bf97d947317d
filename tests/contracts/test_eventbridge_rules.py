"""How EventBridge's buses deliver, rule by rule."""

from __future__ import annotations

import json
from typing import Any

from tests.contracts.conftest import Running
from tests.contracts.delivery import eventbridge
from tests.contracts.delivery.asking import EVENTS, left, seen, states

pipeline = eventbridge.pipeline

NOT_ON_LOCALSTACK = {
    "test_a_rule_matches_and_transforms": "LocalStack loses an event with a number within a template's string",
    "test_a_template_of_json_gives_json": "LocalStack loses an event with an object in a template",
    "test_a_function_that_fails_is_no_dead_letter_of_the_rule": "it waits for a minute between the attempts",
    "test_what_a_target_refuses_is_a_dead_letter": "LocalStack takes events of 256 KB at most",
    "test_another_bus_gets_the_event_as_it_was": "LocalStack makes another event of it, with an id of its own",
    "test_an_event_is_sent_to_another_bus_once": "LocalStack sends it on from bus to bus",
    "test_services_names_are_reserved": "LocalStack takes events in the name of AWS's services",
}


def put(run: Running, source: str, *details: object, bus: str = "delivery-bus") -> None:
    entries = [
        {"Source": source, "DetailType": "rule", "Detail": json.dumps(one), "EventBusName": bus}
        for one in details
    ]
    assert run.client("events").put_events(Entries=entries)["FailedEntryCount"] == 0


def bodies(run: Running, queue: str, *, count: int = 1) -> list[Any]:
    return [json.loads(one) for one in run.letters(queue, count=count)]


@states(f"{EVENTS}/eb-transform-target-input.html")
def test_a_rule_matches_and_transforms(delivering: Running, page: str) -> None:
    """An event that the pattern matches goes to the target as its input template says; others go nowhere."""
    put(delivering, "shop", {"amount": 5}, {"amount": 500})
    assert bodies(delivering, "delivery-matched") == [{"amount": 500, "text": "it is 500"}]


@states(f"{EVENTS}/eb-targets.html")
def test_every_target_of_a_rule_gets_the_event(delivering: Running, page: str) -> None:
    """A rule has up to five targets, and each one gets the event in the form of its own."""
    detail = {"items": [{"id": 1}, {"id": 2}]}
    put(delivering, "several", detail)
    (event,) = bodies(delivering, "delivery-whole")
    assert event.keys() == {
        "version",
        "id",
        "detail-type",
        "source",
        "account",
        "time",
        "region",
        "resources",
        "detail",
    }
    assert (event["version"], event["source"], event["detail-type"]) == ("0", "several", "rule")
    assert event["detail"] == detail
    assert bodies(delivering, "delivery-part") == [{"id": 1}]
    assert bodies(delivering, "delivery-constant") == [{"always": "this"}]
    assert bodies(delivering, "delivery-event-lines.fifo") == [detail]


@states(f"{EVENTS}/eb-event-bus.html")
def test_buses_are_apart(delivering: Running, page: str) -> None:
    """A rule sees the events of its own bus only."""
    put(delivering, "several", {"n": 1}, bus="default")
    assert [one["detail"] for one in bodies(delivering, "delivery-default-bus")] == [{"n": 1}]
    assert left(delivering, "delivery-whole") == 0


@states("https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_SqsParameters.html")
def test_a_fifo_queue_takes_the_same_body_once(delivering: Running, page: str) -> None:
    """A FIFO queue gets a rule's events in one group, and deduplicates them by their content."""
    put(delivering, "several", {"n": 1}, {"n": 1}, {"n": 2})
    delivering.letters("delivery-whole", count=3)
    messages = delivering.messages("delivery-event-lines.fifo", count=2)
    assert sorted(json.loads(one["Body"])["n"] for one in messages) == [1, 2]
    assert {one["Attributes"]["MessageGroupId"] for one in messages} == {"all"}


@states(f"{EVENTS}/eb-transform-input-examples.html")
def test_a_template_of_json_gives_json(delivering: Running, page: str) -> None:
    """Outside of a string a variable stands as JSON, within one as text; AWS's own variables need no path."""
    put(delivering, "template", {"name": 'a "quoted" one', "object": {"n": [1, None]}})
    (made,) = bodies(delivering, "delivery-templated")
    event, without = made.pop("event"), made.pop("without")
    assert event["detail"]["object"] == {"n": [1, None]}
    assert without == {
        "detailType": event["detail-type"],
        **{name: value for name, value in event.items() if name not in ("detail", "detail-type")},
    }
    assert made == {
        "name": 'a "quoted" one',
        "object": {"n": [1, None]},
        "rule": "delivery-template",
        "quoted": 'a "quoted" one here',
        "none": "",
    }


@states(f"{EVENTS}/eb-transform-input-examples.html")
def test_a_template_may_be_a_text(delivering: Running, page: str) -> None:
    """A template may be one JSON string with variables in it."""
    put(delivering, "template", {"name": "you", "object": {}})
    assert bodies(delivering, "delivery-texts") == ["hello you"]


@states("https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html")
def test_entries_fail_one_by_one(delivering: Running, page: str) -> None:
    """An entry that is refused does not hold up the others; the answers stand in the order of the entries."""
    good = {"Source": "several", "DetailType": "rule", "Detail": "{}"}
    entries = [good, {**good, "Detail": "no json"}, {"Source": "several", "Detail": "{}"}, good]
    answer = delivering.client("events").put_events(Entries=entries)
    assert answer["FailedEntryCount"] == 2
    assert ["EventId" in one for one in answer["Entries"]] == [True, False, False, True]
    assert [one.get("ErrorCode") for one in answer["Entries"][1:3]] == ["MalformedDetail", "InvalidArgument"]
    assert len(bodies(delivering, "delivery-default-bus", count=2)) == 2


@states("https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html")
def test_services_names_are_reserved(delivering: Running, page: str) -> None:
    """Nobody puts events whose source begins with aws, the name of AWS's own services."""
    entry = {"Source": "aws.several", "DetailType": "rule", "Detail": "{}"}
    answer = delivering.client("events").put_events(Entries=[entry])
    assert answer["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"


@states(f"{EVENTS}/eb-rule-dlq.html")
def test_a_function_that_fails_is_no_dead_letter_of_the_rule(delivering: Running, page: str) -> None:
    """A rule has delivered what Lambda has accepted: a function's failure is a matter of its own retries."""
    put(delivering, "fails", {"n": 1, "fails": True})
    assert seen(delivering, "of-rule", count=2) == [1, 1]
    assert [one["detail"]["n"] for one in bodies(delivering, "delivery-function-letters")] == [1]
    assert left(delivering, "delivery-rule-letters") == 0


@states(f"{EVENTS}/eb-rule-dlq.html")
def test_what_a_target_refuses_is_a_dead_letter(delivering: Running, page: str) -> None:
    """What cannot be delivered at all goes to the dead-letter queue at once, with the rule, the target and why."""
    put(delivering, "large", {"text": "x" * 262_144})
    (letter,) = delivering.messages("delivery-rule-letters")
    assert len(json.loads(letter["Body"])["detail"]["text"]) == 262_144
    told = {name: one["StringValue"] for name, one in letter["MessageAttributes"].items()}
    assert told["RULE_ARN"].endswith("delivery-too-large")
    assert told["TARGET_ARN"].endswith(":delivery-small-topic")
    assert told["RETRY_ATTEMPTS"] == "0"
    assert "EXHAUSTED_RETRY_CONDITION" not in told
    assert {"ERROR_CODE", "ERROR_MESSAGE"} <= told.keys()


@states(f"{EVENTS}/eb-bus-to-bus.html")
def test_another_bus_gets_the_event_as_it_was(delivering: Running, page: str) -> None:
    """An event bus as a target gets the event as it was, its id included, and looks at it by its own rules."""
    entry = {"Source": "onwards", "DetailType": "rule", "Detail": '{"n": 1}', "EventBusName": "delivery-bus"}
    resources = ["arn:aws:s3:::inbox"]
    answer = delivering.client("events").put_events(Entries=[entry | {"Resources": resources}])
    (event,) = bodies(delivering, "delivery-on-second-bus")
    assert event["id"] == answer["Entries"][0]["EventId"]
    assert (event["source"], event["detail-type"], event["detail"]) == ("onwards", "rule", {"n": 1})
    assert event["resources"] == resources


@states(f"{EVENTS}/eb-bus-to-bus.html")
def test_an_event_is_sent_to_another_bus_once(delivering: Running, page: str) -> None:
    """A third bus never gets an event: it is a dead letter of the second bus' rule, with the reason."""
    put(delivering, "onwards", {"n": 2})
    (letter,) = delivering.messages("delivery-hop-letters")
    (event,) = bodies(delivering, "delivery-on-second-bus")
    assert json.loads(letter["Body"]) == event
    told = {name: one["StringValue"] for name, one in letter["MessageAttributes"].items()}
    assert told["ERROR_CODE"] == "THIRD_ACCOUNT_HOP_DETECTED"
    assert told["RULE_ARN"].endswith(":rule/delivery-second-bus/delivery-onwards-again")
    assert told["TARGET_ARN"].endswith(":event-bus/delivery-third-bus")
    assert told["RETRY_ATTEMPTS"] == "0"
    assert left(delivering, "delivery-on-third-bus") == 0
