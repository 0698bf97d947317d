"""The functions of `pipelines/file_processing.py`: start a job, plan it, process a chunk, merge.

Each is a few calls: what a chunk is and how it is read is `penstock.handlers.chunking`, the arithmetic is
`handlers.totals`. A function that runs twice with the same input does no harm.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec

from handlers.jobs import (
    ChunkDone,
    Job,
    Options,
    Report,
    Summary,
    job_id,
    manifest_key,
    refused_prefix,
    rejected_prefix,
    results_prefix,
    totals_prefix,
)
from handlers.planning import is_exact, options_of, plan_chunks, report_of, results_name
from handlers.totals import BadValueError, GroupTotal, Totals
from penstock.errors import ChunkingError
from penstock.handlers import S3Upload, on_sqs_message, on_task
from penstock.handlers.chunking import (
    ByteRange,
    CsvChunk,
    JsonLinesChunk,
    MultipartWriter,
    Reject,
    Rejected,
    S3Port,
    existing_results,
    result_key,
    write_manifest,
    write_once,
)

REJECTED_SHOWN = 20
"""How many rejected rows a dead letter shows; all of them are in the object that it names."""

MISSING_SHOWN = 1000
"""How many missing chunks a job's message names; all of them are in the report's summary."""


class ChunkInput(msgspec.Struct, frozen=True, kw_only=True):
    """The input of one child of the Distributed Map."""

    job: str
    bucket: str
    report: Report
    chunk: ByteRange


class ChunkTotals(msgspec.Struct, frozen=True, kw_only=True):
    """A chunk's result as it is stored. `saw_quotes`: of a CSV chunk; see `merge`."""

    rows: int
    rejected: int
    saw_quotes: bool
    groupings: tuple[tuple[GroupTotal, ...], ...]


@on_sqs_message
def start_job(upload: S3Upload) -> None:
    """Start the state machine for an uploaded file; its name makes a duplicate event harmless."""
    machine = _client("stepfunctions")
    job = job_id(upload)
    try:
        machine.start_execution(
            stateMachineArn=os.environ["STATE_MACHINE_ARN"],
            name=job,
            input=json.dumps({"job": job, "upload": msgspec.to_builtins(upload)}),
        )
    except machine.exceptions.ExecutionAlreadyExists:
        return


class PlanInput(msgspec.Struct, frozen=True, kw_only=True):
    """The input of the state machine; `options` go before those of the object's metadata."""

    job: str
    upload: S3Upload
    options: dict[str, str] = {}


@on_task
def plan(asked: PlanInput) -> Job:
    """Decide what is computed, cut the file into chunks, and write the manifest."""
    s3 = _s3()
    upload = asked.upload
    results = os.environ["RESULTS_BUCKET"]
    head = s3.head_object(Bucket=upload.bucket, Key=upload.key)
    options = options_of({**head["Metadata"], **asked.options})
    size_bytes, etag = head["ContentLength"], head["ETag"]
    if upload.etag and etag.strip('"') != upload.etag:
        raise ChunkingError(
            "the object was replaced after it was announced",
            at=f"s3://{upload.bucket}/{upload.key}",
            fix="nothing: what replaced it has a job of its own",
        )
    report = report_of(s3, upload.bucket, upload.key, size_bytes=size_bytes, etag=etag, options=options)
    chunks = plan_chunks(
        s3,
        upload.bucket,
        upload.key,
        size_bytes=size_bytes,
        etag=etag,
        options=options,
        report=report,
        pieces_bucket=results,
        pieces_prefix=f"jobs/{asked.job}/pieces/",
    )
    count = write_manifest(s3, results, manifest_key(asked.job), chunks)
    return Job(
        job=asked.job,
        source=f"s3://{upload.bucket}/{upload.key}",
        bucket=results,
        manifest=manifest_key(asked.job),
        chunks=count,
        report=report,
        exact=is_exact(options, report),
        tolerated_failure_percentage=float(options.tolerated_failure_percentage),
    )


