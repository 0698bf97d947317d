"""PL5xx: functions and their handlers; whether a handler fits what invokes it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from penstock.errors import PenstockError
from penstock.handlers.spec import HandlerSpec, Source
from penstock.pipelines.checks.envelopes import unopened_envelopes
from penstock.pipelines.checks.rule import Finding, Rule
from penstock.pipelines.delivery_streams import DeliveryStream
from penstock.pipelines.graph import Graph, references
from penstock.pipelines.idempotency import TABLE_VARIABLE, idempotency_table, idempotency_table_name
from penstock.pipelines.imports import handler_of, spec_of
from penstock.pipelines.pipes import Pipe
from penstock.pipelines.resources import (
    BucketNotification,
    EventRule,
    Function,
    Key,
    Part,
    QueueMapping,
    RuleTarget,
    StateMachine,
    Stream,
    StreamMapping,
    Subscription,
)
from penstock.pipelines.scheduler import Schedule

_SETTING = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")

_DECORATOR = {
    Source.S3: "on_s3_upload",
    Source.SQS: "on_sqs_message",
    Source.KINESIS: "on_kinesis_record",
    Source.DYNAMODB: "on_dynamodb_change",
    Source.SNS: "on_sns_message",
    Source.EVENTBRIDGE: "on_event",
    Source.SCHEDULE: "on_schedule",
    Source.TASK: "on_task",
    Source.HTTP_AUTHORIZATION: "on_http_authorization",
    Source.LOGS: "on_log_event",
    Source.FIREHOSE: "on_firehose_record",
}


def _missing_handlers(graph: Graph) -> Iterator[Finding]:
    for function in graph.of(Function):
        if not isinstance(function.handler, str):
            continue
        if _SETTING.fullmatch(function.handler) is None:
            yield Finding(
                what=f'"{function.handler}" is no handler setting',
                part=function,
                fix='write "package.module.attribute", or give the handler itself',
            )
            continue
        try:
            handler_of(function, graph.root)
        except PenstockError as error:
            yield Finding(what=error.what, part=function, fix=error.fix or "give the handler itself")


def _reachable_handlers(graph: Graph) -> Iterator[Finding]:
    for function in graph.of(Function):
        if isinstance(function.handler, str):
            continue
        spec = function.handler.spec
        if "<locals>" in spec.qualname or spec.module == "__main__":
            yield Finding(
                what=f'Lambda cannot import the handler of "{function.name}", {spec.module}.{spec.qualname}',
                part=function,
                fix="define it at the top level of a module in handlers/",
            )


def _unfitting_handlers(graph: Graph) -> Iterator[Finding]:
    for function in graph.of(Function):
        spec = spec_of(function, graph.root)
        if spec is None or spec.source not in _DECORATOR:
            continue
        for invoker, sources in _invokers(function, graph):
            if spec.source not in sources:
                wanted = " or ".join(f"@{_DECORATOR[source]}" for source in sources)
                yield Finding(
                    what=(
                        f'the handler of "{function.name}" ({spec.module}.{spec.qualname}) takes '
                        f"{_told(spec)}, but {_invoking(invoker)}"
                    ),
                    part=invoker,
                    within=f"function declared at {function.declared_at}",
                    fix=f"decorate the handler with {wanted}, or give another function",
                )
    yield from unopened_envelopes(graph)


def _partial_verdicts(graph: Graph) -> Iterator[Finding]:
    mappings: list[QueueMapping | StreamMapping] = [*graph.of(QueueMapping), *graph.of(StreamMapping)]
    for mapping in mappings:
        spec = spec_of(mapping.function, graph.root)
        if spec is not None and spec.fails_partially and not mapping.report_batch_item_failures:
            yield Finding(
                what=(
                    f'the handler of "{mapping.function.name}" names the records that failed, but the '
                    "mapping does not read its answer: failed records would count as done"
                ),
                part=mapping,
                fix="report_batch_item_failures=True",
            )


def _reserved_below_maximum(graph: Graph) -> Iterator[Finding]:
    for mapping in graph.of(QueueMapping):
        reserved, maximum = mapping.function.reserved_concurrency, mapping.maximum_concurrency
        if reserved is not None and maximum is not None and reserved < maximum:
            yield Finding(
                what=(
                    f'"{mapping.function.name}" reserves {reserved} environments, '
                    f"its mapping may ask for {maximum}"
                ),
                part=mapping,
                fix=f"maximum_concurrency={reserved} or less, or a larger reserved_concurrency",
            )


MOST_BYTES_OF_VARIABLES = 4096
"""All names and values together."""

_VARIABLE = re.compile(r"[A-Za-z][A-Za-z0-9_]+")
_RESERVED = frozenset(
    [
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "LAMBDA_TASK_ROOT",
        "LAMBDA_RUNTIME_DIR",
    ]
)


def _variables(graph: Graph) -> Iterator[Finding]:
    for function in graph.of(Function):
        for name in function.environment:
            if name in _RESERVED:
                yield Finding(
                    what=f'Lambda keeps the variable "{name}" for itself',
                    part=function,
                    within=f'Function("{function.name}").environment',
                    fix="take another name",
                )
            elif _VARIABLE.fullmatch(name) is None:
                yield Finding(
                    what=f'AWS refuses the variable name "{name}"',
                    part=function,
                    within=f'Function("{function.name}").environment',
                    fix="at least two letters, digits and underscores, beginning with a letter",
                )


def _large_environments(graph: Graph) -> Iterator[Finding]:
    for function in graph.of(Function):
        texts = [(name, value) for name, value in function.environment.items() if isinstance(value, str)]
        size = sum(len(f"{name}{value}".encode()) for name, value in texts)
        if size > MOST_BYTES_OF_VARIABLES:
            yield Finding(
                what=f"its variables have {size:,} bytes, Lambda takes {MOST_BYTES_OF_VARIABLES:,}",
                part=function,
                within=f'Function("{function.name}").environment',
                fix="keep the longest in a file beside the handler, or in SSM, and give its name",
            )


def _idempotency_tables(graph: Graph) -> Iterator[Finding]:
    for function in graph.of(Function):
        name = idempotency_table_name(function, graph)
        if name is None:
            continue
        table = idempotency_table(function, graph)
        told = f'the handler of "{function.name}" remembers what it has done in the table "{name}", which '
        if table is None:
            yield Finding(
                what=f"{told}the pipeline does not have",
                part=function,
                fix=f'add Table("{name}", partition_key="id", time_to_live_attribute="expiration") to the parts, or '
                f'say which table of somebody else it is: environment={{"{TABLE_VARIABLE}": ...}}',
            )
        elif table.partition_key not in ("id", Key("id")) or table.sort_key is not None:
            yield Finding(
                what=f"{told}has other keys than Powertools writes",
                part=table,
                fix='partition_key="id", no sort_key',
            )


def _no_time_for_a_second_record(graph: Graph) -> Iterator[Finding]:
    mappings: tuple[QueueMapping | StreamMapping, ...] = (*graph.of(QueueMapping), *graph.of(StreamMapping))
    for mapping in mappings:
        function = mapping.function
        spec = spec_of(function, graph.root)
        margin = 0.0 if spec is None else spec.stop_margin_seconds
        if mapping.batch_size > 1 and 0 < function.timeout_seconds <= margin:
            yield Finding(
                what=f'"{function.name}" has {function.timeout_seconds} s, of which its handler leaves {margin:g} s '
                "over: all but the first record of a batch go back, each time",
                part=function,
                fix="a longer timeout_seconds, a shorter stop_margin_seconds of the handler, or batch_size=1",
            )


def _invokers(function: Function, graph: Graph) -> Iterator[tuple[Part, tuple[Source, ...]]]:
    """Every part that invokes the function, with the sources of which its handler may be one."""
    for mapping in graph.of(QueueMapping):
        if mapping.function.name == function.name:
            yield mapping, (Source.SQS,)
    for stream_mapping in graph.of(StreamMapping):
        if stream_mapping.function.name == function.name:
            kinesis = isinstance(stream_mapping.stream, Stream)
            yield stream_mapping, (Source.KINESIS,) if kinesis else (Source.DYNAMODB,)
    for notification in graph.of(BucketNotification):
        if isinstance(notification.to, Function) and notification.to.name == function.name:
            yield notification, (Source.S3,)
    for rule in graph.of(EventRule):
        for target in rule.targets:
            if not isinstance(target.to, Function) or target.to.name != function.name:
                continue
            if _has_input_of_its_own(target):
                yield target, (Source.TASK,)
            elif target.input_template and not _is_object(target.input_template):
                yield rule, (Source.EVENTBRIDGE, Source.SCHEDULE, Source.S3, Source.TASK)
            else:
                yield rule, (Source.EVENTBRIDGE, Source.SCHEDULE, Source.S3)
    for schedule in graph.of(Schedule):
        if isinstance(schedule.to, Function) and schedule.to.name == function.name:
            of_its_own = _has_input_of_its_own(schedule)
            yield schedule, (Source.TASK,) if of_its_own else (Source.SCHEDULE, Source.TASK)
    for subscription in graph.of(Subscription):
        if isinstance(subscription.to, Function) and subscription.to.name == function.name:
            yield subscription, (Source.SNS, Source.S3)
    for pipe in graph.of(Pipe):
        if any(isinstance(one, Function) and one.name == function.name for one in (pipe.enrichment, pipe.to)):
            yield pipe, (Source.TASK,)
    for stream in graph.of(DeliveryStream):
        if stream.transformation is not None and stream.transformation.name == function.name:
            yield stream, (Source.FIREHOSE,)
    for machine in graph.of(StateMachine):
        if any(graph.follow(reference.to) == function for reference in references(machine)):
            yield machine, (Source.TASK,)


def _has_input_of_its_own(part: RuleTarget | Schedule) -> bool:
    """Whether the function is given something that is no event of a bus, which would have a detail."""
    if isinstance(part.input, Mapping):
        return "detail" not in part.input
    if isinstance(part, Schedule):
        return part.input is not None
    if part.input is not None or part.input_path not in (None, "$"):
        return True
    template = part.input_template or ""
    return _is_object(template) and '"detail"' not in template


def _is_object(template: str) -> bool:
    """Whether a template makes an object; of another, `<aws.events.event.json>`, nobody knows what it makes."""
    return template.lstrip().startswith("{")


def _invoking(part: Part) -> str:
    if isinstance(part, QueueMapping):
        return f'the queue "{part.queue.name}" is mapped to it'
    if isinstance(part, StreamMapping):
        kind = "stream" if isinstance(part.stream, Stream) else "table stream"
        return f'the {kind} "{part.stream.name}" is mapped to it'
    if isinstance(part, BucketNotification):
        return f'the bucket "{part.bucket.name}" notifies it'
    if isinstance(part, EventRule):
        return f'the rule "{part.name}" has it as a target'
    if isinstance(part, RuleTarget):
        return "a rule gives it an input of its own"
    if isinstance(part, Schedule):
        given = " with an input of its own" if _has_input_of_its_own(part) else ""
        return f'the schedule "{part.name}" invokes it{given}'
    if isinstance(part, Subscription):
        return f'it is subscribed to the topic "{part.topic.name}"'
    if isinstance(part, Pipe):
        return f'the pipe "{part.name}" gives it lists of records'
    if isinstance(part, DeliveryStream):
        return f'the delivery stream "{part.name}" has its records transformed by it'
    if isinstance(part, StateMachine):
        return f'the state machine "{part.name}" runs it as a task'
    return "something else invokes it"


def _told(spec: HandlerSpec) -> str:
    return {
        Source.S3: "S3 events",
        Source.SQS: "SQS messages",
        Source.KINESIS: "Kinesis records",
        Source.DYNAMODB: "table changes",
        Source.SNS: "SNS notifications",
        Source.EVENTBRIDGE: "EventBridge events",
        Source.SCHEDULE: "scheduled events",
        Source.TASK: "a state machine's task input",
        Source.HTTP_AUTHORIZATION: "questions of an API's authorizer",
        Source.LOGS: "log events",
        Source.FIREHOSE: "records of a delivery stream",
    }[spec.source]


_LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg"

RULES = (
    Rule(
        id="PL501",
        title="a handler setting leads to something that can be called",
        source=f"{_LAMBDA}/python-handler.html",
        check=_missing_handlers,
    ),
    Rule(
        id="PL502",
        title="a handler stands where Lambda can import it",
        source=f"{_LAMBDA}/python-handler.html",
        check=_reachable_handlers,
    ),
    Rule(
        id="PL503",
        title="a handler's events are those of the source that invokes it",
        source="our own: every record would fail to decode",
        check=_unfitting_handlers,
    ),
    Rule(
        id="PL504",
        title="where a handler names the failed records, its mapping reads the answer",
        source=f"{_LAMBDA}/services-sqs-errorhandling.html",
        check=_partial_verdicts,
    ),
    Rule(
        id="PL505",
        title="a mapping asks for no more environments than its function reserves",
        source=f"{_LAMBDA}/services-sqs-scaling.html",
        check=_reserved_below_maximum,
    ),
    Rule(
        id="PL506",
        title="a function's variables have names that Lambda takes",
        source=f"{_LAMBDA}/configuration-envvars.html",
        check=_variables,
    ),
    Rule(
        id="PL507",
        title="a function's variables have no more than 4 KB",
        source=f"{_LAMBDA}/gettingstarted-limits.html",
        check=_large_environments,
    ),
    Rule(
        id="PL508",
        title="the table in which a handler remembers what it has done is there, and has the keys for it",
        source="https://docs.powertools.aws.dev/lambda/python/latest/utilities/idempotency/ (Required resources)",
        check=_idempotency_tables,
    ),
    Rule(
        id="PL509",
        title="a function has more time than its handler leaves over at the end",
        source="our own: records that were never begun would end as dead letters",
        check=_no_time_for_a_second_record,
    ),
)
