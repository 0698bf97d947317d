"""Functions with role, log group, permissions, asynchronous invocation and mappings; state machines."""

from __future__ import annotations

import json

from penstock.handlers.dead_letters import QUEUE_VARIABLE
from penstock.pipelines.iam import role_statements
from penstock.pipelines.iam.statements import Condition, arn_text
from penstock.pipelines.idempotency import TABLE_VARIABLE, idempotency_table
from penstock.pipelines.pipes import Pipe
from penstock.pipelines.plan.credentials import refuse_credentials, refuse_credentials_in
from penstock.pipelines.plan.planning import (
    CODE_BUCKET,
    SAME_ACCOUNT,
    Planning,
    acting_for,
    attribute,
    code_key_parameter,
    in_capitals,
    log_group,
    logical_id,
    role,
    sub,
)
from penstock.pipelines.resolve import document, handler_setting, substituted_names, undecodable_variable
from penstock.pipelines.resources import (
    Arn,
    Bucket,
    BucketNotification,
    EventRule,
    Function,
    Queue,
    QueueMapping,
    Resource,
    StateMachine,
    Stream,
    StreamMapping,
    Subscription,
    Topic,
    Url,
    Value,
)
from penstock.pipelines.scheduler import Schedule

ALARMS_ARE_TOLD = "AlarmsAreTold"
"""The condition that there is a topic for alarms."""


def add_function(planning: Planning, function: Function) -> None:
    """A function and everything that stands and falls with it. The parameters say where its code is."""
    graph = planning.graph
    name = logical_id(function)
    logs = log_group(planning, function, "/aws/lambda/")
    allowed = role(
        planning,
        function,
        "lambda.amazonaws.com",
        role_statements(function, graph, planning.stage, planning.seen),
    )
    properties: dict[str, object] = {
        "FunctionName": planning.name(function),
        "Handler": handler_setting(function),
        "Runtime": {"Ref": "Runtime"},
        "Architectures": [{"Ref": "Architecture"}],
        "Code": {"S3Bucket": {"Ref": CODE_BUCKET}, "S3Key": {"Ref": code_key_parameter(function)}},
        "Role": attribute(allowed),
        "Timeout": function.timeout_seconds,
        "MemorySize": function.memory_mb,
        "TracingConfig": {"Mode": "Active"},
        "LoggingConfig": {"LogGroup": {"Ref": logs}},
        "Tags": planning.tags(),
    }
    refuse_credentials(function)
    variables = _variables(planning, function)
    if variables:
        properties["Environment"] = {"Variables": variables}
    if function.reserved_concurrency is not None:
        properties["ReservedConcurrentExecutions"] = function.reserved_concurrency
    if function.dead_letter_queue is not None:
        dead_letters = graph.follow(function.dead_letter_queue)
        if dead_letters is not None:
            properties["DeadLetterConfig"] = {"TargetArn": _destination(dead_letters)}
    planning.add(name, "AWS::Lambda::Function", properties)
    planning.outputs[f"{name}Name"] = {"Value": {"Ref": name}}
    _add_async(planning, function)
    _add_permissions(planning, function)
    # Named after the two that it maps, not counted: with another id CloudFormation makes a second mapping of the
    # same two before it deletes the first, which Lambda refuses.
    for queue_mapping in graph.of(QueueMapping):
        if queue_mapping.function == function:
            _add_queue_mapping(planning, queue_mapping, f"{name}Of{logical_id(queue_mapping.queue)}")
    for mapping in graph.of(StreamMapping):
        if mapping.function == function:
            reader = "" if mapping.consumer is None else f"As{in_capitals(mapping.consumer)}"
            _add_stream_mapping(planning, mapping, f"{name}Of{logical_id(mapping.stream)}{reader}")


def _variables(planning: Planning, function: Function) -> dict[str, object]:
    undecodable = undecodable_variable(
        function,
        planning.graph,
        url_of=lambda queue: f"${{{logical_id(queue)}}}",
        arn_of=lambda resource: arn_text(resource, planning.stage),
    )
    variables: dict[str, object] = {}
    if undecodable is not None:
        only = undecodable.startswith("${")
        variables[QUEUE_VARIABLE] = {"Ref": undecodable[2:-1]} if only else sub(undecodable)
    table = idempotency_table(function, planning.graph)
    if table is not None:
        variables[TABLE_VARIABLE] = {"Ref": logical_id(table)}
    for variable, value in function.environment.items():
        variables[variable] = _value(planning, value, arns=(StateMachine,))
    return variables


def _destination(to: Resource) -> object:
    """The ARN of what is told of failures and successes."""
    return {"Ref": logical_id(to)} if isinstance(to, Topic) else attribute(logical_id(to))