@on_task
def process_chunk(asked: ChunkInput) -> ChunkDone:
    """Add up one chunk, and write its totals once."""
    s3, chunk = _s3(), asked.chunk
    rejected = _RejectedRows(s3, asked)
    try:
        totals, saw_quotes = _totals_of(s3, asked, rejected.keep)
    except ChunkingError as error:
        # Its neighbours may have been read wrongly: whatever is tolerated, the job must not be merged.
        key = result_key(refused_prefix(asked.job), chunk.index)
        write_once(s3, asked.bucket, key, json.dumps({"reason": str(error)}).encode())
        rejected.abandon()
        raise
    rejected.announce()
    stored = ChunkTotals(
        rows=totals.rows,
        rejected=rejected.count,
        saw_quotes=saw_quotes,
        groupings=tuple(tuple(totals.stored(at)) for at in range(len(totals.groupings))),
    )
    key = result_key(totals_prefix(asked.job), chunk.index)
    write_once(s3, asked.bucket, key, msgspec.json.encode(stored))
    return ChunkDone(index=chunk.index, rows=totals.rows, rejected=rejected.count)


@on_task
def merge(job: Job) -> Summary:
    """Merge the chunks' totals in order, and write the report.

    A chunk that failed and was tolerated is named as missing. It may have ended inside quotes; so if there are
    quotes behind it, nobody knows where the rows there begin, and the job is refused. Not so if the chunks were cut
    where rows begin.
    """
    s3 = _s3()
    _refuse_unreadable(s3, job)
    groupings = [tuple(range(len(columns))) for columns in job.report.groupings]
    totals = Totals(groupings, range(len(job.report.measures)))
    rows = rejected = 0
    found: dict[int, bool] = {}
    decode = msgspec.json.Decoder(ChunkTotals).decode
    for index, content in existing_results(s3, job.bucket, totals_prefix(job.job)):
        chunk = decode(content)
        found[index] = chunk.saw_quotes
        rows += chunk.rows
        rejected += chunk.rejected
        for at, grouping in enumerate(chunk.groupings):
            totals.merge(at, grouping)
    missing = tuple(index for index in range(job.chunks) if index not in found)
    if missing and not job.exact and any(found[index] for index in found if index > missing[0]):
        raise ChunkingError(
            f"chunk {missing[0]} failed, and the rows behind it have quotes: they cannot be told apart without it",
            at=job.source,
            fix="redrive the failed chunks, or process the file with quoted_newlines=true",
        )
    results = tuple(_write_results(s3, job, totals, rows=rows, rejected=rejected, missing=missing))
    return Summary(
        job=job.job,
        source=job.source,
        status="SUCCEEDED",
        chunks=job.chunks,
        rows=rows,
        rejected=rejected,
        missing=len(missing),
        missing_chunks=missing[:MISSING_SHOWN],
        results=results,
    )


def _totals_of(s3: S3Port, asked: ChunkInput, reject: Reject) -> tuple[Totals, bool]:
    if asked.report.file_format == "csv":
        return add_csv(s3, asked.chunk, asked.report, reject)
    return add_json_lines(s3, asked.chunk, asked.report, reject), False


def add_csv(s3: S3Port, chunk: ByteRange, report: Report, reject: Reject) -> tuple[Totals, bool]:
    """Add up the rows of a CSV chunk; return the totals, and whether quotes were seen."""
    totals = Totals(report.grouping_places, report.measure_places, lenient=report.chosen)
    columns, add = report.column_count, totals.add
    rows = CsvChunk(s3, chunk, columns=columns, reject=reject, fmt=report.csv)
    for batch in rows.batches():
        for row in batch:
            if len(row) == columns:
                try:
                    add(row)
                except BadValueError as error:
                    rows.reject_row(str(error))
            elif row:
                rows.reject_width(row)
    return totals, rows.saw_quotes


