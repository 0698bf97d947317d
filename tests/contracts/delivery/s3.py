"""The pipeline of the rules of S3's notifications."""

from penstock.pipelines import Bucket, BucketNotification, EventRule, Queue, RuleTarget, Subscription, Topic
from tests.contracts.delivery.parts import family, function

inbox = Bucket("penstock-delivery-inbox")
created, removed, copied = (
    Queue("delivery-created"),
    Queue("delivery-removed"),
    Queue("delivery-copied"),
)
tagged = Queue("delivery-tagged")
news, heard = Topic("delivery-bucket-news"), Queue("delivery-bucket-heard")

on_bus = Bucket("penstock-delivery-on-bus", event_bridge_enabled=True)
told = Queue("delivery-bucket-told")

kept = Bucket("penstock-delivery-kept", versioned=True, event_bridge_enabled=True)
happened, kept_on_bus = Queue("delivery-kept-events"), Queue("delivery-kept-told")

pipeline = family(
    "s3",
    BucketNotification(inbox, to=created, prefix="in/", suffix=".csv"),
    BucketNotification(inbox, to=removed, events=("s3:ObjectRemoved:*",), prefix="in/"),
    BucketNotification(inbox, to=copied, events=("s3:ObjectCreated:Copy",), prefix="copies/"),
    BucketNotification(inbox, to=tagged, events=("s3:ObjectTagging:*",), prefix="tagged/"),
    BucketNotification(inbox, to=news, prefix="news/"),
    Subscription(news, to=heard),
    BucketNotification(inbox, to=function("of-bucket", "of_records"), prefix="work/"),
    EventRule(
        "delivery-on-bus",
        pattern={
            "source": ["aws.s3"],
            "detail": {"bucket": {"name": [on_bus.name]}, "object": {"key": [{"suffix": ".csv"}]}},
        },
        to=(RuleTarget(told),),
    ),
    on_bus,
    BucketNotification(
        kept, to=happened, events=("s3:ObjectCreated:*", "s3:ObjectRemoved:*"), prefix="told/"
    ),
    EventRule(
        "delivery-kept",
        pattern={
            "source": ["aws.s3"],
            "detail": {"bucket": {"name": [kept.name]}, "object": {"key": [{"prefix": "bus/"}]}},
        },
        to=(RuleTarget(kept_on_bus),),
    ),
)
