"""The pipeline of the rules of Kinesis streams themselves: nothing reads them but the tests."""

from penstock.pipelines import Stream
from tests.contracts.delivery.parts import family

pipeline = family(
    "streams",
    Stream("delivery-shards", shard_count=2),
    Stream("delivery-reshaped"),
    Stream("delivery-scaled", shard_count=2),
    Stream("delivery-on-demand", on_demand=True),
)
