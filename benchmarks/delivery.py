"""How many records and messages a second the embedded target delivers, with the virtual clock, on one core.

Run it with `python -m benchmarks.delivery`. Each figure is for delivery as users have it: the handler is given
Lambda's event, decodes what is in it, and its verdict is settled; the journal is written to a file. Each is the
best of three, as `timeit` advises: what is slower has been disturbed by the machine.

1. Kinesis: 1,000,000 records of 200 bytes in 8 shards, batches of 500, a typed counting handler. The bare loop
   makes the same events as JSON and decodes the same data, with nothing of penstock.
2. SQS: 100,000 messages in batches of 10; one in a hundred fails once. Then the cost of a message in a queue of
   1,000 and of 100,000: it must not grow.
"""

from __future__ import annotations

import base64
import json
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.delivery_handlers import COUNTED, FAILED_ONCE, count, take
from penstock.pipelines import Function, Pipeline, Queue, QueueMapping, Stream, StreamMapping
from penstock.runtime.clock import VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.state_folder import new_run
from penstock.runtime.streams.streams import NewRecord

RECORDS = 1_000_000
MESSAGES = 100_000
BATCH = 500
TIMES = 3
RECORDS_A_SECOND, MESSAGES_A_SECOND = 300_000, 50_000


def click(number: int) -> bytes:
    """The JSON of click `number`, 200 bytes."""
    head = f'{{"user":"u{number % 10_000:05d}","page":{number % 100},"padding":"'
    return (head + "x" * (198 - len(head)) + '"}').encode()


def kinesis(records: int, folder: Path) -> tuple[float, float]:
    """Seconds that putting and delivering the records took, each."""
    stream = Stream("clicks", shard_count=8)
    function = Function("count", count)
    mapping = StreamMapping(stream, function, batch_size=BATCH)
    COUNTED.clear()
    put_seconds = delivery_seconds = 0.0
    with Embedded(
        Pipeline("bench", parts=(mapping,)), new_run("bench", base=folder), clock=VirtualClock()
    ) as run:
        for begin in range(0, records, 50_000):
            batch = [NewRecord(click(n), f"u{n % 10_000:05d}") for n in range(begin, begin + 50_000)]
            began = time.perf_counter()
            for first in range(0, len(batch), BATCH):
                run.streams.put("clicks", batch[first : first + BATCH])
            run.journal.flush()
            put = time.perf_counter()
            run.scheduler.run_until_idle()
            put_seconds += put - began
            delivery_seconds += time.perf_counter() - put
    assert sum(COUNTED.values()) == records, "a record was lost or counted twice"
    return put_seconds, delivery_seconds


def bare(records: int) -> float:
    """Seconds for making the same events, reading them and decoding the data, by the standard library."""
    counted: dict[int, int] = {}
    spent = 0.0
    for begin in range(0, records, 50_000):
        batch = [click(n) for n in range(begin, begin + 50_000)]
        began = time.perf_counter()
        for first in range(0, len(batch), BATCH):
            event = json.dumps(
                {
                    "Records": [
                        {
                            "kinesis": {
                                "partitionKey": "u",
                                "sequenceNumber": "49590338271490256608559692538361571095921575989136588898",
                                "data": base64.b64encode(data).decode(),
                                "approximateArrivalTimestamp": 1.0,
                            },
                            "eventSource": "aws:kinesis",
                        }
                        for data in batch[first : first + BATCH]
                    ]
                }
            )
            for record in json.loads(event)["Records"]:
                page = json.loads(base64.b64decode(record["kinesis"]["data"]))["page"]
                counted[page] = counted.get(page, 0) + 1
        spent += time.perf_counter() - began
    return spent


def sqs(messages: int, folder: Path) -> float:
    """Seconds that sending and delivering the messages took."""
    queue = Queue("work", visibility_timeout_seconds=180)
    mapping = QueueMapping(queue, Function("take", take), batch_size=10)
    FAILED_ONCE.clear()
    with Embedded(
        Pipeline("bench", parts=(mapping,)), new_run("bench", base=folder), clock=VirtualClock()
    ) as run:
        began = time.perf_counter()
        for number in range(messages):
            run.queues.send("work", str(number))
        run.scheduler.run_until_idle()
        spent = time.perf_counter() - began
        assert not run.queues.find("work").messages, "a message was left"
    return spent


def main() -> int:
    """Measure and print; 1 if a budget is missed."""
    import logging

    logging.disable(logging.CRITICAL)
    folder = Path(tempfile.mkdtemp(prefix="penstock-delivery-"))
    try:
        kinesis(50_000, folder)
        before = peak_mib()
        put, delivered = kinesis(RECORDS, folder)
        after, all_delivered, loop = peak_mib(), [delivered], bare(RECORDS)
        while len(all_delivered) < TIMES:
            all_delivered.append(kinesis(RECORDS, folder)[1])
            loop = min(loop, bare(RECORDS))
        delivered = min(all_delivered)
        print(
            f"Kinesis: {RECORDS:,} records delivered in {delivered:.2f} s ({listed(all_delivered)}), "
            f"{RECORDS / delivered:,.0f} a second (budget 300,000); put in {put:.2f} s; bare loop {loop:.2f} s, "
            f"ratio {delivered / loop:.2f}; memory {before:.0f} MiB after 50,000 records, {after:.0f} MiB after all"
        )
        all_seconds = [sqs(MESSAGES, folder) for _ in range(TIMES)]
        seconds = min(all_seconds)
        print(
            f"SQS: {MESSAGES:,} messages in {seconds:.2f} s ({listed(all_seconds)}), "
            f"{MESSAGES / seconds:,.0f} a second (budget 50,000)"
        )
        short = min(sqs(1_000, folder) for _ in range(5)) / 1_000
        long = seconds / MESSAGES
        print(
            f"SQS: a message costs {short * 1e6:.1f} us among 1,000, {long * 1e6:.1f} us among {MESSAGES:,}"
        )
        is_within = RECORDS / delivered >= RECORDS_A_SECOND and MESSAGES / seconds >= MESSAGES_A_SECOND
        return 0 if is_within and long < 2 * short else 1
    finally:
        shutil.rmtree(folder)


def listed(seconds: list[float]) -> str:
    """All that were measured, in their order."""
    return ", ".join(f"{one:.2f}" for one in seconds)


def peak_mib() -> float:
    """The largest that this process has been."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


if __name__ == "__main__":
    sys.exit(main())
