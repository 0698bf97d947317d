"""A pipeline's declaration as the services of the embedded target take it: names and numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence

from penstock.errors import TargetError
from penstock.handlers.dead_letters import QUEUE_VARIABLE
from penstock.pipelines import (
    Bucket,
    BucketNotification,
    DeliveryStream,
    EventBus,
    EventRule,
    Function,
    Named,
    Pipeline,
    Queue,
    QueueMapping,
    Resource,
    StateMachine,
    Stream,
    StreamMapping,
    Subscription,
    Table,
    Topic,
)
from penstock.pipelines.event_patterns import compile_pattern
from penstock.pipelines.filter_criteria import FilterCriteria, FilterSource
from penstock.pipelines.idempotency import TABLE_VARIABLE, idempotency_table
from penstock.pipelines.input_transformers import rule_input
from penstock.pipelines.resolve import (
    arn_of,
    definition,
    environment,
    handler_setting,
    name_of,
    undecodable_variable,
    url_of,
)
from penstock.pipelines.resources import RuleTarget as DeclaredTarget
from penstock.pipelines.scheduler import Schedule
from penstock.pipelines.schedules import read_schedule, read_timetable
from penstock.runtime.delivery.addresses import Address, TargetKind
from penstock.runtime.events.buses import DEFAULT_BUS, RuleSettings, RuleTarget
from penstock.runtime.events.schedules import ScheduleSettings
from penstock.runtime.executions.questions import MachineSettings
from penstock.runtime.firehose.deliveries import MEGABYTE, DeliveryStreamSettings
from penstock.runtime.functions.settings import Destination, FunctionSettings
from penstock.runtime.mappings.queue_mapping import QueueMappingSettings
from penstock.runtime.mappings.stream_settings import StreamMappingSettings
from penstock.runtime.notifications import NotificationRule
from penstock.runtime.queues.queue import QueueSettings
from penstock.runtime.streams.streams import SHARDS_ON_DEMAND, StreamSettings
from penstock.runtime.streams.table_changes import STREAM_LABEL, TableStreamSettings
from penstock.runtime.streams.time_to_live import TimeToLiveSettings
from penstock.runtime.topics.topics import SubscriptionSettings, TopicSettings
from penstock.statemachines import load_definition


def queue_settings(pipeline: Pipeline) -> Iterator[QueueSettings]:
    """Every queue of the pipeline."""
    for queue in pipeline.of(Queue):
        target = _followed(pipeline, queue.dead_letter_queue)
        yield QueueSettings(
            name=name_of(queue),
            arn=arn_of(queue),
            url=url_of(queue),
            visibility_timeout_seconds=queue.visibility_timeout_seconds,
            message_retention_seconds=queue.message_retention_seconds,
            delay_seconds=queue.delay_seconds,
            fifo=queue.fifo,
            content_based_deduplication=queue.content_based_deduplication,
            dead_letter_queue=None if target is None else name_of(target),
            max_receive_count=queue.max_receive_count,
        )


def function_settings(pipeline: Pipeline) -> Iterator[FunctionSettings]:
    """Every function of the pipeline."""
    for function in pipeline.of(Function):
        yield FunctionSettings(
            name=name_of(function),
            arn=arn_of(function),
            handler=handler_setting(function),
            environment=function_environment(pipeline, function),
            timeout_seconds=function.timeout_seconds,
            memory_mb=function.memory_mb,
            reserved_concurrency=function.reserved_concurrency,
            maximum_retry_attempts=function.maximum_retry_attempts,
            maximum_event_age_seconds=function.maximum_event_age_seconds,
            on_success=_destination(_followed(pipeline, function.on_success)),
            on_failure=_destination(_followed(pipeline, function.on_failure)),
            dead_letter_queue=_destination(_followed(pipeline, function.dead_letter_queue)),
        )


def function_environment(pipeline: Pipeline, function: Function) -> dict[str, str]:
    """The function's variables, with the queue for records that it cannot decode and the table of what it did."""
    undecodable = undecodable_variable(function, pipeline.graph, url_of=url_of, arn_of=arn_of)
    table = idempotency_table(function, pipeline.graph)
    variables = {} if undecodable is None else {QUEUE_VARIABLE: undecodable}
    if table is not None:
        variables[TABLE_VARIABLE] = name_of(table)
    return {**variables, **environment(function, pipeline.graph)}


