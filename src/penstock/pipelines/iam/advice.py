"""What to declare, so that a role allows something that it was refused."""

from __future__ import annotations

from pathlib import Path

from penstock.pipelines.delivery_streams import DeliveryStream
from penstock.pipelines.iam.functions import (
    CALLBACK_ACTIONS,
    LIST_STREAMS,
    QUEUE_ACTIONS,
    STREAM_ACTIONS,
    TABLE_STREAM_ACTIONS,
    waits_for_callbacks,
)
from penstock.pipelines.iam.matching import Allowed, concrete
from penstock.pipelines.iam.needs import Need
from penstock.pipelines.iam.policy import caller_of
from penstock.pipelines.iam.statements import access
from penstock.pipelines.pipeline import Pipeline
from penstock.pipelines.resources import (
    Bucket,
    EventBus,
    EventRule,
    Function,
    Queue,
    Resource,
    StateMachine,
    Stream,
    Table,
    Topic,
)
from penstock.pipelines.scheduler import Schedule

_CALLED = (Bucket, DeliveryStream, EventBus, Function, Queue, StateMachine, Stream, Table, Topic)


def advice(pipeline: Pipeline, caller: str, need: Need) -> str:
    """What to do, so that `caller` (as the journal calls it) has what it needs; one sentence."""
    from_runs = f"penstock policy {pipeline.name} --from-runs --write"
    owner = next((one for one in pipeline.resources if _is(one, caller)), None)
    if not isinstance(owner, Function):
        return f"allow what the runs have called: {from_runs}"
    for resource in pipeline.resources:
        if isinstance(resource, _CALLED):
            verb = _verb(resource, need, pipeline.root)
            if verb is not None:
                what = f'{verb}({type(resource).__name__} "{resource.name}")'
                return f'add {what} to the calls of function "{owner.name}", {owner.declared_at}'
    if need.action in (*QUEUE_ACTIONS, *STREAM_ACTIONS, *TABLE_STREAM_ACTIONS, LIST_STREAMS):
        return "the declared mapping needs it: enforce the pipeline's own policy, policy_of(pipeline)"
    return f"no declaration stands for it; allow what the runs have called: {from_runs}"


def _is(resource: Resource, caller: str) -> bool:
    return (
        isinstance(resource, Function | StateMachine | EventRule | Schedule) and caller_of(resource) == caller
    )


def _verb(resource: Resource, need: Need, root: Path) -> str | None:
    if need.action in CALLBACK_ACTIONS and isinstance(resource, StateMachine):
        return "writes" if waits_for_callbacks(resource, root) else None
    for verb, read, write in (("reads", True, False), ("writes", False, True), ("uses", True, True)):
        statements = access(resource, "", read=read, write=write)
        allowed = Allowed(
            Need(action, concrete(arn))
            for one in statements
            for action in one.actions
            for arn in one.resources
        )
        if allowed.covers(need):
            return verb
    return None
