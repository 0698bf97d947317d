"""`penstock check` and `penstock explain`: what is wrong with a declaration or a definition."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.cli.reading import text_of
from penstock.errors import DeclarationError, DefinitionError, PenstockError, RuleError, UsageError

if TYPE_CHECKING:
    from penstock.pipelines.resources import Place
    from penstock.statemachines.checks import Problem


def check_all(name: str | None, start: Path) -> Sequence[PenstockError]:
    """Check one pipeline of the project, or all of them with every definition in `statemachines/`.

    Raises:
        UsageError: there is no project, or no such pipeline.
    """
    from penstock.pipelines.load import find_project, load_pipeline, pipeline_files, pipelines_in, same_name

    project = find_project(start)
    found: list[PenstockError] = []
    if name is not None:
        try:
            load_pipeline(name, project)
        except DeclarationError as error:
            found += error.problems or (error,)
        return found
    names: dict[str, list[Place]] = {}
    for path in pipeline_files(project):
        try:
            declared = pipelines_in(path, project)
        except DeclarationError as error:
            found += error.problems or (error,)
            continue
        for unsound in declared.unsound:
            found += unsound.error.problems or (unsound.error,)
        for pipeline, places in declared.names().items():
            names.setdefault(pipeline, []).extend(places)
    found += [same_name(pipeline, places) for pipeline, places in names.items() if len(places) > 1]
    files = sorted((project / "statemachines").glob("*.asl.*"))
    # A definition's own problems are told of with line and column; its pipeline need not tell of them again.
    found = [one for one in found if not _is_about_a_file(one, [path.name for path in files])]
    for path in files:
        found += check_definition_file(path.relative_to(start) if path.is_relative_to(start) else path)
    return found


def _is_about_a_file(problem: PenstockError, names: Sequence[str]) -> bool:
    told = isinstance(problem, RuleError) and problem.rule == "PL607"
    return told and any(f"/{name}  " in (problem.at or "") for name in names)


def check_definition_file(path: Path) -> Sequence[PenstockError]:
    """Check a state machine's definition by itself.

    Raises:
        UsageError: the file cannot be read.
    """
    from penstock.statemachines.checks import check_text

    text = text_of(path, "the definition")
    try:
        found = check_text(text)
    except DefinitionError as error:
        place = str(path) if error.at is None else f"{path}  {error.at}"
        return [DefinitionError(error.what, at=place, fix=error.fix)]
    return [_located(problem, path) for problem in found]


def _located(problem: Problem, path: Path) -> RuleError:
    """A problem as `file:line:column  /pointer`; a warning says that it is one."""
    place = "" if problem.position is None else f":{problem.position.line}:{problem.position.column}"
    said = problem.what if problem.severity == "error" else f"warning: {problem.what}"
    return RuleError(said, rule=problem.rule, at=f"{path}{place}  {problem.pointer or '/'}", fix=problem.fix)


def has_errors(found: Sequence[PenstockError]) -> bool:
    """Whether one of the problems is more than a warning."""
    return any(not error.what.startswith("warning: ") for error in found)


def explanation(code: str) -> str:
    """A rule's title and source.

    Raises:
        UsageError: there is no such rule.
    """
    from penstock.pipelines.checks import RULES
    from penstock.statemachines.checks import RULES as DEFINITION_RULES

    told = {rule.id: (rule.title, rule.source) for rule in RULES}
    told |= {rule.id: (rule.title, rule.source) for rule in DEFINITION_RULES}
    code = code.upper()
    if code not in told:
        known = ", ".join(told)
        raise UsageError(f"there is no rule {code}", fix=f"rules: {known}")
    title, source = told[code]
    return f"{code}  {title}\n\nSource: {source}"
