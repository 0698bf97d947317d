"""What an operation on a stack failed with, led back to the declaration, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from penstock.errors import TargetError
from penstock.pipelines.deploy.events import STACK, Event
from penstock.pipelines.pipeline import Pipeline
from penstock.pipelines.plan.planning import logical_id
from penstock.pipelines.resources import Resource

_AGAIN: Final = "run the command again; it goes on from here"

_REMEDIES: Final = (
    (
        r"already exists in stack",
        "another stack has it: destroy that one first (that keeps it), or choose another --stage",
    ),
    (
        r"(?i)already (exists|owned)|not available|BucketAlreadyExists|AlreadyExists",
        "the name is taken: choose another --stage (or, for a bucket, --parameter BucketNameSuffix=-SOMETHING), "
        "or delete what has it; what an earlier `penstock destroy` kept is taken over with --import-kept (LocalStack "
        "cannot), or goes with `penstock destroy --delete-data`",
    ),
    (
        r"(?i)deleted recently|60 seconds",
        f"SQS keeps a deleted queue's name for 60 seconds: wait, then {_AGAIN}",
    ),
    (
        r"(?i)not authorized|access ?denied|is not allowed|permission",
        f"allow the action that it names to who deploys, then {_AGAIN}",
    ),
    (
        r"(?i)unreserved ?concurren|ReservedConcurrentExecutions",
        f"lower reserved_concurrency, or have the account's concurrency raised, then {_AGAIN}",
    ),
    (
        r"(?i)unzipped size|CodeStorageExceeded|too large|RequestEntityTooLarge",
        "leave out what the handler does not need: `penstock package` names the biggest parts",
    ),
    (
        r"(?i)limit ?exceeded|quota|too many|throttl|rate exceeded",
        f"have the quota raised, or delete what is not used, then {_AGAIN}",
    ),
)


def failure(stack: str, status: str, failures: Sequence[Event], pipeline: Pipeline) -> TargetError:
    """The error for an operation that ended in `status`; the first failure is the cause of the others."""
    if not failures:
        return TargetError(
            f'the stack "{stack}" is {status}',
            at=stack,
            fix=f"see the stack's events in the console, then {_AGAIN}",
        )
    own = [one for one in failures if one.kind != STACK] or list(failures)
    first = own[0]
    more = f", and {len(own) - 1} more failed" if len(own) > 1 else ""
    return TargetError(
        f'the stack "{stack}" is {status}: {first.logical_id} ({first.kind}) failed: {first.reason}{more}',
        at=declared_at(first.logical_id, pipeline) or stack,
        fix=remedy(first.reason),
    )


def remedy(reason: str, otherwise: str = f"mend what it names, then {_AGAIN}") -> str:
    """What to do about CloudFormation's reason."""
    return next((fix for pattern, fix in _REMEDIES if re.search(pattern, reason)), otherwise)


def declared_at(name: str, pipeline: Pipeline) -> str:
    """Where the resource that a logical id was made for is declared; empty if it is none of the pipeline's."""
    owners: list[Resource] = [one for one in pipeline.resources if name.startswith(logical_id(one))]
    owners.sort(key=lambda one: len(logical_id(one)))
    return str(owners[-1].declared_at) if owners else ""
