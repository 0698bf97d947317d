"""The pipeline of the rules of SNS topics."""

from penstock.pipelines import Queue, Subscription, Topic
from tests.contracts.delivery.parts import family

topic, told = Topic("delivery-topic"), Queue("delivery-told")

pipeline = family(
    "sns", Subscription(topic, to=told, filter_policy={"color": ["red"]}, raw_message_delivery=True)
)
