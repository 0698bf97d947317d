"""The pipeline of the rules of SNS topics."""

from penstock.pipelines import Queue, Subscription, Topic
from tests.contracts.delivery.parts import family, function

topic = Topic("delivery-topic")
told, enveloped, by_body, all_raw = (
    Queue("delivery-told"),
    Queue("delivery-enveloped"),
    Queue("delivery-by-body"),
    Queue("delivery-all-raw"),
)
undelivered = Queue("delivery-undelivered")

plain_topic, plain = Topic("delivery-plain-topic"), Queue("delivery-plain")
of_topic = function("of-topic", "of_topic")

lines = Topic("delivery-lines.fifo", fifo=True)
hashed = Topic("delivery-hashed.fifo", fifo=True, content_based_deduplication=True)
in_line, out_of_line = Queue("delivery-in-line.fifo", fifo=True), Queue("delivery-out-of-line")
in_hashed_line = Queue("delivery-in-hashed-line.fifo", fifo=True)

pipeline = family(
    "sns",
    Subscription(topic, to=told, filter_policy={"color": ["red"]}, raw_message_delivery=True),
    Subscription(
        topic, to=enveloped, filter_policy={"size": [{"numeric": [">", 5]}], "form": ["round", "flat"]}
    ),
    Subscription(
        topic,
        to=by_body,
        filter_policy={"order": {"state": [{"prefix": "pa"}]}},
        filter_policy_scope="MessageBody",
        raw_message_delivery=True,
    ),
    Subscription(
        topic,
        to=all_raw,
        filter_policy={"all": [{"exists": True}]},
        raw_message_delivery=True,
        dead_letter_queue=undelivered,
    ),
    Subscription(topic, to=of_topic, filter_policy={"work": [{"exists": True}]}),
    Subscription(plain_topic, to=plain, raw_message_delivery=True),
    Subscription(plain_topic, to=of_topic),
    Subscription(lines, to=in_line),
    Subscription(lines, to=out_of_line, raw_message_delivery=True),
    Subscription(hashed, to=in_hashed_line, raw_message_delivery=True),
)
