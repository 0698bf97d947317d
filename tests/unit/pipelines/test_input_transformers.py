"""What targets are given instead of the event (EventBridge, "Amazon EventBridge input transformation")."""

from __future__ import annotations

import json

import pytest

from penstock.errors import EventPatternError
from penstock.pipelines.input_transformers import MISSING, PipeInput, RuleInput, Template, parse_json_path

EVENT: dict[str, object] = {
    "id": "7",
    "detail-type": "sale",
    "source": "shop",
    "detail": {"order": "A-1", "amount": 3, "items": [{"sku": "a"}, {"sku": "b"}], "note": 'say "hi"'},
}


def made(**settings: object) -> str:
    return RuleInput(**settings).made_of(  # type: ignore[arg-type]
        EVENT, rule_arn="arn:rule", rule_name="late", ingested_at="2026-01-01T00:00:00.000Z"
    )


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$", EVENT),
        ("$.detail.amount", 3),
        ("$.detail.items[1].sku", "b"),
        ("$.detail.items[*].sku", ["a", "b"]),
        ("$['detail'].order", "A-1"),
        ("$.detail.nothing", MISSING),
        ("$.detail.items[7]", MISSING),
        ("$.detail.amount.more", MISSING),
    ],
)
def test_paths_lead_to_values(path: str, found: object) -> None:
    """Names, indices, and `*` for all."""
    assert parse_json_path(path).find(EVENT) == found


@pytest.mark.parametrize("path", ["", "detail", "$.", "$..order", "$.detail[?(@.a)]", "$.a b", "$x"])
def test_other_paths_are_refused(path: str) -> None:
    """EventBridge does not know all of JSONPath."""
    with pytest.raises(EventPatternError, match="no path that EventBridge knows"):
        parse_json_path(path)


def test_a_constant_a_part_or_the_event_itself() -> None:
    """Input and InputPath."""
    assert made(constant={"a": 1}) == '{"a": 1}'
    assert json.loads(made(input_path="$.detail.items")) == [{"sku": "a"}, {"sku": "b"}]
    assert made(input_path="$.detail.nothing") == "null"
    assert json.loads(made()) == EVENT


def test_a_template_of_json_gives_json() -> None:
    """Bare variables stand as JSON, variables inside a string as escaped text."""
    template = (
        '{"order": <order>, "all": <items>, "says": "order <order>: <note> for <amount>",'
        ' "raw": "<items>", "gone": <gone>, "rule": "<aws.events.rule-name>", "was": <aws.events.event>}'
    )
    paths = {
        "order": "$.detail.order",
        "items": "$.detail.items",
        "note": "$.detail.note",
        "amount": "$.detail.amount",
        "gone": "$.detail.gone",
    }
    assert json.loads(made(paths=paths, template=template)) == {
        "order": "A-1",
        "all": [{"sku": "a"}, {"sku": "b"}],
        "says": 'order A-1: say "hi" for 3',
        "raw": '[{"sku": "a"}, {"sku": "b"}]',
        "gone": "",
        "rule": "late",
        "was": {"id": "7", "detailType": "sale", "source": "shop"},
    }


def test_a_template_of_text() -> None:
    """A JSON string with variables in it."""
    template = '"<aws.events.rule-arn> at <aws.events.event.ingestion-time>: <gone>."'
    told = made(paths={"gone": "$.detail.gone"}, template=template)
    assert json.loads(told) == "arn:rule at 2026-01-01T00:00:00.000Z: ."
    assert json.loads(made(template="<aws.events.event.json>")) == EVENT


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"constant": 1, "input_path": "$.a"}, "input and input_path are given"),
        ({"paths": {"a": "$.a"}}, "no template"),
        ({"template": '"<a>"'}, "has <a>, for which there is no path"),
        ({"paths": {"aws.x": "$.a"}, "template": '"<aws.x>"'}, "cannot be called"),
        ({"paths": {"a": "a"}, "template": '"<a>"'}, "no path"),
        ({"paths": {"a": "$.a"}, "template": '{"a": <a>'}, "no JSON once it is filled in"),
        ({"template": "x" * 8193}, "8193 characters"),
        ({"paths": {f"v{n}": "$.a" for n in range(101)}, "template": '"x"'}, "101 variables"),
    ],
)
def test_what_eventbridge_would_refuse(settings: dict[str, object], words: str) -> None:
    """When it is declared, not when the first event comes."""
    with pytest.raises(EventPatternError, match=words):
        RuleInput(**settings)  # type: ignore[arg-type]


def test_a_pipes_template_has_its_paths_in_it() -> None:
    """EventBridge Pipes: `<$.body.id>`, with the body's JSON looked into."""
    record = {"messageId": "m", "body": '{"id": 5, "tags": ["x"]}'}
    opened = {**record, "body": {"id": 5, "tags": ["x"]}}
    pipe = PipeInput('{"id": <$.body.id>, "tag": "<$.body.tags[0]>", "pipe": "<aws.pipes.pipe-name>"}')
    assert json.loads(pipe.made_of(record, opened, {"aws.pipes.pipe-name": "p"})) == {
        "id": 5,
        "tag": "x",
        "pipe": "p",
    }
    assert PipeInput('{"gone": <$.gone>}').made_of(record, opened, {}) == '{"gone": null}'
    assert PipeInput("Hello, sender").made_of(record, opened, {}) == "Hello, sender"
    assert json.loads(PipeInput("<aws.pipes.event>").made_of(record, opened, {})) == record
    assert json.loads(PipeInput("<aws.pipes.event.json>").made_of(record, opened, {})) == opened
    with pytest.raises(EventPatternError, match="neither a path nor a variable"):
        PipeInput("<body>")


def test_quotes_that_are_escaped_do_not_end_a_string() -> None:
    """The variable is still inside the text."""
    assert json.loads(Template('{"a": "\\"<x>"}').fill(lambda _: "1")) == {"a": '"1'}
