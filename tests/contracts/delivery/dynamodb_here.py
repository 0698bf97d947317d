"""The pipeline of all rules of DynamoDB streams; those that are deployed elsewhere, too, are in `dynamodb`."""

from penstock.pipelines import Bucket, Queue, StreamMapping, Table
from penstock.pipelines.resources import StreamViewType
from tests.contracts.delivery import dynamodb
from tests.contracts.delivery.parts import family, function

CHANGES = "stream_functions.of_changes"


def table(name: str, view: StreamViewType = "NEW_AND_OLD_IMAGES", *, expires: str | None = None) -> Table:
    return Table(
        f"delivery-{name}", partition_key="id", stream_view_type=view, time_to_live_attribute=expires
    )


refused = Queue("delivery-refused-changes")
kept = Bucket("delivery-kept-changes")

VIEWS: tuple[tuple[str, StreamViewType], ...] = (
    ("keys", "KEYS_ONLY"),
    ("new", "NEW_IMAGE"),
    ("old", "OLD_IMAGE"),
)

pipeline = family(
    "dynamodb",
    *dynamodb.pipeline.parts,
    *(
        StreamMapping(table(f"seen-{name}", view), function(f"seen-{name}", "stream_functions.of_images"))
        for name, view in VIEWS
    ),
    StreamMapping(
        table("expiring", expires="until"), function("expiring", "stream_functions.of_images"), batch_size=1
    ),
    StreamMapping(
        table("refusing"),
        function("refusing", CHANGES),
        batch_size=4,
        maximum_retry_attempts=1,
        bisect_batch_on_function_error=True,
        on_failure=refused,
    ),
    StreamMapping(
        table("keeping"), function("keeping-changes", CHANGES), maximum_retry_attempts=0, on_failure=kept
    ),
    StreamMapping(
        table("chosen"),
        function("chosen", CHANGES),
        filter_criteria=({"eventName": ["INSERT"], "dynamodb": {"NewImage": {"n": {"N": ["7"]}}}},),
    ),
    StreamMapping(
        table("numeric"),
        function("numeric", CHANGES),
        filter_criteria=({"dynamodb": {"NewImage": {"n": {"N": [{"numeric": [">", 1]}]}}}},),
    ),
    StreamMapping(
        table("present"),
        function("present", CHANGES),
        filter_criteria=({"dynamodb": {"NewImage": {"n": {"N": [{"exists": True}]}}}},),
    ),
    StreamMapping(table("apart"), function("apart", CHANGES), batch_size=1, parallelization_factor=10),
)
