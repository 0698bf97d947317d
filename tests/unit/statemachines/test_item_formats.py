"""The formats of a Distributed Map's items."""

from __future__ import annotations

import datetime
import gzip
import io
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import islice

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from penstock.errors import ItemFormatError
from penstock.statemachines.item_formats import decode_items


def decode(config: dict[str, object], text: str, piece: int = 7) -> list[object]:
    body = text.encode()
    return list(decode_items(config, [body[at : at + piece] for at in range(0, len(body), piece)]))


def test_csv_with_a_header_row() -> None:
    """Missing cells are empty texts, surplus ones are dropped; every value is a text."""
    config: dict[str, object] = {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}
    assert decode(config, "a,b\n1,2\n3\n4,5,6\n") == [
        {"a": "1", "b": "2"},
        {"a": "3", "b": ""},
        {"a": "4", "b": "5"},
    ]


def test_csv_with_given_headers_and_delimiter() -> None:
    """CSVHeaders names the columns; CSVDelimiter is a word."""
    config: dict[str, object] = {
        "InputType": "CSV",
        "CSVHeaderLocation": "GIVEN",
        "CSVHeaders": ["a", "b"],
        "CSVDelimiter": "PIPE",
    }
    assert decode(config, 'x|"y|\nz"\n') == [{"a": "x", "b": "y|\nz"}]


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        (r"C:\\dir,1", [r"C:\dir", "1"]),
        (r"x\,y,1", ["x,y", "1"]),
        (r"\"q\",1", ['"q"', "1"]),
        (r"\n\z,1", ["nz", "1"]),
        (r'"a\\b",1', [r"a\b", "1"]),
        ("1,C:\\", ["1", "C:"]),
        ("1,C:\\\\", ["1", "C:\\"]),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_csv_backslashes(row: str, cells: list[str], end: str) -> None:
    """They escape backslashes, quotes and the delimiter; one before anything else is removed ("ItemReader (Map)")."""
    config: dict[str, object] = {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}
    items = decode(config, f"a,b\n{row}{end}2,3\n" if end else f"a,b\n{row}")
    assert items[0] == dict(zip("ab", cells, strict=True))
    assert items[1:] == ([{"a": "2", "b": "3"}] if end else [])


def test_a_cell_may_be_larger_than_a_payload() -> None:
    """An item has up to 8 MB; ItemSelector makes it small enough for a child."""
    config: dict[str, object] = {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}
    assert decode(config, f"a\n{'x' * 300_000}\n", 65_536) == [{"a": "x" * 300_000}]


def _zstd(data: bytes) -> bytes:
    return bytes(pyarrow.compress(data, "zstd", asbytes=True))


@pytest.mark.parametrize("compress", [gzip.compress, _zstd])
@pytest.mark.parametrize("piece", [1, 1_000_000])
def test_compressed_objects(compress: Callable[[bytes], bytes], piece: int) -> None:
    """Objects are compressed with gzip or zstd, in one piece or in several behind each other."""
    body = compress(b'{"a": 1}\n') + compress(b'{"a": 2}\n')
    pieces = [body[at : at + piece] for at in range(0, len(body), piece)]
    assert list(decode_items({"InputType": "JSONL"}, pieces)) == [{"a": 1}, {"a": 2}]
    with pytest.raises(ItemFormatError, match=r"cut off|not zstd"):
        list(decode_items({"InputType": "JSONL"}, [body[:-4]]))


def test_json_array_and_pointer() -> None:
    """JSON items are an array; ItemsPointer leads to one, or to an object whose members are the items."""
    assert decode({"InputType": "JSON"}, "[1, {}]") == [1, {}]
    assert decode({"InputType": "JSON", "ItemsPointer": "/a~1b/0"}, '{"a/b": [[1, 2]]}') == [1, 2]
    assert decode({"InputType": "JSON", "ItemsPointer": "/o"}, '{"o": {"k": 1}}') == [
        {"Key": "k", "Value": 1}
    ]


def test_json_lines() -> None:
    """One JSON value a line; empty lines are no items."""
    assert decode({"InputType": "JSONL"}, '{"a": 1}\n\n[2]\n3') == [{"a": 1}, [2], 3]


def test_a_large_array_is_not_held() -> None:
    """The first items are there when only the first pieces have been read."""
    read = 0

    def pieces() -> Iterator[bytes]:
        nonlocal read
        yield b'{"before": [{}, "]"], "items": ['
        while True:
            read += 1
            yield b'{"n": [1, "]"]}, ' * 100

    items = decode_items({"InputType": "JSON", "ItemsPointer": "/items"}, pieces())
    assert list(islice(items, 1_000)) == [{"n": [1, "]"]}] * 1_000
    assert read <= 12


