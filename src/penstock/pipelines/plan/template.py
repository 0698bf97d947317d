"""The template, put together: parameters, resources in the order of the declaration, outputs."""

from __future__ import annotations

import json
import re
from functools import singledispatch
from typing import Final, Literal

from penstock.errors import DeclarationError
from penstock.pipelines.delivery_streams import DeliveryStream
from penstock.pipelines.http_api import HttpApi
from penstock.pipelines.iam import read_seen
from penstock.pipelines.pipeline import Pipeline
from penstock.pipelines.pipes import Pipe
from penstock.pipelines.plan.compute import ALARMS_ARE_TOLD, add_alarms, add_function, add_machine
from penstock.pipelines.plan.delivery_streams import add_delivery_stream
from penstock.pipelines.plan.http import add_api
from penstock.pipelines.plan.limits import check_counts, check_names
from penstock.pipelines.plan.messaging import add_bus, add_queue, add_rule, add_topic
from penstock.pipelines.plan.pipes import add_pipe
from penstock.pipelines.plan.planning import CODE_BUCKET, Planning, code_key_parameter, description_of
from penstock.pipelines.plan.schedules import add_schedule
from penstock.pipelines.plan.storage import add_bucket, add_stream, add_table
from penstock.pipelines.resources import (
    Bucket,
    EventBus,
    EventRule,
    Function,
    Queue,
    Resource,
    StateMachine,
    Stream,
    StreamMapping,
    Table,
    Topic,
)
from penstock.pipelines.scheduler import Schedule

LOG_DAYS: Final = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""How long a log can be kept (CloudWatch Logs, "PutRetentionPolicy")."""

_LIKE_A_NUMBER: Final = re.compile(r"[-+]?\.?[0-9]")


@singledispatch
def _add(resource: Resource, planning: Planning) -> None:
    raise DeclarationError(
        f'the plan does not know {type(resource).__name__} "{resource.name}"',
        at=str(resource.declared_at),
        fix="run it embedded, or declare it with resources that CloudFormation has",
    )


_add.register(Bucket, lambda resource, planning: add_bucket(planning, resource))
_add.register(Queue, lambda resource, planning: add_queue(planning, resource))
_add.register(Stream, lambda resource, planning: add_stream(planning, resource))
_add.register(Table, lambda resource, planning: add_table(planning, resource))
_add.register(Function, lambda resource, planning: add_function(planning, resource))
_add.register(StateMachine, lambda resource, planning: add_machine(planning, resource))
_add.register(EventBus, lambda resource, planning: add_bus(planning, resource))
_add.register(EventRule, lambda resource, planning: add_rule(planning, resource))
_add.register(HttpApi, lambda resource, planning: add_api(planning, resource))
_add.register(Schedule, lambda resource, planning: add_schedule(planning, resource))
_add.register(Pipe, lambda resource, planning: add_pipe(planning, resource))
_add.register(DeliveryStream, lambda resource, planning: add_delivery_stream(planning, resource))
_add.register(Topic, lambda resource, planning: add_topic(planning, resource))


def plan(pipeline: Pipeline, *, stage: str = "") -> dict[str, object]:
    """The pipeline as a CloudFormation template.

    Args:
        stage: begins every resource's name, `dev-file-events`.

    Raises:
        DeclarationError: the plan does not know a resource, two would have one logical id, the kept policy
            cannot be read, or something is longer or more than AWS takes.
        DefinitionError: a state machine's definition cannot be read.
    """
    check_names(pipeline.resources, stage=stage)
    planning = Planning(pipeline.name, pipeline.graph, stage, read_seen(pipeline))
    for resource in pipeline.resources:
        _add(resource, planning)
    add_alarms(planning)
    template: dict[str, object] = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": description_of(pipeline.name),
    }
    has_alarms = any(one["Type"] == "AWS::CloudWatch::Alarm" for one in planning.resources.values())
    parameters = _parameters(pipeline, has_alarms=has_alarms)
    if parameters:
        template["Parameters"] = parameters
    if has_alarms:
        template["Conditions"] = {
            ALARMS_ARE_TOLD: {"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmTopicArn"}, ""]}]}
        }
    template["Resources"] = planning.resources
    if planning.outputs:
        template["Outputs"] = planning.outputs
    check_counts(template, pipeline.name)
    return template


def _parameters(pipeline: Pipeline, *, has_alarms: bool) -> dict[str, object]:
    """Only the parameters that the template uses."""
    found: dict[str, object] = {}
    if pipeline.of(Bucket):
        found["BucketNameSuffix"] = {
            "Type": "String",
            "Default": "",
            "AllowedPattern": "^$|^-[a-z0-9-]*[a-z0-9]$",
            "Description": "Ends every bucket's name, for these are unique among all accounts.",
        }
    if pipeline.of(Function):
        found[CODE_BUCKET] = {"Type": "String", "Description": "The bucket that has the code."}
        for function in pipeline.of(Function):
            found[code_key_parameter(function)] = {
                "Type": "String",
                "Description": f"The key of the zip file of {function.name}.",
            }
        found["Runtime"] = {
            "Type": "String",
            "Default": "python3.13",
            "AllowedPattern": r"^python3\.[0-9]{2}$",
        }
        found["Architecture"] = {
            "Type": "String",
            "Default": "arm64",
            "AllowedValues": ["arm64", "x86_64"],
        }
    if any(isinstance(one, Function | StateMachine) for one in pipeline.resources):
        found["LogRetentionDays"] = {"Type": "Number", "Default": 30, "AllowedValues": list(LOG_DAYS)}
    if pipeline.of(StreamMapping):
        found["IteratorAgeMilliseconds"] = {"Type": "Number", "Default": 60_000, "MinValue": 0}
    if has_alarms:
        found["AlarmTopicArn"] = {
            "Type": "String",
            "Default": "",
            "Description": "An SNS topic that is told of alarms; empty for none.",
        }
    return found


def written(template: dict[str, object], form: Literal["json", "yaml"]) -> str:
    """The template as text, the same every time."""
    text = json.dumps(template, indent=2, ensure_ascii=False) + "\n"
    if form == "json":
        return text
    import yaml  # only for those who ask for it

    class Dumper(yaml.SafeDumper):
        """Quotes every text that a reader of YAML 1.2 could take for a number: `12e34`, `0o17`."""

    def represented(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        style = "'" if _LIKE_A_NUMBER.match(text) and "\n" not in text else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, represented)
    return str(yaml.dump(json.loads(text), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100))
