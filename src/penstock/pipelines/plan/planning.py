"""What the modules of the plan share: logical ids, names, and CloudFormation's functions.

A resource names another by `Fn::Sub` over its name wherever `Ref` would make a circle (a function that starts
the machine that runs it; a bucket and the policy of the queue that it tells).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from penstock.errors import DeclarationError
from penstock.pipelines.graph import Graph
from penstock.pipelines.iam.seen import NOTHING_SEEN, Seen
from penstock.pipelines.iam.statements import Condition, Statement, arn_text, target_of
from penstock.pipelines.plan.limits import fitted
from penstock.pipelines.resolve import name_of
from penstock.pipelines.resources import Bucket, Function, Resource

_PARAMETER: Final = re.compile(r"\$\{[A-Za-z:]+\}")
"""A text that is nothing but a parameter."""

SAME_ACCOUNT: Final = Condition("StringEquals", "aws:SourceAccount", ("${AWS::AccountId}",))
"""A service acts for this account, and for no other that knows a name in it (Lambda, "Defining Lambda function
permissions with an execution role")."""


def description_of(pipeline: str) -> str:
    """What the template says that it is."""
    return f"Pipeline {pipeline}"


def acting_for(arn: str | Sequence[str], operator: str = "ArnEquals") -> Condition:
    """A service acts for one of these resources."""
    return Condition(operator, "aws:SourceArn", (arn,) if isinstance(arn, str) else tuple(arn))


@dataclass(slots=True)
class Planning:
    """A template that is being made.

    Attributes:
        seen: what runs were seen to call, which the roles allow as well.
    """

    pipeline: str
    graph: Graph
    stage: str
    seen: Seen = NOTHING_SEEN
    resources: dict[str, dict[str, object]] = field(default_factory=dict)
    outputs: dict[str, object] = field(default_factory=dict)

    def add(
        self,
        logical_id: str,
        kind: str,
        properties: dict[str, object],
        *,
        depends_on: list[str] | None = None,
        **attributes: object,
    ) -> str:
        """Put one resource into the template; returns its logical id.

        Raises:
            DeclarationError: two resources have names that differ in punctuation only.
        """
        if logical_id in self.resources:
            raise DeclarationError(
                f'two resources would be called "{logical_id}" in the template',
                at=f'pipeline "{self.pipeline}"',
                fix="let their names differ in letters or digits, not only in punctuation",
            )
        entry: dict[str, object] = {"Type": kind, **attributes}
        if depends_on:
            entry["DependsOn"] = sorted(depends_on)
        entry["Properties"] = properties
        self.resources[logical_id] = entry
        return logical_id

    def name(self, resource: Resource) -> object:
        """The resource's name on the stage; a bucket's ends with the parameter `BucketNameSuffix`."""
        text = name_of(resource, target_of(self.stage))
        return sub(f"{text}${{BucketNameSuffix}}") if isinstance(resource, Bucket) else text

    def arn(self, resource: Resource) -> object:
        """The resource's ARN, by its name: refers to nothing in the template."""
        return sub(arn_text(resource, self.stage))

    def tags(self) -> list[object]:
        """The tags of everything that can have tags."""
        return [{"Key": key, "Value": value} for key, value in self.tag_pairs()]

    def tag_pairs(self) -> list[tuple[str, str]]:
        """The tags as key and value."""
        pairs = [("penstock:pipeline", self.pipeline)]
        return [*pairs, ("penstock:stage", self.stage)] if self.stage else pairs


def sub(text: str) -> object:
    """`Fn::Sub`, or the text itself if it has no variable."""
    return {"Fn::Sub": text} if "${" in text else text


def conditions(of: Sequence[Condition]) -> dict[str, object]:
    """The member `Condition` of a statement; nothing, if there are none."""
    found: dict[str, dict[str, object]] = {}
    for operator, key, values in of:
        written = [{"Ref": value[2:-1]} if _PARAMETER.fullmatch(value) else sub(value) for value in values]
        found.setdefault(operator, {})[key] = written[0] if len(written) == 1 else written
    return {"Condition": found} if found else {}


def attribute(logical_id: str, name: str = "Arn") -> object:
    """`Fn::GetAtt`."""
    return {"Fn::GetAtt": [logical_id, name]}


def logical_id(resource: Resource, suffix: str = "") -> str:
    """`file-events`, a queue, is `FileEventsQueue`."""
    return in_capitals(resource.name) + type(resource).__name__ + suffix


def in_capitals(name: str) -> str:
    """A name as a part of a logical id: `file-events` is `FileEvents`."""
    return "".join(word[0].upper() + word[1:] for word in re.findall(r"[A-Za-z0-9]+", name))


CODE_BUCKET: Final = "CodeBucketName"
"""The parameter that says where the code is. (A bucket that is called `code` is the resource `CodeBucket`.)"""


def code_key_parameter(function: Function) -> str:
    """The parameter that says which object of the code bucket a function's zip file is."""
    return logical_id(function, "CodeKey")


def role(
    planning: Planning,
    resource: Resource,
    service: str,
    statements: tuple[Statement, ...],
    *,
    on_behalf_of: Sequence[Condition] = (SAME_ACCOUNT,),
) -> str:
    """A role of the resource's own; returns its logical id.

    Args:
        on_behalf_of: whom `service` has to act for (IAM, "The confused deputy problem").

    Raises:
        DeclarationError: its policy is longer than IAM takes.
    """
    return planning.add(
        logical_id(resource, "Role"),
        "AWS::IAM::Role",
        {
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": service},
                        "Action": "sts:AssumeRole",
                        **conditions(on_behalf_of),
                    }
                ],
            },
            "Policies": [
                {
                    "PolicyName": "least-privilege",
                    "PolicyDocument": {
                        "Version": "2012-10-17",
                        "Statement": [
                            {
                                "Effect": "Allow",
                                "Action": list(one.actions),
                                "Resource": [sub(arn) for arn in one.resources],
                                **conditions(one.conditions),
                            }
                            for one in fitted(statements, resource)
                        ],
                    },
                }
            ],
            "Tags": planning.tags(),
        },
    )


def log_group(planning: Planning, resource: Resource, prefix: str) -> str:
    """A log group of the resource's own, kept as long as the parameter says; returns its logical id."""
    return planning.add(
        logical_id(resource, "Logs"),
        "AWS::Logs::LogGroup",
        {
            "LogGroupName": f"{prefix}{planning.name(resource)}",
            "RetentionInDays": {"Ref": "LogRetentionDays"},
            "Tags": planning.tags(),
        },
        DeletionPolicy="Delete",
        UpdateReplacePolicy="Delete",
    )
