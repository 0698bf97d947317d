"""SM7xx: the services that tasks call."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import Final

from penstock.statemachines.checks.rule import Finding, Rule
from penstock.statemachines.checks.tree import StateNode, Tree

_GUIDE = "https://docs.aws.amazon.com/step-functions/latest/dg"
_RESOURCE: Final = re.compile(
    r"arn:[\w-]+:states:[^:]*:[^:]*:(?P<service>[\w-]+):(?P<action>\w+)(?:\.(?P<pattern>[\w:]+))?"
)
_SYNC: Final = ("sync",)
_TOKEN: Final = ("waitForTaskToken",)


@dataclass(frozen=True, slots=True)
class Service:
    """An optimized integration: its actions, and what a state can wait for besides the answer."""

    actions: tuple[str, ...]
    patterns: tuple[str, ...] = ()


_SAGEMAKER: Final = """createEndpoint createEndpointConfig createHyperParameterTuningJob createLabelingJob createModel
createProcessingJob createTrainingJob createTransformJob updateEndpoint"""
_EMR: Final = """createCluster terminateCluster addStep cancelStep setClusterTerminationProtection
modifyInstanceFleetByName modifyInstanceGroupByName"""
_EMR_SERVERLESS: Final = (
    "createApplication deleteApplication startApplication stopApplication startJobRun cancelJobRun"
)
_CODEBUILD: Final = """startBuild stopBuild batchDeleteBuilds batchGetReports startBuildBatch stopBuildBatch
retryBuildBatch deleteBuildBatch"""
_EKS: Final = (
    "createCluster deleteCluster createNodegroup deleteNodegroup createFargateProfile deleteFargateProfile"
)

SERVICES: Final[Mapping[str, Service]] = {
    "apigateway": Service(("invoke",), _TOKEN),
    "athena": Service(
        ("startQueryExecution", "stopQueryExecution", "getQueryExecution", "getQueryResults"), _SYNC
    ),
    "batch": Service(("submitJob",), _SYNC),
    "bedrock": Service(("invokeModel", "createModelCustomizationJob"), (*_SYNC, *_TOKEN)),
    "codebuild": Service(tuple(_CODEBUILD.split()), _SYNC),
    "databrew": Service(("startJobRun",), _SYNC),
    "dynamodb": Service(("getItem", "putItem", "updateItem", "deleteItem")),
    "ecs": Service(("runTask",), (*_SYNC, *_TOKEN)),
    "eks": Service((*_EKS.split(), "call", "runJob"), (*_SYNC, *_TOKEN)),
    "elasticmapreduce": Service(tuple(_EMR.split()), _SYNC),
    "emr-containers": Service(("createVirtualCluster", "deleteVirtualCluster", "startJobRun"), _SYNC),
    "emr-serverless": Service(tuple(_EMR_SERVERLESS.split()), _SYNC),
    "events": Service(("putEvents",), _TOKEN),
    "glue": Service(("startJobRun",), _SYNC),
    "http": Service(("invoke",)),
    "lambda": Service(("invoke",), _TOKEN),
    "mediaconvert": Service(("createJob",), _SYNC),
    "sagemaker": Service(tuple(_SAGEMAKER.split()), _SYNC),
    "sns": Service(("publish",), _TOKEN),
    "sqs": Service(("sendMessage",), _TOKEN),
    "states": Service(("startExecution",), (*_SYNC, "sync:2", *_TOKEN)),
}
"""The optimized integrations; `aws-sdk:...` has every other API."""

_NEEDED: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("dynamodb", "deleteItem"): ("TableName", "Key"),
    ("dynamodb", "getItem"): ("TableName", "Key"),
    ("dynamodb", "putItem"): ("TableName", "Item"),
    ("dynamodb", "updateItem"): ("TableName", "Key"),
    ("events", "putEvents"): ("Entries",),
    ("lambda", "invoke"): ("FunctionName",),
    ("sns", "publish"): ("Message",),
    ("sqs", "sendMessage"): ("QueueUrl", "MessageBody"),
    ("states", "startExecution"): ("StateMachineArn",),
}


def _unknown(tree: Tree) -> Iterator[Finding]:
    for state, service, action, _ in _integrations(tree):
        known = SERVICES.get(service)
        if known is None:
            close = get_close_matches(service, SERVICES, n=1)
            yield Finding(
                what=f"Step Functions has no optimized integration {service}",
                pointer=state.at("Resource"),
                fix=f'did you mean "{close[0]}"?'
                if close
                else f"call the API itself: arn:aws:states:::aws-sdk:{service}:{action}",
            )
        elif action not in known.actions:
            close = get_close_matches(action, known.actions, n=1)
            yield Finding(
                what=f"the optimized integration of {service} has no action {action}",
                pointer=state.at("Resource"),
                fix=f'did you mean "{close[0]}"?'
                if close
                else f"one of {', '.join(known.actions)}; or call the API itself: arn:aws:states:::aws-sdk:...",
            )


def _patterns(tree: Tree) -> Iterator[Finding]:
    for state, service, _, pattern in _integrations(tree):
        known = SERVICES.get(service)
        if known is not None and pattern and pattern not in known.patterns:
            fix = (
                f"it can: {', '.join(f'.{one}' for one in known.patterns)}"
                if known.patterns
                else "leave it out"
            )
            yield Finding(
                what=f"{service} has no .{pattern}: the state cannot wait for that",
                pointer=state.at("Resource"),
                fix=fix,
            )


def _missing_parameters(tree: Tree) -> Iterator[Finding]:
    for state, service, action, _ in _integrations(tree):
        field = "Arguments" if state.jsonata else "Parameters"
        given = state.members.get(field, {})
        if not isinstance(given, dict):
            continue
        names = {name.removesuffix(".$") for name in given}
        for needed in _NEEDED.get((service, action), ()):
            if needed not in names:
                close = get_close_matches(needed, names, n=1)
                yield Finding(
                    what=f"{service}:{action} needs {needed}",
                    pointer=state.at(field) if field in state.members else state.pointer,
                    fix=f'rename "{close[0]}"' if close else f"give it in {field}",
                )


def _integrations(tree: Tree) -> Iterator[tuple[StateNode, str, str, str]]:
    """Every task that calls an optimized integration: the service, the action, what it waits for."""
    for state in tree.states:
        resource = state.members.get("Resource")
        if state.type == "Task" and isinstance(resource, str) and ":states:" in resource:
            found = _parts(resource)
            if found is not None:
                yield state, *found


@lru_cache(maxsize=1024)
def _parts(resource: str) -> tuple[str, str, str] | None:
    """The service, the action, what it waits for; None if it is no optimized integration."""
    found = _RESOURCE.fullmatch(resource)
    if found is None or found["service"] == "activity":
        return None
    return found["service"], found["action"], found["pattern"] or ""


RULES = (
    Rule(
        id="SM701",
        title="an optimized integration is one that Step Functions has",
        source=f"{_GUIDE}/integrate-optimized.html",
        check=_unknown,
        severity="warning",
    ),
    Rule(
        id="SM702",
        title="a task waits only for what its service can tell",
        source=f"{_GUIDE}/integrate-optimized.html: which service has .sync and .waitForTaskToken",
        check=_patterns,
        severity="warning",
    ),
    Rule(
        id="SM703",
        title="a task gives its service the parameters that it needs",
        source=f"{_GUIDE}/connect-parameters.html and the API reference of the service",
        check=_missing_parameters,
        severity="warning",
    ),
)
