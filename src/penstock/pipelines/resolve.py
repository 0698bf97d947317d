"""What a declaration's parts are called on a target: names, ARNs, URLs, variables, substitutions.

1. Text only: nothing here calls AWS, and a definition file is the only thing that is read.
2. The forms are AWS's ("Amazon Resource Names"); a region of another partition gets that partition.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import singledispatch
from pathlib import Path

from penstock.errors import DeclarationError, DefinitionError
from penstock.pipelines.delivery_streams import DeliveryStream
from penstock.pipelines.graph import Graph
from penstock.pipelines.pipes import Pipe
from penstock.pipelines.resources import (
    Arn,
    Bucket,
    EventBus,
    EventRule,
    Function,
    Named,
    Queue,
    QueueMapping,
    Resource,
    StateMachine,
    Stream,
    StreamMapping,
    Table,
    Topic,
    Url,
    Value,
)
from penstock.pipelines.scheduler import Schedule

SUBSTITUTION = re.compile(r"\$\{([A-Za-z0-9]+)\}")
"""`${Name}` as CloudFormation's `DefinitionSubstitutions` has it: letters and digits only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The account, region and stage that a pipeline runs in; a stage begins every name, `dev-uploads`."""

    account_id: str
    region: str
    stage: str = ""

    @property
    def partition(self) -> str:
        """`aws`, `aws-cn` or `aws-us-gov`."""
        if self.region.startswith("cn-"):
            return "aws-cn"
        return "aws-us-gov" if self.region.startswith("us-gov-") else "aws"


EMBEDDED = Target(account_id="123456789012", region="us-east-1")


def name_of(resource: Resource, target: Target = EMBEDDED) -> str:
    """The name that the resource has on `target`."""
    return f"{target.stage}-{resource.name}" if target.stage else resource.name


def arn_of(resource: Resource, target: Target = EMBEDDED) -> str:
    """The ARN that the resource has on `target`."""
    return _arn(resource, target)


def url_of(queue: Resource, target: Target = EMBEDDED) -> str:
    """The URL of a queue on `target`.

    Raises:
        DeclarationError: `queue` is not a queue.
    """
    if not isinstance(queue, Queue):
        raise DeclarationError(
            f'only a queue has a URL; "{queue.name}" is a {type(queue).__name__}',
            at=str(queue.declared_at),
            fix="take arn(...) or the resource itself, which stands for its name",
        )
    domain = "amazonaws.com.cn" if target.partition == "aws-cn" else "amazonaws.com"
    return f"https://sqs.{target.region}.{domain}/{target.account_id}/{name_of(queue, target)}"


@singledispatch
def _arn(resource: Resource, target: Target) -> str:
    raise TypeError(f"{type(resource).__name__} is no resource that arn_of() knows")


@_arn.register(Bucket)
def _(resource: Bucket, target: Target) -> str:
    return f"arn:{target.partition}:s3:::{name_of(resource, target)}"


@_arn.register(Queue)
def _(resource: Queue, target: Target) -> str:
    return _regional("sqs", name_of(resource, target), target)


@_arn.register(Stream)
def _(resource: Stream, target: Target) -> str:
    return _regional("kinesis", f"stream/{name_of(resource, target)}", target)


@_arn.register(Table)
def _(resource: Table, target: Target) -> str:
    return _regional("dynamodb", f"table/{name_of(resource, target)}", target)


@_arn.register(Function)
def _(resource: Function, target: Target) -> str:
    return _regional("lambda", f"function:{name_of(resource, target)}", target)


@_arn.register(EventBus)
def _(resource: EventBus, target: Target) -> str:
    return _regional("events", f"event-bus/{name_of(resource, target)}", target)


@_arn.register(Schedule)
def _(resource: Schedule, target: Target) -> str:
    return _regional("scheduler", f"schedule/default/{name_of(resource, target)}", target)


@_arn.register(EventRule)
def _(resource: EventRule, target: Target) -> str:
    bus = "" if resource.bus is None else f"{name_of(resource.bus, target)}/"
    return _regional("events", f"rule/{bus}{name_of(resource, target)}", target)


@_arn.register(Pipe)
def _(resource: Pipe, target: Target) -> str:
    return _regional("pipes", f"pipe/{name_of(resource, target)}", target)


@_arn.register(DeliveryStream)
def _(resource: DeliveryStream, target: Target) -> str:
    return _regional("firehose", f"deliverystream/{name_of(resource, target)}", target)


@_arn.register(Topic)
def _(resource: Topic, target: Target) -> str:
    return _regional("sns", name_of(resource, target), target)


@_arn.register(StateMachine)
def _(resource: StateMachine, target: Target) -> str:
    return _regional("states", f"stateMachine:{name_of(resource, target)}", target)


def _regional(service: str, rest: str, target: Target) -> str:
    return f"arn:{target.partition}:{service}:{target.region}:{target.account_id}:{rest}"


def handler_setting(function: Function) -> str:
    """Lambda's handler setting, `handlers.flights.handle`."""
    if isinstance(function.handler, str):
        return function.handler
    return f"{function.handler.spec.module}.{function.handler.spec.qualname}"


