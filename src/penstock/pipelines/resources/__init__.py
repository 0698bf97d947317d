"""What a pipeline is made of: one frozen value for each thing that AWS would create.

1. Values only: nothing here checks, resolves or runs. `checks` judges them, `resolve` names them
   on a target, and the embedded target and the CloudFormation plan both read them.
2. Fields bear AWS's words and units; a default is AWS's default unless the field says otherwise.
3. Every value knows where it was declared (`declared_at`), so that an error can show the line.
   That place is no part of the value: it counts neither for equality nor for hashing.

parts       what every value is
references  how one refers to another
storage     what data is put into
compute     what runs
routing     who is told of what
mappings    what Lambda polls
runs        what a run on this machine takes in and shows
"""

from penstock.pipelines.resources.compute import Function, HasSpec, StateMachine, StateMachineKind
from penstock.pipelines.resources.mappings import QueueMapping, StartingPosition, StreamMapping
from penstock.pipelines.resources.parts import Named, Part, Place, Resource
from penstock.pipelines.resources.references import Access, Arn, Url, Value, arn, reads, url, uses, writes
from penstock.pipelines.resources.routing import (
    BucketNotification,
    EventName,
    EventRule,
    FilterPolicyScope,
    RuleTarget,
    Subscription,
)
from penstock.pipelines.resources.runs import (
    ClientOf,
    Demo,
    Entry,
    Feed,
    Report,
    Reporter,
    Results,
    TimedRecord,
)
from penstock.pipelines.resources.storage import (
    AttributeType,
    Bucket,
    Encrypted,
    EventBus,
    Key,
    Queue,
    Stream,
    StreamViewType,
    Table,
    Topic,
)

__all__ = [
    "Access",
    "Arn",
    "AttributeType",
    "Bucket",
    "BucketNotification",
    "ClientOf",
    "Demo",
    "Encrypted",
    "Entry",
    "EventBus",
    "EventName",
    "EventRule",
    "Feed",
    "FilterPolicyScope",
    "Function",
    "HasSpec",
    "Key",
    "Named",
    "Part",
    "Place",
    "Queue",
    "QueueMapping",
    "Report",
    "Reporter",
    "Resource",
    "Results",
    "RuleTarget",
    "StartingPosition",
    "StateMachine",
    "StateMachineKind",
    "Stream",
    "StreamMapping",
    "StreamViewType",
    "Subscription",
    "Table",
    "TimedRecord",
    "Topic",
    "Url",
    "Value",
    "arn",
    "reads",
    "url",
    "uses",
    "writes",
]
