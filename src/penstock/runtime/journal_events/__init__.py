"""What happens in a run, as values: one struct for each kind of event in the journal.

1. Only data is here, a file for each part of the runtime. Writing, reading and subscribing are `journal.py`;
   nothing here imports a service.
2. Every event has `at`, in epoch seconds of the run's clock, and stands on a line of its own as JSON, tagged
   by `type` with the name of its class.
3. The state of a run is a fold of these events, so an event holds what is needed to do its change again, and
   a service changes its state only by applying the event that it has just appended.
4. Resources are named as the pipeline names them (`incoming`, not its URL), executions by their ARN.
"""

from __future__ import annotations

from penstock.runtime.journal_events.calls import (
    BridgedCall,
    CallMade,
)
from penstock.runtime.journal_events.deliveries import (
    DeliveryDelayed,
    DeliverySettled,
    DeliveryTried,
    EventPut,
    MessagePublished,
    Parcel,
    ScheduleInvoked,
    Terms,
)
from penstock.runtime.journal_events.executions import (
    ExecutionFinished,
    ExecutionStarted,
    Happened,
    MapItemDone,
    MapItemsCounted,
    MapRunStarted,
    StateEntered,
    StateExited,
    StateRetried,
)
from penstock.runtime.journal_events.functions import (
    DestinationFailed,
    InvocationFinished,
    InvocationQueued,
    InvocationSettled,
    InvocationStarted,
    InvocationThrottled,
)
from penstock.runtime.journal_events.mappings import (
    BatchBisected,
    BatchDelivered,
    BatchSettled,
    Checkpointed,
    RecordsDiscarded,
    WindowAdvanced,
)
from penstock.runtime.journal_events.queues import (
    Attribute,
    MessageDeadLettered,
    MessagesDeleted,
    MessageSent,
    MessagesExpired,
    MessagesReceived,
    MessageVisibilityChanged,
    QueuePurged,
)
from penstock.runtime.journal_events.run import (
    GivenInputs,
    RunFinished,
    RunResumed,
    RunStarted,
)
from penstock.runtime.journal_events.streams import (
    ConsumerDeregistered,
    ConsumerRegistered,
    DeliveryStreamPut,
    DeliveryStreamSettled,
    FeedAdvanced,
    RecordsPut,
    RetentionChanged,
    ShardCountUpdated,
    ShardsChanged,
    StreamModeChanged,
    StreamRecord,
)
from penstock.runtime.s3.objects import (
    BucketCreated,
    BucketDeleted,
    DeleteMarkerCreated,
    ObjectRemoved,
    ObjectTagged,
    ObjectWritten,
    VersioningChanged,
)

Event = (
    RunStarted
    | RunResumed
    | RunFinished
    | BucketCreated
    | BucketDeleted
    | ObjectWritten
    | ObjectRemoved
    | DeleteMarkerCreated
    | ObjectTagged
    | VersioningChanged
    | MessageSent
    | MessagesReceived
    | MessagesDeleted
    | MessageVisibilityChanged
    | MessageDeadLettered
    | MessagesExpired
    | QueuePurged
    | RecordsPut
    | FeedAdvanced
    | ShardsChanged
    | ConsumerRegistered
    | ConsumerDeregistered
    | RetentionChanged
    | ShardCountUpdated
    | StreamModeChanged
    | DeliveryStreamPut
    | DeliveryStreamSettled
    | BatchDelivered
    | BatchSettled
    | Checkpointed
    | WindowAdvanced
    | BatchBisected
    | RecordsDiscarded
    | EventPut
    | MessagePublished
    | ScheduleInvoked
    | DeliveryDelayed
    | DeliveryTried
    | DeliverySettled
    | InvocationQueued
    | InvocationStarted
    | InvocationFinished
    | InvocationThrottled
    | InvocationSettled
    | DestinationFailed
    | ExecutionStarted
    | Happened
    | StateEntered
    | StateRetried
    | StateExited
    | MapRunStarted
    | MapItemsCounted
    | MapItemDone
    | ExecutionFinished
    | CallMade
    | BridgedCall
)

__all__ = [
    "Attribute",
    "BatchBisected",
    "BatchDelivered",
    "BatchSettled",
    "BridgedCall",
    "BucketCreated",
    "BucketDeleted",
    "CallMade",
    "Checkpointed",
    "ConsumerDeregistered",
    "ConsumerRegistered",
    "DeleteMarkerCreated",
    "DeliveryDelayed",
    "DeliverySettled",
    "DeliveryStreamPut",
    "DeliveryStreamSettled",
    "DeliveryTried",
    "DestinationFailed",
    "Event",
    "EventPut",
    "ExecutionFinished",
    "ExecutionStarted",
    "FeedAdvanced",
    "GivenInputs",
    "Happened",
    "InvocationFinished",
    "InvocationQueued",
    "InvocationSettled",
    "InvocationStarted",
    "InvocationThrottled",
    "MapItemDone",
    "MapItemsCounted",
    "MapRunStarted",
    "MessageDeadLettered",
    "MessagePublished",
    "MessageSent",
    "MessageVisibilityChanged",
    "MessagesDeleted",
    "MessagesExpired",
    "MessagesReceived",
    "ObjectRemoved",
    "ObjectTagged",
    "ObjectWritten",
    "Parcel",
    "QueuePurged",
    "RecordsDiscarded",
    "RecordsPut",
    "RetentionChanged",
    "RunFinished",
    "RunResumed",
    "RunStarted",
    "ScheduleInvoked",
    "ShardCountUpdated",
    "ShardsChanged",
    "StateEntered",
    "StateExited",
    "StateRetried",
    "StreamModeChanged",
    "StreamRecord",
    "Terms",
    "VersioningChanged",
    "WindowAdvanced",
]