def machine_settings(pipeline: Pipeline) -> Iterator[MachineSettings]:
    """Every state machine of the pipeline, its definition read and compiled.

    Raises:
        DefinitionError: a definition cannot be read or compiled.
    """
    for machine in pipeline.of(StateMachine):
        yield MachineSettings(
            name=name_of(machine),
            arn=arn_of(machine),
            machine=load_definition(definition(machine, pipeline.graph)),
            kind=machine.kind,
        )


def mapping_settings(pipeline: Pipeline, *, concurrency: int) -> Iterator[QueueMappingSettings]:
    """Every SQS mapping of the pipeline.

    Args:
        concurrency: how many batches may be with a function at once, where the mapping sets no limit.
    """
    for mapping in pipeline.of(QueueMapping):
        yield QueueMappingSettings(
            name=f"{name_of(mapping.queue)}->{name_of(mapping.function)}",
            queue=name_of(mapping.queue),
            function=name_of(mapping.function),
            batch_size=mapping.batch_size,
            batching_window_seconds=mapping.batching_window_seconds,
            report_batch_item_failures=mapping.report_batch_item_failures,
            concurrency=mapping.maximum_concurrency or concurrency,
            wanted=_wanted(mapping.filter_criteria, "sqs"),
        )


def stream_settings(pipeline: Pipeline) -> Iterator[StreamSettings]:
    """Every stream of the pipeline, those of its tables included."""
    for stream in pipeline.of(Stream):
        yield StreamSettings(
            name=name_of(stream),
            arn=arn_of(stream),
            shard_count=SHARDS_ON_DEMAND if stream.on_demand else stream.shard_count,
            mode="ON_DEMAND" if stream.on_demand else "PROVISIONED",
            retention_hours=stream.retention_hours,
            consumers=tuple(
                one.consumer for one in pipeline.of(StreamMapping) if one.stream == stream and one.consumer
            ),
        )
    for table in table_stream_settings(pipeline):
        yield StreamSettings(name=table.stream, arn=table.arn, kind="dynamodb")


def table_stream_settings(pipeline: Pipeline) -> Iterator[TableStreamSettings]:
    """Every table of the pipeline that has a stream."""
    for table in pipeline.of(Table):
        if table.stream_view_type is not None:
            keys = (table.partition_key, *([] if table.sort_key is None else [table.sort_key]))
            yield TableStreamSettings(
                table=name_of(table),
                stream=_stream_name(table),
                arn=f"{arn_of(table)}/stream/{STREAM_LABEL}",
                view_type=table.stream_view_type,
                keys=tuple(key if isinstance(key, str) else key.name for key in keys),
            )


def time_to_live_settings(pipeline: Pipeline) -> Iterator[TimeToLiveSettings]:
    """Every table of the pipeline whose items expire."""
    for table in pipeline.of(Table):
        if table.time_to_live_attribute is not None:
            keys = (table.partition_key, *([] if table.sort_key is None else [table.sort_key]))
            yield TimeToLiveSettings(
                table=name_of(table),
                attribute=table.time_to_live_attribute,
                keys=tuple(key if isinstance(key, str) else key.name for key in keys),
            )


