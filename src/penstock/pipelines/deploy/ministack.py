"""What MiniStack takes otherwise than AWS: said before it deploys, refused where a result would be another.

Measured on MiniStack 1.5.33: its mappings of streams know neither windows nor splitting, nor how often a batch is
tried, nor `batchItemFailures`, and tell nobody of what fails. Its pipes read tables only. Its CloudFormation makes
standard topics of FIFO topics. A target's dead-letter queue gets nothing, a successful asynchronous invocation has no
record, and a failed one goes to one place only, which is no bucket. A Distributed Map has no `ItemBatcher`, and
writes no results.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import cast

from penstock.errors import TargetError
from penstock.pipelines.deploy.endpoints import ELSEWHERE, Template, keeps_failures_in_a_bucket


def for_ministack(template: Template) -> tuple[str, ...]:
    """A line for each thing that is other than on AWS; the template is taken as it is.

    Raises:
        TargetError: a state machine would come to something else.
    """
    notes: list[str] = []
    resources = cast("Mapping[str, Mapping[str, object]]", template["Resources"])
    for name, entry in resources.items():
        properties = cast("Mapping[str, object]", entry["Properties"])
        if entry["Type"] == "AWS::StepFunctions::StateMachine":
            notes += _machine(json.loads(str(properties["DefinitionString"])), name, "")
        else:
            kind = str(entry["Type"])
            notes += (f"{name}: {note}" for note in _passed_over(kind, properties))
            if keeps_failures_in_a_bucket(kind, properties, resources):
                notes.append(f"{name}: MiniStack sends records of failures to no bucket")
    return tuple(notes)


def _passed_over(kind: str, properties: Mapping[str, object]) -> Iterator[str]:
    """What MiniStack takes of a resource without doing anything with it."""
    if kind == "AWS::Lambda::EventSourceMapping":
        if properties.get("TumblingWindowInSeconds"):
            yield "MiniStack has no tumbling windows: the function gets its batches without one"
        if "StartingPosition" in properties:
            yield (
                "MiniStack tries a batch of a stream that fails again for ever, whole, and tells nobody; "
                "batchItemFailures are passed over"
            )
    if kind == "AWS::Pipes::Pipe":
        yield "MiniStack's pipes read tables only, with no filter, enrichment or template"
    if kind == "AWS::SNS::Topic" and properties.get("FifoTopic"):
        yield "MiniStack's CloudFormation makes a standard topic of it"
    if kind == "AWS::Events::Rule" and any("DeadLetterConfig" in target for target in _targets(properties)):
        yield "MiniStack puts nothing into a target's dead-letter queue"
    if kind == "AWS::Lambda::EventInvokeConfig" and "OnSuccess" in _destinations(properties):
        yield "MiniStack tells no destination of a success"


def _targets(properties: Mapping[str, object]) -> list[Mapping[str, object]]:
    return cast("list[Mapping[str, object]]", properties.get("Targets", []))


def _destinations(properties: Mapping[str, object]) -> Mapping[str, object]:
    return cast("Mapping[str, object]", properties.get("DestinationConfig", {}))


def _machine(value: object, name: str, pointer: str) -> Iterator[str]:
    if isinstance(value, list):
        for number, one in enumerate(value):
            yield from _machine(one, name, f"{pointer}/{number}")
    if not isinstance(value, dict):
        return
    if value.get("Type") == "Map" and "ItemBatcher" in value:
        raise TargetError(
            "MiniStack does not know ItemBatcher: a child would get one item instead of a batch",
            at=f"{name}  {pointer}",
            fix=ELSEWHERE,
        )
    if value.get("Type") == "Map" and "ResultWriter" in value:
        if value.get("ResultPath", "$") is not None or "Output" in value or "Assign" in value:
            raise TargetError(
                "MiniStack passes over a ResultWriter: the state's result would be the results themselves",
                at=f"{name}  {pointer}",
                fix=f"drop the state's result with ResultPath: null; or {ELSEWHERE}",
            )
        yield f"{name}  {pointer}: MiniStack writes no results"
    for key, one in value.items():
        yield from _machine(one, name, f"{pointer}/{key}")
