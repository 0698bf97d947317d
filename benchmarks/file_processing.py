"""A large CSV file through `file_processing` on all cores, against a bare `multiprocessing` loop.

    python -m benchmarks.file_processing                 # 1 GB
    python -m benchmarks.file_processing --size-gb 4     # memory must stay the same

Both do the same arithmetic (`handlers.totals`) on the same byte ranges, with as many processes. The bare loop opens
the file in each process, aligns its range, reads it with the csv module and merges in the parent: no queues, no
journal, no retries, no rejected rows. Ours is the whole pipeline, from the upload to the report. The two
reports are compared.

Budgets: at most 1.10 times the loop's wall time; no process of ours over 300 MB. Exits with 1 if one is missed.
"""

from __future__ import annotations

import argparse
import csv
import io
import multiprocessing
import os
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import Comparison, report
from handlers.planning import FLIGHT_GROUPINGS, FLIGHT_MEASURES
from handlers.totals import GroupTotal, Totals
from penstock.handlers.chunking import ByteRange, plan_byte_ranges
from penstock.pipelines.load import load_pipeline
from penstock.runtime.embedded import Embedded
from penstock.runtime.state_folder import new_run

PROJECT = Path(__file__).resolve().parents[1]
TIME_BUDGET = 1.10
MEMORY_BUDGET_MIB = 300
CHUNK_MB = 8
COLUMNS = (
    "year",
    "month",
    "day",
    "dep_delay",
    "arr_delay",
    "carrier",
    "flight",
    "origin",
    "dest",
    "air_time",
    "distance",
)


def main() -> int:
    """Generate, run both, compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size-gb", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    workers = os.cpu_count() or 1
    with tempfile.TemporaryDirectory(prefix="penstock-benchmark-") as name:
        folder = Path(name)
        source = generate(folder / "flights.csv", int(arguments.size_gb * 1e9))
        size = source.stat().st_size
        print(f"{size / 1e9:.2f} GB, {workers} processes, {arguments.rounds} rounds each, in turn")
        ours: list[float] = []
        bare: list[float] = []
        for number in range(arguments.rounds):
            seconds, expected = bare_loop(source, workers)
            bare.append(seconds)
            seconds, found = pipeline_run(source, folder / f"state-{number}", workers)
            ours.append(seconds)
            if found != expected:
                print("the reports differ", file=sys.stderr)
                return 1
    median = sorted(ours)[len(ours) // 2]
    status = report(
        [
            Comparison(
                name="file_processing",
                seconds=median,
                peer="bare multiprocessing loop",
                peer_seconds=sorted(bare)[len(bare) // 2],
                budget=TIME_BUDGET,
            )
        ]
    )
    print(f"throughput {size / median / 1e6:.1f} MB/s")
    peak = peak_memory_mib()
    verdict = "within" if peak <= MEMORY_BUDGET_MIB else "OVER"
    print(f"largest process {peak:.0f} MiB, {verdict} the budget of {MEMORY_BUDGET_MIB} MiB")
    return max(status, int(peak > MEMORY_BUDGET_MIB))


def generate(path: Path, size_bytes: int) -> Path:
    """Write flights of random delays until the file has its size; the same for the same size."""
    draw = random.Random(2013)
    block = "".join(
        f"2013,{draw.randint(1, 12)},{draw.randint(1, 28)},{draw.randint(-20, 300)},{draw.randint(-40, 300)},"
        f"{draw.choice(('UA', 'AA', 'B6', 'DL', 'EV', 'MQ'))},{draw.randint(1, 6000)},"
        f"{draw.choice(('EWR', 'JFK', 'LGA'))},{draw.choice(('IAH', 'MIA', 'ATL', 'ORD', 'SFO'))},"
        f"{draw.choice(('NA', '120', '227', '340'))},{draw.randint(80, 4900)}\n"
        for _ in range(200_000)
    ).encode()
    header = (",".join(COLUMNS) + "\n").encode()
    with path.open("wb") as file:
        file.write(header)
        written = len(header)
        while written < size_bytes:
            written += file.write(block)
    return path


# --- The bare loop ----------------------------------------------------------------------------------------

Answer = list[list[GroupTotal]]


def bare_loop(source: Path, workers: int) -> tuple[float, Answer]:
    """Add up the file with `multiprocessing`, and nothing else."""
    began = time.perf_counter()
    size = source.stat().st_size
    chunks = plan_byte_ranges("", str(source), size_bytes=size, chunk_bytes=CHUNK_MB << 20)
    totals = empty_totals(merged=True)
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        for answer in pool.imap(bare_chunk, chunks):
            for at, groups in enumerate(answer):
                totals.merge(at, groups)
    answer = [list(totals.stored(at)) for at in range(len(FLIGHT_GROUPINGS))]
    return time.perf_counter() - began, answer


def bare_chunk(chunk: ByteRange) -> Answer:
    """Align a range to lines, and add up its rows."""
    with open(chunk.key, "rb") as file:
        file.seek(max(chunk.start - 1, 0))
        if chunk.start:
            file.readline()
        begin = file.tell()
        file.seek(chunk.stop - 1)
        file.readline()
        end = file.tell()
        file.seek(begin)
        text = file.read(end - begin).decode()
    totals = empty_totals()
    rows = csv.reader(io.StringIO(text, newline="\n"))
    if chunk.start == 0:
        next(rows)
    for row in rows:
        totals.add(row)
    return [list(totals.stored(at)) for at in range(len(FLIGHT_GROUPINGS))]


def empty_totals(*, merged: bool = False) -> Totals:
    place = {name: at for at, name in enumerate(COLUMNS)}
    if merged:
        return Totals([tuple(range(len(names))) for names in FLIGHT_GROUPINGS], range(len(FLIGHT_MEASURES)))
    groupings = [tuple(place[name] for name in names) for names in FLIGHT_GROUPINGS]
    return Totals(groupings, [place[name] for name in FLIGHT_MEASURES])


# --- The pipeline -----------------------------------------------------------------------------------------


def pipeline_run(source: Path, state: Path, workers: int) -> tuple[float, Answer]:
    """Run the whole pipeline, from the upload to the report."""
    began = time.perf_counter()
    pipeline = load_pipeline("file-processing", PROJECT)
    with Embedded(pipeline, new_run(pipeline.name, base=state), workers=workers) as run:
        run.upload_to_entry(source, options={"chunk_mb": str(CHUNK_MB)})
        run.run_until_idle()
        seconds = time.perf_counter() - began
        return seconds, [read_report(run, names) for names in FLIGHT_GROUPINGS]


def read_report(run: Embedded, names: tuple[str, ...]) -> list[GroupTotal]:
    ending = f"by_{'_'.join(names)}.csv"
    (key,) = (key for key in run.s3.store.keys("penstock-results") if key.endswith(ending))
    text = run.s3_client().get_object(Bucket="penstock-results", Key=key)["Body"].read().decode()
    rows = csv.reader(io.StringIO(text))
    next(rows)
    width = len(names)
    return [GroupTotal(tuple(row[:width]), tuple(row[width:])) for row in rows]


def peak_memory_mib() -> float:
    """The most that this process, or any that it waited for, ever held; on Linux in KiB, on macOS in bytes."""
    unit = 1024 if sys.platform == "darwin" else 1
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(kind).ru_maxrss for kind in kinds) / 1024 / unit


if __name__ == "__main__":
    sys.exit(main())
