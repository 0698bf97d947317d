"""The pipeline of the rules of EventBridge Pipes."""

from penstock.pipelines import Pipe, Queue
from tests.contracts.delivery.parts import family, function

piped, out = Queue("delivery-piped"), Queue("delivery-out")

pipeline = family(
    "pipes",
    Pipe(
        "delivery-pipe",
        piped,
        to=out,
        filter_criteria=({"body": {"n": [{"numeric": [">", 0]}]}},),
        enrichment=function("enrich", "enrich"),
        enrichment_template='{"n": <$.body.n>}',
        batch_size=1,
    ),
)