def stream_mapping_settings(pipeline: Pipeline) -> Iterator[StreamMappingSettings]:
    """Every stream mapping of the pipeline."""
    for mapping in pipeline.of(StreamMapping):
        target = _followed(pipeline, mapping.on_failure)
        yield StreamMappingSettings(
            name=_mapping_name(mapping, pipeline),
            stream=_stream_name(mapping.stream),
            consumer=mapping.consumer,
            function=name_of(mapping.function),
            batch_size=mapping.batch_size,
            batching_window_seconds=mapping.batching_window_seconds,
            starting_position=mapping.starting_position,
            starting_timestamp=mapping.starting_timestamp or 0.0,
            parallelization_factor=mapping.parallelization_factor,
            maximum_retry_attempts=mapping.maximum_retry_attempts,
            maximum_record_age_seconds=mapping.maximum_record_age_seconds,
            bisect_batch_on_function_error=mapping.bisect_batch_on_function_error,
            report_batch_item_failures=mapping.report_batch_item_failures,
            tumbling_window_seconds=mapping.tumbling_window_seconds,
            on_failure_queue=name_of(target) if isinstance(target, Queue) else None,
            on_failure_bucket=name_of(target) if isinstance(target, Bucket) else None,
            on_failure_topic=arn_of(target) if isinstance(target, Topic) else None,
            wanted=_wanted(
                mapping.filter_criteria, "kinesis" if isinstance(mapping.stream, Stream) else "dynamodb"
            ),
        )


def delivery_stream_settings(pipeline: Pipeline) -> Iterator[DeliveryStreamSettings]:
    """Every delivery stream of the pipeline."""
    for stream in pipeline.of(DeliveryStream):
        function = stream.transformation
        yield DeliveryStreamSettings(
            name=name_of(stream),
            arn=arn_of(stream),
            bucket=name_of(stream.bucket),
            prefix=stream.prefix,
            error_prefix=stream.error_prefix,
            buffering_seconds=stream.buffering_seconds,
            buffering_bytes=stream.buffering_mb * MEGABYTE,
            function=None if function is None else name_of(function),
            transformation_seconds=stream.transformation_seconds,
            transformation_bytes=stream.transformation_mb * MEGABYTE,
            transformation_retries=stream.transformation_retries,
        )


def _mapping_name(mapping: StreamMapping, pipeline: Pipeline) -> str:
    """What the journal calls a mapping: checkpoints are known by it, so no two may have one name."""
    source = name_of(mapping.stream)
    if isinstance(mapping.stream, Table) and any(one.name == source for one in pipeline.of(Stream)):
        source = f"table/{source}"
    if mapping.consumer is not None:
        source = f"{source}/{mapping.consumer}"
    return f"{source}->{name_of(mapping.function)}"


def _wanted(
    criteria: Sequence[Mapping[str, object]], source: FilterSource
) -> Callable[[Mapping[str, object]], bool] | None:
    return FilterCriteria(criteria, source=source).accepts if criteria else None


def _stream_name(source: Stream | Table) -> str:
    """Table streams stand beside Kinesis streams, under a name that no Kinesis stream can have."""
    return name_of(source) if isinstance(source, Stream) else f"table/{name_of(source)}"


def bus_names(pipeline: Pipeline) -> frozenset[str]:
    """Every event bus of the pipeline besides the default one."""
    return frozenset(name_of(bus) for bus in pipeline.of(EventBus))


def rule_settings(pipeline: Pipeline) -> Iterator[RuleSettings]:
    """Every rule of the pipeline."""
    for rule in pipeline.of(EventRule):
        yield RuleSettings(
            name=name_of(rule),
            bus=DEFAULT_BUS if rule.bus is None else name_of(rule.bus),
            arn=arn_of(rule),
            pattern=None if rule.pattern is None else compile_pattern(rule.pattern),
            schedule=None if rule.schedule is None else read_schedule(rule.schedule),
            targets=tuple(RuleTarget(_address(pipeline, one), rule_input(one)) for one in rule.targets),
        )


def _address(pipeline: Pipeline, declared: DeclaredTarget | Schedule) -> Address:
    """Where a rule's target or a schedule delivers."""
    to, dead_letters = declared.to, _followed(pipeline, declared.dead_letter_queue)
    kind = _target_kind(to)
    return Address(
        kind=kind,
        name=arn_of(to) if kind in ("state machine", "topic") else name_of(to),
        arn=arn_of(to),
        maximum_retry_attempts=declared.maximum_retry_attempts,
        maximum_age_seconds=declared.maximum_event_age_seconds,
        dead_letter_queue=None if dead_letters is None else name_of(dead_letters),
        group_id=declared.message_group_id,
    )


