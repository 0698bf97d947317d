"""The pipeline of the rules of asynchronous invocations."""

from penstock.pipelines import Queue
from tests.contracts.delivery.parts import family, function

letters, failures = Queue("delivery-letters"), Queue("delivery-failures")

pipeline = family(
    "invocations", function("invoked", "invoked", dead_letter_queue=letters, on_failure=failures)
)
