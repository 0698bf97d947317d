"""API calls of tasks through boto3's own models: the `aws-sdk` integrations and the optimized ones.

Source: Step Functions, "Learning to use AWS service SDK integrations": the action is the API's name with a
small first letter, parameters and answers are in PascalCase; services have the names of the models' `serviceId`.
Errors are those that were recorded on AWS: `aws-sdk` names them as the AWS SDK for Java 2 does
(`DynamoDb.ResourceNotFoundException`), the optimized integrations as its first version
(`DynamoDB.AmazonDynamoDBException`).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, Final, Protocol, cast

from penstock.runtime.services import AnswerLater, ServiceError, unanswered
from penstock.statemachines.service_names import client_name
from penstock.statemachines.values import JSON, compact

_OPTIMIZED: Final = {
    "dynamodb": ("DynamoDB", "AmazonDynamoDBv2", "AmazonDynamoDBException"),
    "events": ("EventBridge", "AmazonCloudWatchEvents", "AmazonCloudWatchEventsException"),
    "lambda": ("Lambda", "AWSLambda", "AWSLambdaException"),
    "sns": ("SNS", "AmazonSNS", "AmazonSNSException"),
    "sqs": ("SQS", "AmazonSQS", "AmazonSQSException"),
    "states": ("StepFunctions", "AWSStepFunctions", "AWSStepFunctionsException"),
}
"""Of each optimized integration: the prefix of its errors, its name in causes, an error that has no name."""

_OLD_CODES: Final = {"NonExistentQueue": "QueueDoesNotExist", "QueueAlreadyExists": "QueueNameExists"}
"""Errors of SQS whose code is still that of its query protocol (`AWS.SimpleQueueService.NonExistentQueue`)."""

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z]*|[a-z]+|[0-9]+")


class Client(Protocol):
    """A boto3 client. Its methods are made when it is made, so that a type checker knows nothing of them.

    Who has boto3-stubs may say which one it is: `cast("SQSClient", run.client("sqs"))`.
    """

    @property
    def meta(self) -> object: ...

    def __getattr__(self, operation: str) -> Any: ...


MakeClient = Callable[[str], Client]


class SdkRefusedError(Exception):
    """AWS refused the call; `error` and `cause` are what the Task state fails with."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(cause)
        self.error = error
        self.cause = cause


class OutputLater(Exception):
    """The API answers later.

    Args:
        promise: when.
        output: gives the output then, or raises `SdkRefusedError`.
    """

    def __init__(self, promise: AnswerLater, output: Callable[[], JSON]) -> None:
        super().__init__("the output comes later")
        self.promise = promise
        self.output = output


def call_api(make_client: MakeClient, resource_type: str, action: str, parameters: object) -> JSON:
    """Make one API call as Step Functions would.

    Args:
        resource_type: as the resource ARN has it: `aws-sdk:dynamodb`, or `dynamodb`.
        action: `putItem`.

    Raises:
        SdkRefusedError: the service refused, or knows no such action.
        OutputLater: it takes time, and the call is made in `called_by(..., hands_on=True)`.
        UnansweredOperationError: the target does not answer it.
    """
    from botocore import xform_name
    from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

    optimized = not resource_type.startswith("aws-sdk:")
    if optimized and client_name(resource_type) is None:
        raise unanswered(resource_type, action)
    client = client_of(make_client, resource_type)
    name = _pascal(action)
    method = getattr(client, xform_name(name), None)
    if method is None and optimized:
        # Of some services Step Functions has actions that their APIs do not: `apigateway:invoke`, `eks:call`.
        raise unanswered(resource_type, action)
    if method is None:
        service = resource_type.removeprefix("aws-sdk:")
        raise SdkRefusedError("States.Runtime", f"{service} has no API action called {action}")
    operation = cast("_Meta", client.meta).service_model.operation_model(name)
    given = _to_boto(operation.input_shape, parameters or {}, texts=optimized)

    def output(answer: Mapping[str, object]) -> JSON:
        shown = cast("dict[str, JSON]", _from_boto(operation.output_shape, answer))
        if not optimized:
            return shown
        if shown.get("FailedEntryCount"):
            raise SdkRefusedError(f"{_prefix(client, resource_type)}.FailedEntry", compact(shown))
        return {**shown, **sdk_metadata("penstock")}

    def output_later(promise: AnswerLater) -> JSON:
        try:
            answer = promise.result()
        except ServiceError as error:
            raise refusal(client, resource_type, error.code, error.message, error.status) from error
        return output(answer)

    try:
        answer = method(**cast("Mapping[str, object]", given))
    except AnswerLater as promise:
        raise OutputLater(promise, partial(output_later, promise)) from promise
    except ClientError as error:
        detail = error.response["Error"]
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
        raise refusal(client, resource_type, detail["Code"], detail.get("Message", ""), status) from error
    except ParamValidationError as error:
        raise refusal(client, resource_type, "ValidationException", str(error), 400) from error
    except BotoCoreError as error:
        raise SdkRefusedError(f"{_prefix(client, resource_type)}.SdkClientException", str(error)) from error
    answer.pop("ResponseMetadata", None)
    return output(answer)


