"""The pipeline of the rules of EventBridge's buses."""

from penstock.pipelines import EventBus, EventRule, Queue, RuleTarget, Topic
from tests.contracts.delivery.parts import family, function

bus = EventBus("delivery-bus")
matched, whole, part, constant, lines, seen_by_default, templated = (
    Queue("delivery-matched"),
    Queue("delivery-whole"),
    Queue("delivery-part"),
    Queue("delivery-constant"),
    Queue("delivery-event-lines.fifo", fifo=True, content_based_deduplication=True),
    Queue("delivery-default-bus"),
    Queue("delivery-templated"),
)
texts = Queue("delivery-texts")
rule_letters, function_letters = Queue("delivery-rule-letters"), Queue("delivery-function-letters")
second_bus, third_bus = EventBus("delivery-second-bus"), EventBus("delivery-third-bus")
on_second, on_third = Queue("delivery-on-second-bus"), Queue("delivery-on-third-bus")
hop_letters = Queue("delivery-hop-letters")

shared = (
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
    EventRule(
        "delivery-several",
        bus=bus,
        pattern={"source": ["several"]},
        to=(
            whole,
            RuleTarget(part, input_path="$.detail.items[0]"),
            RuleTarget(constant, input={"always": "this"}),
            RuleTarget(lines, input_path="$.detail", message_group_id="all"),
        ),
    ),
    EventRule("delivery-on-default", pattern={"source": ["several"]}, to=(seen_by_default,)),
    EventRule(
        "delivery-template",
        bus=bus,
        pattern={"source": ["template"]},
        to=(
            RuleTarget(
                templated,
                input_paths={"name": "$.detail.name", "object": "$.detail.object", "none": "$.detail.none"},
                input_template=(
                    '{"name": <name>, "object": <object>, "rule": <aws.events.rule-name>, '
                    '"event": <aws.events.event.json>, "quoted": "<name> here", '
                    '"none": <none>, "without": <aws.events.event>}'
                ),
            ),
            RuleTarget(texts, input_paths={"name": "$.detail.name"}, input_template='"hello <name>"'),
        ),
    ),
)

pipeline = family(
    "eventbridge",
    *shared,
    EventRule("delivery-onwards", bus=bus, pattern={"source": ["onwards"]}, to=(second_bus,)),
    EventRule(
        "delivery-onwards-again",
        bus=second_bus,
        pattern={"source": ["onwards"]},
        to=(on_second, RuleTarget(third_bus, dead_letter_queue=hop_letters)),
    ),
    EventRule("delivery-at-the-end", bus=third_bus, pattern={"source": ["onwards"]}, to=(on_third,)),
    EventRule(
        "delivery-to-function",
        bus=bus,
        pattern={"source": ["fails"]},
        to=(
            RuleTarget(
                function("of-rule", "of_rule", maximum_retry_attempts=1, dead_letter_queue=function_letters),
                dead_letter_queue=rule_letters,
            ),
        ),
    ),
    EventRule(
        "delivery-too-large",
        bus=bus,
        pattern={"source": ["large"]},
        to=(RuleTarget(Topic("delivery-small-topic"), dead_letter_queue=rule_letters),),
    ),
)
