"""The pipeline of the rules of EventBridge's buses."""

from penstock.pipelines import EventBus, EventRule, Queue, RuleTarget
from tests.contracts.delivery.parts import family

bus, matched = EventBus("delivery-bus"), Queue("delivery-matched")

pipeline = family(
    "eventbridge",
    EventRule(
        "delivery-large",
        bus=bus,
        pattern={"detail": {"amount": [{"numeric": [">", 100]}]}},
        to=(
            RuleTarget(
                matched,
                input_paths={"amount": "$.detail.amount"},
                input_template='{"amount": <amount>, "text": "it is <amount>"}',
            ),
        ),
    ),
)
