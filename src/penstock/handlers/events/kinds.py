"""Which type an event has: by its kind, and by what is in it where a kind has several forms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from penstock.errors import EventError
from penstock.handlers.base64_data import Data, base64_bytes
from penstock.handlers.events import brokers, buses, http, queues, s3, services, streams
from penstock.handlers.payloads import undecodable

Shape = Callable[[Mapping[str, Any]], type]
"""Chooses a type for an event by looking at its members."""


def parse_event(kind: str, payload: object) -> object:
    """An event of a kind, typed.

    Args:
        kind: a name of `KINDS`.
        payload: JSON as bytes or text, or what was decoded of it.

    Raises:
        EventError: there is no such kind; the payload is no JSON; or a member is missing or wrong, which is named
            with its path: `$.Records[0].s3: Object missing required field `bucket``. If it is an event of another
            kind, that is said.
    """
    if kind not in KINDS:
        raise EventError(f"there is no kind of event called {kind!r}", fix=f"one of {', '.join(KINDS)}")
    event = _decoded(payload, kind)
    if not isinstance(event, dict):
        raise EventError(f"an event of {kind} is an object, not {type(event).__name__}")
    try:
        return _converted(kind, event)
    except msgspec.ValidationError as error:
        given = _with_objects(event) if kind in _REQUESTS else event
        reason = undecodable(str(error), given, lambda other: _converted(kind, other)).what
        raise EventError(f"this is no event of {kind}: {reason}", fix=_remedy(kind, event)) from error
    except RecursionError as error:
        raise EventError(f"this is no event of {kind}: it is nested too deeply") from error
    except UnicodeError as error:
        from penstock.handlers.complaints import no_unicode_at

        where = no_unicode_at(event)
        raise EventError(
            f"this is no event of {kind}: {where}: a text that is no Unicode: {error}"
        ) from error


def _converted(kind: str, event: Any) -> object:
    shape, strict = KINDS[kind], kind not in _REQUESTS
    given = event if strict else _with_objects(event)
    wanted = shape if isinstance(shape, type) else shape(given)
    return msgspec.convert(given, wanted, strict=strict, dec_hook=_dec_hook)


def _remedy(kind: str, event: Mapping[str, Any]) -> str:
    """What to do: take it for the kind that it is of, if there is one."""
    others = [other for other in KINDS if other != kind and _is_of(other, event)]
    if others:
        return f"it is an event of {' or '.join(others)}"
    return "send it as AWS does; penstock.testing has builders of valid events"


def _is_of(kind: str, event: Mapping[str, Any]) -> bool:
    try:
        _converted(kind, event)
    except (msgspec.ValidationError, RecursionError, UnicodeError):
        return False
    return True


def _decoded(payload: object, kind: str) -> object:
    if not isinstance(payload, bytes | str):
        return payload
    try:
        return msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise EventError(f"an event of {kind} is JSON: {error}") from error


def _dec_hook(wanted: type, value: object) -> object:
    if wanted is object:
        return value
    if wanted is not Data or not isinstance(value, str):
        raise TypeError(f"Expected Base64 text, got {type(value).__name__}")
    return Data(base64_bytes(value))


def _by_member(member: str, then: type, otherwise: type) -> Shape:
    return lambda event: then if member in event else otherwise


def _s3(event: Mapping[str, Any]) -> type:
    return s3.S3TestEvent if event.get("Event") == "s3:TestEvent" else s3.S3Event


def _s3_on_a_bus(event: Mapping[str, Any]) -> type:
    """CloudTrail's reports of S3 calls have a detail of another form."""
    is_call = str(event.get("detail-type")).startswith("AWS API Call")
    return buses.BusEvent if is_call else s3.S3BusEvent


