"""The `aws-sdk` integrations: any API call of any service, through boto3's own models.

Source: Step Functions, "Learning to use AWS service SDK integrations": the action is the API's name with a
small first letter, parameters are in PascalCase, errors are `<Service>.<Error>Exception`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final, Protocol, cast

from penstock.statemachines.values import JSON

CLIENT_NAMES: Final = {
    "sfn": "stepfunctions",
    "states": "stepfunctions",
    "cloudwatchlogs": "logs",
    "eventbridge": "events",
    "eventbridgescheduler": "scheduler",
}

_ERROR_PREFIXES: Final = {
    "dynamodb": "DynamoDb",
    "lambda": "Lambda",
    "s3": "S3",
    "sns": "Sns",
    "sqs": "Sqs",
    "sfn": "Sfn",
    "ssm": "Ssm",
    "kinesis": "Kinesis",
    "secretsmanager": "SecretsManager",
    "eventbridge": "EventBridge",
    "cloudwatchlogs": "CloudWatchLogs",
}


class Client(Protocol):
    """The little of a boto3 client that is needed here; its methods are reached by name."""

    @property
    def meta(self) -> object: ...


MakeClient = Callable[[str], Client]


class SdkRefusedError(Exception):
    """AWS refused the call; `error` and `cause` are what the Task state fails with."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(cause)
        self.error = error
        self.cause = cause


def call_api(make_client: MakeClient, service: str, action: str, parameters: object) -> JSON:
    """Make one API call as Step Functions would.

    Args:
        service: as the resource ARN has it after `aws-sdk:`, `dynamodb`; or an optimized integration's.
        action: `putItem`.

    Raises:
        SdkRefusedError: the service refused, or knows no such action.
        UnansweredOperationError: the target does not answer it.
    """
    from botocore import xform_name
    from botocore.exceptions import BotoCoreError, ClientError

    client = make_client(CLIENT_NAMES.get(service, service))
    method = getattr(client, xform_name(f"{action[:1].upper()}{action[1:]}"), None)
    if method is None:
        raise SdkRefusedError("States.Runtime", f"{service} has no API action called {action}")
    given = cast("Mapping[str, object]", parameters or {})
    try:
        answer = method(**_boto_names(client, action, given))
    except ClientError as error:
        detail = error.response["Error"]
        raise SdkRefusedError(error_name(service, detail["Code"]), _cause(service, error)) from error
    except BotoCoreError as error:
        raise SdkRefusedError(error_name(service, "Sdk"), str(error)) from error
    answer.pop("ResponseMetadata", None)
    return {_pascal(name): as_json(value) for name, value in answer.items()}


def error_name(service: str, code: str) -> str:
    """`NoSuchKey` of S3 as Step Functions names it: `S3.NoSuchKeyException`."""
    prefix = _ERROR_PREFIXES.get(service, f"{service[:1].upper()}{service[1:]}")
    bare = code.rpartition(".")[2]
    return f"{prefix}.{bare if bare.endswith('Exception') else f'{bare}Exception'}"


def as_json(value: object) -> JSON:
    """An answer of boto3 as JSON: times as text, bytes as text, bodies read."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case dt.datetime():
            return value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case bytes():
            return value.decode("utf-8", "replace")
        case Mapping():
            return {str(name): as_json(item) for name, item in value.items()}
        case list() | tuple() | set():
            return [as_json(item) for item in value]
        case _ if hasattr(value, "read"):
            return as_json(value.read())
        case _:
            return str(value)


def _boto_names(client: Client, action: str, given: Mapping[str, object]) -> dict[str, object]:
    """Parameters under the names of the service's model; Step Functions' own begin with a small letter."""
    meta = cast("_Meta", client.meta)
    model = meta.service_model.operation_model(f"{action[:1].upper()}{action[1:]}")
    members = {} if model.input_shape is None else model.input_shape.members
    by_lower = {name.lower(): name for name in members}
    return {by_lower.get(name.lower(), name): value for name, value in given.items()}


class _Shape(Protocol):
    @property
    def members(self) -> Mapping[str, object]: ...


class _Operation(Protocol):
    @property
    def input_shape(self) -> _Shape | None: ...


class _ServiceModel(Protocol):
    def operation_model(self, operation_name: str) -> _Operation: ...


class _Meta(Protocol):
    @property
    def service_model(self) -> _ServiceModel: ...


def _cause(service: str, error: object) -> str:
    response = cast("Mapping[str, Mapping[str, object]]", getattr(error, "response", {}))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    name = _ERROR_PREFIXES.get(service, f"{service[:1].upper()}{service[1:]}")
    message = response.get("Error", {}).get("Message", "")
    return f"{message} (Service: {name}, Status Code: {status}, Request ID: penstock)"


def _pascal(name: str) -> str:
    return f"{name[:1].upper()}{name[1:]}"
