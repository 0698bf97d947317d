"""How one part refers to another: what a function may do with it, and its ARN or URL as a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from penstock.pipelines.resources.parts import Named, Part, Resource


@dataclass(frozen=True, slots=True)
class Access(Part):
    """What a function does with a resource: reads it, writes it, or both, under a key prefix of a bucket.

    Written with `reads`, `writes` or `uses`. The plan's IAM policies and the check for a bucket
    that would trigger itself are made from these.
    """

    resource: Resource | Named
    read: bool
    write: bool
    prefix: str = ""


def reads(resource: Resource | Named, prefix: str = "") -> Access:
    """The function only reads `resource` (of a bucket: the keys that begin with `prefix`)."""
    return Access(resource, read=True, write=False, prefix=prefix)


def writes(resource: Resource | Named, prefix: str = "") -> Access:
    """The function only writes to `resource` (of a bucket: the keys that begin with `prefix`)."""
    return Access(resource, read=False, write=True, prefix=prefix)


def uses(resource: Resource | Named, prefix: str = "") -> Access:
    """The function reads and writes `resource` (of a bucket: the keys that begin with `prefix`)."""
    return Access(resource, read=True, write=True, prefix=prefix)


@dataclass(frozen=True, slots=True)
class Arn(Part):
    """Stands for a resource's ARN, where the resource itself would stand for its name or URL."""

    resource: Resource | Named


@dataclass(frozen=True, slots=True)
class Url(Part):
    """Stands for a queue's URL, where the queue itself would stand for something else."""

    resource: Resource | Named


def arn(resource: Resource | Named) -> Arn:
    """The ARN of `resource`, as an environment value or a substitution."""
    return Arn(resource)


def url(resource: Resource | Named) -> Url:
    """The URL of the queue `resource`, as an environment value or a substitution."""
    return Url(resource)


Value: TypeAlias = str | Resource | Named | Arn | Url
"""An environment value or a substitution: plain text, or something that is resolved per target."""
