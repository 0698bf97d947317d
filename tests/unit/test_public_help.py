"""What `help()` says of each exported name: of its own, and of every option."""

from __future__ import annotations

import inspect
import types
from dataclasses import fields, is_dataclass
from typing import Any

import pytest

from penstock import handlers, pipelines, statemachines

MODULES = (handlers, pipelines, statemachines)
NAMES = [
    (module.__name__, name)
    for module in MODULES
    for name in module.__all__
    if not isinstance(getattr(module, name), types.UnionType)
]
DECORATORS = [name for name in handlers.__all__ if name.startswith("on_")]
OF_A_BATCH = ("undecodable", "dead_letter_variable", "stop_margin_seconds", "powertools")


def exported(module: str, name: str) -> Any:
    return getattr({one.__name__: one for one in MODULES}[module], name)


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_every_name_has_a_text_of_its_own(module: str, name: str) -> None:
    """No inherited one, and not the signature that a dataclass has instead."""
    text = exported(module, name).__doc__ or ""
    assert len(text.split()) >= 3
    assert not text.startswith(f"{name}(")


@pytest.mark.parametrize("name", DECORATORS)
def test_a_decorator_says_what_is_given_and_what_it_takes(name: str) -> None:
    """And what it raises, and the pages of AWS that it follows."""
    text = inspect.getdoc(getattr(handlers, name)) or ""
    assert text.startswith("The function is ")
    assert "HandlerError" in text
    batched = name in ("on_sqs_message", "on_kinesis_record", "on_dynamodb_change")
    for option in OF_A_BATCH:
        assert (f"    {option}: " in text) == (batched or option == "powertools")
    assert any(
        f"{service}," in text
        for service in ("Lambda", "EventBridge", "Step Functions", "CloudWatch Logs", "S3")
    )


@pytest.mark.parametrize(
    "kind", ["Function", "Queue", "QueueMapping", "RuleTarget", "Stream", "StreamMapping", "Table"]
)
def test_every_field_of_what_is_declared_most_is_told_of(kind: str) -> None:
    """With its unit, and the range that AWS takes."""
    declared = getattr(pipelines, kind)
    assert is_dataclass(declared)
    obvious = {"declared_at", "name", "queue", "stream", "function", "to", "_"}
    text = declared.__doc__ or ""
    assert [one.name for one in fields(declared) if one.name not in obvious and one.name not in text] == []
