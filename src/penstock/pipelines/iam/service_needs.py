"""What calls of queues, topics, buses, streams, machines, functions, secrets, parameters and logs need of IAM.

Source: Service Authorization Reference, the pages of these services. SQS has no actions for its batches: a
`SendMessageBatch` needs `sqs:SendMessage`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from penstock.pipelines.iam.needs import (
    ANY,
    Need,
    Parameters,
    ServiceNeeds,
    arn,
    mappings,
    regional,
    texts,
)
from penstock.pipelines.resolve import EMBEDDED

# --- SQS, SNS, EventBridge --------------------------------------------------------------------------------


def _queue(parameters: Parameters) -> str:
    url = parameters.get("QueueUrl")
    if isinstance(url, str):
        *before, queue = url.rstrip("/").split("/")
        account = before[-1] if before and before[-1].isdecimal() else EMBEDDED.account_id
        return f"arn:aws:sqs:{EMBEDDED.region}:{account}:{queue}"
    name = parameters.get("QueueName") or parameters.get("SourceArn")
    if not isinstance(name, str):
        return ANY
    return name if name.startswith("arn:") else arn("sqs", name)


def _topic(parameters: Parameters) -> str:
    for name in ("TopicArn", "TargetArn"):
        if name in parameters:
            return str(parameters[name])
    subscription = parameters.get("SubscriptionArn")
    if isinstance(subscription, str) and subscription.count(":") > 5:
        return subscription.rpartition(":")[0]
    return arn("sns", str(parameters["Name"])) if "Name" in parameters else ANY


def bus_arn(name: object) -> str:
    """The ARN of an event bus by its name or ARN; the default one without."""
    text = str(name or "default")
    return text if text.startswith("arn:") else arn("events", f"event-bus/{text}")


def _put_events(parameters: Parameters) -> Iterable[Need]:
    for entry in mappings(parameters.get("Entries")):
        yield Need("events:PutEvents", bus_arn(entry.get("EventBusName")))


_OF_RULES: Final = frozenset(
    {
        "DeleteRule",
        "DescribeRule",
        "DisableRule",
        "EnableRule",
        "ListTargetsByRule",
        "PutRule",
        "PutTargets",
        "RemoveTargets",
    }
)
_OF_BUSES: Final = frozenset({"CreateEventBus", "DeleteEventBus", "DescribeEventBus", "UpdateEventBus"})


def _bus(action: str) -> Callable[[Parameters], Iterable[Need]]:
    return lambda parameters: (Need(action, bus_arn(parameters.get("Name"))),)


def _rules(action: str) -> Callable[[Parameters], Iterable[Need]]:
    return lambda parameters: (Need(action, _rule(parameters)),)


def _rule(parameters: Parameters) -> str:
    name = parameters.get("Rule") or parameters.get("Name")
    if not isinstance(name, str):
        return ANY
    bus = str(parameters.get("EventBusName") or "default").rpartition("/")[2]
    return arn("events", f"rule/{name}" if bus == "default" else f"rule/{bus}/{name}")


# --- Step Functions, Lambda -------------------------------------------------------------------------------


def _function(parameters: Parameters) -> str:
    name = str(parameters.get("FunctionName") or "")
    if not name:
        return ANY
    if not name.startswith("arn:"):
        name = arn("lambda", f"function:{name.rpartition('function:')[2]}")
    qualifier = parameters.get("Qualifier")
    return f"{name}:{qualifier}" if isinstance(qualifier, str) else name


def _mapping(parameters: Parameters) -> Iterable[Need]:
    uuid = parameters.get("UUID") or "*"
    yield Need("lambda:UpdateEventSourceMapping", arn("lambda", f"event-source-mapping:{uuid}"))


# --- Secrets Manager, SSM, CloudWatch Logs ----------------------------------------------------------------


def _secret(parameters: Parameters) -> str:
    """A secret's ARN ends in a hyphen and six characters that its name does not tell."""
    name = parameters.get("SecretId") or parameters.get("Name")
    if not isinstance(name, str):
        return ANY
    return name if name.startswith("arn:") else arn("secretsmanager", f"secret:{name}-??????")


def _secrets(parameters: Parameters) -> Iterable[Need]:
    yield Need("secretsmanager:BatchGetSecretValue", ANY)
    for name in texts(parameters.get("SecretIdList")):
        yield Need("secretsmanager:GetSecretValue", _secret({"SecretId": name}))


def _parameter(name: str) -> str:
    return name if name.startswith("arn:") else arn("ssm", f"parameter/{name.lstrip('/')}")


def _named_parameter(parameters: Parameters) -> str:
    name = parameters.get("Name") or parameters.get("Path")
    if parameters.get("ResourceType") == "Parameter":
        name = parameters.get("ResourceId")
    return _parameter(name) if isinstance(name, str) else ANY


_OF_PARAMETERS: Final = frozenset(
    {
        "AddTagsToResource",
        "DeleteParameter",
        "GetParameter",
        "GetParameterHistory",
        "GetParametersByPath",
        "LabelParameterVersion",
        "ListTagsForResource",
        "PutParameter",
        "RemoveTagsFromResource",
        "UnlabelParameterVersion",
    }
)


