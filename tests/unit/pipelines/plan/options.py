"""Every option of every part of a declaration, and what it is changed to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from penstock.handlers.http.routing import Cors
from penstock.pipelines import (
    Access,
    Arn,
    Bucket,
    BucketNotification,
    DeliveryStream,
    EventBus,
    EventRule,
    Function,
    HttpApi,
    Key,
    Named,
    Part,
    Pipe,
    Queue,
    QueueMapping,
    RuleTarget,
    Schedule,
    StateMachine,
    Stream,
    StreamMapping,
    Subscription,
    Table,
    Topic,
    Url,
)
from penstock.pipelines.http_api import HttpRoute, IamAuthorizer, JwtAuthorizer, LambdaAuthorizer

HANDLER = "json.dumps"
PASS: dict[str, object] = {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}}
CALL: dict[str, object] = {
    "StartAt": "Go",
    "States": {"Go": {"Type": "Task", "Resource": "${Target}", "End": True}},
}
BUCKET, OTHER_BUCKET = Bucket("first-bucket"), Bucket("second-bucket")
QUEUE, OTHER_QUEUE = (
    Queue("one", visibility_timeout_seconds=600),
    Queue("two", visibility_timeout_seconds=600),
)
OTHER_STREAM = Stream("copies")
LINE = Queue("line.fifo", fifo=True, content_based_deduplication=True)
STREAM, TABLE = Stream("clicks"), Table("items", partition_key="id", stream_view_type="NEW_IMAGE")
FUNCTION, OTHER_FUNCTION = Function("work", HANDLER), Function("rest", HANDLER)
MACHINE, BUS, TOPIC = StateMachine("flow", PASS), EventBus("bus"), Topic("news")
KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
JWT = JwtAuthorizer("tokens", issuer="https://a.example", audience=("web",))
ASKED = LambdaAuthorizer("asked", function=FUNCTION)
ALL: tuple[Part, ...] = (
    *(BUCKET, OTHER_BUCKET, QUEUE, OTHER_QUEUE, STREAM, TABLE),
    *(FUNCTION, OTHER_FUNCTION, MACHINE, BUS, TOPIC),
)
"""What the parts refer to is always there, so that a difference is one of the option's own."""
Fields = dict[str, object]
Pair = tuple[Fields, Fields]


def function(**fields: object) -> Function:
    return Function(**({"name": "tried", "handler": HANDLER} | fields))  # type: ignore[arg-type]


def machine(**fields: object) -> StateMachine:
    return StateMachine(**({"name": "tried", "definition": PASS} | fields))  # type: ignore[arg-type]


def api(**fields: object) -> HttpApi:
    return HttpApi(**({"name": "tried", "routes": {"GET /": FUNCTION}} | fields))  # type: ignore[arg-type]


def cors(**fields: object) -> HttpApi:
    return api(cors=Cors(**({"allow_origins": ("https://a.example",)} | fields)))  # type: ignore[arg-type]


def guarded(authorizer: object) -> HttpApi:
    return api(authorizer=authorizer)


def made(kind: type, base: Fields, fields: Fields) -> Part:
    """A part that has the option: the value itself, or what holds it."""
    whole, make = base | fields, cast("Callable[..., Any]", kind)
    if kind is Key:
        return Table("tried", partition_key=Key(**whole))  # type: ignore[arg-type]
    if kind is Access:
        return function(calls=(Access(**whole),))  # type: ignore[arg-type]
    if kind in (Arn, Url):
        return function(environment={"VALUE": make(**whole)})
    if kind is Named:
        return function(calls=(Named(**whole),))  # type: ignore[arg-type]
    if kind is RuleTarget:
        return EventRule("tried", pattern={"source": ["a"]}, to=(RuleTarget(**whole),))  # type: ignore[arg-type]
    if kind is Cors:
        return cors(**fields)
    if kind is HttpRoute:
        return api(routes={"GET /": HttpRoute(**whole)})  # type: ignore[arg-type]
    if kind in (JwtAuthorizer, LambdaAuthorizer):
        return guarded(make(**whole))
    part: Part = make(**whole)
    return part


