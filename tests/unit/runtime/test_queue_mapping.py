"""Lambda's SQS mapping: batches, windows, concurrency, and what an answer means for the messages."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from penstock.runtime.clock import VirtualClock
from penstock.runtime.functions.functions import Functions
from penstock.runtime.functions.settings import FunctionSettings
from penstock.runtime.ids import Ids
from penstock.runtime.invocation import FunctionError, Invocation, InvocationOutcome, written
from penstock.runtime.journal import Journal
from penstock.runtime.journal_events import Attribute
from penstock.runtime.mappings.queue_mapping import QueueMapping, QueueMappingSettings
from penstock.runtime.mappings.responses import failed_identifiers
from penstock.runtime.queues.queue import QueueSettings
from penstock.runtime.queues.queues import Queues
from penstock.runtime.scheduler import Scheduler

Answer = Callable[[list[dict[str, object]]], object]


@dataclass
class RecordingInvoker:
    """Answers each batch with what `answer` says of its records; an exception is the function's error."""

    scheduler: Scheduler
    answer: Answer = lambda records: None
    seconds: float = 1.0
    batches: list[list[dict[str, object]]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    running: int = 0
    most_running: int = 0

    def invoke(self, invocation: Invocation, done: Callable[[InvocationOutcome], None]) -> None:
        records = json.loads(written(invocation.payload))["Records"]
        self.batches.append(records)
        self.times.append(self.scheduler.now())
        self.running += 1
        self.most_running = max(self.most_running, self.running)

        def end() -> None:
            self.running -= 1
            done(outcome)

        try:
            payload = json.dumps(self.answer(records)).encode()
            outcome = InvocationOutcome(request_id=invocation.request_id, payload=payload)
        except ValueError as error:
            failure = FunctionError(error_type="ValueError", error_message=str(error))
            outcome = InvocationOutcome(request_id=invocation.request_id, error=failure)
        self.scheduler.call_at(self.scheduler.now() + self.seconds, end)

    def close(self) -> None: ...


@dataclass
class Bench:
    scheduler: Scheduler
    queues: Queues
    invoker: RecordingInvoker

    @property
    def sizes(self) -> list[int]:
        return [len(batch) for batch in self.invoker.batches]

    def left(self, queue: str = "work") -> int:
        return len(self.queues.find(queue).messages)


def make_bench(answer: Answer = lambda records: None, *, fifo: bool = False, **options: object) -> Bench:
    scheduler = Scheduler(VirtualClock())
    journal = Journal()
    ending = ".fifo" if fifo else ""
    queues = Queues(
        [
            QueueSettings(
                name=f"work{ending}",
                arn=f"arn:aws:sqs:us-east-1:123456789012:work{ending}",
                url="https://work",
                fifo=fifo,
                content_based_deduplication=fifo,
                dead_letter_queue=f"dead{ending}",
                max_receive_count=2,
            ),
            QueueSettings(name=f"dead{ending}", arn="arn:dead", url="https://dead", fifo=fifo),
        ],
        scheduler=scheduler,
        journal=journal,
        ids=Ids(1),
    )
    invoker = RecordingInvoker(scheduler, answer)
    functions = Functions(
        [FunctionSettings(name="settle", arn="arn:settle", handler="h.settle")],
        invoker=invoker,
        scheduler=scheduler,
        journal=journal,
        ids=Ids(2),
        queues=queues,
    )
    settings = QueueMappingSettings(name="m", queue=f"work{ending}", function="settle", **options)  # type: ignore[arg-type]
    mapping = QueueMapping(settings, queues=queues, functions=functions, scheduler=scheduler, journal=journal)
    mapping.start()
    return Bench(scheduler, queues, invoker)


def fail(bodies: set[str]) -> Answer:
    def answer(records: list[dict[str, object]]) -> object:
        failed = [record for record in records if record["body"] in bodies]
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in failed]}

    return answer


def test_messages_come_in_batches_and_are_deleted() -> None:
    """Up to BatchSize at once; a function that succeeds acknowledges them all."""
    bench = make_bench(batch_size=10)
    for number in range(23):
        bench.queues.send("work", str(number))
    bench.scheduler.run_until_idle()
    assert bench.sizes == [10, 10, 3]
    assert bench.left() == 0


def test_only_what_failed_comes_back() -> None:
    """ReportBatchItemFailures: the others are deleted; the failed one is redriven after its receives."""
    bench = make_bench(fail({"bad"}))
    for body in ("good", "bad", "fine"):
        bench.queues.send("work", body)
    bench.scheduler.run_until_idle()
    assert [[record["body"] for record in batch] for batch in bench.invoker.batches] == [
        ["good", "bad", "fine"],
        ["bad"],
    ]
    assert (bench.left(), bench.left("dead")) == (0, 1)


