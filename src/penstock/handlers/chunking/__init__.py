"""Cutting large objects into chunks, reading exactly the records of a chunk, and merging what came of them.

plan        what a chunk is; planners for byte ranges, runs of records, keys
lines       the whole lines that begin in a byte range, in constant memory
csv_header  the column names of a CSV object
csv_rows    the rows of a CSV chunk, and the proof that no row was cut (csv_lines: its slow and exact way)
json_lines  the values of a JSON Lines chunk
scanning    exact record boundaries by reading once: quoted newlines, gzip
parquet     row groups (needs the extra `parquet`)
rejected    a record that was not used, with its place and reason
results     manifests, results written once, results read in order

A record lies in exactly one chunk: the one in whose range it begins.
"""

from penstock.handlers.chunking.csv_header import CsvFormat, header_of, read_header
from penstock.handlers.chunking.csv_rows import CsvChunk
from penstock.handlers.chunking.json_lines import JsonLinesChunk
from penstock.handlers.chunking.lines import MAXIMUM_LINE_BYTES, Block, Oversized, read_blocks
from penstock.handlers.chunking.parquet import plan_row_groups, read_row_groups
from penstock.handlers.chunking.plan import (
    ByteRange,
    Chunk,
    KeySet,
    RecordRun,
    RowGroups,
    plan_byte_ranges,
    plan_keys,
    plan_records,
)
from penstock.handlers.chunking.rejected import Reject, Rejected
from penstock.handlers.chunking.results import (
    existing_results,
    read_manifest,
    result_key,
    write_manifest,
    write_once,
)
from penstock.handlers.chunking.s3_port import MultipartWriter, S3Port
from penstock.handlers.chunking.scanning import plan_csv_exactly, split_gzip, unpacked_beginning

__all__ = [
    "MAXIMUM_LINE_BYTES",
    "Block",
    "ByteRange",
    "Chunk",
    "CsvChunk",
    "CsvFormat",
    "JsonLinesChunk",
    "KeySet",
    "MultipartWriter",
    "Oversized",
    "RecordRun",
    "Reject",
    "Rejected",
    "RowGroups",
    "S3Port",
    "existing_results",
    "header_of",
    "plan_byte_ranges",
    "plan_csv_exactly",
    "plan_keys",
    "plan_records",
    "plan_row_groups",
    "read_blocks",
    "read_header",
    "read_manifest",
    "read_row_groups",
    "result_key",
    "split_gzip",
    "unpacked_beginning",
    "write_manifest",
    "write_once",
]
