"""Deciding what a job computes and how its file is cut: from the options, the header and the file's size."""

from __future__ import annotations

import csv
import io
import json
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from handlers.jobs import FileFormat, Options, Report
from handlers.totals import BadValueError, number_of
from penstock.errors import ChunkingError
from penstock.handlers.chunking import (
    MAXIMUM_LINE_BYTES,
    ByteRange,
    CsvFormat,
    S3Port,
    header_of,
    plan_byte_ranges,
    plan_csv_exactly,
    split_gzip,
    unpacked_beginning,
)

SAMPLE_BYTES: Final = 1 << 20
SAMPLE_ROWS: Final = 5000
"""What is read of a file for its header, and to see which columns are numbers."""

REPORT_LIMIT_BYTES: Final = 64 * 1024
"""A report goes to every chunk in a state's payload, which may have 256 KB."""

FLIGHT_GROUPINGS: Final = (("carrier",), ("origin", "dest"), ("month",))
FLIGHT_MEASURES: Final = ("dep_delay", "arr_delay", "air_time", "distance")


def options_of(metadata: Mapping[str, str]) -> Options:
    """Read the options from an object's metadata.

    Raises:
        ChunkingError: an option is unknown or has a value that it cannot have.
    """
    try:
        options = msgspec.convert(dict(metadata), Options)
    except msgspec.ValidationError as error:
        known = ", ".join(Options.__struct_fields__)
        raise ChunkingError(
            f"the upload's metadata has no such option: {error}", fix=f"options: {known}"
        ) from error
    _checked("chunk_mb", options.chunk_mb, 0.0, 1024.0, above=True)
    _checked("tolerated_failure_percentage", options.tolerated_failure_percentage, 0.0, 100.0)
    if options.format not in ("auto", "csv", "jsonl"):
        raise ChunkingError(f"format={options.format} is none", fix="csv, jsonl, or auto")
    if options.quoted_newlines not in ("true", "false"):
        raise ChunkingError(f"quoted_newlines={options.quoted_newlines} is none", fix="true or false")
    if len(_delimiter(options)) != 1 or _delimiter(options) in '"\r\n':
        raise ChunkingError(f"delimiter={options.delimiter} is none", fix="one character, or tab")
    return options


def report_of(s3: S3Port, bucket: str, key: str, *, size_bytes: int, etag: str, options: Options) -> Report:
    """Decide which columns are grouped by and added up.

    Raises:
        ChunkingError: the file is empty or has no header, or an option names a column that it does not have.
    """
    at = f"s3://{bucket}/{key}"
    if size_bytes == 0:
        raise ChunkingError("the file is empty", at=at, fix="upload a file with a header and rows")
    fmt = CsvFormat(delimiter=_delimiter(options))
    file_format = _format_of(key, options)
    if is_gzip(key):
        sample, complete = unpacked_beginning(s3, bucket, key, etag, SAMPLE_BYTES)
        if not sample:
            raise ChunkingError("the file is empty", at=at, fix="upload a file with a header and rows")
    else:
        stop = min(SAMPLE_BYTES, size_bytes)
        sample = s3.get_object(Bucket=bucket, Key=key, Range=f"bytes=0-{stop - 1}")["Body"].read()
        complete = stop == size_bytes
    _check_beginning(sample, file_format, at)
    if file_format == "csv":
        columns = header_of(sample, complete=complete, at=at, fmt=fmt)
        _check_columns(columns, at)
        values = _sampled_rows(sample if complete else sample[: sample.rfind(b"\n") + 1], columns, fmt)
    else:
        columns, values = _sampled_objects(sample, at)
    groupings = _groupings(options, columns)
    _check_names(groupings)
    if not options.sum and not values and not complete and groupings != FLIGHT_GROUPINGS:
        raise ChunkingError(
            "no row of the file's first megabyte can be read: there is nothing to choose columns by",
            at=at,
            fix="name the ones you want with sum=...",
        )
    measures = _measures(options, columns, values, groupings)
    if file_format == "jsonl" and complete:
        _check_members(groupings, measures, columns, at)
    chosen = not options.sum and measures != FLIGHT_MEASURES
    report = Report(file_format=file_format, groupings=groupings, measures=measures, csv=fmt, chosen=chosen)
    if file_format == "csv":
        report = _placed(report, columns, at)
    if len(msgspec.json.encode(report)) > REPORT_LIMIT_BYTES:
        raise ChunkingError(
            f"a report of {len(measures)} columns is too large",
            at=at,
            fix="name the ones you want with sum=...",
        )
    return report