def client_of(make_client: MakeClient, resource_type: str) -> Client:
    """The boto3 client of an integration.

    Raises:
        SdkRefusedError: there is no such service.
    """
    service = resource_type.removeprefix("aws-sdk:")
    name = client_name(service)
    if name is None:
        raise SdkRefusedError("States.Runtime", f"{service} is no service that Step Functions can call")
    return make_client(name)


def sdk_metadata(request_id: str, *, status: int = 200) -> dict[str, JSON]:
    """What an optimized integration adds to every answer."""
    return {
        "SdkHttpMetadata": {"AllHttpHeaders": {}, "HttpHeaders": {}, "HttpStatusCode": status},
        "SdkResponseMetadata": {"RequestId": request_id},
    }


def refusal(client: Client, resource_type: str, code: str, message: str, status: int) -> SdkRefusedError:
    """What a Task state fails with when its service has refused the call."""
    model = cast("_Meta", client.meta).service_model
    shapes = {shape.error_code: shape.name for shape in model.error_shapes}
    bare = code.rpartition(".")[2]
    bare = _OLD_CODES.get(bare, bare)
    known = shapes.get(code) or (bare if bare in shapes.values() else None)
    named = None if known is None else known if known.endswith("Exception") else f"{known}Exception"
    optimized = _OPTIMIZED.get(resource_type)
    prefix = _prefix(client, resource_type)
    if optimized is None:
        about = f"Service: {prefix}, Status Code: {status}, Request ID: penstock"
        return SdkRefusedError(f"{prefix}.{named or f'{prefix}Exception'}", f"{message} ({about})")
    _, service, unnamed = optimized
    about = (
        f"Service: {service}; Status Code: {status}; Error Code: {code}; Request ID: penstock; Proxy: null"
    )
    return SdkRefusedError(f"{prefix}.{named or unnamed}", f"{message} ({about})")


def _prefix(client: Client, resource_type: str) -> str:
    """`DynamoDB` becomes `DynamoDb`, `Secrets Manager` becomes `SecretsManager`, `SQS` becomes `Sqs`."""
    optimized = _OPTIMIZED.get(resource_type)
    if optimized is not None:
        return optimized[0]
    service_id = str(cast("_Meta", client.meta).service_model.service_id)
    return "".join(word.capitalize() for word in _WORD.findall(service_id))


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


def _to_boto(shape: _Shape | None, value: object, *, texts: bool) -> object:
    """Parameters under the names of the service's model; Step Functions' own begin with a capital letter.

    Args:
        texts: a value that is no text becomes JSON text where the service wants a text (an event's Detail).
    """
    if shape is None:
        return value
    match shape.type_name, value:
        case "structure", Mapping():
            by_lower = {name.lower(): name for name in shape.members}
            by_lower.setdefault("equalsvalue", by_lower.get("equals", "EqualsValue"))
            named = {by_lower.get(str(name).lower(), str(name)): part for name, part in value.items()}
            return {
                name: _to_boto(shape.members.get(name), part, texts=texts) for name, part in named.items()
            }
        case "list", list():
            return [_to_boto(shape.member, part, texts=texts) for part in value]
        case "map", Mapping():
            return {name: _to_boto(shape.value, part, texts=texts) for name, part in value.items()}
        case "blob", _:
            return (value if isinstance(value, str) else compact(value)).encode()
        case "string", Mapping() | list() if texts:
            return compact(value)
        case _:
            return value


def _from_boto(shape: _Shape | None, value: object) -> JSON:
    """An answer with the members of its structures in PascalCase; a map's keys are data."""
    if shape is None:
        return as_json(value)
    match shape.type_name, value:
        case "structure", Mapping():
            return {
                _shown_name(str(name)): _from_boto(shape.members.get(str(name)), part)
                for name, part in value.items()
            }
        case "list", list():
            return [_from_boto(shape.member, part) for part in value]
        case "map", Mapping():
            return {str(name): _from_boto(shape.value, part) for name, part in value.items()}
        case _:
            return as_json(value)


class _Shape(Protocol):
    """A shape of botocore's models; which of its parts it has depends on `type_name`."""

    @property
    def type_name(self) -> str: ...

    @property
    def members(self) -> Mapping[str, _Shape]: ...

    @property
    def member(self) -> _Shape: ...

    @property
    def value(self) -> _Shape: ...


class _ErrorShape(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def error_code(self) -> str: ...


class _Operation(Protocol):
    @property
    def input_shape(self) -> _Shape | None: ...

    @property
    def output_shape(self) -> _Shape | None: ...


class _ServiceModel(Protocol):
    @property
    def service_id(self) -> str: ...

    @property
    def error_shapes(self) -> Sequence[_ErrorShape]: ...

    def operation_model(self, operation_name: str) -> _Operation: ...


class _Meta(Protocol):
    @property
    def service_model(self) -> _ServiceModel: ...


def _shown_name(name: str) -> str:
    """ "API fields for equals will be referred to as EqualsValue" (Developer Guide)."""
    return "EqualsValue" if name in ("Equals", "equals") else _pascal(name)


def _pascal(name: str) -> str:
    return f"{name[:1].upper()}{name[1:]}"
