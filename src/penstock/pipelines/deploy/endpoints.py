"""What LocalStack takes otherwise than AWS: adapted where that changes nothing, refused where it would.

Measured on LocalStack 4.14: it reads `ToleratedFailurePercentage` as a float only, and knows neither `ItemBatcher`
nor `InputType: JSONL` nor EXPRESS children of a Distributed Map. It computes the Parameters of a ResultWriter from
the Map's results where AWS takes the state's input, and writes no results there, only a manifest; and no failure of
a child fails its Map. It makes no HTTP APIs and no pipes. Its stream mappings read a shard once at a time; without
penstock's plugin they know no windows and split no batches. Records of failed asynchronous invocations go to no
bucket, and a rule puts a new event on another bus (both are read in its code).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias, cast

from botocore.exceptions import ClientError

from penstock.errors import TargetError
from penstock.pipelines.deploy.errors import code_of
from penstock.pipelines.deploy.sessions import Destination
from penstock.pipelines.pipeline import Pipeline
from penstock.pipelines.resolve import Target, name_of
from penstock.pipelines.resources import Function

Template: TypeAlias = dict[str, object]

ELSEWHERE: Final = "run it embedded (penstock run) or on AWS, or leave it out on this endpoint"


def for_localstack(template: Template, *, with_plugin: bool = False) -> tuple[Template, tuple[str, ...]]:
    """The template as LocalStack takes it, and a line for each thing that is other than on AWS.

    Args:
        with_plugin: penstock's own is in it, as `penstock localstack up` has it.

    Raises:
        TargetError: a state machine has what LocalStack does not know.
    """
    notes: list[str] = []
    resources = cast("Mapping[str, Mapping[str, object]]", template["Resources"])
    adapted: dict[str, object] = {}
    for name, entry in resources.items():
        properties = cast("Mapping[str, object]", entry["Properties"])
        if entry["Type"] == "AWS::StepFunctions::StateMachine":
            definition = json.loads(str(properties["DefinitionString"]))
            changed = _machine(definition, name, "", notes)
            text = json.dumps(changed, separators=(",", ":"), ensure_ascii=False)
            adapted[name] = {**entry, "Properties": {**properties, "DefinitionString": text}}
        else:
            adapted[name] = entry
            notes += (f"{name}: {note}" for note in _passed_over(entry, resources, with_plugin=with_plugin))
    return {**template, "Resources": adapted}, tuple(notes)


def remove_leftovers(destination: Destination, pipeline: Pipeline, stage: str) -> None:
    """Delete functions that a failed stack left behind: LocalStack's rollback does not remove them.

    Raises:
        TargetError: LocalStack cannot delete one that is half made.
    """
    client: Any = destination.client("lambda")
    target = Target(account_id=destination.account_id, region=destination.region, stage=stage)
    for function in pipeline.of(Function):
        name = name_of(function, target)
        try:
            client.delete_function(FunctionName=name)
        except ClientError as error:
            if code_of(error) != "ResourceNotFoundException":
                raise TargetError(
                    f'LocalStack cannot delete the function "{name}", which a failed stack left half made',
                    at=destination.shown,
                    fix="start LocalStack anew, and run the command again",
                ) from error


def _machine(value: object, name: str, pointer: str, notes: list[str]) -> object:
    if isinstance(value, list):
        return [_machine(one, name, f"{pointer}/{number}", notes) for number, one in enumerate(value)]
    if not isinstance(value, dict):
        return value
    for what in _unknown(value):
        raise TargetError(f"LocalStack does not know {what}", at=f"{name}  {pointer}", fix=ELSEWHERE)
    if value.get("Mode") == "DISTRIBUTED":
        notes.append(f"{name}  {pointer}: children that fail do not fail their Map, whatever is tolerated")
    changed: dict[str, object] = {}
    for key, one in value.items():
        if key == "ResultWriter" and value.get("Type") == "Map" and _is_computed(one):
            if value.get("ResultPath", "$") is not None:
                raise TargetError(
                    "LocalStack computes the Parameters of a ResultWriter from the results, not from the input",
                    at=f"{name}  {pointer}",
                    fix="write them without paths, or drop the state's result with ResultPath: null",
                )
            notes.append(
                f"{name}  {pointer}: has no ResultWriter, whose Parameters LocalStack would compute from the "
                "results; what it writes is not used"
            )
        elif key == "ToleratedFailurePercentage" and isinstance(one, int):
            changed[key] = float(one)
        elif key == "ExecutionType" and one == "EXPRESS" and value.get("Mode") == "DISTRIBUTED":
            changed[key] = "STANDARD"
            notes.append(f"{name}  {pointer}: children run as STANDARD, for LocalStack has no EXPRESS ones")
        else:
            changed[key] = _machine(one, name, f"{pointer}/{key}", notes)
    return changed


def keeps_failures_in_a_bucket(
    kind: str, properties: Mapping[str, object], resources: Mapping[str, Mapping[str, object]]
) -> bool:
    """Whether a resource tells of a function's asynchronous failures in a bucket."""
    if kind != "AWS::Lambda::EventInvokeConfig":
        return False
    config = cast("Mapping[str, Mapping[str, object]]", properties.get("DestinationConfig", {}))
    return _type_of(config.get("OnFailure", {}).get("Destination"), resources) == "AWS::S3::Bucket"