def add_json_lines(s3: S3Port, chunk: ByteRange, report: Report, reject: Reject) -> Totals:
    """Add up the objects of a JSON Lines chunk; a member that is not there is missing."""
    names = sorted({name for columns in report.groupings for name in columns} | set(report.measures))
    place = {name: at for at, name in enumerate(names)}
    groupings = [tuple(place[name] for name in columns) for columns in report.groupings]
    totals = Totals(groupings, [place[name] for name in report.measures], lenient=report.chosen)
    values = JsonLinesChunk(s3, chunk, dict[str, Any], reject=reject, float_hook=Decimal)
    for value in values:
        try:
            totals.add([_text(value.get(name)) for name in names])
        except BadValueError as error:
            values.reject_value(str(error))
    return totals


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return str(value)
    return "" if value is None else json.dumps(value, sort_keys=True, default=str)


class _RejectedRows:
    """Keeps the rejected rows of a chunk as they come, and sends one message about them.

    A second attempt writes the same object and sends the same message, which a FIFO queue takes once.
    """

    def __init__(self, s3: S3Port, asked: ChunkInput) -> None:
        self._asked = asked
        self._key = f"{rejected_prefix(asked.job)}{asked.chunk.index:08d}.jsonl"
        self._writer = MultipartWriter(s3, asked.bucket, self._key)
        self._first: list[Rejected] = []
        self.count = 0

    def keep(self, row: Rejected) -> None:
        """Write a row."""
        self._writer.write(msgspec.json.encode(row) + b"\n")
        self.count += 1
        if self.count <= REJECTED_SHOWN:
            self._first.append(row)

    def announce(self) -> None:
        """Make the object visible and send the message, if there were any rows."""
        if not self.count:
            return
        self._writer.close()
        job, chunk = self._asked.job, self._asked.chunk
        letter = {
            "job": job,
            "source": f"s3://{chunk.bucket}/{chunk.key}",
            "chunk": chunk.index,
            "rows": self.count,
            "kept_in": f"s3://{self._asked.bucket}/{self._key}",
            "first": [{**msgspec.to_builtins(row), "raw": row.raw[:200]} for row in self._first],
        }
        _client("sqs").send_message(
            QueueUrl=os.environ["REJECTED_ROWS_QUEUE_URL"],
            MessageBody=json.dumps(letter),
            MessageGroupId=job,
            MessageDeduplicationId=f"{job}-{chunk.index}",
        )

    def abandon(self) -> None:
        """Leave nothing behind."""
        self._writer.abandon()


def _refuse_unreadable(s3: S3Port, job: Job) -> None:
    for _, content in existing_results(s3, job.bucket, refused_prefix(job.job)):
        raise ChunkingError(str(json.loads(content)["reason"]))


def _write_results(
    s3: S3Port, job: Job, totals: Totals, *, rows: int, rejected: int, missing: tuple[int, ...]
) -> Iterator[str]:
    """Write a CSV for each grouping and a summary; yield their keys."""
    report = job.report
    for at, columns in enumerate(report.groupings):
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        measures = [f"{kind}_{name}" for name in report.measures for kind in ("count", "sum")]
        writer.writerow([*columns, "rows", *measures])
        for group in totals.stored(at):
            writer.writerow([*group.key, *group.totals])
        yield _put(s3, job, f"{results_name(columns)}.csv", text.getvalue().encode(), "text/csv")
    summary = {
        "source": job.source,
        "rows": rows,
        "rejected_rows": rejected,
        "chunks": job.chunks,
        "missing_chunks": missing,
        "complete": not missing,
    }
    yield _put(s3, job, "summary.json", json.dumps(summary, indent=2).encode() + b"\n", "application/json")


def _put(s3: S3Port, job: Job, name: str, content: bytes, content_type: str) -> str:
    key = f"{results_prefix(job.job)}{name}"
    s3.put_object(Bucket=job.bucket, Key=key, Body=content, ContentType=content_type)
    return key


def _s3() -> S3Port:
    client: S3Port = _client("s3")
    return client


@cache
def _client(service: str) -> Any:  # boto3 makes its clients' types at run time
    import boto3

    return boto3.client(service)  # type: ignore[call-overload]


__all__ = ["Options", "merge", "plan", "process_chunk", "start_job"]
