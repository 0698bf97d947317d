"""Finding a project's pipelines: a folder with `pipelines/*.py`, each with one or more `Pipeline` values."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from penstock.errors import DeclarationError, UsageError
from penstock.pipelines.imports import import_module
from penstock.pipelines.pipeline import Pipeline, Unsound, collecting
from penstock.pipelines.resources import Place


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


@dataclass(frozen=True, slots=True)
class Declared:
    """What one file declares, in the order of the file: the pipelines that hold together, and those that do not."""

    sound: tuple[Pipeline, ...]
    unsound: tuple[Unsound, ...]

    def names(self) -> dict[str, list[Place]]:
        """Where each name is given."""
        found: dict[str, list[Place]] = {}
        for pipeline in (*self.sound, *(one.pipeline for one in self.unsound)):
            found.setdefault(pipeline.name, []).append(pipeline.declared_at)
        return found


def load_pipeline(name: str, project: Path) -> Pipeline:
    """The pipeline called `name`.

    The file that is called like it is looked at first. What is wrong with other files and pipelines is of no
    concern, unless the pipeline is found nowhere.

    Raises:
        UsageError: there is none of that name; the text says which there are.
        DeclarationError: it does not hold together, there are two of that name in one file, or it may be in a file
            that cannot be imported.
    """
    files = pipeline_files(project)
    namesake = [path for path in files if path.stem == name.replace("-", "_")]
    broken: list[DeclarationError] = []
    known: list[str] = []
    for path in [*namesake, *(path for path in files if path not in namesake)]:
        try:
            declared = pipelines_in(path, project)
        except DeclarationError as error:
            broken.append(error)
            continue
        names = declared.names()
        if len(places := names.get(name, [])) > 1:
            raise same_name(name, places)
        for unsound in declared.unsound:
            if unsound.pipeline.name == name:
                raise unsound.error
        found = next((pipeline for pipeline in declared.sound if pipeline.name == name), None)
        if found is not None:
            return found
        known += names
    if broken:
        raise broken[0]
    close = get_close_matches(name, known, n=1)
    raise UsageError(
        f'no pipeline is called "{name}"',
        at=str(project / "pipelines"),
        fix=f'did you mean "{close[0]}"?' if close else f"there is {', '.join(sorted(known)) or 'none yet'}",
    )


def pipelines_in(path: Path, project: Path) -> Declared:
    """Every pipeline that one file declares.

    Raises:
        DeclarationError: the file cannot be imported.
    """
    with collecting() as unsound:
        try:
            module = import_module(f"pipelines.{path.stem}", root=project)
        finally:
            if unsound:  # whoever imports them otherwise is to be refused
                for name in [name for name in sys.modules if name.partition(".")[0] == "pipelines"]:
                    del sys.modules[name]
    refused = [one.pipeline for one in unsound]
    found: list[Pipeline] = []
    for value in vars(module).values():
        if isinstance(value, Pipeline) and not any(value is one for one in (*found, *refused)):
            found.append(value)
    others = {other.resolve() for other in pipeline_files(project)} - {path.resolve()}
    return Declared(
        tuple(one for one in found if Path(one.declared_at.file).resolve() == path.resolve()),
        tuple(one for one in unsound if Path(one.pipeline.declared_at.file).resolve() not in others),
    )


def same_name(name: str, places: Sequence[Place]) -> DeclarationError:
    """Two pipelines cannot be told apart."""
    return DeclarationError(
        f'{len(places)} pipelines are called "{name}"',
        at=str(places[1]),
        fix=f"another one is at {places[0]}: rename one of them",
    )