def topic_settings(pipeline: Pipeline) -> Iterator[TopicSettings]:
    """Every topic of the pipeline."""
    for topic in pipeline.of(Topic):
        yield TopicSettings(
            name=name_of(topic),
            arn=arn_of(topic),
            fifo=topic.fifo,
            content_based_deduplication=topic.content_based_deduplication,
        )


def subscription_settings(pipeline: Pipeline) -> Iterator[SubscriptionSettings]:
    """Every subscription of the pipeline."""
    for number, subscription in enumerate(pipeline.of(Subscription)):
        to, policy = subscription.to, subscription.filter_policy
        dead_letters = _followed(pipeline, subscription.dead_letter_queue)
        yield SubscriptionSettings(
            arn=f"{arn_of(subscription.topic)}:00000000-0000-4000-8000-{number:012d}",
            topic=name_of(subscription.topic),
            queue=name_of(to) if isinstance(to, Queue) else None,
            function=name_of(to) if isinstance(to, Function) else None,
            raw=subscription.raw_message_delivery,
            policy=None if policy is None else compile_pattern(policy),
            by_body=subscription.filter_policy_scope == "MessageBody",
            endpoint=arn_of(to),
            dead_letter_queue=None if dead_letters is None else name_of(dead_letters),
        )


def notification_rules(pipeline: Pipeline) -> Iterator[NotificationRule]:
    """Every bucket notification of the pipeline."""
    for rule in pipeline.of(BucketNotification):
        yield NotificationRule(
            bucket=name_of(rule.bucket),
            events=tuple(rule.events),
            prefix=rule.prefix,
            suffix=rule.suffix,
            queue=name_of(rule.to) if isinstance(rule.to, Queue) else None,
            function=name_of(rule.to) if isinstance(rule.to, Function) else None,
            topic=arn_of(rule.to) if isinstance(rule.to, Topic) else None,
        )


def schedule_settings(pipeline: Pipeline) -> Iterator[ScheduleSettings]:
    """Every schedule of the pipeline."""
    for schedule in pipeline.of(Schedule):
        yield ScheduleSettings(
            name=name_of(schedule),
            arn=arn_of(schedule),
            times=read_timetable(
                schedule.expression, timezone=schedule.timezone, start=schedule.start, end=schedule.end
            ),
            to=_address(pipeline, schedule),
            input=None if schedule.input is None else json.dumps(schedule.input, ensure_ascii=False),
            flexible_window_seconds=60.0 * schedule.flexible_window_minutes,
        )


def _target_kind(to: Resource) -> TargetKind:
    match to:
        case Queue():
            return "queue"
        case Function():
            return "function"
        case StateMachine():
            return "state machine"
        case EventBus():
            return "event bus"
        case _:
            return "topic"


def buckets_on_bus(pipeline: Pipeline) -> frozenset[str]:
    """The buckets that tell the default event bus of their objects."""
    return frozenset(name_of(one) for one in pipeline.of(Bucket) if one.event_bridge_enabled)


def _destination(resource: Resource | None) -> Destination | None:
    match resource:
        case None:
            return None
        case Queue():
            return Destination("queue", name_of(resource))
        case Function():
            return Destination("function", name_of(resource))
        case EventBus():
            return Destination("event bus", name_of(resource))
        case Topic():
            return Destination("topic", arn_of(resource))
        case Bucket():
            return Destination("bucket", name_of(resource))
        case _:
            raise TargetError(
                f'"{name_of(resource)}" cannot be the destination of a function\'s records here',
                at=str(resource.declared_at),
                fix="name a queue, a topic, a function, an event bus or a bucket",
            )


def _followed(pipeline: Pipeline, reference: Resource | Named | None) -> Resource | None:
    return None if reference is None else pipeline.graph.follow(reference)
