"""`penstock policy`: each role of a pipeline, why its statements stand, and what has changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from penstock.cli.printing import from_here
from penstock.errors import UsageError
from penstock.pipelines import Pipeline
from penstock.pipelines.iam import (
    Grant,
    Policy,
    changes_since,
    policy_of,
    policy_path,
    read_seen,
    write_policy,
)
from penstock.pipelines.iam.kept_policy import Change, Changes
from penstock.pipelines.load import find_project, load_pipeline
from penstock.runtime.readers.seen_calls import seen_in_runs


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRequest:
    """What `penstock policy` was asked for."""

    pipeline: str
    from_runs: bool
    write: bool
    form: Literal["json", "text"]
    state: Path


def show_policy(request: PolicyRequest) -> Iterator[str]:
    """The lines to print.

    Raises:
        UsageError: there are no runs to learn from, or the policy cannot be kept.
        DeclarationError: the kept policy cannot be read, or a state machine's role cannot be planned.
    """
    pipeline = load_pipeline(request.pipeline, find_project(Path.cwd()))
    seen = read_seen(pipeline)
    if request.from_runs:
        found, runs = seen_in_runs(request.state, pipeline.name)
        if not runs:
            raise UsageError(
                f"there are no runs of {pipeline.name} to learn from",
                at=str(request.state),
                fix=f"penstock run {pipeline.name}, or name the folder of its runs with --state",
            )
        seen = seen.joined(found)
    policy = policy_of(pipeline, seen=seen)
    changes = changes_since(policy, pipeline)
    if request.form == "json":
        yield json.dumps(_document(policy, changes), indent=2)
    else:
        yield from _text(policy)
        yield from _changes(changes, pipeline, written=request.write)
    if request.write:
        write_policy(policy, policy_path(pipeline))
        if request.form == "text":
            yield f"wrote {from_here(policy_path(pipeline))}"


def _text(policy: Policy) -> Iterator[str]:
    for role in policy.roles:
        yield role.owner
        by_resource: dict[str, list[Grant]] = {}
        for grant in role.grants:
            by_resource.setdefault(grant.resource, []).append(grant)
        for resource, grants in by_resource.items():
            yield f"  {resource}"
            for grant in grants:
                yield f"    {grant.action:<30} {'; '.join(grant.why)}"
        yield ""


def _changes(changes: Changes | None, pipeline: Pipeline, *, written: bool) -> Iterator[str]:
    path = from_here(policy_path(pipeline))
    if changes is None:
        if not written:
            yield f"no policy is kept yet; keep this one with --write, in {path}"
    elif not (changes.added or changes.removed):
        yield f"no changes since {path}"
    else:
        yield f"changes since {path}"
        for sign, those in (("+", changes.added), ("-", changes.removed)):
            for one in those:
                yield f"  {sign} {one.owner}: {one.action} on {one.resource}"


def _document(policy: Policy, changes: Changes | None) -> dict[str, object]:
    return {
        "pipeline": policy.pipeline,
        "roles": [
            {
                "owner": role.owner,
                "statements": [
                    {
                        "Effect": "Allow",
                        "Action": grant.action,
                        "Resource": grant.resource,
                        "why": list(grant.why),
                    }
                    for grant in role.grants
                ],
            }
            for role in policy.roles
        ],
        "changes": None
        if changes is None
        else {
            "added": [_changed(one) for one in changes.added],
            "removed": [_changed(one) for one in changes.removed],
        },
    }


def _changed(change: Change) -> dict[str, str]:
    return {"owner": change.owner, "Action": change.action, "Resource": change.resource}
