"""The pipeline of the rules of FIFO queues and their mappings."""

from penstock.pipelines import Queue, QueueMapping
from tests.contracts.delivery.parts import family, function

refused_tickets = Queue("delivery-refused.fifo", fifo=True, message_retention_seconds=345_600)
tickets = Queue(
    "delivery-tickets.fifo",
    fifo=True,
    visibility_timeout_seconds=30,
    dead_letter_queue=refused_tickets,
    max_receive_count=2,
)
waiting = Queue("delivery-waiting.fifo", fifo=True, visibility_timeout_seconds=2)
hashed = Queue("delivery-hashed.fifo", fifo=True, content_based_deduplication=True)

shared = (
    QueueMapping(tickets, function("of-fifo-queue", "of_fifo_queue"), batch_size=10),
    waiting,
    hashed,
)

slow = Queue("delivery-slow.fifo", fifo=True, visibility_timeout_seconds=60)
aged = Queue(
    "delivery-aged.fifo",
    fifo=True,
    visibility_timeout_seconds=30,
    message_retention_seconds=60,
    dead_letter_queue=Queue("delivery-aged-dead.fifo", fifo=True, message_retention_seconds=120),
    max_receive_count=1,
)

pipeline = family(
    "fifo",
    *shared,
    QueueMapping(slow, function("of-slow-fifo-queue", "of_slow_queue"), batch_size=1, maximum_concurrency=10),
    aged,
    Queue("delivery-silence"),
)
