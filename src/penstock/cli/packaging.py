"""`penstock package`: the functions' code as zip files."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from penstock.errors import UsageError
from penstock.pipelines.load import find_project, load_pipeline
from penstock.pipelines.packaging import Architecture, Package, packages
from penstock.pipelines.pipeline import Pipeline
from penstock.pipelines.resources import Function

_SHOWN = 4


def written_packages(
    name: str, *, functions: tuple[str, ...], runtime: str, architecture: Architecture, output: Path
) -> Iterator[str]:
    """Write a zip for each function, one for those that need the same; a line for each function.

    Raises:
        UsageError: a function is none of the pipeline's, the runtime is none, or a file cannot be written.
        DeclarationError, TargetError: as `packages`.
    """
    pipeline = load_pipeline(name, find_project(Path.cwd()))
    wanted = _wanted(pipeline, functions)
    for function, package in packages(
        pipeline, runtime=runtime, architecture=architecture, functions=wanted
    ).items():
        path = output / f"{name}-{package.digest[:16]}.zip"
        try:
            output.mkdir(parents=True, exist_ok=True)
            path.write_bytes(package.content)
        except OSError as error:
            raise UsageError(
                f"the package cannot be written: {error.strerror or error}",
                at=str(path),
                fix="name another folder with --output",
            ) from error
        yield f"{function}  {path}  {_sizes(package)}"


def _wanted(pipeline: Pipeline, names: tuple[str, ...]) -> tuple[Function, ...]:
    known = {one.name: one for one in pipeline.of(Function)}
    for name in names:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            raise UsageError(
                f'the pipeline "{pipeline.name}" has no function "{name}"',
                fix=f'did you mean "{close[0]}"?'
                if close
                else f"there is {', '.join(sorted(known)) or 'none'}",
            )
    return tuple(known[name] for name in names or known)


def _sizes(package: Package) -> str:
    parts = ", ".join(f"{part} {_size(size)}" for part, size in package.parts[:_SHOWN])
    note = "; over 50 MB: only through S3, as penstock deploy does" if package.over_direct_limit else ""
    return f"{_size(len(package.content))}, unzipped {_size(package.unzipped_bytes)} ({parts}){note}"


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} KB"
