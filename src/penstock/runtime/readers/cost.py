"""What the same run would cost on AWS: the journal's requests, priced.

List prices of us-east-1 as of June 2026, without any free tier, storage, data transfer or logs. Each line names
the page that its price comes from. What is counted is what the run did: an SQS mapping on AWS polls all the
time, which an idle queue's bill shows and this does not. Services that have no price here are named.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from penstock.runtime.journal_events import (
    CallMade,
    Event,
    ExecutionStarted,
    FeedAdvanced,
    InvocationFinished,
    MapItemDone,
    MessagesDeleted,
    MessageSent,
    MessagesReceived,
    StateEntered,
    StateRetried,
)
from penstock.runtime.s3.objects import ObjectWritten

PRICES_AS_OF: Final = "2026-06"
REGION: Final = "us-east-1"

CHILD_TRANSITIONS: Final = 2
"""A child of a Distributed Map: its start, and at least one state. It is counted as Standard, which is the dearer."""

PRICED: Final = frozenset({"lambda", "s3", "sqs", "stepfunctions"})
"""boto3's names of the services whose requests have a price here."""

WORDS: Final = {
    "dynamodb": "DynamoDB",
    "events": "EventBridge",
    "firehose": "Firehose",
    "kinesis": "Kinesis",
    "sns": "SNS",
}

EXPRESS_DURATION: Final = "the duration of EXPRESS executions"
"""It is billed by the memory that Step Functions uses, which nothing here knows."""

Count = Callable[[Event], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """One line of the estimate: how much of `unit` an event stands for, and what one costs."""

    name: str
    unit: str
    usd: float
    source: str
    count: Count


def _gb_seconds(event: Event) -> float:
    return event.billed_seconds * event.memory_mb / 1024 if isinstance(event, InvocationFinished) else 0.0


def _invocations(event: Event) -> float:
    return float(isinstance(event, InvocationFinished))


def _transitions(event: Event) -> float:
    if isinstance(event, MapItemDone):
        return CHILD_TRANSITIONS
    return float(isinstance(event, StateEntered | StateRetried) and ":express:" not in event.execution)


def _is_express(event: Event) -> bool:
    return isinstance(event, ExecutionStarted) and event.kind == "EXPRESS"


def _queue_requests(event: Event, *, fifo: bool) -> float:
    if (
        isinstance(event, MessageSent | MessagesReceived | MessagesDeleted)
        and event.queue.endswith(".fifo") is fifo
    ):
        return float(isinstance(event, MessageSent)) or -(-len(getattr(event, "message_ids", ())) // 10)
    return 0.0


def _reads(event: Event) -> float:
    if (
        isinstance(event, CallMade)
        and event.service == "s3"
        and event.operation in ("GetObject", "HeadObject")
    ):
        return event.count
    return 0.0


def _writes(event: Event) -> float:
    if isinstance(event, CallMade) and event.service == "s3" and event.operation.startswith("List"):
        return event.count
    return float(isinstance(event, ObjectWritten))


PRICES: Final = (
    Price(
        name="Lambda duration (x86)",
        unit="GB-seconds",
        usd=0.0000166667,
        source="https://aws.amazon.com/lambda/pricing/",
        count=_gb_seconds,
    ),
    Price(
        name="Lambda requests",
        unit="requests",
        usd=0.20 / 1e6,
        source="https://aws.amazon.com/lambda/pricing/",
        count=_invocations,
    ),
    Price(
        name="Step Functions (Standard)",
        unit="state transitions",
        usd=0.025 / 1e3,
        source="https://aws.amazon.com/step-functions/pricing/",
        count=_transitions,
    ),
    Price(
        name="Step Functions (Express)",
        unit="requests",
        usd=1.00 / 1e6,
        source="https://aws.amazon.com/step-functions/pricing/",
        count=lambda event: float(_is_express(event)),
    ),
    Price(
        name="SQS standard queues",
        unit="requests",
        usd=0.40 / 1e6,
        source="https://aws.amazon.com/sqs/pricing/",
        count=lambda event: _queue_requests(event, fifo=False),
    ),
    Price(
        name="SQS FIFO queues",
        unit="requests",
        usd=0.50 / 1e6,
        source="https://aws.amazon.com/sqs/pricing/",
        count=lambda event: _queue_requests(event, fifo=True),
    ),
    Price(
        name="S3 writes and lists",
        unit="requests",
        usd=0.005 / 1e3,
        source="https://aws.amazon.com/s3/pricing/",
        count=_writes,
    ),
    Price(
        name="S3 reads",
        unit="requests",
        usd=0.0004 / 1e3,
        source="https://aws.amazon.com/s3/pricing/",
        count=_reads,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CostLine:
    """What one line of the bill would be."""

    name: str
    quantity: float
    unit: str
    usd: float
    source: str


class Cost:
    """Adds up a run's requests."""

    def __init__(self) -> None:
        self._quantities = [0.0] * len(PRICES)
        self._unpriced: set[str] = set()

    def read(self, event: Event) -> None:
        """Take one event."""
        if isinstance(event, CallMade) and event.service not in PRICED:
            self._unpriced.add(WORDS.get(event.service, event.service))
        elif isinstance(event, FeedAdvanced):
            self._unpriced.add(WORDS["kinesis"])
        elif _is_express(event):
            self._unpriced.add(EXPRESS_DURATION)
        for at, price in enumerate(PRICES):
            self._quantities[at] += price.count(event)

    @property
    def lines(self) -> tuple[CostLine, ...]:
        """The lines that are not zero."""
        return tuple(
            CostLine(
                name=price.name,
                quantity=quantity,
                unit=price.unit,
                usd=quantity * price.usd,
                source=price.source,
            )
            for price, quantity in zip(PRICES, self._quantities, strict=True)
            if quantity
        )

    @property
    def unpriced(self) -> tuple[str, ...]:
        """What was used and is not in the sum: services, by name, and `EXPRESS_DURATION`."""
        return tuple(sorted(self._unpriced))

    @property
    def usd(self) -> float:
        """The sum of the lines."""
        return sum(line.usd for line in self.lines)