def _type_of(arn: object, resources: Mapping[str, Mapping[str, object]]) -> object:
    """The type of the resource whose ARN `Fn::GetAtt` gives; None for any other value."""
    got = arn.get("Fn::GetAtt") if isinstance(arn, Mapping) else None
    return resources[str(got[0])]["Type"] if isinstance(got, list) else None


def _passed_over(
    entry: Mapping[str, object], resources: Mapping[str, Mapping[str, object]], *, with_plugin: bool
) -> Iterator[str]:
    """What LocalStack takes of a resource without doing anything with it, or does otherwise."""
    properties = cast("Mapping[str, object]", entry["Properties"])
    if keeps_failures_in_a_bucket(str(entry["Type"]), properties, resources):
        yield "LocalStack sends records of failures to no bucket"
    targets = cast("list[Mapping[str, object]]", properties.get("Targets", []))
    if any(_type_of(target.get("Arn"), resources) == "AWS::Events::EventBus" for target in targets):
        yield "LocalStack puts another event on the other bus, with an id of its own, and so on from bus to bus"
    if entry["Type"] == "AWS::Pipes::Pipe":
        yield "not made, for LocalStack's open edition has no pipes; penstock run has"
    if entry["Type"] == "AWS::ApiGatewayV2::Api":
        yield "not made, for LocalStack's open edition has no HTTP APIs; penstock serve has"
    if entry["Type"] != "AWS::Lambda::EventSourceMapping":
        return
    if not with_plugin and properties.get("TumblingWindowInSeconds"):
        yield "LocalStack has no tumbling windows: the function gets its batches without one"
    if not with_plugin and properties.get("BisectBatchOnFunctionError"):
        yield "LocalStack splits no batches: one bad record fails the whole batch"
    if properties.get("ParallelizationFactor", 1) != 1:
        yield "LocalStack reads a shard once at a time"


def _is_computed(writer: object) -> bool:
    """Whether a path or an intrinsic function is among its Parameters."""
    parameters = writer.get("Parameters") if isinstance(writer, dict) else None
    return isinstance(parameters, dict) and any(str(name).endswith(".$") for name in parameters)


def _unknown(value: Mapping[str, object]) -> Iterator[str]:
    if value.get("Type") == "Map" and "ItemBatcher" in value:
        yield "ItemBatcher"
    if value.get("InputType") == "JSONL":
        yield "items in the format JSONL"
