"""The plan in AWS SAM's words: functions with their events, state machines with their definition as a document.

The same names, roles and permissions: SAM adds none, since each function and machine names its role. Everything that
has no shorter form in SAM stays as it is.

Source: AWS SAM, "AWS::Serverless::Function", "AWS::Serverless::StateMachine", "EventSource".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, TypeAlias, cast

Entry: TypeAlias = Mapping[str, object]

TRANSFORM: Final = "AWS::Serverless-2016-10-31"

_SOURCES: Final = {
    "AWS::SQS::Queue": ("SQS", "Queue"),
    "AWS::Kinesis::Stream": ("Kinesis", "Stream"),
    "AWS::DynamoDB::Table": ("DynamoDB", "Stream"),
}
"""The kind of an event source -> SAM's type of event, and the property that has its ARN."""

_DESTINATIONS: Final = {
    "AWS::SQS::Queue": "SQS",
    "AWS::Events::EventBus": "EventBridge",
    "AWS::SNS::Topic": "SNS",
}


def as_sam(template: dict[str, object]) -> dict[str, object]:
    """A template of `plan` as SAM's."""
    resources = cast("Mapping[str, Entry]", template["Resources"])
    events: dict[str, dict[str, object]] = {}
    asynchronous: dict[str, dict[str, object]] = {}
    inside = {name for name, entry in resources.items() if _is_part_of_a_function(entry, resources)}
    for name, entry in resources.items():
        if name not in inside:
            continue
        properties = _properties(entry)
        if entry["Type"] == "AWS::Lambda::EventSourceMapping":
            function = _named(properties["FunctionName"])
            events.setdefault(function, {})[name.removeprefix(function)] = _event(properties, resources)
        else:
            asynchronous[_named(properties["FunctionName"])] = _invoke_config(properties, resources)
    found: dict[str, object] = {}
    for name, entry in resources.items():
        match entry["Type"]:
            case "AWS::Lambda::Function":
                found[name] = _function(entry, resources, events.get(name), asynchronous.get(name))
            case "AWS::StepFunctions::StateMachine":
                found[name] = _machine(entry)
            case _ if name not in inside:
                found[name] = entry
            case _:
                pass
    head = {key: template[key] for key in ("AWSTemplateFormatVersion",) if key in template}
    rest = {key: value for key, value in template.items() if key not in head}
    return {**head, "Transform": TRANSFORM, **rest, "Resources": found}


def _is_part_of_a_function(entry: Entry, resources: Mapping[str, Entry]) -> bool:
    """Whether SAM has it as a property of its function; it does not if its source is a stream's consumer.

    One with a function or a bucket as its destination stays a resource: such a bucket may tell the function of its
    objects, such a function may tell it of its failures, and each would have to be made before the other.
    """
    properties = _properties(entry)
    if entry["Type"] == "AWS::Lambda::EventSourceMapping":
        known = str(resources[_named(properties["EventSourceArn"])]["Type"]) in _SOURCES
    else:
        known = entry["Type"] == "AWS::Lambda::EventInvokeConfig"
    to = cast("Mapping[str, Mapping[str, object]]", properties.get("DestinationConfig", {}))
    kinds = {str(resources[_named(one["Destination"])]["Type"]) for one in to.values()}
    return known and kinds <= set(_DESTINATIONS)


def _properties(entry: Entry) -> Mapping[str, object]:
    return cast("Mapping[str, object]", entry["Properties"])


def _named(reference: object) -> str:
    """The logical id in a `Ref` or `Fn::GetAtt`."""
    found = cast("Mapping[str, object]", reference)
    if "Ref" in found:
        return str(found["Ref"])
    return str(cast("list[object]", found["Fn::GetAtt"])[0])


def _tags(properties: Mapping[str, object]) -> dict[str, object]:
    tags = cast("list[Mapping[str, object]]", properties.get("Tags", []))
    return {str(one["Key"]): one["Value"] for one in tags}


def _event(properties: Mapping[str, object], resources: Mapping[str, Entry]) -> dict[str, object]:
    source = properties["EventSourceArn"]
    kind, field = _SOURCES[str(resources[_named(source)]["Type"])]
    left = ("EventSourceArn", "FunctionName", "Tags")
    rest = {key: value for key, value in properties.items() if key not in left}
    return {"Type": kind, "Properties": {field: source, **rest}}


def _invoke_config(properties: Mapping[str, object], resources: Mapping[str, Entry]) -> dict[str, object]:
    found = {
        key: properties[key]
        for key in ("MaximumEventAgeInSeconds", "MaximumRetryAttempts")
        if key in properties
    }
    destinations = cast("Mapping[str, Mapping[str, object]]", properties.get("DestinationConfig", {}))
    if not destinations:
        return found
    typed = {
        field: {
            "Type": _DESTINATIONS[str(resources[_named(one["Destination"])]["Type"])],
            "Destination": one["Destination"],
        }
        for field, one in destinations.items()
    }
    return found | {"DestinationConfig": typed}


def _function(
    entry: Entry,
    resources: Mapping[str, Entry],
    events: dict[str, object] | None,
    invoke_config: dict[str, object] | None,
) -> dict[str, object]:
    properties = dict(_properties(entry))
    code = cast("Mapping[str, object]", properties.pop("Code"))
    tracing = cast("Mapping[str, object]", properties.pop("TracingConfig"))
    dead_letters = cast("Mapping[str, object] | None", properties.pop("DeadLetterConfig", None))
    tags = _tags(properties)
    properties |= {
        "CodeUri": {"Bucket": code["S3Bucket"], "Key": code["S3Key"]},
        "Tracing": tracing["Mode"],
        "Tags": tags,
    }
    if dead_letters is not None:
        arn = dead_letters["TargetArn"]
        kind = _DESTINATIONS[str(resources[_named(arn)]["Type"])]
        properties["DeadLetterQueue"] = {"Type": kind, "TargetArn": arn}
    if invoke_config is not None:
        properties["EventInvokeConfig"] = invoke_config
    if events is not None:
        properties["Events"] = events
    return {**entry, "Type": "AWS::Serverless::Function", "Properties": properties}


def _machine(entry: Entry) -> dict[str, object]:
    properties = _properties(entry)
    names = {
        "StateMachineName": "Name",
        "StateMachineType": "Type",
        "RoleArn": "Role",
        "LoggingConfiguration": "Logging",
        "TracingConfiguration": "Tracing",
    }
    renamed = {names.get(key, key): value for key, value in properties.items()}
    renamed["Definition"] = json.loads(str(renamed.pop("DefinitionString")))
    renamed["Tags"] = _tags(properties)
    return {**entry, "Type": "AWS::Serverless::StateMachine", "Properties": renamed}