_OTHER_FILES: Final = (
    (b"\x1f\x8b", "is packed with gzip", "let its name end with .gz"),
    (b"PK\x03\x04", "is a zip archive", "unpack it, or pack it with gzip and let its name end with .gz"),
    (b"BZh91AY&SY", "is packed with bzip2", "unpack it, or pack it with gzip"),
    (b"\x28\xb5\x2f\xfd", "is packed with zstd", "unpack it, or pack it with gzip"),
    (b"PAR1", "is Parquet", "write it as CSV or JSON Lines; plan_row_groups is for handlers of your own"),
    (b"\xff\xfe", "is UTF-16", "save the file as UTF-8"),
    (b"\xfe\xff", "is UTF-16", "save the file as UTF-8"),
)
"""How files begin that are neither CSV nor JSON Lines in UTF-8."""


def _check_beginning(sample: bytes, file_format: FileFormat, at: str) -> None:
    for begins, what, fix in _OTHER_FILES:
        if sample.startswith(begins):
            raise ChunkingError(f"the file {what}", at=at, fix=fix)
    first, _, rest = sample.removeprefix(BOM_UTF8).strip().partition(b"\n")
    array = first.strip() == b"[" or (first.startswith(b"[") and not rest)
    if file_format == "jsonl" and array:
        raise ChunkingError(
            "the file is one JSON array", at=at, fix="write each of its objects on a line: jq -c '.[]' FILE"
        )


def _placed(report: Report, columns: list[str], at: str) -> Report:
    """The report with the places of its columns in a row."""
    place = {name: number for number, name in enumerate(columns)}
    try:
        grouping_places = tuple(tuple(place[name] for name in names) for names in report.groupings)
        measure_places = tuple(place[name] for name in report.measures)
    except KeyError as error:
        raise ChunkingError(
            f'the file has no column "{error.args[0]}"', at=at, fix=f"its columns: {', '.join(columns[:50])}"
        ) from None
    return msgspec.structs.replace(
        report,
        grouping_places=grouping_places,
        measure_places=measure_places,
        column_count=len(columns),
    )


def plan_chunks(
    s3: S3Port,
    bucket: str,
    key: str,
    *,
    size_bytes: int,
    etag: str,
    options: Options,
    report: Report,
    pieces_bucket: str,
    pieces_prefix: str,
) -> Iterator[ByteRange]:
    """Cut the file: by offset, or (gzip, quoted newlines) by reading it once."""
    chunk_bytes = max(1, int(float(options.chunk_mb) * 1024 * 1024))
    exactly = is_exact(options, report)
    if is_gzip(key):
        return split_gzip(
            s3,
            bucket,
            key,
            piece_bytes=chunk_bytes,
            to_bucket=pieces_bucket,
            to_prefix=pieces_prefix,
            etag=etag,
            rows=report.csv if exactly else None,
        )
    if exactly:
        return plan_csv_exactly(
            s3, bucket, key, size_bytes=size_bytes, chunk_bytes=chunk_bytes, etag=etag, fmt=report.csv
        )
    return plan_byte_ranges(bucket, key, size_bytes=size_bytes, chunk_bytes=chunk_bytes, etag=etag)


def is_exact(options: Options, report: Report) -> bool:
    """Whether the file is cut where rows of CSV begin, and not at any line."""
    return options.quoted_newlines == "true" and report.file_format == "csv"


def _groupings(options: Options, columns: list[str]) -> tuple[tuple[str, ...], ...]:
    asked = tuple(
        tuple(name.strip() for name in grouping.split(",") if name.strip())
        for grouping in options.group_by.split(";")
        if grouping.strip()
    )
    if asked:
        return asked
    flights = {name for grouping in FLIGHT_GROUPINGS for name in grouping} | set(FLIGHT_MEASURES)
    return FLIGHT_GROUPINGS if flights <= set(columns) else ((),)


