"""The policy that a project keeps: `pipelines/NAME.policy.json`, which is committed.

It has two uses. What runs were seen to call stands in it, so that the plan of the same commit is the same on every
machine; and it is what the next policy is compared with.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from penstock.errors import DeclarationError, UsageError
from penstock.pipelines.iam.matching import concrete
from penstock.pipelines.iam.needs import Need
from penstock.pipelines.iam.policy import Grant, Policy
from penstock.pipelines.iam.seen import NOTHING_SEEN, Seen
from penstock.pipelines.pipeline import Pipeline


class _KeptRole(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One role: its actions by resource; of those that were seen, in which run."""

    caller: str
    declared: dict[str, list[str]] = {}
    seen: dict[str, dict[str, str]] = {}


class _Kept(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    pipeline: str
    roles: dict[str, _KeptRole]


@dataclass(frozen=True, slots=True)
class Change:
    """A grant that a policy has and the one before had not, or the other way round."""

    owner: str
    action: str
    resource: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What is new in a policy, and what is gone."""

    added: tuple[Change, ...]
    removed: tuple[Change, ...]


def policy_path(pipeline: Pipeline) -> Path:
    """Where the policy of a pipeline is kept."""
    return pipeline.root / "pipelines" / f"{pipeline.name}.policy.json"


def read_seen(pipeline: Pipeline) -> Seen:
    """What the kept policy says that runs were seen to call; nothing if no policy is kept.

    Raises:
        DeclarationError: the file cannot be read, or is not what `write_policy` writes.
    """
    found = _read(policy_path(pipeline))
    if found is None:
        return NOTHING_SEEN
    return Seen(
        {
            role.caller: {
                Need(action, concrete(resource)): run
                for resource, actions in role.seen.items()
                for action, run in actions.items()
            }
            for role in found.roles.values()
            if role.seen
        }
    )


def write_policy(policy: Policy, path: Path) -> None:
    """Keep a policy.

    Raises:
        UsageError: the file cannot be written.
    """
    roles = {one.owner: _written(one.caller, one.grants) for one in policy.roles}
    kept = {"pipeline": policy.pipeline, "roles": roles}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"the policy cannot be kept: {error.strerror or error}",
            at=str(path),
            fix="make the folder writable",
        ) from error


def _written(caller: str, grants: Iterable[Grant]) -> dict[str, object]:
    declared: dict[str, list[str]] = {}
    seen: dict[str, dict[str, str]] = {}
    for grant in grants:
        if grant.seen_in is None:
            declared.setdefault(grant.resource, []).append(grant.action)
        else:
            seen.setdefault(grant.resource, {})[grant.action] = grant.seen_in
    return {"caller": caller, "declared": declared, "seen": seen}


def changes_since(policy: Policy, pipeline: Pipeline) -> Changes | None:
    """How a policy differs from the one that is kept; None if none is.

    Raises:
        DeclarationError: the kept one cannot be read.
    """
    found = _read(policy_path(pipeline))
    if found is None:
        return None
    before = {
        Change(owner, action, resource): None
        for owner, role in found.roles.items()
        for resources in (role.declared, role.seen)
        for resource, actions in resources.items()
        for action in actions
    }
    after = {
        Change(role.owner, grant.action, grant.resource): None
        for role in policy.roles
        for grant in role.grants
    }
    return Changes(
        added=tuple(one for one in after if one not in before),
        removed=tuple(one for one in before if one not in after),
    )


def _read(path: Path) -> _Kept | None:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DeclarationError(
            f"the kept policy cannot be read: {error.strerror or error}", at=str(path)
        ) from error
    try:
        return msgspec.json.decode(content, type=_Kept)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DeclarationError(
            f"the kept policy is not what `penstock policy --write` writes: {error}",
            at=str(path),
            fix="take the committed version back, or delete the file and write it again from runs",
        ) from error
