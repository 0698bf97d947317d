"""Resources and parameters of the optimized integrations, to be given to a JSONPath or JSONata Task.

    Task("Send", **sqs_send_message("https://...", path("$")).as_parameters())

Source: AWS Step Functions Developer Guide, "Integrating services with Step Functions".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypedDict

from penstock.errors import UsageError
from penstock.statemachines.building.values import Fields


class ParametersOf(TypedDict):
    """What a JSONPath Task takes."""

    resource: str
    parameters: Fields


class ArgumentsOf(TypedDict):
    """What a JSONata Task takes."""

    resource: str
    arguments: Fields


@dataclass(frozen=True, slots=True)
class Call:
    """A service's action and what it is given."""

    resource: str
    given: Fields

    def as_parameters(self) -> ParametersOf:
        return {"resource": self.resource, "parameters": self.given}

    def as_arguments(self) -> ArgumentsOf:
        return {"resource": self.resource, "arguments": self.given}


def call(service: str, action: str, given: Fields) -> Call:
    """Any integration: `call("dynamodb", "getItem", {"TableName": "t", "Key": ...})`."""
    return Call(f"arn:aws:states:::{service}:{action}", given)


def aws_sdk(service: str, action: str, given: Fields) -> Call:
    """Any action of an AWS SDK, in camelCase: `aws_sdk("s3", "listBuckets", {})`."""
    return call(f"aws-sdk:{service}", action, given)


def lambda_invoke(function: str, payload: object) -> Call:
    """Invoke a function; its answer is `Payload` of the result."""
    return call("lambda", "invoke", {"FunctionName": function, "Payload": payload})


def sqs_send_message(queue_url: object, body: object) -> Call:
    return call("sqs", "sendMessage", {"QueueUrl": queue_url, "MessageBody": body})


def sns_publish(topic_arn: object, message: object) -> Call:
    return call("sns", "publish", {"TopicArn": topic_arn, "Message": message})


def dynamodb_get_item(table: object, key: object) -> Call:
    """Read an item; the key and the item are attribute values: `{"id": {"S": "1"}}`."""
    return call("dynamodb", "getItem", {"TableName": table, "Key": key})


def dynamodb_put_item(table: object, item: object) -> Call:
    return call("dynamodb", "putItem", {"TableName": table, "Item": item})


def dynamodb_update_item(table: object, key: object, expression: str, values: object) -> Call:
    """Change an item: `dynamodb_update_item("t", key, "SET n = :n", {":n": {"N": "1"}})`."""
    given = {
        "TableName": table,
        "Key": key,
        "UpdateExpression": expression,
        "ExpressionAttributeValues": values,
    }
    return call("dynamodb", "updateItem", given)


def dynamodb_delete_item(table: object, key: object) -> Call:
    return call("dynamodb", "deleteItem", {"TableName": table, "Key": key})


def s3_get_object(bucket: object, key: object) -> Call:
    """Read an object of up to 256 KiB; its text is `Body` of the result."""
    return aws_sdk("s3", "getObject", {"Bucket": bucket, "Key": key})


def s3_put_object(bucket: object, key: object, body: object) -> Call:
    return aws_sdk("s3", "putObject", {"Bucket": bucket, "Key": key, "Body": body})


def events_put_events(*entries: Fields) -> Call:
    return call("events", "putEvents", {"Entries": list(entries)})


def start_execution(state_machine_arn: object, given: object, *, sync: bool = False) -> Call:
    """Start another state machine; `sync` waits for its end and gives its output as JSON (`.sync:2`)."""
    action = "startExecution.sync:2" if sync else "startExecution"
    return call("states", action, {"StateMachineArn": state_machine_arn, "Input": given})


def wait_for_task_token(called: Call) -> Call:
    """The same call, after which the task waits for SendTaskSuccess; give it `path("$$.Task.Token")`.

    Raises:
        UsageError: the call waits already for its job (`.sync`).
    """
    if ".sync" in called.resource:
        raise UsageError(f"{called.resource} waits already for its job", fix="call it without `sync`")
    return replace(called, resource=f"{called.resource}.waitForTaskToken")
