"""A function's package: the project's files, the toolkit's part and the dependencies, as one zip.

The digest is of the names and contents, not of the zip: another zlib packs the same code into other bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from penstock.errors import DeclarationError
from penstock.pipelines.packaging.archive import archive, biggest_parts, toolkit_files
from penstock.pipelines.packaging.needs import needs_of
from penstock.pipelines.packaging.requirements import chosen, pinned
from penstock.pipelines.packaging.wheels import (
    Architecture,
    Fetch,
    WheelRequest,
    by_tool,
    fetched,
    python_minor,
)
from penstock.pipelines.pipeline import Pipeline
from penstock.pipelines.resources import Function

MOST_DIRECT_BYTES: Final = 50 * 1024 * 1024
"""Lambda's limit for a zip that is not uploaded through S3 (Lambda, "Lambda quotas")."""

CACHE: Final = Path(".penstock") / "packages"
"""Where fetched dependencies are kept, in the project's folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """What is uploaded for a function.

    Args:
        content: the zip.
        digest: SHA-256 (hex) of the files in it, by name and content.
        unzipped_bytes: what Lambda's limit of 250 MB is about.
        parts: bytes by top-level folder or file, the biggest first.
    """

    content: bytes
    digest: str
    unzipped_bytes: int
    parts: tuple[tuple[str, int], ...]

    @property
    def over_direct_limit(self) -> bool:
        """Whether only an upload through S3 will do, as `penstock deploy` makes it."""
        return len(self.content) > MOST_DIRECT_BYTES


def packages(
    pipeline: Pipeline,
    *,
    runtime: str,
    architecture: Architecture,
    functions: Iterable[Function] | None = None,
    fetch: Fetch = by_tool,
    cache: Path | None = None,
) -> dict[str, Package]:
    """A package for each function, by its name; functions that need the same share one.

    Args:
        runtime: Lambda's name of it, `python3.13`.
        functions: only these; without it, every one of the pipeline.
        cache: where dependencies are kept; without it, in the project's folder.

    Raises:
        UsageError: `runtime` is none.
        DeclarationError: a handler's file cannot be parsed, or imports what does not go to Lambda.
        TargetError: a dependency is not declared or cannot be fetched, or the code is over 250 MB.
    """
    python_minor(runtime)
    made: dict[str, Package] = {}
    found: dict[str, Package] = {}
    for function in pipeline.of(Function) if functions is None else functions:
        needs = needs_of(function, pipeline.root)
        requirements = chosen(needs.modules, pipeline.root)
        request = WheelRequest(
            requirements=requirements, pins=pinned(requirements), runtime=runtime, architecture=architecture
        )
        wheels = fetched(request, fetch=fetch, cache=cache or pipeline.root / CACHE)
        files = _together(function, needs.files, toolkit_files(), wheels)
        digest = _digest(files)
        if digest not in made:
            made[digest] = _packed(function, files, digest)
        found[function.name] = made[digest]
    return found


def _packed(function: Function, files: Mapping[str, bytes], digest: str) -> Package:
    return Package(
        content=archive(files, of=f'the code of "{function.name}"'),
        digest=digest,
        unzipped_bytes=sum(map(len, files.values())),
        parts=tuple(biggest_parts(files)),
    )


def _together(function: Function, *sources: Mapping[str, bytes]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for source in sources:
        twice = files.keys() & source.keys()
        if twice:
            raise DeclarationError(
                f'the code of "{function.name}" has two files called {min(twice)}',
                at=str(function.declared_at),
                fix="rename the project's own, or leave out the dependency that brings the other",
            )
        files.update(source)
    return files


def _digest(files: Mapping[str, bytes]) -> str:
    whole = hashlib.sha256()
    for name in sorted(files):
        whole.update(f"{len(name)}:{name}:{len(files[name])}:".encode())
        whole.update(files[name])
    return whole.hexdigest()
