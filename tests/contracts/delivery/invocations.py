"""The pipeline of the rules of asynchronous invocations."""

from penstock.pipelines import Bucket, EventBus, EventRule, Queue, Subscription, Topic
from tests.contracts.delivery.parts import family, function

letters, failures = Queue("delivery-letters"), Queue("delivery-failures")
successes, told = Queue("delivery-successes"), Queue("delivery-told-by-bus")
results = EventBus("delivery-results")
news, heard = Topic("delivery-failure-news"), Queue("delivery-failure-heard")
failed_records = Bucket("penstock-delivery-failures")
letter_news, letter_heard = Topic("delivery-letter-news"), Queue("delivery-letter-heard")

once = function(
    "once",
    "invoked",
    maximum_retry_attempts=0,
    dead_letter_queue=letters,
    on_success=successes,
    on_failure=failures,
)
by_bus = function("by-bus", "invoked", maximum_retry_attempts=0, on_success=results, on_failure=results)
by_topic = function("by-topic", "invoked", maximum_retry_attempts=0, on_failure=news)

shared = (
    function("invoked", "invoked", dead_letter_queue=letters, on_failure=failures),
    once,
    by_topic,
    Subscription(news, to=heard),
)

chained = function("chained", "whole")
timed = function("timed", "waits", timeout_seconds=2, maximum_retry_attempts=1, on_failure=failures)

pipeline = family(
    "invocations",
    *shared,
    by_bus,
    EventRule("delivery-results", bus=results, pattern={"source": ["lambda"]}, to=(told,)),
    function("by-bucket", "invoked", maximum_retry_attempts=0, on_failure=failed_records),
    function("by-letter-topic", "invoked", maximum_retry_attempts=0, dead_letter_queue=letter_news),
    Subscription(letter_news, to=letter_heard),
    function("to-function", "invoked", maximum_retry_attempts=0, on_failure=chained),
    function(
        "impatient",
        "invoked",
        maximum_event_age_seconds=60,
        dead_letter_queue=letters,
        on_failure=failures,
    ),
    function("patient", "invoked", maximum_event_age_seconds=170, on_failure=failures),
    timed,
    function("never", "invoked", reserved_concurrency=0, dead_letter_queue=letters, on_failure=failures),
    function("busy", "waits", timeout_seconds=60, reserved_concurrency=1, on_success=successes),
    function(
        "busy-for-long",
        "waits",
        timeout_seconds=600,
        reserved_concurrency=1,
        maximum_event_age_seconds=60,
        dead_letter_queue=letters,
        on_failure=failures,
    ),
    function("verbose", "answers_much", on_success=successes),
    Queue("delivery-silence"),
)
