"""What a run takes in: the files that it was given, checked before anything of the run exists."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from penstock.errors import UsageError
from penstock.pipelines import Pipeline
from penstock.pipelines.resources import Entry
from penstock.runtime.s3.names import KEY_LIMIT_BYTES


@dataclass(frozen=True, slots=True)
class Input:
    """A file, and what its object is called."""

    source: Path
    name: str


def entry_of(pipeline: Pipeline) -> Entry:
    """Where the pipeline takes files.

    Raises:
        UsageError: it takes none.
    """
    if pipeline.entry is None:
        raise takes_nothing(pipeline)
    return pipeline.entry


def takes_nothing(pipeline: Pipeline) -> UsageError:
    """The pipeline has no place for a file."""
    return UsageError(
        f'the pipeline "{pipeline.name}" takes no file and no options',
        fix="run it without --input and --option, or declare its entry=Entry(bucket) or feed=Feed(stream, ...)",
    )


def entry_metadata(pipeline: Pipeline, options: Mapping[str, str]) -> dict[str, str]:
    """The metadata of an upload: the pipeline's options, and those of the run.

    Raises:
        UsageError: the pipeline takes no file, or knows no such option.
    """
    entry = entry_of(pipeline)
    unknown = sorted(set(options) - set(entry.options))
    if unknown:
        known = ", ".join(sorted(entry.options)) or "none"
        raise UsageError(f"there is no option {unknown[0]!r}", fix=f"options of this pipeline: {known}")
    return {**entry.options, **options}


def entry_key(pipeline: Pipeline, name: str) -> str:
    """The key of an object that is called `name`."""
    return f"{entry_of(pipeline).key_prefix}{name}"


def check_inputs(pipeline: Pipeline, inputs: Iterable[Input]) -> None:
    """Refuse what could not be uploaded, or would be lost.

    Raises:
        UsageError: a file cannot be read, its name can be no key, or two have one name.
    """
    known: dict[str, Path] = {}
    for one in inputs:
        check_readable(one.source)
        try:
            size = len(entry_key(pipeline, one.name).encode())
        except UnicodeEncodeError as error:
            raise UsageError(
                "the file's name is not UTF-8", at=repr(one.name), fix="rename the file, or copy it"
            ) from error
        if size > KEY_LIMIT_BYTES:
            raise UsageError("the file's name is too long for a key", at=one.name, fix="rename the file")
        if one.name in known:
            raise UsageError(
                f'two inputs are called "{one.name}": the second would take the place of the first',
                at=f"{known[one.name]}, {one.source}",
                fix="rename one of them, or run them one after the other",
            )
        known[one.name] = one.source


def check_readable(path: Path) -> None:
    """Refuse what is no file that can be read.

    Raises:
        UsageError: with what it is instead.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "is no regular file" if path.exists() else "does not exist"
        raise UsageError(f"the input {what}", at=str(path), fix="name a file that can be read")
    if not os.access(path, os.R_OK):
        raise UsageError("the input cannot be read", at=str(path), fix="give yourself the right to read it")
