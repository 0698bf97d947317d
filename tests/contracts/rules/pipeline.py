"""Small parts of a pipeline, each for a rule that is the same wherever it runs."""

from pathlib import Path

from penstock.pipelines import (
    Bucket,
    BucketNotification,
    EventBus,
    EventRule,
    Function,
    Pipeline,
    Queue,
    QueueMapping,
    StreamMapping,
    Subscription,
    Table,
    Topic,
    writes,
)
from tests.contracts.rules import handlers

inbox = Bucket("penstock-rules-inbox")
csv_events = Queue("rules-csv-events")

told_of_orders = Queue("rules-told-of-orders")
refused_orders = Queue("rules-refused-orders")
orders = Queue(
    "rules-orders", visibility_timeout_seconds=18, dead_letter_queue=refused_orders, max_receive_count=1
)
settle = Function(
    "rules-settle",
    handlers.settle,
    timeout_seconds=3,
    environment={"TOLD_URL": told_of_orders},
    calls=(writes(told_of_orders),),
)

told_of_changes = Queue("rules-told-of-changes")
items = Table("rules-items", partition_key="id", stream_view_type="NEW_AND_OLD_IMAGES")
follow = Function(
    "rules-follow",
    handlers.follow,
    timeout_seconds=10,
    environment={"TOLD_URL": told_of_changes},
    calls=(writes(told_of_changes),),
)

alerts = EventBus("rules-alerts")
high = Queue("rules-high")
news = Topic("rules-news")
red_news = Queue("rules-red-news")
tickets = Queue("rules-tickets.fifo", fifo=True)

pipeline = Pipeline(
    "rules",
    parts=(
        BucketNotification(inbox, to=csv_events, prefix="in/", suffix=".csv"),
        QueueMapping(
            orders, settle, batch_size=10, filter_criteria=({"body": {"id": [{"anything-but": "dropped"}]}},)
        ),
        StreamMapping(items, follow, batch_size=10, maximum_retry_attempts=1),
        EventRule(
            "rules-high", bus=alerts, pattern={"detail": {"level": [{"numeric": [">", 5]}]}}, to=(high,)
        ),
        Subscription(news, to=red_news, filter_policy={"colour": ["red"]}),
        tickets,
    ),
    root=Path(__file__).resolve().parents[3],
)
