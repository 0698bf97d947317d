"""What the steps of a file's job hand to each other, and where a job keeps its objects.

Everything here is small: what is large stands in S3 under `jobs/<job>/`, the report under `reports/<job>/`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Literal

import msgspec

from penstock.handlers import S3Upload
from penstock.handlers.chunking import CsvFormat

FileFormat = Literal["csv", "jsonl"]


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a run may choose. The names are those of the object's metadata, and all values are text there.

    Attributes:
        group_by: groupings, separated by semicolons; the columns of one, by commas: `carrier;origin,dest;month`.
            Empty: the flights report for a file that has its columns, else one total.
        sum: the columns that are added up, by commas. Empty: every column that looks numeric.
        format: csv, jsonl, or auto: by the file's name.
        chunk_mb: the size of a chunk in MiB; a fraction is allowed.
        delimiter: of CSV; `tab` is written out.
        quoted_newlines: `true` if quoted fields may have newlines: the file is read once to find its rows.
        tolerated_failure_percentage: how many of the chunks may fail without failing the job.
    """

    group_by: str = ""
    sum: str = ""
    format: str = "auto"
    chunk_mb: str = "4"
    delimiter: str = ","
    quoted_newlines: str = "false"
    tolerated_failure_percentage: str = "0"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What is computed: for each grouping, the sum and count of each measure.

    Every chunk is sent one, so it has the columns that are used and not all that there are.

    Attributes:
        groupings: each a tuple of columns; the empty one is the total over all rows.
        grouping_places, measure_places: where those columns stand in a row of a CSV file.
        column_count: how many columns a CSV file has.
        chosen: nobody has asked for the measures; they are the columns whose first rows have numbers. A value that
            is none counts as missing there, where in a column that was asked for it rejects its row.
    """

    file_format: FileFormat
    groupings: tuple[tuple[str, ...], ...]
    measures: tuple[str, ...]
    grouping_places: tuple[tuple[int, ...], ...] = ()
    measure_places: tuple[int, ...] = ()
    column_count: int = 0
    chosen: bool = False
    csv: CsvFormat = CsvFormat()


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A planned job: the state machine's state from Plan on.

    Attributes:
        exact: the chunks were cut where rows begin, so that none depends on how the one before it ends.
    """

    job: str
    source: str
    bucket: str
    manifest: str
    chunks: int
    report: Report
    exact: bool = False
    tolerated_failure_percentage: float = 0.0


class ChunkDone(msgspec.Struct, frozen=True, kw_only=True):
    """What a chunk came to; its totals are in S3."""

    index: int
    rows: int
    rejected: int


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What a job came to: the message that is sent when it is done.

    Attributes:
        missing: how many chunks failed and were tolerated.
        missing_chunks: the first of their numbers; the report's summary has all.
    """

    job: str
    source: str
    status: str
    chunks: int
    rows: int
    rejected: int
    missing: int
    missing_chunks: tuple[int, ...]
    results: tuple[str, ...]


def job_id(upload: S3Upload, options: Mapping[str, str] | None = None) -> str:
    """The same for every event that tells of one and the same write, and for every request with the same options."""
    told = [upload.bucket, upload.key, upload.etag, upload.version_id or "", upload.sequencer]
    if options is not None:
        told.append(json.dumps(options, sort_keys=True))
    text = "\n".join(told)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def manifest_key(job: str) -> str:
    return f"jobs/{job}/manifest.json"


def totals_prefix(job: str) -> str:
    return f"jobs/{job}/chunks/"


def rejected_prefix(job: str) -> str:
    return f"jobs/{job}/rejected/"


def refused_prefix(job: str) -> str:
    return f"jobs/{job}/refused/"


def results_prefix(job: str) -> str:
    return f"reports/{job}/"
