"""The pipeline of the rules of FIFO queues and their mappings."""

from penstock.pipelines import Queue, QueueMapping
from tests.contracts.delivery.parts import family, function

refused_tickets = Queue("delivery-refused.fifo", fifo=True)
tickets = Queue(
    "delivery-tickets.fifo",
    fifo=True,
    visibility_timeout_seconds=30,
    dead_letter_queue=refused_tickets,
    max_receive_count=2,
)

pipeline = family("fifo", QueueMapping(tickets, function("of-fifo-queue", "of_fifo_queue"), batch_size=10))