def _add_async(planning: Planning, function: Function) -> None:
    properties: dict[str, object] = {
        "FunctionName": {"Ref": logical_id(function)},
        "Qualifier": "$LATEST",
        "MaximumRetryAttempts": function.maximum_retry_attempts,
        "MaximumEventAgeInSeconds": function.maximum_event_age_seconds,
    }
    destinations: dict[str, object] = {}
    for field, reference in (("OnSuccess", function.on_success), ("OnFailure", function.on_failure)):
        to = None if reference is None else planning.graph.follow(reference)
        if to is not None:
            destinations[field] = {"Destination": _destination(to)}
    if destinations:
        properties["DestinationConfig"] = destinations
    planning.add(logical_id(function, "AsyncConfig"), "AWS::Lambda::EventInvokeConfig", properties)


def _add_permissions(planning: Planning, function: Function) -> None:
    """A statement of the function's policy for each bucket, topic and rule that invokes it."""
    graph = planning.graph
    sources: dict[str, tuple[str, Resource]] = {}
    for notification in graph.of(BucketNotification):
        if notification.to == function:
            sources[logical_id(notification.bucket)] = ("s3", notification.bucket)
    for subscription in graph.of(Subscription):
        if subscription.to == function:
            sources[logical_id(subscription.topic)] = ("sns", subscription.topic)
    for rule in graph.of(EventRule):
        if any(one.to == function for one in rule.targets):
            sources[logical_id(rule)] = ("events", rule)
    for source_id, (service, source) in sources.items():
        properties: dict[str, object] = {
            "Action": "lambda:InvokeFunction",
            "FunctionName": {"Ref": logical_id(function)},
            "Principal": f"{service}.amazonaws.com",
            "SourceArn": planning.arn(source),
        }
        if isinstance(source, Bucket):
            properties["SourceAccount"] = {"Ref": "AWS::AccountId"}
        planning.add(logical_id(function, f"From{source_id}"), "AWS::Lambda::Permission", properties)


def _add_queue_mapping(planning: Planning, mapping: QueueMapping, name: str) -> None:
    properties: dict[str, object] = {
        "EventSourceArn": attribute(logical_id(mapping.queue)),
        "FunctionName": {"Ref": logical_id(mapping.function)},
        "BatchSize": mapping.batch_size,
        "MaximumBatchingWindowInSeconds": int(mapping.batching_window_seconds),
    }
    if mapping.report_batch_item_failures:
        properties["FunctionResponseTypes"] = ["ReportBatchItemFailures"]
    if mapping.maximum_concurrency is not None:
        properties["ScalingConfig"] = {"MaximumConcurrency": mapping.maximum_concurrency}
    _filters(properties, mapping)
    properties["Tags"] = planning.tags()
    planning.add(name, "AWS::Lambda::EventSourceMapping", properties)


def _add_stream_mapping(planning: Planning, mapping: StreamMapping, name: str) -> None:
    source = logical_id(mapping.stream)
    arn = attribute(source, "Arn" if isinstance(mapping.stream, Stream) else "StreamArn")
    if mapping.consumer is not None:
        consumer = {"StreamARN": arn, "ConsumerName": mapping.consumer, "Tags": planning.tags()}
        arn = {"Ref": planning.add(f"{name}Consumer", "AWS::Kinesis::StreamConsumer", consumer)}
    properties: dict[str, object] = {
        "EventSourceArn": arn,
        "FunctionName": {"Ref": logical_id(mapping.function)},
        "BatchSize": mapping.batch_size,
        "MaximumBatchingWindowInSeconds": int(mapping.batching_window_seconds),
        "StartingPosition": mapping.starting_position,
        "ParallelizationFactor": mapping.parallelization_factor,
        "MaximumRetryAttempts": mapping.maximum_retry_attempts,
        "MaximumRecordAgeInSeconds": mapping.maximum_record_age_seconds,
        "BisectBatchOnFunctionError": mapping.bisect_batch_on_function_error,
    }
    if mapping.starting_timestamp is not None:
        properties["StartingPositionTimestamp"] = mapping.starting_timestamp
    if mapping.report_batch_item_failures:
        properties["FunctionResponseTypes"] = ["ReportBatchItemFailures"]
    if mapping.tumbling_window_seconds is not None:
        properties["TumblingWindowInSeconds"] = mapping.tumbling_window_seconds
    to = None if mapping.on_failure is None else planning.graph.follow(mapping.on_failure)
    if to is not None:
        properties["DestinationConfig"] = {"OnFailure": {"Destination": _destination(to)}}
    _filters(properties, mapping)
    properties["Tags"] = planning.tags()
    planning.add(name, "AWS::Lambda::EventSourceMapping", properties)


def _filters(properties: dict[str, object], mapping: QueueMapping | StreamMapping) -> None:
    if mapping.filter_criteria:
        properties["FilterCriteria"] = {
            "Filters": [{"Pattern": json.dumps(one, sort_keys=True)} for one in mapping.filter_criteria]
        }


