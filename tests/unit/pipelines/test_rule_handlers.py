"""A rule or a topic that invokes a handler of another source."""

from __future__ import annotations

import pytest

from handlers import file_processing as handlers
from penstock.errors import DeclarationError
from penstock.pipelines import EventRule, Function, Pipeline, Subscription, Topic


def test_rule_with_another_source_s_handler() -> None:
    """A handler of S3 events in queues cannot take a rule's events: the error names the decorator."""
    function = Function("start", handlers.start_job)
    rule = EventRule("on-thing", pattern={"source": ["x"]}, to=(function,))

    with pytest.raises(DeclarationError, match="does not hold together") as raised:
        Pipeline("wrong", parts=(rule,))
    assert "@on_event" in str(raised.value)


def test_topic_with_another_source_s_handler() -> None:
    """Nor a topic's messages."""
    function = Function("start", handlers.start_job)

    with pytest.raises(DeclarationError) as raised:
        Pipeline("wrong", parts=(Subscription(Topic("news"), to=function),))
    assert "@on_sns_message" in str(raised.value)
