"""Declaring a pipeline: its resources, how they are joined, and what must hold of them.

from penstock.pipelines import Bucket, BucketNotification, Function, Pipeline, Queue, QueueMapping

resources   the parts: frozen values with AWS's words and defaults
graph       which part refers to which
checks      the rules that a declaration keeps, with their ids
pipeline    a checked declaration
resolve     names, ARNs, URLs, variables and substitutions on a target
load        finding a project's pipelines
imports     importing a project's own modules
"""

from penstock.handlers.http.routing import Cors
from penstock.pipelines.delivery_streams import DeliveryStream
from penstock.pipelines.http_api import HttpApi, HttpRoute, IamAuthorizer, JwtAuthorizer, LambdaAuthorizer
from penstock.pipelines.pipeline import Pipeline
from penstock.pipelines.pipes import Pipe
from penstock.pipelines.resources import (
    Access,
    Arn,
    Bucket,
    BucketNotification,
    Entry,
    EventBus,
    EventRule,
    Feed,
    Function,
    Key,
    Named,
    Part,
    Queue,
    QueueMapping,
    Report,
    Resource,
    Results,
    RuleTarget,
    StateMachine,
    Stream,
    StreamMapping,
    Subscription,
    Table,
    TimedRecord,
    Topic,
    Url,
    arn,
    reads,
    url,
    uses,
    writes,
)
from penstock.pipelines.scheduler import Schedule

__all__ = [
    "Access",
    "Arn",
    "Bucket",
    "BucketNotification",
    "Cors",
    "DeliveryStream",
    "Entry",
    "EventBus",
    "EventRule",
    "Feed",
    "Function",
    "HttpApi",
    "HttpRoute",
    "IamAuthorizer",
    "JwtAuthorizer",
    "Key",
    "LambdaAuthorizer",
    "Named",
    "Part",
    "Pipe",
    "Pipeline",
    "Queue",
    "QueueMapping",
    "Report",
    "Resource",
    "Results",
    "RuleTarget",
    "Schedule",
    "StateMachine",
    "Stream",
    "StreamMapping",
    "Subscription",
    "Table",
    "TimedRecord",
    "Topic",
    "Url",
    "arn",
    "reads",
    "url",
    "uses",
    "writes",
]
