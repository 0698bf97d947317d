"""What AWS takes of a whole template: names with their stage, counts, and the size of a role's policy.

Sources: CloudFormation, "Understand CloudFormation quotas"; IAM, "IAM and AWS STS quotas".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from penstock.errors import DeclarationError
from penstock.pipelines.checks.names import refused_name
from penstock.pipelines.iam.statements import Statement, target_of
from penstock.pipelines.resolve import name_of
from penstock.pipelines.resources import Bucket, Resource

MOST: Final = {"Resources": 500, "Parameters": 200, "Outputs": 200}
"""How many of each a template may have."""

MOST_POLICY_CHARACTERS: Final = 10_240
"""Of all inline policies of one role, without white space."""

_LONGEST: Final = (
    ("${AWS::Partition}", "aws-us-gov"),
    ("${AWS::Region}", "ap-southeast-2"),
    ("${AWS::AccountId}", "123456789012"),
    ("${AWS::URLSuffix}", "amazonaws.com.cn"),
    ("${BucketNameSuffix}", "-123456789012"),
)
"""What CloudFormation writes for its pseudo parameters, at the longest, and we for ours."""


def check_names(resources: Iterable[Resource], *, stage: str, bucket_suffix: str = "") -> None:
    """See that AWS takes every name as it is on a stage.

    Args:
        bucket_suffix: ends every bucket's name.

    Raises:
        DeclarationError: it does not.
    """
    for one in resources:
        name = name_of(one, target_of(stage)) + (bucket_suffix if isinstance(one, Bucket) else "")
        words = refused_name(one, name)
        if words is not None:
            raise DeclarationError(
                f'AWS refuses the name "{name}", which {type(one).__name__} "{one.name}" would have',
                at=str(one.declared_at),
                fix=f"a shorter name or stage: AWS takes {words}",
            )


def check_counts(template: Mapping[str, object], pipeline: str) -> None:
    """See that CloudFormation takes as many resources, parameters and outputs.

    Raises:
        DeclarationError: it does not.
    """
    for section, most in MOST.items():
        entries = template.get(section, {})
        count = len(entries) if isinstance(entries, Mapping) else 0
        if count > most:
            raise DeclarationError(
                f"the template has {count} {section.lower()}, CloudFormation takes {most}",
                at=f'pipeline "{pipeline}"',
                fix="make several pipelines of it, which are deployed one by one",
            )


def fitted(statements: Sequence[Statement], owner: Resource) -> tuple[Statement, ...]:
    """The statements, those with the same actions in one if the policy would be too long otherwise.

    Raises:
        DeclarationError: it is too long even so.
    """
    if _size(statements) <= MOST_POLICY_CHARACTERS:
        return tuple(statements)
    together: dict[object, Statement] = {}
    for one in statements:
        known = together.get((one.actions, one.conditions))
        together[one.actions, one.conditions] = (
            one
            if known is None
            else replace(
                known, resources=tuple({**dict.fromkeys(known.resources), **dict.fromkeys(one.resources)})
            )
        )
    size = _size(tuple(together.values()))
    if size > MOST_POLICY_CHARACTERS:
        raise DeclarationError(
            f'the policy of the role of "{owner.name}" has {size:,} characters, IAM takes {MOST_POLICY_CHARACTERS:,}',
            at=str(owner.declared_at),
            fix="let it use fewer resources, or make two of it",
        )
    return tuple(together.values())


def _size(statements: Sequence[Statement]) -> int:
    written = [
        {
            "Effect": "Allow",
            "Action": one.actions,
            "Resource": [_longest(arn) for arn in one.resources],
            "Condition": [
                {operator: {key: [_longest(value) for value in values]}}
                for operator, key, values in one.conditions
            ],
        }
        for one in statements
    ]
    return len(json.dumps({"Version": "2012-10-17", "Statement": written}, separators=(",", ":")))


def _longest(arn: str) -> str:
    for name, value in _LONGEST:
        arn = arn.replace(name, value)
    return arn
