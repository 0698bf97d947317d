"""Mappings that read as consumers with enhanced fan-out: what is refused, what is planned and allowed."""

from __future__ import annotations

import pytest

from penstock.errors import DeclarationError
from penstock.handlers import on_kinesis_record
from penstock.pipelines import Function, Part, Pipeline, Stream, StreamMapping, Table
from penstock.pipelines.iam.functions import function_statements
from penstock.pipelines.plan import plan

STREAM = Stream("clicks")


@on_kinesis_record
def click(data: dict[str, int]) -> None: ...


READER, OTHER = Function("reader", click), Function("other", click)


def read_as(consumer: str | None, function: Function = READER) -> StreamMapping:
    return StreamMapping(STREAM, function, consumer=consumer)


def test_a_consumer_is_planned_and_mapped() -> None:
    """The mapping's source is the consumer, whose `Ref` is its ARN (`AWS::Kinesis::StreamConsumer`)."""
    resources = plan(Pipeline("p", parts=(read_as("fast"),)))["Resources"]
    assert isinstance(resources, dict)
    ((name, consumer),) = [
        (name, one) for name, one in resources.items() if one["Type"] == "AWS::Kinesis::StreamConsumer"
    ]
    (mapping,) = [one for one in resources.values() if one["Type"] == "AWS::Lambda::EventSourceMapping"]
    assert consumer["Properties"]["ConsumerName"] == "fast"
    assert mapping["Properties"]["EventSourceArn"] == {"Ref": name}


def test_the_function_may_subscribe_to_its_consumer_only() -> None:
    """The role names the consumer, whose ARN ends with a moment that is not known before."""
    pipeline = Pipeline("p", parts=(read_as("fast"), read_as("slow", OTHER)))
    (one,) = [
        each
        for each in function_statements(READER, pipeline.graph)
        if "kinesis:SubscribeToShard" in each.actions
    ]
    assert [arn.rpartition(":stream/")[2] for arn in one.resources] == ["clicks/consumer/fast:*"]


@pytest.mark.parametrize(
    ("parts", "what"),
    [
        ((read_as("a b"),), "is no name of a consumer"),
        ((read_as("fast"), read_as("fast", OTHER)), 'read "clicks" as the consumer "fast"'),
        (
            (
                StreamMapping(
                    Table("t", partition_key="k", stream_view_type="NEW_IMAGE"),
                    Function("f", "handlers.f.handle"),
                    consumer="fast",
                ),
            ),
            "has no consumers of its own",
        ),
        (
            tuple(read_as(f"c{one}", Function(f"f{one}", click)) for one in range(21)),
            "has 21 consumers",
        ),
    ],
)
def test_what_kinesis_would_refuse_is_refused(parts: tuple[Part, ...], what: str) -> None:
    """PL311, with a remedy."""
    with pytest.raises(DeclarationError, match=what) as refused:
        Pipeline("p", parts=parts)
    assert "PL311" in str(refused.value)


def test_one_stream_may_be_mapped_to_a_function_as_several_consumers() -> None:
    """They are different sources."""
    assert len(Pipeline("p", parts=(read_as("a"), read_as("b"), read_as(None))).of(StreamMapping)) == 3