def environment(function: Function, graph: Graph, target: Target = EMBEDDED) -> dict[str, str]:
    """The function's variables: a queue is its URL, a state machine its ARN, any other resource its name."""
    return {
        variable: _text(value, graph, target, arns=(StateMachine,))
        for variable, value in function.environment.items()
    }


def undecodable_queues(function: Function, graph: Graph) -> dict[Queue | Stream | Table, Queue | None]:
    """Where the records that the function cannot decode go, by the source that is mapped to it.

    The dead-letter queue of a mapped queue; of a stream the mapping's `on_failure`, if it is a queue. None: nowhere.
    """
    found: dict[Queue | Stream | Table, Queue | None] = {}
    references: list[tuple[Queue | Stream | Table, Resource | Named | None]] = [
        *(
            (one.queue, one.queue.dead_letter_queue)
            for one in graph.of(QueueMapping)
            if one.function == function
        ),
        *((one.stream, one.on_failure) for one in graph.of(StreamMapping) if one.function == function),
    ]
    for source, reference in references:
        queue = None if reference is None else graph.follow(reference)
        found[source] = queue if isinstance(queue, Queue) else None
    return found


def undecodable_variable(
    function: Function,
    graph: Graph,
    *,
    url_of: Callable[[Queue], str],
    arn_of: Callable[[Resource], str],
) -> str | None:
    """What tells the function where records go that it cannot decode; None if they go nowhere.

    The queue's URL; or, if its sources have not all the same queue, JSON with the URL for each source's ARN.
    """
    queues = undecodable_queues(function, graph)
    urls = {arn_of(source): url_of(queue) for source, queue in queues.items() if queue is not None}
    if len(urls) == len(queues) and len(set(urls.values())) == 1:
        return next(iter(urls.values()))
    return json.dumps(urls, separators=(",", ":")) if urls else None


def substitutions(machine: StateMachine, graph: Graph, target: Target = EMBEDDED) -> dict[str, str]:
    """What each `${Name}` becomes: a function or machine its ARN, a queue its URL, any other its name."""
    return {
        name: _text(value, graph, target, arns=(StateMachine, Function))
        for name, value in machine.substitutions.items()
    }


def _text(value: Value, graph: Graph, target: Target, *, arns: tuple[type[Resource], ...]) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Arn):
        return arn_of(_followed(value.resource, graph), target)
    if isinstance(value, Url):
        return url_of(_followed(value.resource, graph), target)
    resource = _followed(value, graph)
    if isinstance(resource, arns):
        return arn_of(resource, target)
    return url_of(resource, target) if isinstance(resource, Queue) else name_of(resource, target)


def _followed(reference: Resource | Named, graph: Graph) -> Resource:
    resource = graph.follow(reference)
    if resource is None:
        raise DeclarationError(
            f'nothing in the pipeline is called "{reference.name}"', at=str(reference.declared_at)
        )
    return resource


def definition(machine: StateMachine, graph: Graph, target: Target = EMBEDDED) -> dict[str, object]:
    """The machine's States Language document with every `${Name}` replaced that has a substitution.

    Raises:
        DefinitionError: the file cannot be read, or is neither JSON nor YAML.
    """
    texts = substitutions(machine, graph, target)
    filled = _filled(document(machine, graph.root), texts)
    return dict(filled) if isinstance(filled, Mapping) else {}


def document(machine: StateMachine, root: Path) -> Mapping[str, object]:
    """The machine's States Language document as it was written, with its `${Name}` in place.

    Raises:
        DefinitionError: the file cannot be read, or is neither JSON nor YAML.
    """
    if isinstance(machine.definition, Mapping):
        return machine.definition
    path = root / machine.definition
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DefinitionError(
            f'the definition of "{machine.name}" cannot be read: {error}',
            at=f"{machine.declared_at}  {path}",
            fix=f"a relative path starts at the project's folder, {root}",
        ) from error
    loaded = _parsed(text, path)
    if not isinstance(loaded, Mapping):
        raise DefinitionError(
            f'the definition of "{machine.name}" is not an object',
            at=str(path),
            fix="a state machine is an object with StartAt and States",
        )
    return loaded


def _parsed(text: str, path: Path) -> object:
    if path.suffix == ".json":
        try:
            parsed: object = json.loads(text)
        except ValueError as error:
            raise DefinitionError(f"this file is not JSON: {error}", at=str(path)) from error
        return parsed
    import yaml  # a machine that is written in JSON or Python does without it

    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise DefinitionError(f"this file is not YAML: {error}", at=str(path)) from error


def _filled(value: object, texts: Mapping[str, str]) -> object:
    if isinstance(value, str):
        return SUBSTITUTION.sub(lambda found: texts.get(found.group(1), found.group(0)), value)
    if isinstance(value, Mapping):
        return {str(key): _filled(item, texts) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(item, texts) for item in value]
    return value


def substituted_names(value: object) -> frozenset[str]:
    """Every `Name` that stands as `${Name}` somewhere in a document's texts."""
    if isinstance(value, str):
        return frozenset(SUBSTITUTION.findall(value))
    if isinstance(value, Mapping):
        return frozenset().union(*(substituted_names(item) for item in value.values()))
    if isinstance(value, list | tuple):
        return frozenset().union(*(substituted_names(item) for item in value))
    return frozenset()
