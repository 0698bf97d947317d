"""The pipeline of the rules of Kinesis mappings."""

from penstock.pipelines import Queue, Stream, StreamMapping
from tests.contracts.delivery.parts import family, function

clicks, totals = Stream("delivery-clicks"), Stream("delivery-totals")
given_up = Queue("delivery-given-up")

pipeline = family(
    "kinesis",
    StreamMapping(
        clicks,
        function("of-stream", "of_stream"),
        batch_size=4,
        maximum_retry_attempts=1,
        bisect_batch_on_function_error=True,
        on_failure=given_up,
    ),
    StreamMapping(totals, function("of-window", "of_window"), tumbling_window_seconds=30),
)
