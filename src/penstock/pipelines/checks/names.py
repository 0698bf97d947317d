"""PL1xx: names, references and numbers, each as AWS has them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from penstock.pipelines.checks.rule import Finding, Rule
from penstock.pipelines.delivery_streams import DeliveryStream
from penstock.pipelines.graph import Graph, references
from penstock.pipelines.http_api import HttpApi
from penstock.pipelines.pipes import Pipe
from penstock.pipelines.resources import (
    Bucket,
    EventBus,
    EventRule,
    Function,
    Key,
    Named,
    Part,
    Queue,
    QueueMapping,
    Resource,
    StateMachine,
    Stream,
    StreamMapping,
    Table,
    Topic,
    Url,
)
from penstock.pipelines.scheduler import Schedule


def _unknown_names(graph: Graph) -> Iterator[Finding]:
    known = sorted({resource.name for resource in graph.resources})
    for part in graph.parts:
        for reference in references(part):
            if isinstance(reference.to, Named) and not graph.named(reference.to.name):
                close = get_close_matches(reference.to.name, known, n=1)
                others = f"it has {', '.join(known) or 'none yet'}"
                yield Finding(
                    what=f'no resource of this pipeline is called "{reference.to.name}"',
                    part=reference.to,
                    within=f"{_shown(part)} {reference.field}",
                    fix=f'did you mean "{close[0]}"?' if close else others,
                )


def _ambiguous_names(graph: Graph) -> Iterator[Finding]:
    for part in graph.parts:
        for reference in references(part):
            if isinstance(reference.to, Named) and len(found := graph.named(reference.to.name)) > 1:
                kinds = " and ".join(type(resource).__name__ for resource in found)
                yield Finding(
                    what=f'"{reference.to.name}" names more than one resource: {kinds}',
                    part=reference.to,
                    within=f"{_shown(part)} {reference.field}",
                    fix="give the resource itself instead of its name, or rename one of them",
                )


def _duplicate_names(graph: Graph) -> Iterator[Finding]:
    seen: dict[tuple[type[Resource], str], Resource] = {}
    for resource in graph.resources:
        first = seen.setdefault((type(resource), resource.name), resource)
        if first is not resource:
            yield Finding(
                what=f'two different {_plural(resource)} are called "{resource.name}"',
                part=resource,
                fix=f"the other one is declared at {first.declared_at}: use that value, or rename this one",
            )


def _unfitting_urls(graph: Graph) -> Iterator[Finding]:
    holders: list[Function | StateMachine] = [*graph.of(Function), *graph.of(StateMachine)]
    for part in holders:
        values = part.environment if isinstance(part, Function) else part.substitutions
        for name, value in values.items():
            if isinstance(value, Url):
                resource = graph.follow(value.resource)
                if resource is not None and not isinstance(resource, Queue):
                    yield Finding(
                        what=f'only a queue has a URL; "{resource.name}" is a {type(resource).__name__}',
                        part=value,
                        within=f"{_shown(part)} {name}",
                        fix="take arn(...), or the resource itself for its name",
                    )


_FORBIDDEN_STARTS = ("xn--", "sthree-", "amzn-s3-demo-")
_FORBIDDEN_ENDS = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


_BUCKET_WORDS = "3 to 63 lower-case letters, digits, dots and hyphens, a letter or digit at both ends"


def _broken_in_bucket(name: str) -> str | None:
    if not 3 <= len(name) <= 63:
        return f"it has {len(name)} characters"
    if found := re.search(r"[^a-z0-9.-]", name):
        return f"it has {found.group()!r}"
    if not (name[0].isalnum() and name[-1].isalnum()):
        return "it does not begin and end with a letter or digit"
    if ".." in name:
        return "it has two dots side by side"
    if re.fullmatch(r"\d+\.\d+\.\d+\.\d+", name):
        return "it looks like an IP address"
    if start := next((start for start in _FORBIDDEN_STARTS if name.startswith(start)), None):
        return f'AWS keeps names that begin with "{start}" for itself'
    if end := next((end for end in _FORBIDDEN_ENDS if name.endswith(end)), None):
        return f'AWS keeps names that end with "{end}" for itself'
    return None


def _bucket_names(graph: Graph) -> Iterator[Finding]:
    for bucket in graph.of(Bucket):
        broken = _broken_in_bucket(bucket.name)
        if broken is not None:
            yield Finding(
                what=f'AWS refuses the bucket name "{bucket.name}": {broken}', part=bucket, fix=_BUCKET_WORDS
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """What a name of one kind must match, in a pattern and in words."""

    kind: type[Resource]
    pattern: re.Pattern[str]
    words: str


_FORMS = (
    _Form(
        kind=Queue,
        pattern=re.compile(r"(?=.{1,80}\Z)[A-Za-z0-9_-]+(\.fifo)?"),
        words="1 to 80 letters, digits, hyphens and underscores (a FIFO queue's name ends with .fifo)",
    ),
    _Form(
        kind=Function,
        pattern=re.compile(r"[A-Za-z0-9_-]{1,64}"),
        words="1 to 64 letters, digits, hyphens and underscores",
    ),
    _Form(
        kind=Stream,
        pattern=re.compile(r"[A-Za-z0-9_.-]{1,128}"),
        words="1 to 128 letters, digits, hyphens, underscores and dots",
    ),
    _Form(
        kind=Table,
        pattern=re.compile(r"[A-Za-z0-9_.-]{3,255}"),
        words="3 to 255 letters, digits, hyphens, underscores and dots",
    ),
    _Form(
        kind=EventBus,
        pattern=re.compile(r"(?!aws)(?!default\Z)[A-Za-z0-9_.-]{1,256}"),
        words='1 to 256 letters, digits, dots, hyphens and underscores; not "default", and not beginning with aws',
    ),
    _Form(
        kind=Topic,
        pattern=re.compile(r"(?=.{1,256}\Z)[A-Za-z0-9_-]+(\.fifo)?"),
        words="1 to 256 letters, digits, hyphens and underscores (a FIFO topic's name ends with .fifo)",
    ),
    _Form(
        kind=Pipe,
        pattern=re.compile(r"[A-Za-z0-9_.-]{1,64}"),
        words="1 to 64 letters, digits, dots, hyphens and underscores",
    ),
    _Form(
        kind=DeliveryStream,
        pattern=re.compile(r"[A-Za-z0-9_.-]{1,64}"),
        words="1 to 64 letters, digits, dots, hyphens and underscores",
    ),
    _Form(
        kind=Schedule,
        pattern=re.compile(r"[A-Za-z0-9_.-]{1,64}"),
        words="1 to 64 letters, digits, dots, hyphens and underscores",
    ),
    _Form(
        kind=EventRule,
        pattern=re.compile(r"[A-Za-z0-9_.-]{1,64}"),
        words="1 to 64 letters, digits, dots, hyphens and underscores",
    ),
    _Form(
        kind=StateMachine,
        # AWS itself takes more, but then writes no log (Step Functions, "CreateStateMachine", name).
        pattern=re.compile(r"[A-Za-z0-9_-]{1,80}"),
        words="1 to 80 letters, digits, hyphens and underscores: a machine with another name has no log",
    ),
    _Form(
        kind=HttpApi,
        # The log group of its requests bears its name (CloudWatch Logs, "CreateLogGroup").
        pattern=re.compile(r"[A-Za-z0-9_.-]{1,128}"),
        words="1 to 128 letters, digits, hyphens, underscores and dots",
    ),
)


def _other_names(graph: Graph) -> Iterator[Finding]:
    for form in _FORMS:
        for resource in graph.of(form.kind):
            if form.pattern.fullmatch(resource.name) is None:
                yield Finding(
                    what=f'AWS refuses the {_single(resource)} name "{resource.name}"',
                    part=resource,
                    fix=form.words,
                )


def refused_name(resource: Resource, name: str) -> str | None:
    """What AWS takes as a name of this kind of resource; None if it takes `name`."""
    if isinstance(resource, Bucket):
        return None if _broken_in_bucket(name) is None else _BUCKET_WORDS
    form = next((one for one in _FORMS if isinstance(resource, one.kind)), None)
    return None if form is None or form.pattern.fullmatch(name) else form.words


@dataclass(frozen=True, slots=True, kw_only=True)
class _Range:
    """The smallest and the largest value that AWS takes; `also` is one further value, such as -1."""

    kind: type[Part]
    field: str
    low: float
    high: float
    also: float | None = None


_RANGES = (
    _Range(kind=Queue, field="visibility_timeout_seconds", low=0, high=43_200),
    _Range(kind=Queue, field="message_retention_seconds", low=60, high=1_209_600),
    _Range(kind=Queue, field="delay_seconds", low=0, high=900),
    _Range(kind=Queue, field="max_receive_count", low=1, high=1_000),
    _Range(kind=Stream, field="shard_count", low=1, high=10_000),
    _Range(kind=Stream, field="retention_hours", low=24, high=8_760),
    _Range(kind=Function, field="timeout_seconds", low=1, high=900),
    _Range(kind=Function, field="memory_mb", low=128, high=10_240),
    _Range(kind=Function, field="reserved_concurrency", low=0, high=100_000),
    _Range(kind=Function, field="maximum_retry_attempts", low=0, high=2),
    _Range(kind=Function, field="maximum_event_age_seconds", low=60, high=21_600),
    _Range(kind=QueueMapping, field="batch_size", low=1, high=10_000),
    _Range(kind=QueueMapping, field="batching_window_seconds", low=0, high=300),
    _Range(kind=QueueMapping, field="maximum_concurrency", low=2, high=1_000),
    _Range(kind=StreamMapping, field="batch_size", low=1, high=10_000),
    _Range(kind=StreamMapping, field="batching_window_seconds", low=0, high=300),
    _Range(kind=StreamMapping, field="parallelization_factor", low=1, high=10),
    _Range(kind=StreamMapping, field="maximum_retry_attempts", low=0, high=10_000, also=-1),
    _Range(kind=StreamMapping, field="maximum_record_age_seconds", low=60, high=604_800, also=-1),
    _Range(kind=StreamMapping, field="tumbling_window_seconds", low=0, high=900),
    _Range(kind=DeliveryStream, field="buffering_seconds", low=0, high=900),
    _Range(kind=DeliveryStream, field="buffering_mb", low=1, high=128),
    _Range(kind=DeliveryStream, field="transformation_seconds", low=0, high=900),
    _Range(kind=DeliveryStream, field="transformation_mb", low=1, high=3),
    _Range(kind=DeliveryStream, field="transformation_retries", low=0, high=300),
    _Range(kind=Schedule, field="flexible_window_minutes", low=0, high=1_440),
    _Range(kind=Schedule, field="maximum_retry_attempts", low=0, high=185),
    _Range(kind=Schedule, field="maximum_event_age_seconds", low=60, high=86_400),
    _Range(kind=Pipe, field="batch_size", low=1, high=10_000),
    _Range(kind=Pipe, field="batching_window_seconds", low=0, high=300),
    _Range(kind=Pipe, field="parallelization_factor", low=1, high=10),
    _Range(kind=Pipe, field="maximum_retry_attempts", low=0, high=10_000, also=-1),
    _Range(kind=Pipe, field="maximum_record_age_seconds", low=60, high=604_800, also=-1),
)


def _numbers(graph: Graph) -> Iterator[Finding]:
    for limit in _RANGES:
        for part in graph.of(limit.kind):
            value = getattr(part, limit.field)
            if value is None or value == limit.also or limit.low <= value <= limit.high:
                continue
            extra = "" if limit.also is None else f", or {limit.also:g} for no limit"
            yield Finding(
                what=f"{limit.field}={value} is outside what AWS takes",
                part=part,
                within=_shown(part),
                fix=f"{limit.low:,g} to {limit.high:,g}{extra}",
            )


def _keys(graph: Graph) -> Iterator[Finding]:
    for table in graph.of(Table):
        if table.sort_key is not None and _attribute(table.partition_key) == _attribute(table.sort_key):
            yield Finding(
                what=f'"{_attribute(table.sort_key)}" is both the partition key and the sort key of "{table.name}"',
                part=table,
                fix="two different attributes, or no sort_key",
            )


def _attribute(key: str | Key) -> str:
    return key if isinstance(key, str) else key.name


def _shown(part: Part) -> str:
    name = getattr(part, "name", None)
    return f"{type(part).__name__}({name!r})" if name else type(part).__name__


def _single(resource: Resource) -> str:
    spoken = {StateMachine: "state machine", EventBus: "event bus", EventRule: "rule", HttpApi: "API"}
    return spoken.get(type(resource), type(resource).__name__.lower())


def _plural(resource: Resource) -> str:
    return "event buses" if isinstance(resource, EventBus) else f"{_single(resource)}s"


RULES = (
    Rule(
        id="PL101",
        title="a resource that is referred to by name is part of the pipeline",
        source="our own: Named(...) is looked up among the pipeline's resources",
        check=_unknown_names,
    ),
    Rule(
        id="PL102",
        title="a resource that is referred to by name is the only one of that name",
        source="our own: Named(...) does not say of which kind the resource is",
        check=_ambiguous_names,
    ),
    Rule(
        id="PL103",
        title="a name is given once to each kind of resource",
        source="CloudFormation refuses a second resource of one kind and name in an account and region",
        check=_duplicate_names,
    ),
    Rule(
        id="PL104",
        title="url(...) is taken of a queue",
        source="SQS is the only service here that is called by a URL of the resource",
        check=_unfitting_urls,
    ),
    Rule(
        id="PL105",
        title="a bucket's name is one that AWS takes",
        source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html",
        check=_bucket_names,
    ),
    Rule(
        id="PL106",
        title="the name of any other resource is one that AWS takes",
        source="the name in CreateQueue, CreateFunction, CreateStream, CreateTable, CreateEventBus, PutRule, ...",
        check=_other_names,
    ),
    Rule(
        id="PL107",
        title="a number is inside the range that AWS takes",
        source="the API references of SQS, Kinesis and Lambda, at the parameter of the same name",
        check=_numbers,
    ),
    Rule(
        id="PL108",
        title="the two keys of a table are two attributes",
        source="https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html (KeySchema)",
        check=_keys,
    ),
)
