"""The pipeline of all rules of EventBridge Pipes; LocalStack's open edition has no pipes."""

from penstock.pipelines import EventBus, EventRule, Pipe, Queue, Stream, Table
from tests.contracts.delivery import pipes
from tests.contracts.delivery.parts import family, function

TARGET = "stream_functions.of_pipe"


def source(name: str, letters: Queue | None = None) -> Queue:
    return Queue(
        f"delivery-from-{name}",
        visibility_timeout_seconds=600,
        dead_letter_queue=letters,
        max_receive_count=2,
    )


dead, told = Queue("delivery-pipe-dead"), Queue("delivery-pipe-told")
changed = Table("delivery-pipe-items", partition_key="id", stream_view_type="NEW_IMAGE")
bus, line = EventBus("delivery-pipe-bus"), Queue("delivery-pipe-line.fifo", fifo=True)
asking = source("asking", dead)

pipeline = family(
    "pipes",
    *pipes.pipeline.parts,
    Pipe("delivery-to-function", source("messages", dead), to=function("pipe-target", TARGET), batch_size=3),
    Pipe(
        "delivery-to-async",
        source("forgotten", dead),
        to=function("pipe-forgotten", TARGET, maximum_retry_attempts=0),
        invocation="FIRE_AND_FORGET",
        batch_size=1,
    ),
    Pipe(
        "delivery-of-stream",
        Stream("delivery-pipe-clicks"),
        to=function("pipe-of-stream", TARGET),
        batch_size=4,
        maximum_retry_attempts=1,
        automatic_bisect=True,
        dead_letter_queue=told,
        filter_criteria=({"data": {"n": [{"numeric": [">", 0]}]}},),
    ),
    Pipe(
        "delivery-of-table",
        changed,
        to=Stream("delivery-pipe-copies"),
        partition_key="$.dynamodb.Keys.id.S",
        input_template='{"id": <$.dynamodb.NewImage.id.S>, "from": "<aws.pipes.pipe-name>"}',
    ),
    Pipe(
        "delivery-widened",
        asking,
        to=Queue("delivery-pipe-wide"),
        enrichment=function("widen", "stream_functions.widen"),
        batch_size=2,
    ),
    Pipe("delivery-to-bus", source("sold"), to=bus, input_template="<$.body>", detail_type="sold"),
    EventRule(
        "delivery-pipe-rule", bus=bus, pattern={"detail-type": ["sold"]}, to=(Queue("delivery-pipe-sold"),)
    ),
    Pipe(
        "delivery-to-line",
        source("lined"),
        to=line,
        message_group_id="$.body.who",
        input_template="<$.body.n>",
    ),
)