def _named(action: str) -> Callable[[Parameters], Iterable[Need]]:
    return lambda parameters: (Need(action, _named_parameter(parameters)),)


def _parameters(action: str) -> Callable[[Parameters], Iterable[Need]]:
    return lambda parameters: (Need(action, _parameter(name)) for name in texts(parameters.get("Names")))


def _log_stream(parameters: Parameters) -> str:
    group = parameters.get("logGroupName") or parameters.get("logGroupIdentifier")
    if not isinstance(group, str):
        return ANY
    group = group.removesuffix(":*") if group.startswith("arn:") else arn("logs", f"log-group:{group}")
    return f"{group}:log-stream:{parameters.get('logStreamName') or ''}"


def _put_alarm(parameters: Parameters) -> Iterable[Need]:
    yield Need("cloudwatch:PutMetricAlarm", arn("cloudwatch", f"alarm:{parameters.get('AlarmName') or '*'}"))


def _destination_of_move(parameters: Parameters) -> Iterable[Need]:
    """SQS, "StartMessageMoveTask": moving is receiving here and sending there."""
    source = _queue(parameters)
    for action in ("StartMessageMoveTask", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes"):
        yield Need(f"sqs:{action}", source)
    target = parameters.get("DestinationArn")
    if isinstance(target, str):
        yield Need("sqs:SendMessage", target)


def _machine(parameters: Parameters) -> str:
    for name in ("stateMachineArn", "executionArn", "mapRunArn", "activityArn", "resourceArn"):
        if name in parameters:
            return str(parameters[name])
    return ANY


SERVICES: Final[Mapping[str, ServiceNeeds]] = {
    "sqs": ServiceNeeds(
        "sqs",
        _queue,
        renamed={
            "SendMessageBatch": "SendMessage",
            "DeleteMessageBatch": "DeleteMessage",
            "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
        },
        on_all=frozenset({"ListQueues"}),
        special={"StartMessageMoveTask": _destination_of_move},
    ),
    "sns": ServiceNeeds(
        "sns",
        _topic,
        renamed={"PublishBatch": "Publish"},
        on_all=frozenset({"CreatePlatformApplication", "ListSubscriptions", "ListTopics"}),
    ),
    "events": ServiceNeeds(
        "events",
        lambda parameters: ANY,
        special={
            "PutEvents": _put_events,
            **{operation: _bus(f"events:{operation}") for operation in _OF_BUSES},
            **{operation: _rules(f"events:{operation}") for operation in _OF_RULES},
        },
    ),
    "kinesis": ServiceNeeds(
        "kinesis",
        regional("kinesis", "stream/", "ConsumerARN", "StreamARN", "StreamName"),
        on_all=frozenset(
            {
                "DescribeAccountSettings",
                "DescribeLimits",
                "DisableEnhancedMonitoring",
                "EnableEnhancedMonitoring",
                "ListStreams",
                "UpdateShardCount",
                "UpdateStreamMode",
            }
        ),
    ),
    "firehose": ServiceNeeds(
        "firehose",
        regional("firehose", "deliverystream/", "DeliveryStreamName"),
        on_all=frozenset({"ListDeliveryStreams"}),
    ),
    "stepfunctions": ServiceNeeds(
        "states",
        _machine,
        on_all=frozenset(
            {"ListStateMachines", "ListActivities", "SendTaskSuccess", "SendTaskFailure", "SendTaskHeartbeat"}
        ),
    ),
    "lambda": ServiceNeeds(
        "lambda",
        _function,
        renamed={
            "Invoke": "InvokeFunction",
            "InvokeAsync": "InvokeFunction",
            "InvokeWithResponseStream": "InvokeFunction",
        },
        special={"UpdateEventSourceMapping": _mapping},
        on_all=frozenset(
            {
                "CreateEventSourceMapping",
                "GetAccountSettings",
                "ListEventSourceMappings",
                "ListFunctions",
            }
        ),
    ),
    "secretsmanager": ServiceNeeds(
        "secretsmanager",
        _secret,
        on_all=frozenset({"ListSecrets", "GetRandomPassword"}),
        special={"BatchGetSecretValue": _secrets},
    ),
    "ssm": ServiceNeeds(
        "ssm",
        lambda parameters: ANY,
        on_all=frozenset({"DescribeParameters"}),
        special={
            **{operation: _named(f"ssm:{operation}") for operation in _OF_PARAMETERS},
            "GetParameters": _parameters("ssm:GetParameters"),
            "DeleteParameters": _parameters("ssm:DeleteParameters"),
        },
    ),
    "logs": ServiceNeeds(
        "logs",
        _log_stream,
        on_all=frozenset(
            {
                "DeleteIndexPolicy",
                "DescribeIndexPolicies",
                "DescribeLogGroups",
                "DescribeQueries",
                "ListSyslogConfigurations",
                "PutIndexPolicy",
            }
        ),
    ),
    "cloudwatch": ServiceNeeds("cloudwatch", lambda parameters: ANY, special={"PutMetricAlarm": _put_alarm}),
    "xray": ServiceNeeds("xray", lambda parameters: ANY),
}
"""By boto3's name of the service."""
