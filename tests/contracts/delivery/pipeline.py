"""A pipeline with one part for each rule of delivery."""

from pathlib import Path

from penstock.pipelines import (
    EventBus,
    EventRule,
    Function,
    Pipe,
    Pipeline,
    Queue,
    QueueMapping,
    RuleTarget,
    Stream,
    StreamMapping,
    Subscription,
    Table,
    Topic,
    writes,
)

HANDLERS = "tests.contracts.delivery.functions"

seen = Queue("delivery-seen")


def function(name: str, handler: str, **more: Queue | int) -> Function:
    return Function(
        f"delivery-{name}",
        f"{HANDLERS}.{handler}",
        timeout_seconds=5,
        environment={"SEEN_URL": seen},
        calls=(writes(seen),),
        **more,  # type: ignore[arg-type]
    )


refused, refused_tickets = Queue("delivery-refused"), Queue("delivery-refused.fifo", fifo=True)
work = Queue("delivery-work", visibility_timeout_seconds=30, dead_letter_queue=refused, max_receive_count=2)
tickets = Queue(
    "delivery-tickets.fifo",
    fifo=True,
    visibility_timeout_seconds=30,
    dead_letter_queue=refused_tickets,
    max_receive_count=2,
)
clicks, totals = Stream("delivery-clicks"), Stream("delivery-totals")
given_up = Queue("delivery-given-up")
items = Table("delivery-items", partition_key="id", stream_view_type="NEW_AND_OLD_IMAGES")
letters, failures = Queue("delivery-letters"), Queue("delivery-failures")
asynchronous = function("invoked", "invoked", dead_letter_queue=letters, on_failure=failures)
bus, topic = EventBus("delivery-bus"), Topic("delivery-topic")
matched, told = Queue("delivery-matched"), Queue("delivery-told")
piped, out = Queue("delivery-piped"), Queue("delivery-out")

pipeline = Pipeline(
    "delivery",
    parts=(
        QueueMapping(
            work,
            function("of-queue", "of_queue"),
            batch_size=10,
            filter_criteria=({"body": {"n": [{"exists": True}]}},),
        ),
        QueueMapping(tickets, function("of-fifo-queue", "of_fifo_queue"), batch_size=10),
        StreamMapping(
            clicks,
            function("of-stream", "of_stream"),
            batch_size=4,
            maximum_retry_attempts=1,
            bisect_batch_on_function_error=True,
            on_failure=given_up,
        ),
        StreamMapping(totals, function("of-window", "of_window"), tumbling_window_seconds=30),
        StreamMapping(items, function("of-table", "of_table")),
        asynchronous,
        EventRule(
            "delivery-large",
            bus=bus,
            pattern={"detail": {"amount": [{"numeric": [">", 100]}]}},
            to=(
                RuleTarget(
                    matched,
                    input_paths={"amount": "$.detail.amount"},
                    input_template='{"amount": <amount>, "text": "it is <amount>"}',
                ),
            ),
        ),
        Subscription(topic, to=told, filter_policy={"color": ["red"]}, raw_message_delivery=True),
        Pipe(
            "delivery-pipe",
            piped,
            to=out,
            filter_criteria=({"body": {"n": [{"numeric": [">", 0]}]}},),
            enrichment=function("enrich", "enrich"),
            enrichment_template='{"n": <$.body.n>}',
            batch_size=1,
        ),
    ),
    root=Path(__file__).parents[3],
)
