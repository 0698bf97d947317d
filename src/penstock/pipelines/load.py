"""Finding a project's pipelines: a folder with `pipelines/*.py`, each with one or more `Pipeline` values."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from penstock.errors import UsageError
from penstock.pipelines.imports import import_module
from penstock.pipelines.pipeline import Pipeline


def find_project(start: Path) -> Path:
    """The nearest folder, from `start` upwards, that has a `pipelines` folder with a Python file in it.

    Raises:
        UsageError: there is none.
    """
    for folder in [start.resolve(), *start.resolve().parents]:
        if pipeline_files(folder):
            return folder
    raise UsageError(
        "there is no penstock project here",
        at=str(start.resolve()),
        fix="go to a folder that has pipelines/*.py, or begin one with `penstock init NAME`",
    )


def pipeline_files(project: Path) -> tuple[Path, ...]:
    """The files that may declare pipelines, sorted by name; those that begin with `_` are not among them."""
    return tuple(sorted(path for path in (project / "pipelines").glob("*.py") if path.stem[0] != "_"))


def load_pipeline(name: str, project: Path) -> Pipeline:
    """The pipeline called `name`. Only the file that is called like it is imported, if there is one.

    Raises:
        UsageError: there is none of that name; the text says which there are.
        DeclarationError: a file cannot be imported, or its declaration does not hold together.
    """
    namesake = [path for path in pipeline_files(project) if path.stem == name.replace("-", "_")]
    found: dict[str, Pipeline] = {}
    for path in [*namesake, *(path for path in pipeline_files(project) if path not in namesake)]:
        found.update({pipeline.name: pipeline for pipeline in pipelines_in(path, project)})
        if name in found:
            return found[name]
    close = get_close_matches(name, found, n=1)
    raise UsageError(
        f'no pipeline is called "{name}"',
        at=str(project / "pipelines"),
        fix=f'did you mean "{close[0]}"?' if close else f"there is {', '.join(sorted(found)) or 'none yet'}",
    )


def pipelines_in(path: Path, project: Path) -> Iterator[Pipeline]:
    """Every pipeline that one file declares, in the order of the file.

    Raises:
        DeclarationError: the file cannot be imported, or a declaration does not hold together.
    """
    module = import_module(f"pipelines.{path.stem}", root=project)
    for value in vars(module).values():
        if isinstance(value, Pipeline) and Path(value.declared_at.file).resolve() == path.resolve():
            yield value
