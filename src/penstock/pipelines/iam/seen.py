"""What runs of a pipeline were seen to call: kept so that it holds for every run and every stage.

1. A call is kept by what stays the same from run to run: an object by its folder, an execution by its machine, a
   secret without the end of its ARN.
2. ARNs are kept as the plan writes them, `arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:orders`, for
   the pipeline without a stage.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from penstock.pipelines.graph import Graph
from penstock.pipelines.iam.matching import concrete
from penstock.pipelines.iam.needs import Need
from penstock.pipelines.iam.statements import arn_text, execution_arn_text
from penstock.pipelines.resolve import EMBEDDED, arn_of
from penstock.pipelines.resources import (
    Bucket,
    EventBus,
    Function,
    Queue,
    Resource,
    StateMachine,
    Stream,
    Table,
    Topic,
)

MOST_KEYS: Final = 10
"""So many keys without a folder are kept one by one; more are the whole bucket's objects."""

_S3_OBJECT: Final = re.compile(r"(arn:aws:s3:::[^/]+)/(.+)", re.DOTALL)

_KEPT: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r"(arn:aws:s3:::[^/]+/[^/]+)/.*", re.DOTALL), r"\1/*"),
    (re.compile(r"(arn:aws:states:[^:]*:\d*:(?:execution|express):[^:/]+)[:/].*"), r"\1:*"),
    (re.compile(r"(arn:aws:states:[^:]*:\d*:mapRun:[^:/]+)[:/].*"), r"\1/*"),
    (re.compile(r"(arn:aws:dynamodb:[^:]*:\d*:table/[^/]+/stream)/.*"), r"\1/*"),
    (re.compile(r"(arn:aws:logs:[^:]*:\d*:log-group:[^:]+):log-stream:.*"), r"\1:*"),
    (re.compile(r"(arn:aws:secretsmanager:[^:]*:\d*:secret:.+)-[A-Za-z0-9?]{6}"), r"\1-??????"),
)
"""What of an ARN is another one in the next run."""

_KINDS: Final = (Bucket, EventBus, Function, Queue, StateMachine, Stream, Table, Topic)


@dataclass(frozen=True, slots=True)
class Seen:
    """What each caller was seen to need, and in which run first.

    Attributes:
        needs: by the caller's name in the journal; ARNs without a stage.
    """

    needs: Mapping[str, Mapping[Need, str]] = field(default_factory=dict)

    def of(self, caller: str) -> Mapping[Need, str]:
        """The needs of one caller."""
        return self.needs.get(caller, {})

    def joined(self, other: Seen) -> Seen:
        """Both; what both have stands as it stands here."""
        callers = dict.fromkeys((*self.needs, *other.needs))
        return Seen({caller: {**other.of(caller), **self.of(caller)} for caller in callers})


NOTHING_SEEN: Final = Seen()


def kept(needs: Iterable[Need]) -> tuple[Need, ...]:
    """What of these stays the same from run to run, each once, sorted."""
    found: set[Need] = set()
    for action, resource in needs:
        for pattern, replacement in _KEPT:
            whole = pattern.fullmatch(resource)
            if whole is not None:
                resource = whole.expand(replacement)
                break
        found.add(Need(action, resource))
    return tuple(sorted(_few_keys(found)))


def _few_keys(needs: set[Need]) -> Iterable[Need]:
    """Where there are too many keys without a folder, the bucket's objects."""
    keys: dict[Need, set[Need]] = {}
    for need in needs:
        found = _S3_OBJECT.fullmatch(need.resource)
        whole = need if found is None else Need(need.action, f"{found[1]}/*")
        keys.setdefault(whole, set()).add(need)
    for whole, each in keys.items():
        if sum(not one.resource.endswith("/*") for one in each) > MOST_KEYS:
            yield whole
        else:
            yield from each


def templated(arn: str, graph: Graph, stage: str) -> str:
    """An ARN of the embedded target as the plan writes it on a stage.

    What belongs to a resource of the pipeline has the resource's name on the stage.
    """
    return owned(arn, graph, stage) or _with_pseudo_parameters(arn)


def owned(arn: str, graph: Graph, stage: str) -> str | None:
    """The ARN of a resource of the pipeline, or of something in it, as the plan writes it; None for any other."""
    for resource in graph.resources:
        if isinstance(resource, _KINDS):
            for base, text in _bases(resource, stage):
                if arn == base or arn.startswith((f"{base}/", f"{base}:")):
                    return text + arn[len(base) :]
    return None


def _bases(resource: Resource, stage: str) -> Iterable[tuple[str, str]]:
    yield arn_of(resource), arn_text(resource, stage)
    if isinstance(resource, StateMachine):
        executions = execution_arn_text(resource, "")
        text = execution_arn_text(resource, stage)
        for kind in ("execution", "express", "mapRun"):
            named = (one.removesuffix(":*").replace(":execution:", f":{kind}:") for one in (executions, text))
            base, written = named
            yield concrete(base), written


def _with_pseudo_parameters(arn: str) -> str:
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return arn
    _, _, service, region, account, rest = parts
    region = "${AWS::Region}" if region == EMBEDDED.region else region
    account = "${AWS::AccountId}" if account == EMBEDDED.account_id else account
    return f"arn:${{AWS::Partition}}:{service}:{region}:{account}:{rest}"
