"""The pipeline of the rules of SQS mappings."""

from penstock.pipelines import Queue, QueueMapping
from tests.contracts.delivery.parts import family, function

refused = Queue("delivery-refused")
work = Queue("delivery-work", visibility_timeout_seconds=30, dead_letter_queue=refused, max_receive_count=2)
unmapped = Queue("delivery-unmapped", visibility_timeout_seconds=2, message_retention_seconds=60)
late = Queue("delivery-late", delay_seconds=2)

shared = (
    QueueMapping(
        work,
        function("of-queue", "of_queue"),
        batch_size=10,
        filter_criteria=({"body": {"n": [{"exists": True}]}},),
    ),
    unmapped,
    late,
)

windowed = Queue("delivery-windowed", visibility_timeout_seconds=60)
wide = Queue("delivery-wide", visibility_timeout_seconds=60)
deaf = Queue("delivery-deaf", visibility_timeout_seconds=30)
limited = Queue("delivery-limited", visibility_timeout_seconds=30)
throttled = Queue(
    "delivery-throttled", visibility_timeout_seconds=30, dead_letter_queue=refused, max_receive_count=2
)
slow = Queue("delivery-slow", visibility_timeout_seconds=30, dead_letter_queue=refused, max_receive_count=2)
lines = Queue("delivery-text-lines", visibility_timeout_seconds=30)
aged = Queue(
    "delivery-aged",
    visibility_timeout_seconds=30,
    message_retention_seconds=60,
    dead_letter_queue=Queue("delivery-aged-dead", message_retention_seconds=120),
    max_receive_count=1,
)

pipeline = family(
    "sqs",
    *shared,
    QueueMapping(windowed, function("of-window-queue", "of_queue"), batch_size=3, batching_window_seconds=20),
    QueueMapping(
        wide, function("of-wide-queue", "of_lines_shortly"), batch_size=100, batching_window_seconds=20
    ),
    QueueMapping(deaf, function("of-deaf-queue", "of_queue"), report_batch_item_failures=False),
    QueueMapping(limited, function("of-limited-queue", "of_slow_queue"), batch_size=1, maximum_concurrency=2),
    QueueMapping(
        throttled,
        function(
            "of-throttled-queue",
            "of_queue",
            reserved_concurrency=0,
            dead_letter_queue=Queue("delivery-no-letters"),
        ),
    ),
    QueueMapping(
        slow,
        function(
            "of-slow-queue",
            "of_slow_queue",
            timeout_seconds=3,
            on_failure=Queue("delivery-no-failures"),
        ),
    ),
    QueueMapping(
        lines,
        function("of-lines", "of_lines"),
        filter_criteria=({"body": [{"prefix": "get "}]}, {"body": {"n": [{"numeric": [">", 5]}]}}),
    ),
    aged,
    Queue("delivery-silence"),
)
