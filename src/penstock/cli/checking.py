"""`penstock check` and `penstock explain`: what is wrong with a declaration or a definition."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from penstock.errors import DeclarationError, DefinitionError, PenstockError, UsageError


def check_all(name: str | None, start: Path) -> Sequence[PenstockError]:
    """Check one pipeline of the project, or all of them.

    Raises:
        UsageError: there is no project, or no such pipeline.
    """
    from penstock.pipelines.load import find_project, load_pipeline, pipeline_files, pipelines_in

    project = find_project(start)
    found: list[PenstockError] = []
    if name is not None:
        try:
            load_pipeline(name, project)
        except DeclarationError as error:
            found += error.problems or (error,)
        return found
    for path in pipeline_files(project):
        try:
            list(pipelines_in(path, project))
        except DeclarationError as error:
            found += error.problems or (error,)
    return found


def check_definition_file(path: Path) -> Sequence[PenstockError]:
    """Check a state machine's definition by itself.

    Raises:
        UsageError: the file cannot be read.
    """
    from penstock.statemachines import load_definition

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the file cannot be read: {error}", at=str(path)) from error
    try:
        load_definition(text)
    except DefinitionError as error:
        place = str(path) if error.at is None else f"{path}  {error.at}"
        return [DefinitionError(error.what, at=place, fix=error.fix)]
    return []


def explanation(code: str) -> str:
    """A rule's title and source.

    Raises:
        UsageError: there is no such rule.
    """
    from penstock.pipelines.checks import RULES

    rule = next((rule for rule in RULES if rule.id == code.upper()), None)
    if rule is None:
        known = ", ".join(rule.id for rule in RULES)
        raise UsageError(f"there is no rule {code}", fix=f"rules: {known}")
    return f"{rule.id}  {rule.title}\n\nSource: {rule.source}"