MAPPED: Fields = {"queue": QUEUE, "function": FUNCTION}
READ: Fields = {"stream": STREAM, "function": FUNCTION}
AT = {"starting_position": "AT_TIMESTAMP", "starting_timestamp": 1.0}
OPTIONS: dict[type, tuple[Fields, dict[str, Fields | Pair]]] = {
    Bucket: (
        {"name": "tried-bucket"},
        {
            "name": {"name": "other-bucket"},
            "event_bridge_enabled": {"event_bridge_enabled": True},
            "versioned": {"versioned": True},
            "kms_key_arn": {"kms_key_arn": KEY},
        },
    ),
    Queue: (
        {"name": "tried"},
        {
            "name": {"name": "other"},
            "visibility_timeout_seconds": {"visibility_timeout_seconds": 31},
            "message_retention_seconds": {"message_retention_seconds": 60},
            "delay_seconds": {"delay_seconds": 1},
            "fifo": ({"name": "tried.fifo", "fifo": True}, {"name": "tried-fifo"}),
            "content_based_deduplication": (
                {"name": "tried.fifo", "fifo": True},
                {"name": "tried.fifo", "fifo": True, "content_based_deduplication": True},
            ),
            "dead_letter_queue": {"dead_letter_queue": OTHER_QUEUE},
            "max_receive_count": (
                {"dead_letter_queue": OTHER_QUEUE},
                {"dead_letter_queue": OTHER_QUEUE, "max_receive_count": 9},
            ),
            "kms_key_arn": {"kms_key_arn": KEY},
        },
    ),
    Stream: (
        {"name": "tried"},
        {
            "name": {"name": "other"},
            "shard_count": {"shard_count": 3},
            "on_demand": {"on_demand": True},
            "retention_hours": {"retention_hours": 48},
            "kms_key_arn": {"kms_key_arn": KEY},
        },
    ),
    Key: ({"name": "id"}, {"name": {"name": "number"}, "type": {"type": "N"}}),
    Table: (
        {"name": "tried", "partition_key": "id"},
        {
            "name": {"name": "other"},
            "partition_key": {"partition_key": "key"},
            "sort_key": {"sort_key": Key("at", "N")},
            "stream_view_type": {"stream_view_type": "KEYS_ONLY"},
            "time_to_live_attribute": {"time_to_live_attribute": "expires"},
            "kms_key_arn": {"kms_key_arn": KEY},
        },
    ),
    Access: (
        {"resource": BUCKET, "read": True, "write": False},
        {
            "resource": {"resource": OTHER_BUCKET},
            "read": ({"write": True}, {"write": True, "read": False}),
            "write": {"write": True},
            "prefix": {"prefix": "in/"},
        },
    ),
    Named: ({"name": "flow"}, {"name": {"name": "bus"}}),
    Arn: ({"resource": QUEUE}, {"resource": {"resource": OTHER_QUEUE}}),
    Url: ({"resource": QUEUE}, {"resource": {"resource": OTHER_QUEUE}}),
    Function: (
        {"name": "tried", "handler": HANDLER},
        {
            "name": {"name": "other"},
            "handler": {"handler": "json.loads"},
            "timeout_seconds": {"timeout_seconds": 31},
            "memory_mb": {"memory_mb": 1024},
            "environment": {"environment": {"TABLE": TABLE}},
            "reserved_concurrency": {"reserved_concurrency": 2},
            "maximum_retry_attempts": {"maximum_retry_attempts": 0},
            "maximum_event_age_seconds": {"maximum_event_age_seconds": 60},
            "on_success": {"on_success": BUS},
            "on_failure": ({"on_failure": OTHER_FUNCTION}, {"on_failure": BUCKET}),
            "dead_letter_queue": ({"dead_letter_queue": QUEUE}, {"dead_letter_queue": TOPIC}),
            "calls": {"calls": (TABLE,)},
        },
    ),
    StateMachine: (
        {"name": "tried", "definition": PASS},
        {
            "name": {"name": "other"},
            "definition": {"definition": {"Comment": "other"} | PASS},
            "substitutions": (
                {"definition": CALL, "substitutions": {"Target": FUNCTION}},
                {"definition": CALL, "substitutions": {"Target": OTHER_FUNCTION}},
            ),
            "kind": {"kind": "EXPRESS"},
        },
    ),
    EventBus: ({"name": "tried"}, {"name": {"name": "other"}}),
    EventRule: (
        {"name": "tried", "pattern": {"source": ["a"]}, "to": (QUEUE,)},
        {
            "name": {"name": "other"},
            "pattern": {"pattern": {"source": ["b"]}},
            "schedule": {"schedule": "rate(1 hour)"},
            "to": {"to": (QUEUE, FUNCTION, MACHINE)},
            "bus": {"bus": BUS},
        },
    ),
    RuleTarget: (
        {"to": QUEUE},
        {
            "to": ({"to": TOPIC}, {"to": BUS}),
            "input": {"input": {"a": 1}},
            "input_path": {"input_path": "$.detail"},
            "input_paths": (
                {"input_paths": {"a": "$.a"}, "input_template": '"<a>"'},
                {"input_paths": {"a": "$.b"}, "input_template": '"<a>"'},
            ),
            "input_template": {"input_template": '"late"'},
            "maximum_retry_attempts": {"maximum_retry_attempts": 3},
            "maximum_event_age_seconds": {"maximum_event_age_seconds": 60},
            "dead_letter_queue": {"dead_letter_queue": OTHER_QUEUE},
            "message_group_id": (
                {"to": LINE, "message_group_id": "a"},
                {"to": LINE, "message_group_id": "b"},
            ),
        },
    ),
    Topic: (
        {"name": "tried"},
        {
            "name": {"name": "other"},
            "fifo": ({"name": "tried.fifo", "fifo": True}, {"name": "tried-fifo"}),
            "content_based_deduplication": (
                {"name": "tried.fifo", "fifo": True, "content_based_deduplication": True},
                {"name": "tried.fifo", "fifo": True},
            ),
            "kms_key_arn": {"kms_key_arn": KEY},
        },
    ),
    Subscription: (
        {"topic": TOPIC, "to": QUEUE},
        {
            "topic": {"topic": Topic("olds")},
            "to": {"to": FUNCTION},
            "filter_policy": {"filter_policy": {"kind": ["a"]}},
            "filter_policy_scope": (
                {"filter_policy": {"kind": ["a"]}},
                {"filter_policy": {"kind": ["a"]}, "filter_policy_scope": "MessageBody"},
            ),
            "raw_message_delivery": {"raw_message_delivery": True},
            "dead_letter_queue": {"dead_letter_queue": OTHER_QUEUE},
        },
    ),
    BucketNotification: (
        {"bucket": BUCKET, "to": QUEUE},
        {
            "bucket": {"bucket": OTHER_BUCKET},
            "to": {"to": FUNCTION},
            "events": {"events": ("s3:ObjectRemoved:*",)},
            "prefix": {"prefix": "in/"},
            "suffix": {"suffix": ".csv"},
        },
    ),
    QueueMapping: (
        MAPPED,
        {
            "queue": {"queue": OTHER_QUEUE},
            "function": {"function": OTHER_FUNCTION},
            "batch_size": {"batch_size": 5},
            "batching_window_seconds": {"batching_window_seconds": 5},
            "report_batch_item_failures": {"report_batch_item_failures": False},
            "maximum_concurrency": {"maximum_concurrency": 2},
            "filter_criteria": {"filter_criteria": ({"body": {"a": [1]}},)},
        },
    ),
    StreamMapping: (
        READ,
        {
            "stream": {"stream": TABLE},
            "function": {"function": OTHER_FUNCTION},
            "batch_size": {"batch_size": 5},
            "batching_window_seconds": {"batching_window_seconds": 5},
            "starting_position": {"starting_position": "LATEST"},
            "starting_timestamp": (AT, AT | {"starting_timestamp": 2.0}),
            "parallelization_factor": {"parallelization_factor": 2},
            "maximum_retry_attempts": {"maximum_retry_attempts": 2},
            "maximum_record_age_seconds": {"maximum_record_age_seconds": 60},
            "bisect_batch_on_function_error": {"bisect_batch_on_function_error": True},
            "report_batch_item_failures": {"report_batch_item_failures": False},
            "tumbling_window_seconds": {"tumbling_window_seconds": 60},
            "consumer": {"consumer": "fast"},
            "on_failure": {"on_failure": BUCKET},
            "filter_criteria": {"filter_criteria": ({"data": {"a": [1]}},)},
        },
    ),
    DeliveryStream: (
        {"name": "tried", "bucket": BUCKET, "transformation": FUNCTION},
        {
            "name": {"name": "other"},
            "bucket": {"bucket": OTHER_BUCKET},
            "prefix": {"prefix": "in/"},
            "error_prefix": {"error_prefix": "failed/"},
            "buffering_seconds": {"buffering_seconds": 60},
            "buffering_mb": {"buffering_mb": 1},
            "transformation": {"transformation": OTHER_FUNCTION},
            "transformation_seconds": {"transformation_seconds": 5},
            "transformation_mb": {"transformation_mb": 2},
            "transformation_retries": {"transformation_retries": 1},
        },
    ),
    Schedule: (
        {"name": "tried", "expression": "rate(1 hour)", "to": QUEUE},
        {
            "name": {"name": "other"},
            "expression": {"expression": "at(2030-01-01T00:00:00)"},
            "to": {"to": MACHINE},
            "timezone": {"timezone": "Europe/Berlin"},
            "start": {"start": "2030-01-01T00:00:00Z"},
            "end": {"end": "2030-01-01T00:00:00Z"},
            "flexible_window_minutes": {"flexible_window_minutes": 15},
            "input": {"input": {"a": 1}},
            "maximum_retry_attempts": {"maximum_retry_attempts": 3},
            "maximum_event_age_seconds": {"maximum_event_age_seconds": 60},
            "dead_letter_queue": {"dead_letter_queue": OTHER_QUEUE},
            "message_group_id": (
                {"to": LINE, "message_group_id": "a"},
                {"to": LINE, "message_group_id": "b"},
            ),
        },
    ),
    Pipe: (
        {"name": "tried", "source": STREAM, "to": FUNCTION},
        {
            "name": {"name": "other"},
            "source": {"source": QUEUE},
            "to": {"to": OTHER_FUNCTION},
            "enrichment": {"enrichment": OTHER_FUNCTION},
            "batch_size": {"batch_size": 5},
            "batching_window_seconds": {"batching_window_seconds": 5},
            "filter_criteria": {"filter_criteria": ({"data": {"a": [1]}},)},
            "starting_position": {"starting_position": "LATEST"},
            "starting_timestamp": (AT, AT | {"starting_timestamp": 2.0}),
            "parallelization_factor": {"parallelization_factor": 2},
            "maximum_retry_attempts": {"maximum_retry_attempts": 2},
            "maximum_record_age_seconds": {"maximum_record_age_seconds": 60},
            "automatic_bisect": {"automatic_bisect": True},
            "dead_letter_queue": {"dead_letter_queue": QUEUE},
            "enrichment_template": (
                {"enrichment": OTHER_FUNCTION},
                {"enrichment": OTHER_FUNCTION, "enrichment_template": "<$.data>"},
            ),
            "input_template": {"input_template": "<$.data>"},
            "invocation": {"invocation": "FIRE_AND_FORGET"},
            "message_group_id": (
                {"to": LINE, "batch_size": 10, "message_group_id": "a"},
                {"to": LINE, "batch_size": 10, "message_group_id": "b"},
            ),
            "partition_key": (
                {"to": OTHER_STREAM, "partition_key": "a"},
                {"to": OTHER_STREAM, "partition_key": "b"},
            ),
            "detail_type": (
                {"to": BUS, "batch_size": 10},
                {"to": BUS, "batch_size": 10, "detail_type": "Click"},
            ),
            "event_source": (
                {"to": BUS, "batch_size": 10},
                {"to": BUS, "batch_size": 10, "event_source": "shop"},
            ),
        },
    ),
    HttpApi: (
        {"name": "tried", "routes": {"GET /": FUNCTION}},
        {
            "name": {"name": "other"},
            "routes": {"routes": {"POST /": FUNCTION}},
            "cors": {"cors": Cors(allow_origins=("*",))},
            "authorizer": {"authorizer": JWT},
        },
    ),
    HttpRoute: (
        {"function": FUNCTION, "authorizer": JWT},
        {
            "function": {"function": OTHER_FUNCTION},
            "authorizer": ({"authorizer": IamAuthorizer("signed")}, {"authorizer": ASKED}),
            "scopes": {"scopes": ("write",)},
        },
    ),
    JwtAuthorizer: (
        {"name": "tokens", "issuer": "https://a.example", "audience": ("web",)},
        {
            "name": {"name": "other"},
            "issuer": {"issuer": "https://b.example"},
            "audience": {"audience": ("app",)},
            "identity_source": {"identity_source": "$request.querystring.token"},
        },
    ),
    LambdaAuthorizer: (
        {"name": "asked", "function": FUNCTION},
        {
            "name": {"name": "other"},
            "function": {"function": OTHER_FUNCTION},
            "identity_sources": {"identity_sources": ("$request.header.X",)},
            "simple_responses": {"simple_responses": False},
            "result_ttl_seconds": {"result_ttl_seconds": 60},
        },
    ),
    IamAuthorizer: ({"name": "signed"}, {}),
    Cors: (
        {},
        {
            "allow_origins": {"allow_origins": ("https://b.example",)},
            "allow_methods": {"allow_methods": ("GET",)},
            "allow_headers": {"allow_headers": ("x-a",)},
            "expose_headers": {"expose_headers": ("x-b",)},
            "allow_credentials": (
                {"allow_methods": ("GET",)},
                {"allow_methods": ("GET",), "allow_credentials": True},
            ),
            "max_age_seconds": {"max_age_seconds": 60},
        },
    ),
}
"""For each kind: fields that make one, and for each field what it is changed to (or both, before and after)."""
