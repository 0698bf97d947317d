"""The pipeline of all rules of Kinesis mappings; those that are deployed elsewhere, too, are in `kinesis`."""

from penstock.pipelines import Bucket, Queue, Stream, StreamMapping, Subscription, Topic
from tests.contracts.delivery import kinesis
from tests.contracts.delivery.parts import family, function

RECORDS = "stream_functions.of_records"
PLAIN = "stream_functions.of_plain_records"
WINDOW_SECONDS = 20

strictly, agedly, answered = Queue("delivery-strictly"), Queue("delivery-agedly"), Queue("delivery-answered")
throttled, bisected = Queue("delivery-throttled-away"), Queue("delivery-bisected-away")
kept, told_topic, told = Bucket("delivery-kept"), Topic("delivery-told-topic"), Queue("delivery-told-of")
filtered = Stream("delivery-filtered")
fanned = Stream("delivery-fanned")

pipeline = family(
    "kinesis",
    *kinesis.pipeline.parts,
    StreamMapping(Stream("delivery-sharded", shard_count=2), function("sharded", PLAIN)),
    StreamMapping(Stream("delivery-patient"), function("patient", RECORDS), batch_size=2),
    StreamMapping(
        Stream("delivery-strict"),
        function("strict", RECORDS),
        batch_size=2,
        maximum_retry_attempts=0,
        on_failure=strictly,
    ),
    StreamMapping(
        Stream("delivery-silent"), function("silent", RECORDS), batch_size=2, maximum_retry_attempts=1
    ),
    StreamMapping(
        Stream("delivery-keeping"),
        function("keeping", RECORDS),
        maximum_retry_attempts=1,
        on_failure=kept,
    ),
    StreamMapping(
        Stream("delivery-telling"),
        function("telling", RECORDS),
        maximum_retry_attempts=1,
        on_failure=told_topic,
    ),
    Subscription(told_topic, to=told, raw_message_delivery=True),
    StreamMapping(
        Stream("delivery-aged"),
        function("aged", RECORDS),
        batch_size=1,
        maximum_record_age_seconds=60,
        on_failure=agedly,
    ),
    StreamMapping(
        Stream("delivery-crowded", shard_count=4),
        function("crowded", RECORDS, reserved_concurrency=1),
        maximum_retry_attempts=0,
        on_failure=throttled,
    ),
    StreamMapping(
        Stream("delivery-answers"),
        function("answers", RECORDS),
        batch_size=2,
        maximum_retry_attempts=1,
        on_failure=answered,
    ),
    StreamMapping(
        Stream("delivery-bisected"),
        function("bisected", RECORDS),
        batch_size=4,
        maximum_retry_attempts=1,
        bisect_batch_on_function_error=True,
        on_failure=bisected,
    ),
    StreamMapping(
        Stream("delivery-deaf"),
        function("deaf", RECORDS),
        maximum_retry_attempts=1,
        report_batch_item_failures=False,
    ),
    StreamMapping(
        Stream("delivery-gathered"), function("gathered", PLAIN), batch_size=10, batching_window_seconds=30
    ),
    StreamMapping(Stream("delivery-hundreds"), function("hundreds", PLAIN)),
    StreamMapping(
        Stream("delivery-parallel"), function("parallel", RECORDS), batch_size=1, parallelization_factor=10
    ),
    StreamMapping(
        filtered,
        function("large", RECORDS),
        filter_criteria=({"data": {"n": [{"numeric": [">", 10]}]}}, {"data": {"color": ["red"]}}),
    ),
    StreamMapping(filtered, function("by-key", PLAIN), filter_criteria=({"partitionKey": ["mine"]},)),
    StreamMapping(filtered, function("texts", PLAIN), filter_criteria=({"data": ["plain text"]},)),
    StreamMapping(
        Stream("delivery-tumbling"),
        function("tumbling", "stream_functions.of_tumbling_window"),
        batch_size=2,
        tumbling_window_seconds=WINDOW_SECONDS,
    ),
    StreamMapping(Stream("delivery-resharded"), function("resharded", PLAIN)),
    StreamMapping(Stream("delivery-divided"), function("divided", RECORDS), batch_size=1),
    StreamMapping(fanned, function("as-consumer", RECORDS), consumer="fast"),
    StreamMapping(fanned, function("as-reader", RECORDS)),
)