@pytest.mark.parametrize(
    ("config", "text", "cause"),
    [
        ({"InputType": "JSON"}, '{"a": 1}', "Attempting to map over non-iterable node."),
        ({"InputType": "JSON"}, "[1", "The object is not JSON."),
        ({"InputType": "JSON", "ItemsPointer": "/b"}, '{"a": 1}', "leads to nothing"),
        ({"InputType": "JSON"}, "[1] 2", "The object is not JSON."),
        ({"InputType": "JSON"}, "", "The object is not JSON."),
        ({"InputType": "JSON"}, "[1,]", "The object is not JSON."),
        ({"InputType": "JSON"}, "[" * 100_000, "The object is not JSON."),
        ({"InputType": "JSON", "ItemsPointer": "/a"}, '{"a": 1}', "non-iterable"),
        ({"InputType": "JSON", "ItemsPointer": "/a"}, "{1: 1}", "The object is not JSON."),
        ({"InputType": "JSON", "ItemsPointer": "/2"}, "[1, 2]", "leads to nothing"),
        ({"InputType": "JSONL"}, "1\nx\n", "Line 2"),
        ({"InputType": "ORC"}, "", "ORC"),
    ],
)
def test_what_cannot_be_decoded(config: dict[str, object], text: str, cause: str) -> None:
    """Bytes of another format are an error with AWS's cause."""
    with pytest.raises(ItemFormatError, match=cause):
        decode(config, text)


def test_invalid_utf8() -> None:
    """Objects are UTF-8, with or without a byte order mark."""
    assert list(decode_items({"InputType": "JSON"}, [b"\xef\xbb\xbf[1]"])) == [1]
    with pytest.raises(ItemFormatError, match="UTF-8"):
        list(decode_items({"InputType": "JSON"}, [b"[\xff]"]))


@given(st.lists(st.dictionaries(st.text(max_size=3), st.text(max_size=5), max_size=3)), st.integers(1, 9))
def test_pieces_do_not_matter(items: list[dict[str, str]], piece: int) -> None:
    """However the bytes are cut, the items are the same."""
    text = "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items)
    assert decode({"InputType": "JSONL"}, text, piece) == items


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(_VALUES, max_size=5), st.integers(1, 9), st.sampled_from([None, 0, 2]))
def test_json_is_the_same_in_pieces(items: list[object], piece: int, indent: int | None) -> None:
    """An array's items are those of the json module, wherever the document is cut."""
    text = json.dumps(items, ensure_ascii=False, indent=indent)
    assert decode({"InputType": "JSON"}, text, piece) == items
    assert (
        decode({"InputType": "JSON", "ItemsPointer": "/x/1"}, f'{{"w": 1, "x": [0, {text}]}}', piece) == items
    )


def test_the_rows_of_a_parquet_object_are_items() -> None:
    """Values are as JSON has them; what is no Parquet is an error."""
    table = pyarrow.table(
        {
            "n": [1, 2],
            "name": ["a", None],
            "price": [Decimal("1.50"), Decimal("2.00")],
            "on": [datetime.date(2026, 1, 1), datetime.date(2026, 1, 2)],
            "tags": [["x", "y"], []],
            "raw": [b"\x00", b"\xff"],
        }
    )
    sink = io.BytesIO()
    parquet.write_table(table, sink)
    data = sink.getvalue()
    pieces = [data[:100], data[100:]]
    assert list(decode_items({"InputType": "PARQUET"}, pieces)) == [
        {"n": 1, "name": "a", "price": 1.5, "on": "2026-01-01", "tags": ["x", "y"], "raw": "AA=="},
        {"n": 2, "name": None, "price": 2, "on": "2026-01-02", "tags": [], "raw": "/w=="},
    ]
    with pytest.raises(ItemFormatError, match="no Parquet"):
        list(decode_items({"InputType": "PARQUET"}, [b"a,b\n"]))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("JSONL", "[" * 100_000 + "]" * 100_000),
        ("JSONL", "1" * 5_000),
        ("JSONL", "NaN"),
        ("JSONL", "[Infinity]"),
        ("JSON", "[NaN]"),
        ("JSON", "[-Infinity]"),
        ("JSON", "[" * 100_000 + "]" * 100_000),
    ],
)
def test_what_json_does_not_have_is_refused(kind: str, text: str) -> None:
    """Depth without end, numbers without end and NaN are errors of the format, nothing else."""
    with pytest.raises(ItemFormatError, match="not JSON"):
        decode({"InputType": kind}, text, piece=1_000)


CSV: dict[str, object] = {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}


@pytest.mark.parametrize("piece", [1, 7, 1_000_000])
def test_a_carriage_return_ends_a_row_too(piece: int) -> None:
    """Alone or with a line feed; within quotes it is text."""
    text = 'a,b\r1,2\r\n3,"x\ry\r\nz"\r\r5,6\n'
    assert decode(CSV, text, piece) == [
        {"a": "1", "b": "2"},
        {"a": "3", "b": "x\ry\r\nz"},
        {"a": "5", "b": "6"},
    ]


def test_a_csv_field_may_be_as_large_as_a_payload() -> None:
    """Python's own limit is half of that."""
    assert decode(CSV, f"a,b\n{'x' * 200_000},2\n", 50_000) == [{"a": "x" * 200_000, "b": "2"}]


def test_csv_headers_have_a_limit() -> None:
    """Developer Guide, "ItemReader (Map)": 10 KiB."""
    assert decode(CSV, f"{'a' * 10_238},b\n1,2\n", 50_000) == [{"a" * 10_238: "1", "b": "2"}]
    with pytest.raises(ItemFormatError, match="10 KiB"):
        decode(CSV, f"{'a' * 10_239},b\n1,2\n", 50_000)