def results_name(grouping: tuple[str, ...]) -> str:
    """What the file with a grouping's totals is called, without its ending."""
    return f"by_{'_'.join(grouping)}".replace("/", "_").replace("\\", "_") if grouping else "total"


def _check_names(groupings: tuple[tuple[str, ...], ...]) -> None:
    double = [name for name, times in Counter(map(results_name, groupings)).items() if times > 1]
    if double:
        raise ChunkingError(
            f"two groupings would be written to {double[0]}.csv",
            fix="ask for them in two runs, or take one out of group_by",
        )


def _check_members(
    groupings: tuple[tuple[str, ...], ...], measures: tuple[str, ...], columns: list[str], at: str
) -> None:
    """Of JSON Lines, a member that no object has is a slip of the pen; of a large file nobody knows beforehand."""
    for name in (*(name for grouping in groupings for name in grouping), *measures):
        if name not in columns:
            raise ChunkingError(
                f'no object of the file has "{name}"', at=at, fix=f"its members: {', '.join(columns[:50])}"
            )


def _measures(
    options: Options, columns: list[str], values: list[list[str]], groupings: tuple[tuple[str, ...], ...]
) -> tuple[str, ...]:
    asked = tuple(name.strip() for name in options.sum.split(",") if name.strip())
    if asked:
        return asked
    if groupings == FLIGHT_GROUPINGS and set(FLIGHT_MEASURES) <= set(columns):
        return FLIGHT_MEASURES
    grouped = {name for grouping in groupings for name in grouping}
    return tuple(
        name
        for at, name in enumerate(columns)
        if name not in grouped and _are_numbers([row[at] for row in values if at < len(row)])
    )


def _are_numbers(texts: list[str]) -> bool:
    try:
        numbers = [number_of(text) for text in texts]
    except BadValueError:
        return False
    return any(number is not None for number in numbers)


def _sampled_rows(sample: bytes, columns: list[str], fmt: CsvFormat) -> list[list[str]]:
    text = sample.decode("utf-8", "replace")
    rows = csv.reader(io.StringIO(text, newline="\n"), delimiter=fmt.delimiter)
    csv.field_size_limit(max(csv.field_size_limit(), MAXIMUM_LINE_BYTES))
    found: list[list[str]] = []
    for number in range(SAMPLE_ROWS + 1):
        try:
            row = next(rows)
        except StopIteration:
            break
        except csv.Error:
            continue  # a bad row is rejected when its chunk is read
        if number and len(row) == len(columns) and "\ufffd" not in "".join(row):
            found.append(row)
    return found


def _sampled_objects(sample: bytes, at: str) -> tuple[list[str], list[list[str]]]:
    objects: list[dict[str, object]] = []
    for line in sample.split(b"\n", SAMPLE_ROWS)[:SAMPLE_ROWS]:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            objects.append(value)
    columns = sorted({name for found in objects for name in found})
    if not objects and b"\n" in sample:
        raise ChunkingError(
            "the file's first lines are no JSON objects", at=at, fix="is it JSON Lines? (format=csv)"
        )
    return columns, [
        [value if isinstance(value, str) else "" if value is None else json.dumps(value) for value in row]
        for row in ([found.get(name) for name in columns] for found in objects)
    ]


def is_gzip(key: str) -> bool:
    """Whether a file is packed, by its name."""
    return key.casefold().endswith(".gz")


def _format_of(key: str, options: Options) -> FileFormat:
    name = key.casefold().removesuffix(".gz")
    if options.format == "jsonl" or (
        options.format == "auto" and name.endswith((".jsonl", ".ndjson", ".json"))
    ):
        return "jsonl"
    return "csv"


def _delimiter(options: Options) -> str:
    return "\t" if options.delimiter == "tab" else options.delimiter


def _check_columns(columns: list[str], at: str) -> None:
    if not any(columns):
        raise ChunkingError("the file has no header", at=at, fix="the first row names the columns")
    double = sorted(name for name, times in Counter(columns).items() if times > 1)
    if double:
        raise ChunkingError(
            f'the column "{double[0]}" stands twice in the header', at=at, fix="rename one of them"
        )


def _checked(name: str, text: str, least: float, most: float, *, above: bool = False) -> None:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not (least < value <= most if above else least <= value <= most):
        raise ChunkingError(f"{name}={text} cannot be", fix=f"a number from {least:g} to {most:g}")
