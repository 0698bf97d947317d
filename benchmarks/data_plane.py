"""The data plane against what it stands on, and against moto, in the same run.

    python -m benchmarks.data_plane

1 KiB is read out of a large object:
* through a boto3 client, against the same call answered by moto in the same process;
* through a boto3 client, against the same call answered with a constant: what is above that is ours, the rest
  is boto3's own work on a call;
* from the files as a worker does it, without boto3, against a bare loop of open, `os.pread` and close.

1 KiB is written through a boto3 client, each time under a key of its own, against moto, which keeps it in memory.
A warm function is invoked in its worker process, against a
call through `multiprocessing.Pool`.

Every answer is checked. Exits with 1 if a budget is missed.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import boto3
from moto import mock_aws

from benchmarks.measure import Comparison, Timed, compare, repeated, report
from penstock.runtime.aws_calls import Answerer, answering
from penstock.runtime.clock import RealClock
from penstock.runtime.invocation import Invocation, InvocationOutcome
from penstock.runtime.s3.files import BinaryReader
from penstock.runtime.s3.reader import get_object
from penstock.runtime.s3.service import S3Service
from penstock.runtime.s3.store import S3Store
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import Router
from penstock.runtime.workers.pool import PoolInvoker

BUCKET, KEY = "files", "object"
START, READ_BYTES = 700_000, 1024
RANGE = f"bytes={START}-{START + READ_BYTES - 1}"
HANDLER = "def handle(event, context):\n    return event\n"

MOTO_BUDGET = 0.05
BOTO3_BUDGET = 1.50
WRITE_BUDGET = 1.0
PREAD_BUDGET = 8.0
INVOCATION_BUDGET = 1.0


def main() -> int:
    """Measure, compare, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--object-mb", type=int, default=64)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="penstock-benchmark-") as name:
        content = os.urandom(1 << 20) * arguments.object_mb
        print(f"an object of {arguments.object_mb} MB, {arguments.rounds} rounds of each, in turn")
        comparisons = [
            *objects(Path(name), content, arguments.rounds),
            invocations(Path(name), arguments.rounds),
        ]
    return report(comparisons)


# --- Objects ----------------------------------------------------------------------------------------------


def objects(folder: Path, content: bytes, rounds: int) -> Iterator[Comparison]:
    """Reads and writes of 1 KiB."""
    expected = content[START : START + READ_BYTES]
    service = S3Service(S3Store(folder / "s3", now=lambda: 0.0, commit_port=lambda change: None))
    service.create_bucket(BUCKET)
    service.upload(content, bucket=BUCKET, key=KEY)
    bare = folder / "bare"
    bare.write_bytes(content)

    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key=KEY, Body=content)

        def constant(_: object) -> dict[str, object]:
            return {"Body": expected, "ContentLength": READ_BYTES}

        def one_read() -> None:
            check(s3.get_object(Bucket=BUCKET, Key=KEY, Range=RANGE)["Body"].read(), expected)

        numbers = itertools.count()

        def one_write() -> None:
            s3.put_object(Bucket=BUCKET, Key=f"small/{next(numbers)}", Body=expected)

        reading = answered(service.answer, per_call(one_read, 200))
        yield compare(
            "a read through boto3", reading, "moto", per_call(one_read, 2), rounds=rounds, budget=MOTO_BUDGET
        )
        boto3_alone = answered(constant, per_call(one_read, 200))
        yield compare(
            "a read through boto3", reading, "boto3 alone", boto3_alone, rounds=rounds, budget=BOTO3_BUDGET
        )
        yield compare(
            "a write through boto3",
            answered(service.answer, per_call(one_write, 200)),
            "moto",
            per_call(one_write, 200),
            rounds=rounds,
            budget=WRITE_BUDGET,
        )
        check(written(service), {expected})

    def worker_read() -> None:
        asked = {"Bucket": BUCKET, "Key": KEY, "Range": RANGE}
        body = get_object(service.store.files, service.store.files, asked)["Body"]
        check(cast("BinaryReader", body).read(), expected)

    def bare_read() -> None:
        descriptor = os.open(bare, os.O_RDONLY)
        try:
            check(os.pread(descriptor, READ_BYTES, START), expected)
        finally:
            os.close(descriptor)

    yield compare(
        "a read as a worker does it",
        per_call(worker_read, 2000),
        "open, os.pread, close",
        per_call(bare_read, 2000),
        rounds=rounds,
        budget=PREAD_BUDGET,
    )


def answered(answerer: Answerer, timed: Timed) -> Timed:
    """The same round with boto3's calls answered in process."""

    def round_() -> float:
        with answering(answerer):
            return timed()

    return round_


def per_call(act: Callable[[], None], times: int) -> Timed:
    """A round of so many calls, in seconds for each."""
    timed = repeated(act, times)
    return lambda: timed() / times


def written(service: S3Service) -> set[bytes]:
    """What the small objects hold."""
    store, files = service.store, service.store.files
    asked = ({"Bucket": BUCKET, "Key": key} for key in store.keys(BUCKET) if key != KEY)
    return {cast("BinaryReader", get_object(files, store, one)["Body"]).read() for one in asked}


# --- Invocations ------------------------------------------------------------------------------------------


def invocations(folder: Path, rounds: int) -> Comparison:
    """A warm function that answers with its event, one invocation after another."""
    project = folder / "project"
    project.mkdir()
    (project / "echo.py").write_text(HANDLER)
    scheduler = Scheduler(RealClock())
    invoker = PoolInvoker(
        scheduler, Router(), project=project, store=folder / "s3", logs=folder, workers=os.cpu_count() or 1
    )
    outcomes: list[InvocationOutcome] = []
    event = {"bucket": BUCKET, "key": KEY}
    invocation = Invocation(
        request_id="1", function="echo", handler="echo.handle", payload=json.dumps(event).encode()
    )

    def invoke() -> None:
        outcomes.clear()
        invoker.invoke(invocation, outcomes.append)
        scheduler.run_until_idle()
        check(json.loads(outcomes[0].payload or b"null"), event)

    with multiprocessing.get_context("fork").Pool(os.cpu_count()) as pool:

        def apply() -> None:
            check(pool.apply(echo, (event,)), event)

        try:
            return compare(
                "a warm invocation",
                per_call(invoke, 500),
                "multiprocessing.Pool.apply",
                per_call(apply, 500),
                rounds=rounds,
                budget=INVOCATION_BUDGET,
            )
        finally:
            invoker.close()


def echo(event: dict[str, str]) -> dict[str, str]:
    return event


def check(found: object, expected: object) -> None:
    if found != expected:
        raise SystemExit("an answer is wrong")


if __name__ == "__main__":
    sys.exit(main())
