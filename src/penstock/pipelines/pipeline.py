"""A pipeline: its parts, where a file enters, what comes out; checked when it is made.

An unsound declaration raises where it stands. Whoever wants to see all of a file's declarations reads it inside of
`collecting`, where it is put on a list instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import TypeVar

from penstock.errors import DeclarationError, RuleError
from penstock.pipelines.checks import problems
from penstock.pipelines.checks.fields import findings_of, misplaced
from penstock.pipelines.checks.rule import problem_of
from penstock.pipelines.graph import Graph, unfold
from penstock.pipelines.resources import Demo, Entry, Feed, Part, Reporter, Resource, Results

Kind = TypeVar("Kind", bound=Part)


@dataclass(frozen=True, slots=True)
class Pipeline(Part):
    """One declaration: frozen, and sound if it exists at all.

    Args:
        name: what `penstock run NAME` calls it: lower case, digits and hyphens.
        parts: notifications, mappings and any resource that these do not reach.
        entry: where an input file goes; None: the pipeline takes no file.
        feed: the stream that an input file's records go to, one after another; instead of `entry`.
        results: what a run copies out; None: nothing.
        demo: makes the input that is used when none is given.
        report: what a run shows besides its summary.
        root: where definitions and handlers are found; a relative path starts at the folder that holds
            `pipelines/`, or beside the declaration if it does not stand in such a folder.

    Raises:
        DeclarationError: with every problem that `checks` found, not only the first.
    """

    name: str
    parts: Sequence[Part]
    _: KW_ONLY
    entry: Entry | None = None
    feed: Feed | None = None
    results: Results | None = None
    demo: Demo | None = field(default=None, compare=False, repr=False)
    report: Reporter | None = field(default=None, compare=False, repr=False)
    root: Path = field(default=Path(), compare=False, repr=False)
    graph: Graph = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        graph, error = self._unfolded()
        if error is not None:
            collected = _COLLECTED.get()
            if collected is None:
                raise error
            collected.append(Unsound(self, error))
        object.__setattr__(self, "root", graph.root)
        object.__setattr__(self, "graph", graph)

    def _unfolded(self) -> tuple[Graph, DeclarationError | None]:
        """The graph of the parts, and what is wrong with it."""
        folder = _project_folder(self.declared_at.file)
        wrong = list(findings_of(self, deep=False)) or misplaced(self.parts)
        mistyped = [problem_of(one, "PL100") for one in wrong]
        if mistyped:
            return Graph(folder, (), ()), self._refusal(mistyped)
        ends = [end for end in (self.entry, self.feed, self.results) if end is not None]
        graph = unfold([*self.parts, *ends], root=folder / self.root)
        if re.fullmatch(r"[a-z][a-z0-9-]{0,62}", self.name) is None:
            return graph, DeclarationError(
                f'"{self.name}" is no name for a pipeline',
                at=str(self.declared_at),
                fix="lower-case letters, digits and hyphens, beginning with a letter",
            )
        found = problems(graph)
        return graph, self._refusal(found) if found else None

    def _refusal(self, problems: Sequence[RuleError]) -> DeclarationError:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        return DeclarationError(
            f'pipeline "{self.name}" does not hold together: {count}',
            at=str(self.declared_at),
            problems=problems,
        )

    @property
    def resources(self) -> tuple[Resource, ...]:
        """Every resource, declared or reached, each once, in the order of the declaration."""
        return self.graph.resources

    def of(self, kind: type[Kind]) -> tuple[Kind, ...]:
        """Every part of one kind: `pipeline.of(Queue)`, `pipeline.of(QueueMapping)`."""
        return self.graph.of(kind)


@dataclass(frozen=True, slots=True)
class Unsound:
    """A pipeline that does not hold together, and why."""

    pipeline: Pipeline
    error: DeclarationError


_COLLECTED: ContextVar[list[Unsound] | None] = ContextVar("collected", default=None)


@contextmanager
def collecting() -> Iterator[list[Unsound]]:
    """Let unsound pipelines be made, and list them; nobody else may be given one."""
    found: list[Unsound] = []
    token = _COLLECTED.set(found)
    try:
        yield found
    finally:
        _COLLECTED.reset(token)


def _project_folder(file: str) -> Path:
    """The folder above `pipelines/` if the declaration stands there, else the declaration's own folder."""
    folder = Path(file).resolve().parent
    return folder.parent if folder.name == "pipelines" else folder
