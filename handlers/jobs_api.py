"""The jobs API of `pipelines/file_processing.py`: start a job for an uploaded object, and ask how far it is."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from handlers.jobs import Summary, job_id
from handlers.planning import options_of
from penstock.errors import ChunkingError
from penstock.handlers import S3Upload
from penstock.handlers.http import HttpError, HttpResponse, Routes, on_http_request

_JOB = re.compile(r"[0-9a-f]{20}")


class NewJob(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of `POST /jobs`.

    Attributes:
        key: of an object in the bucket of uploads.
        options: as for `penstock run --option`; they go before those of the object's metadata.
    """

    key: Annotated[str, Meta(min_length=1, max_length=1024)]
    options: dict[str, str] = {}


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """A job that was started, now or by the same request before."""

    job: str
    source: str


class Chunks(msgspec.Struct, frozen=True, kw_only=True):
    """How many of a job's chunks have come to an end."""

    total: int
    done: int
    failed: int


class JobStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far a job is.

    Attributes:
        status: Step Functions': RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED.
        chunks: missing until the file has been planned.
        results: the keys of the report, once there is one.
        error: why it failed; `cause` says more.
    """

    job: str
    status: str
    chunks: Chunks | None = None
    rows: int | None = None
    rejected: int | None = None
    results_bucket: str | None = None
    results: tuple[str, ...] = ()
    error: str | None = None
    cause: str | None = None


@on_http_request("POST /jobs")
def start(body: NewJob) -> HttpResponse:
    """Start a job; the same object with the same options is the same job."""
    bucket = os.environ["UPLOADS_BUCKET"]
    upload, metadata = _uploaded(bucket, body.key)
    try:
        options_of({**metadata, **body.options})
    except ChunkingError as error:
        raise HttpError(400, f"options: {error.what}; {error.fix}", field="options") from error
    job = job_id(upload, body.options)
    machine = _client("stepfunctions")
    # One that exists was asked for twice, or is over: GET tells.
    with suppress(machine.exceptions.ExecutionAlreadyExists):
        machine.start_execution(
            stateMachineArn=os.environ["STATE_MACHINE_ARN"],
            name=job,
            input=json.dumps(
                {"job": job, "upload": msgspec.to_builtins(upload), "options": dict(body.options)}
            ),
        )
    started = Started(job=job, source=f"s3://{bucket}/{body.key}")
    return HttpResponse(status=202, body=started, headers={"location": f"/jobs/{job}"})


@on_http_request("GET /jobs/{job}")
def read(job: str) -> JobStatus:
    """Tell how far a job is."""
    machine = _client("stepfunctions")
    unknown = HttpError(404, f"there is no job {job}")
    if _JOB.fullmatch(job) is None:
        raise unknown
    arn = os.environ["STATE_MACHINE_ARN"].replace(":stateMachine:", ":execution:") + f":{job}"
    try:
        execution = machine.describe_execution(executionArn=arn)
    except machine.exceptions.ExecutionDoesNotExist:
        raise unknown from None
    status = JobStatus(
        job=job,
        status=execution["status"],
        chunks=_chunks(machine, arn),
        error=execution.get("error"),
        cause=execution.get("cause"),
    )
    if "output" not in execution:
        return status
    summary = msgspec.json.decode(execution["output"], type=Summary)
    return msgspec.structs.replace(
        status,
        rows=summary.rows,
        rejected=summary.rejected,
        results_bucket=os.environ["RESULTS_BUCKET"],
        results=summary.results,
    )


def _uploaded(bucket: str, key: str) -> tuple[S3Upload, Mapping[str, str]]:
    """An object that was uploaded, and its metadata."""
    from botocore.exceptions import ClientError  # loaded with the client; not when the module is imported

    try:
        head = _client("s3").head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        # A key of more than 1,024 bytes is a 400: no object has one.
        if error.response["Error"]["Code"] not in ("404", "NoSuchKey", "400", "KeyTooLongError"):
            raise
        raise HttpError(404, f"there is no object s3://{bucket}/{key}", field="key") from error
    upload = S3Upload(
        bucket=bucket,
        key=key,
        size_bytes=head["ContentLength"],
        etag=head["ETag"].strip('"'),
        version_id=head.get("VersionId"),
    )
    return upload, head["Metadata"]


def _chunks(machine: Any, arn: str) -> Chunks | None:
    """The counts of the execution's Map Run; None if it has none yet."""
    runs = machine.list_map_runs(executionArn=arn)["mapRuns"]
    if not runs:
        return None
    counts = machine.describe_map_run(mapRunArn=runs[0]["mapRunArn"])["itemCounts"]
    failed = counts["failed"] + counts["timedOut"] + counts["aborted"]
    return Chunks(total=counts["total"], done=counts["succeeded"], failed=failed)


@cache
def _client(service: str) -> Any:  # boto3 makes its clients' types at run time
    import boto3

    return boto3.client(service)  # type: ignore[call-overload]


api = Routes(start, read)
