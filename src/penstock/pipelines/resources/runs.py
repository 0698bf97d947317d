"""What a run on this machine takes in and shows; nothing of it is made on AWS."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import TypeAlias

from penstock.pipelines.resources.parts import Part
from penstock.pipelines.resources.storage import Bucket, Queue, Stream


@dataclass(frozen=True, slots=True)
class Entry(Part):
    """Where a file that is given to the pipeline goes: `key_prefix` and the file's own name, in `bucket`.

    `options` are the choices that a run may set (`--option k=v`) with their defaults; they are the
    uploaded object's metadata (`x-amz-meta-k`).
    """

    bucket: Bucket
    _: KW_ONLY
    key_prefix: str = ""
    options: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Results(Part):
    """What the pipeline makes: the objects of `bucket` under `key_prefix`; a run copies them to a folder.

    `announced_in` is the queue that tells of them, so that its messages are no dead letters.
    """

    bucket: Bucket
    _: KW_ONLY
    key_prefix: str = ""
    announced_in: Queue | None = None


@dataclass(frozen=True, slots=True)
class TimedRecord:
    """One record of a feed: when it arrives (epoch seconds, by the data's own calendar), its key and its data.

    Attributes:
        line: of the file, from 1, for errors.
    """

    at: float
    partition_key: str
    data: bytes
    line: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Feed(Part):
    """What is put into a stream when the pipeline runs here: the records of a file, each at its time.

    The file is replayed in virtual time, from midnight of the day of its first record on.

    Args:
        records: reads a file; its records in the order of their arrival.
    """

    stream: Stream
    _: KW_ONLY
    records: Callable[[Path], Iterable[TimedRecord]] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a run shows besides its summary: a table, and pictures by their file names (SVG)."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    pictures: Mapping[str, str] = field(default_factory=dict)


ClientOf: TypeAlias = Callable[[str], object]
"""Gives a boto3 client for a service, answered by the run."""


Reporter: TypeAlias = Callable[[ClientOf], Report]


Demo: TypeAlias = Callable[[Path], Path]
"""Writes the demo input into the given folder and returns its path."""