def add_machine(planning: Planning, machine: StateMachine) -> None:
    """A state machine; its definition's `${Name}` are `DefinitionSubstitutions`."""
    written = document(machine, planning.graph.root)
    texts_given = {name: value for name, value in machine.substitutions.items() if isinstance(value, str)}
    refuse_credentials_in(machine, {"definition": written, "substitutions": texts_given})
    used = substituted_names(written)
    logs = log_group(planning, machine, "/aws/vendedlogs/states/")
    allowed = role(
        planning,
        machine,
        "states.amazonaws.com",
        role_statements(machine, planning.graph, planning.stage, planning.seen),
        on_behalf_of=_for_machine(arn_text(machine, planning.stage)),
    )
    properties: dict[str, object] = {
        "StateMachineName": planning.name(machine),
        "StateMachineType": machine.kind,
        "RoleArn": attribute(allowed),
        "DefinitionString": json.dumps(written, separators=(",", ":"), ensure_ascii=False),
        "LoggingConfiguration": {
            "Level": "ERROR",
            "IncludeExecutionData": False,
            "Destinations": [{"CloudWatchLogsLogGroup": {"LogGroupArn": attribute(logs)}}],
        },
        "TracingConfiguration": {"Enabled": True},
        "Tags": planning.tags(),
    }
    texts = {
        name: _value(planning, value, arns=(StateMachine, Function))
        for name, value in machine.substitutions.items()
        if name in used
    }
    if texts:
        properties["DefinitionSubstitutions"] = texts
    name = planning.add(logical_id(machine), "AWS::StepFunctions::StateMachine", properties)
    planning.outputs[f"{name}Arn"] = {"Value": {"Ref": name}}


def _for_machine(arn: str) -> tuple[Condition, ...]:
    """The machine and what a Map Run makes of it, `stateMachine:NAME/LABEL`.

    Step Functions, "Creating an IAM role for your state machine", "Prevent cross-service confused deputy issue".
    """
    return acting_for((arn, f"{arn}/*"), "ArnLike"), SAME_ACCOUNT


def _value(planning: Planning, value: Value, *, arns: tuple[type[Resource], ...]) -> object:
    """An environment value or a substitution, by the rules of `resolve`."""
    if isinstance(value, str):
        return value
    reference = value.resource if isinstance(value, Arn | Url) else value
    resource = planning.graph.follow(reference)
    if resource is None:
        return reference.name
    if isinstance(value, Arn) or (isinstance(resource, arns) and not isinstance(value, Url)):
        return planning.arn(resource)
    if isinstance(resource, Queue):
        return {"Ref": logical_id(resource)}
    return planning.name(resource)


def add_alarms(planning: Planning) -> None:
    """Dead letters and failures that wait, and stream mappings that fall behind (CloudWatch, "PutMetricAlarm")."""
    graph = planning.graph
    owners = [one.dead_letter_queue for one in graph.of(Queue)]
    given_up = [one.dead_letter_queue for one in graph.of(Function)]
    failures = [one.on_failure for one in graph.of(Function)]
    failed_batches = [one.on_failure for one in graph.of(StreamMapping)]
    undelivered = [target.dead_letter_queue for rule in graph.of(EventRule) for target in rule.targets]
    undelivered += [one.dead_letter_queue for one in graph.of(Subscription)]
    undelivered += [one.dead_letter_queue for one in graph.of(Pipe)]
    undelivered += [one.dead_letter_queue for one in graph.of(Schedule)]
    letters = (*owners, *given_up, *failures, *failed_batches, *undelivered)
    dead = [graph.follow(one) for one in letters if one is not None]
    for queue in graph.of(Queue):
        if queue in dead:
            _alarm(
                planning, logical_id(queue, "DepthAlarm"), "AWS/SQS", "ApproximateNumberOfMessagesVisible",
                ("QueueName", attribute(logical_id(queue), "QueueName")), threshold=0,
            )  # fmt: skip
    late = {one.function.name: one.function for one in graph.of(StreamMapping)}
    for function in late.values():
        _alarm(
            planning, logical_id(function, "IteratorAgeAlarm"), "AWS/Lambda", "IteratorAge",
            ("FunctionName", {"Ref": logical_id(function)}), threshold={"Ref": "IteratorAgeMilliseconds"},
        )  # fmt: skip


def _alarm(
    planning: Planning,
    name: str,
    space: str,
    metric: str,
    dimension: tuple[str, object],
    *,
    threshold: object,
) -> None:
    planning.add(
        name,
        "AWS::CloudWatch::Alarm",
        {
            "Namespace": space,
            "MetricName": metric,
            "Dimensions": [{"Name": dimension[0], "Value": dimension[1]}],
            "Statistic": "Maximum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": threshold,
            "TreatMissingData": "notBreaching",
            "AlarmActions": {
                "Fn::If": [ALARMS_ARE_TOLD, [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]
            },
            "Tags": planning.tags(),
        },
    )