def test_a_function_that_raises_fails_the_whole_batch() -> None:
    """Every message comes back after the visibility timeout, and ends in the dead-letter queue."""

    def answer(records: list[dict[str, object]]) -> object:
        raise ValueError("no")

    bench = make_bench(answer)
    bench.queues.send("work", "a")
    bench.queues.send("work", "b")
    bench.scheduler.run_until_idle()
    assert bench.sizes == [2, 2]
    assert bench.invoker.times[1] - bench.invoker.times[0] == 30.0
    assert bench.left("dead") == 2


def test_without_partial_responses_an_answer_means_success() -> None:
    """FunctionResponseTypes is empty: what the function returns is not looked at."""
    bench = make_bench(fail({"bad"}), report_batch_item_failures=False)
    bench.queues.send("work", "bad")
    bench.scheduler.run_until_idle()
    assert bench.left() == 0


def test_a_batching_window_waits_for_more() -> None:
    """MaximumBatchingWindowInSeconds: a batch goes when it is full or its time is over."""
    bench = make_bench(batch_size=10, batching_window_seconds=5.0)
    began = bench.scheduler.now()
    bench.queues.send("work", "first")
    bench.scheduler.run_for(3)
    bench.queues.send("work", "second")
    bench.scheduler.run_until_idle()
    assert bench.sizes == [2]
    assert bench.invoker.times == [began + 5.0]


def test_a_full_batch_does_not_wait() -> None:
    """Before the window is over."""
    bench = make_bench(batch_size=3, batching_window_seconds=5.0)
    began = bench.scheduler.now()
    for number in range(3):
        bench.queues.send("work", str(number))
    bench.scheduler.run_until_idle()
    assert bench.invoker.times == [began]


def test_concurrency_is_bounded() -> None:
    """MaximumConcurrency: no more batches are with the function at once."""
    bench = make_bench(batch_size=1, concurrency=2)
    for number in range(6):
        bench.queues.send("work", str(number))
    bench.scheduler.run_until_idle()
    assert bench.invoker.most_running == 2
    assert bench.left() == 0


def test_a_group_keeps_its_order() -> None:
    """FIFO: while a batch of a group is with the function, no more of that group is delivered."""
    bench = make_bench(fifo=True, batch_size=1, concurrency=10)
    for number in range(3):
        for group in "ab":
            bench.queues.send("work.fifo", f"{group}{number}", group_id=group)
    bench.scheduler.run_until_idle()
    order = [str(batch[0]["body"]) for batch in bench.invoker.batches]
    for group in "ab":
        assert [body for body in order if body[0] == group] == [f"{group}{number}" for number in range(3)]


def test_a_batch_stays_under_the_payload_limit() -> None:
    """Ten messages of 1 MiB do not fit into one invocation of 6 MB; they come in several."""
    bench = make_bench(batch_size=10)
    for _ in range(10):
        bench.queues.send("work", "x" * 1_048_576)
    bench.scheduler.run_until_idle()
    assert sum(bench.sizes) == 10
    assert max(bench.sizes) == 5


def test_the_event_is_lambdas() -> None:
    """Every member of the record, as Lambda documents it."""
    bench = make_bench()
    attributes = {
        "text": Attribute(data_type="String", string_value="v"),
        "blob": Attribute(data_type="Binary", binary_value=b"\x00"),
    }
    sent = bench.queues.send("work", "body", attributes=attributes, sender="start")
    bench.scheduler.run_until_idle()
    ((record,),) = bench.invoker.batches
    assert record["messageId"] == sent.message_id
    assert record["md5OfBody"] == "841a2d689ad86bd1611447453c22c6fc"
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"] == "arn:aws:sqs:us-east-1:123456789012:work"
    assert record["messageAttributes"] == {
        "text": {"stringValue": "v", "stringListValues": [], "binaryListValues": [], "dataType": "String"},
        "blob": {
            "binaryValue": "AA==",
            "stringListValues": [],
            "binaryListValues": [],
            "dataType": "Binary",
        },
    }
    system = record["attributes"]
    assert isinstance(system, dict)
    assert system["ApproximateReceiveCount"] == "1"


IDS = ["1", "2"]


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        (b"null", set()),
        (b"{}", set()),
        (b'{"batchItemFailures": []}', set()),
        (b'{"batchItemFailures": null}', set()),
        (b'{"batchItemFailures": [{"itemIdentifier": "2"}]}', {"2"}),
        (b'{"batchItemFailures": [{"itemIdentifier": ""}]}', None),
        (b'{"batchItemFailures": [{"itemIdentifier": null}]}', None),
        (b'{"batchItemFailures": [{"itemIdentifier": "3"}]}', None),
        (b'{"batchItemFailures": [{"identifier": "1"}]}', None),
        (b'{"batchItemFailures": ["1"]}', None),
        (b'{"batchItemFailures": "1"}', None),
        (b"not json", None),
    ],
)
def test_what_an_answer_means(answer: bytes, failed: set[str] | None) -> None:
    """Lambda, "Reporting batch item failures": success and failure conditions."""
    assert failed_identifiers(answer, IDS) == failed
