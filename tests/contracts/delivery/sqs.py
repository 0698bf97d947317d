"""The pipeline of the rules of SQS mappings."""

from penstock.pipelines import Queue, QueueMapping
from tests.contracts.delivery.parts import family, function

refused = Queue("delivery-refused")
work = Queue("delivery-work", visibility_timeout_seconds=30, dead_letter_queue=refused, max_receive_count=2)

pipeline = family(
    "sqs",
    QueueMapping(
        work,
        function("of-queue", "of_queue"),
        batch_size=10,
        filter_criteria=({"body": {"n": [{"exists": True}]}},),
    ),
)
