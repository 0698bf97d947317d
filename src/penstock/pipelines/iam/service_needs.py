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
    name = parameters.get("Name") or parameters.get("Path") or parameters.get("ResourceId")
    return _parameter(name) if isinstance(name, str) else ANY


def _parameters(action: str) -> Callable[[Parameters], Iterable[Need]]:
    return lambda parameters: (Need(action, _parameter(name)) for name in texts(parameters.get("Names")))


def _log_stream(parameters: Parameters) -> str:
    group = parameters.get("logGroupName") or parameters.get("logGroupIdentifier")
    if not isinstance(group, str):
        return ANY
    group = group.removesuffix(":*") if group.startswith("arn:") else arn("logs", f"log-group:{group}")
    return f"{group}:log-stream:{parameters.get('logStreamName') or ''}"


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
        on_all=frozenset({"ListTopics", "ListSubscriptions"}),
    ),
    "events": ServiceNeeds("events", _rule, special={"PutEvents": _put_events}),
    "kinesis": ServiceNeeds(
        "kinesis",
        regional("kinesis", "stream/", "ConsumerARN", "StreamARN", "StreamName"),
        on_all=frozenset({"ListStreams", "DescribeLimits", "DescribeAccountSettings"}),
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
        on_all=frozenset({"ListFunctions", "GetAccountSettings"}),
    ),
    "secretsmanager": ServiceNeeds(
        "secretsmanager",
        _secret,
        on_all=frozenset({"ListSecrets", "GetRandomPassword"}),
        special={"BatchGetSecretValue": _secrets},
    ),
    "ssm": ServiceNeeds(
        "ssm",
        _named_parameter,
        on_all=frozenset({"DescribeParameters"}),
        special={
            "GetParameters": _parameters("ssm:GetParameters"),
            "DeleteParameters": _parameters("ssm:DeleteParameters"),
        },
    ),
    "logs": ServiceNeeds("logs", _log_stream, on_all=frozenset({"DescribeLogGroups"})),
    "cloudwatch": ServiceNeeds("cloudwatch", lambda parameters: ANY),
    "xray": ServiceNeeds("xray", lambda parameters: ANY),
}
"""By boto3's name of the service."""
