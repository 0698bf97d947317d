"""Taking over what an earlier `penstock destroy` kept: an import, which is a change set of its own.

1. An import adds to the stack what is there, changes no resource, and deletes none: the template is the one that is
   deployed, with the kept resources as they are (`actual`). What else the plan has comes with the change set after.
2. Only what bears the tags of this pipeline and stage is taken over. Anything else that has a name of the plan is an
   error before anything is done. (An endpoint that is not AWS's own may have given no tags: MiniStack gives a bucket
   none.)

Source: CloudFormation, "Import AWS resources into a CloudFormation stack" (each imported resource has a
DeletionPolicy; outputs and tags stay as they are), "Resource type support" (the identifiers).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, cast

from botocore.exceptions import ClientError

from penstock.errors import TargetError
from penstock.pipelines.deploy.actual import actual
from penstock.pipelines.deploy.change_sets import Import
from penstock.pipelines.deploy.endpoints import Template
from penstock.pipelines.deploy.errors import code_of
from penstock.pipelines.deploy.kept import MISSING, Keeping, bears_tags, kept_names, tags_of
from penstock.pipelines.deploy.sessions import Destination
from penstock.pipelines.pipeline import Pipeline
from penstock.pipelines.plan.planning import logical_id
from penstock.pipelines.resources import Bucket, Queue, Table

Resources = Mapping[str, Mapping[str, object]]

_NOT_OURS: Final = frozenset({"403", "AccessDenied"})
"""What S3 says of a bucket that is another account's."""


def kept_here(
    destination: Destination, pipeline: Pipeline, stage: str, suffix: str, *, had: Collection[str]
) -> tuple[tuple[Keeping, str], ...]:
    """Every bucket, queue and table of the pipeline that is there without being the stack's, with its name.

    Args:
        suffix: that of the buckets' names.
        had: the logical ids of what the stack has.

    Raises:
        TargetError: one has a name of the plan and is not of this pipeline and stage.
    """
    found: list[tuple[Keeping, str]] = []
    foreign: list[str] = []
    for resource, name in kept_names(pipeline, stage, suffix):
        if logical_id(resource) in had:
            continue
        shown = f"{type(resource).__name__.lower()} {name}"
        try:
            if isinstance(resource, Bucket) and not _is_here(destination, name):
                foreign.append(f"{shown} (in another region)")
                continue
            tags = tags_of(destination, resource, name)
        except ClientError as error:
            if code_of(error) in MISSING:
                continue
            if isinstance(resource, Bucket) and code_of(error) in _NOT_OURS:
                foreign.append(f"{shown} (another account's)")
                continue
            raise
        untagged = destination.local and not any(key.startswith("penstock:") for key in tags)
        if untagged or bears_tags(tags, pipeline, stage):
            found.append((resource, name))
        else:
            foreign.append(f"{shown} (without this pipeline's tags)")
    if foreign:
        raise TargetError(
            f"there already, and not taken over: {', '.join(foreign)}",
            at=destination.shown,
            fix="choose another --stage (or, for a bucket, --parameter BucketNameSuffix=-SOMETHING); "
            f"if it is yours, tag it with {_tags_in_words(pipeline, stage)}",
        )
    return tuple(found)


def _is_here(destination: Destination, bucket: str) -> bool:
    """Whether our bucket is in the stack's region (S3, "HeadBucket")."""
    s3: Any = destination.client("s3")
    owner = {} if destination.local else {"ExpectedBucketOwner": destination.account_id}
    found = s3.head_bucket(Bucket=bucket, **owner)
    return destination.local or found.get("BucketRegion", destination.region) == destination.region


def _tags_in_words(pipeline: Pipeline, stage: str) -> str:
    of_stage = f" and penstock:stage={stage}" if stage else ""
    return f"penstock:pipeline={pipeline.name}{of_stage}"


def import_template(
    destination: Destination,
    planned: Template,
    deployed: Mapping[str, object],
    kept: Sequence[tuple[Keeping, str]],
) -> tuple[Template, tuple[Import, ...]]:
    """What is deployed, with the kept resources as they are; and what CloudFormation finds them by.

    Args:
        deployed: the stack's template; empty, if there is no stack.

    Raises:
        TargetError: a table has other keys than the plan.
    """
    resources = cast("Resources", planned["Resources"])
    added: dict[str, object] = {}
    imports: list[Import] = []
    for resource, name in kept:
        entry = resources[logical_id(resource)]
        properties = cast("Mapping[str, object]", entry["Properties"])
        if isinstance(resource, Table):
            _check_keys(destination, resource, name, properties)
        added[logical_id(resource)] = {
            "Type": entry["Type"],
            "DeletionPolicy": entry["DeletionPolicy"],
            "UpdateReplacePolicy": entry["UpdateReplacePolicy"],
            "Properties": actual(destination, resource, name, properties),
        }
        imports.append(
            Import(
                logical_id=logical_id(resource),
                kind=str(entry["Type"]),
                identifier=_identifier(destination, resource, name),
            )
        )
    whole = dict(deployed) or {key: planned[key] for key in ("AWSTemplateFormatVersion", "Description")}
    parameters = dict(cast("Mapping[str, object]", whole.get("Parameters", {})))
    suffix = cast("Mapping[str, object]", planned.get("Parameters", {})).get("BucketNameSuffix")
    if suffix is not None and any(isinstance(one, Bucket) for one, _ in kept):
        parameters.setdefault("BucketNameSuffix", suffix)
    if parameters:
        whole["Parameters"] = parameters
    whole["Resources"] = {**cast("Resources", whole.get("Resources", {})), **added}
    return whole, tuple(imports)


def _identifier(destination: Destination, resource: Keeping, name: str) -> dict[str, str]:
    match resource:
        case Bucket():
            return {"BucketName": name}
        case Table():
            return {"TableName": name}
        case Queue():
            sqs: Any = destination.client("sqs")
            return {"QueueUrl": sqs.get_queue_url(QueueName=name)["QueueUrl"]}


def _check_keys(destination: Destination, table: Table, name: str, planned: Mapping[str, object]) -> None:
    """An import takes the template's word for the keys, which nothing can change afterwards."""
    dynamodb: Any = destination.client("dynamodb")
    found = dynamodb.describe_table(TableName=name)["Table"]
    types = {one["AttributeName"]: one["AttributeType"] for one in found["AttributeDefinitions"]}
    has = {one["KeyType"]: (one["AttributeName"], types[one["AttributeName"]]) for one in found["KeySchema"]}
    definitions = cast("Sequence[Mapping[str, str]]", planned["AttributeDefinitions"])
    schema = cast("Sequence[Mapping[str, str]]", planned["KeySchema"])
    declared = {one["AttributeName"]: one["AttributeType"] for one in definitions}
    wanted = {one["KeyType"]: (one["AttributeName"], declared[one["AttributeName"]]) for one in schema}
    if has != wanted:
        raise TargetError(
            f'the table "{name}" that was kept has the keys {_keys_in_words(has)}, not {_keys_in_words(wanted)}',
            at=str(table.declared_at),
            fix="declare the keys that it has, or another name; a table's keys cannot be changed",
        )


def _keys_in_words(keys: Mapping[str, tuple[str, str]]) -> str:
    return ", ".join(f"{kind} {name} ({type_})" for kind, (name, type_) in sorted(keys.items()))
