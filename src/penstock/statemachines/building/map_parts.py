"""What a Distributed Map has besides its processor: where items come from, batches, where results go.

Sources: AWS Step Functions Developer Guide, "ItemReader (Map)", "ItemBatcher (Map)", "ResultWriter (Map)".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from penstock.statemachines.building.values import OMIT, Fields, Omit

InputType = Literal["CSV", "JSON", "JSONL", "MANIFEST", "PARQUET"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderConfig:
    """How a file is read. `csv_headers` goes with `csv_header_location="GIVEN"`."""

    input_type: InputType | Omit = OMIT
    transformation: Literal["NONE", "LOAD_AND_FLATTEN"] | Omit = OMIT
    manifest_type: Literal["ATHENA_DATA", "S3_INVENTORY"] | Omit = OMIT
    csv_delimiter: Literal["COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"] | Omit = OMIT
    csv_header_location: Literal["FIRST_ROW", "GIVEN"] | Omit = OMIT
    csv_headers: tuple[str, ...] | Omit = OMIT
    items_pointer: str | Omit = OMIT
    max_items: int | str | Omit = OMIT
    max_items_path: str | Omit = OMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class _Service:
    resource: str
    parameters: Fields | Omit = OMIT
    arguments: Fields | str | Omit = OMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemReader(_Service):
    """Where a Distributed Map's items come from: `s3_object`, `s3_listing`."""

    reader_config: ReaderConfig | Fields | Omit = OMIT

    def as_arguments(self) -> ItemReader:
        """The same for a JSONata Map, whose values are texts `{% ... %}`."""
        return replace(self, parameters=OMIT, arguments=self.parameters)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterConfig:
    """How results are written."""

    transformation: Literal["NONE", "COMPACT", "FLATTEN"] | Omit = OMIT
    output_type: Literal["JSON", "JSONL"] | Omit = OMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultWriter:
    """Where the results of the children go: `s3_results`; without a resource they are the state's result."""

    resource: str | Omit = OMIT
    parameters: Fields | Omit = OMIT
    arguments: Fields | str | Omit = OMIT
    writer_config: WriterConfig | Fields | Omit = OMIT

    def as_arguments(self) -> ResultWriter:
        """The same for a JSONata Map."""
        return replace(self, parameters=OMIT, arguments=self.parameters)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemBatcher:
    """How many items, or bytes of them, a child is given at once; `batch_input` goes to each of them."""

    max_items_per_batch: int | str | Omit = OMIT
    max_items_per_batch_path: str | Omit = OMIT
    max_input_bytes_per_batch: int | str | Omit = OMIT
    max_input_bytes_per_batch_path: str | Omit = OMIT
    batch_input: object = OMIT


def s3_object(bucket: object, key: object, config: ReaderConfig) -> ItemReader:
    """The items of one object: the rows of a CSV file, the elements of a JSON array, the lines of JSON Lines."""
    given = {"Bucket": bucket, "Key": key}
    return ItemReader(resource="arn:aws:states:::s3:getObject", parameters=given, reader_config=config)


def s3_listing(bucket: object, prefix: object, config: ReaderConfig | Omit = OMIT) -> ItemReader:
    """The objects below a prefix, as ListObjectsV2 tells of them."""
    given = {"Bucket": bucket, "Prefix": prefix}
    return ItemReader(resource="arn:aws:states:::s3:listObjectsV2", parameters=given, reader_config=config)


def s3_results(bucket: object, prefix: object, config: WriterConfig | Omit = OMIT) -> ResultWriter:
    """Results below a prefix, with a manifest."""
    given = {"Bucket": bucket, "Prefix": prefix}
    return ResultWriter(resource="arn:aws:states:::s3:putObject", parameters=given, writer_config=config)