def _authorizer(event: Mapping[str, Any]) -> type:
    if "routeArn" in event:
        return http.HTTPAuthorizerRequest
    if event.get("type") == "TOKEN":
        return http.TokenAuthorizerRequest
    context = event.get("requestContext")
    if "resource" not in event and isinstance(context, dict) and "connectionId" in context:
        return http.WebSocketAuthorizerRequest
    return http.RestAuthorizerRequest


def _alarm(event: Mapping[str, Any]) -> type:
    return buses.BusEvent if "detail-type" in event and "detail" in event else services.AlarmEvent


KINDS: Final[Mapping[str, type | Shape]] = {
    "alb": http.LoadBalancerRequest,
    "alexa": services.AlexaSkillRequest,
    "apigw-authorizer": _authorizer,
    "apigw-v1": http.RestRequest,
    "apigw-v2": http.HTTPRequest,
    "apigw-websocket": http.WebSocketRequest,
    "appsync": _by_member("authorizationToken", http.ResolverAuthorizerRequest, http.ResolverRequest),
    "bedrock-agent": services.BedrockAgentRequest,
    "cloudformation": services.CustomResourceRequest,
    "cloudfront": services.EdgeEvent,
    "cloudwatch-alarm": _alarm,
    "cloudwatch-logs": streams.CloudWatchLogsEvent,
    "codecommit": services.CodeCommitEvent,
    "codedeploy": services.CodeDeployHook,
    "codepipeline": services.CodePipelineEvent,
    "cognito": services.CognitoTrigger,
    "config": services.ConfigRuleEvent,
    "connect": services.ConnectEvent,
    "documentdb": brokers.DocumentDBEvent,
    "dynamodb": streams.DynamoDBEvent,
    "eventbridge": buses.BusEvent,
    "firehose": streams.FirehoseEvent,
    "kafka": brokers.KafkaEvent,
    "kinesis": streams.KinesisEvent,
    "kinesis-analytics": streams.AnalyticsEvent,
    "lambda-url": http.HTTPRequest,
    "lex": _by_member("sessionState", services.LexRequestV2, services.LexRequestV1),
    "mq": _by_member("rmqMessagesByQueue", brokers.RabbitMQEvent, brokers.ActiveMQEvent),
    "s3": _s3,
    "s3-batch": s3.S3BatchEvent,
    "s3-eventbridge": _s3_on_a_bus,
    "s3-object-lambda": s3.S3ObjectLambdaEvent,
    "scheduled": buses.ScheduledEvent,
    "secretsmanager": services.SecretRotation,
    "ses": services.EmailEvent,
    "sns": queues.SNSEvent,
    "sqs": queues.SQSEvent,
    "stepfunctions": services.StateMachineError,
    "vpc-lattice": _by_member("raw_path", http.LatticeRequestV1, http.LatticeRequestV2),
}
"""The type of an event of each kind, or how it is chosen."""

_REQUESTS: Final = (
    "alb",
    "apigw-authorizer",
    "apigw-v1",
    "apigw-v2",
    "apigw-websocket",
    "appsync",
    "lambda-url",
    "vpc-lattice",
)
"""Kinds in which AWS sends null where nothing was given, and test events written by hand a text."""

_OBJECTS: Final = (
    "headers",
    "multiValueHeaders",
    "queryStringParameters",
    "multiValueQueryStringParameters",
    "pathParameters",
    "stageVariables",
    "query_string_parameters",
    "identity",
    "source",
    "prev",
    "stash",
)


def _with_objects(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event without the nulls, and without texts where an object stands: those hold its JSON, or nothing."""
    found = {name: _object(value) if name in _OBJECTS else value for name, value in event.items()}
    return {name: value for name, value in found.items() if value is not None}


def _object(value: object) -> object:
    if isinstance(value, str):
        try:
            return msgspec.json.decode(value, type=dict[str, object])
        except msgspec.DecodeError:
            return None
    if isinstance(value, dict):
        return {name: str(item) if type(item) in (int, float) else item for name, item in value.items()}
    return value
