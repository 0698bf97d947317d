"""The formats of a Distributed Map's items: bytes of an S3 object in, items out, one after another.

1. No S3 here: whoever reads the object hands its bytes over in pieces of any size.
2. Items are decoded one after another: of a large object, no more than a piece and an item are held.
3. What cannot be decoded is an `ItemFormatError` with the cause that AWS gives with
   `States.ItemReaderFailed`.
"""

from __future__ import annotations

import base64
import codecs
import csv
import datetime
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from penstock.errors import ItemFormatError
from penstock.statemachines.item_compression import uncompressed
from penstock.statemachines.json_stream import NotIterableError, refuse_constant, stream_items
from penstock.statemachines.values import JSON

_HELD_BYTES = 16 * 1024 * 1024
_ROWS_AT_ONCE = 1000

MAXIMUM_HEADER_BYTES = 10 * 1024
"""Developer Guide, "ItemReader (Map)": "Step Functions supports CSV headers of up to 10 KiB"."""

MAXIMUM_FIELD_CHARACTERS = 8 * 1024 * 1024
"""Developer Guide, "ItemReader (Map)": "reading an item of up to 8 MB", which ItemSelector makes smaller."""

_ROW_PART = re.compile(r"[^\r]*\r\n?|[^\r]+")
_DELIMITERS = {"COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "SPACE": " ", "TAB": "\t"}


def decode_items(config: Mapping[str, JSON], body: Iterable[bytes]) -> Iterator[JSON]:
    """Decode an object's items (Developer Guide, "ItemReader (Map)").

    Args:
        config: the resolved ReaderConfig: InputType (CSV, JSON, JSONL, PARQUET), CSVHeaderLocation, CSVHeaders,
            CSVDelimiter, ItemsPointer.
        body: the object's bytes, which may be compressed with gzip or zstd.

    Raises:
        ItemFormatError: on the item at which it becomes apparent.
    """
    kind = config.get("InputType", "JSON")
    body = uncompressed(body)
    if kind == "CSV":
        return _csv_items(config, _lines(body))
    if kind == "JSONL":
        return _json_lines(_lines(body))
    if kind == "JSON":
        return _json_items(config, body)
    if kind == "PARQUET":
        return _parquet_items(body)
    raise ItemFormatError(
        f"the engine reads no items of the type {kind}", fix="use CSV, JSON, JSONL or PARQUET as InputType"
    )


def _parquet_items(body: Iterable[bytes]) -> Iterator[JSON]:
    """A Parquet object's rows. Its footer is at its end, so the object is kept (in a file, if it is large)."""
    from tempfile import SpooledTemporaryFile

    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise ItemFormatError(
            "reading Parquet needs pyarrow", fix="pip install 'penstock[parquet]'"
        ) from error
    with SpooledTemporaryFile(max_size=_HELD_BYTES) as file:
        for piece in body:
            file.write(piece)
        file.seek(0)
        try:
            for batch in parquet.ParquetFile(file).iter_batches(batch_size=_ROWS_AT_ONCE):
                for row in batch.to_pylist():
                    yield _plain(row)
        except (ArrowException, OSError) as error:
            raise ItemFormatError(f"The object is no Parquet file: {error}") from error


def _plain(value: object) -> JSON:
    """A value of a row as JSON has it: times in ISO 8601, decimals as numbers, bytes as Base64."""
    match value:
        case dict():
            return {str(name): _plain(member) for name, member in value.items()}
        case list() | tuple():
            return [_plain(member) for member in value]
        case None | bool() | int() | float() | str():
            return value
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case bytes():
            return base64.b64encode(value).decode()
        case datetime.date() | datetime.time():
            return value.isoformat()
        case _:
            return str(value)


def _text(body: Iterable[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    try:
        for piece in body:
            yield decoder.decode(piece)
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise ItemFormatError("The object is not encoded in UTF-8.") from error


def _lines(body: Iterable[bytes]) -> Iterator[str]:
    """Lines with their ends; only a line feed ends one."""
    pieces: list[str] = []
    for text in _text(body):
        first, *rest = text.split("\n")
        pieces.append(first)
        for following in rest:
            yield "".join(pieces) + "\n"
            pieces = [following]
    last = "".join(pieces)
    if last:
        yield last


def _csv_items(config: Mapping[str, JSON], lines: Iterator[str]) -> Iterator[JSON]:
    delimiter = _DELIMITERS.get(str(config.get("CSVDelimiter", "COMMA")), ",")
    # The module's own limit, which every reader of the process shares, is much less.
    csv.field_size_limit(max(csv.field_size_limit(), MAXIMUM_FIELD_CHARACTERS))
    rows = csv.reader(_rows(lines), delimiter=delimiter, escapechar="\\")
    try:
        if config.get("CSVHeaderLocation") == "GIVEN":
            given = config.get("CSVHeaders")
            headers = [str(name) for name in given] if isinstance(given, list) else []
        else:
            headers = next(rows, [])
        if len(delimiter.join(headers).encode(errors="replace")) > MAXIMUM_HEADER_BYTES:
            raise ItemFormatError("CSV headers cannot be larger than 10 KiB.")
        if len(set(headers)) < len(headers):
            raise ItemFormatError("CSV headers cannot contain duplicates.")
        for row in rows:
            if row:
                values = row + [""] * (len(headers) - len(row))
                yield dict(zip(headers, values, strict=False))
    except csv.Error as error:
        raise ItemFormatError(f"The object is not CSV: {error}") from error


def _rows(lines: Iterator[str]) -> Iterator[str]:
    """Lines that a carriage return ends too, alone or before a line feed; quotes may hold either.

    A backslash escapes the character behind it ("CSV file in an Amazon S3 bucket"), but not the end of a line.
    """
    for line in lines:
        if "\\" in line:
            yield from map(_without_last_escape, _ROW_PART.findall(line) if "\r" in line else (line,))
        elif "\r" in line:
            yield from _ROW_PART.findall(line)
        else:
            yield line


def _without_last_escape(row: str) -> str:
    content = row.rstrip("\r\n")
    escapes = len(content) - len(content.rstrip("\\"))
    return f"{content[:-1]}{row[len(content) :]}" if escapes % 2 else row


def _json_lines(lines: Iterator[str]) -> Iterator[JSON]:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield json.loads(line, parse_constant=refuse_constant)
            except (ValueError, RecursionError) as error:
                raise ItemFormatError(f"Line {number} of the object is not JSON.") from error


def _json_items(config: Mapping[str, JSON], body: Iterable[bytes]) -> Iterator[JSON]:
    pointer = config.get("ItemsPointer")
    parts = None
    if isinstance(pointer, str):
        parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    try:
        yield from stream_items(_text(body), parts)
    except NotIterableError as error:
        raise ItemFormatError("Attempting to map over non-iterable node.") from error
    except LookupError as error:
        raise ItemFormatError(f"ItemsPointer '{pointer}' leads to nothing in the object.") from error
    except (ValueError, RecursionError) as error:
        raise ItemFormatError("The object is not JSON.") from error
