"""PL100: every field holds what it is declared to hold. While one does not, no other rule is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from penstock.pipelines.checks.rule import Finding, Rule
from penstock.pipelines.field_types import Misfit, article, misfits
from penstock.pipelines.graph import Graph, is_part
from penstock.pipelines.resources import Entry, Feed, Function, Named, Part, Results


def findings_of(part: Part, *, deep: bool = True) -> Iterator[Finding]:
    """What is wrong with the types of one part's own fields.

    Args:
        deep: look also into the values that stand in them.
    """
    name = getattr(part, "name", None)
    shown = f"{type(part).__name__}({name!r})" if isinstance(name, str) else type(part).__name__
    for misfit in misfits(part):
        if not deep and "." in misfit.path:
            continue
        if isinstance(part, Function) and misfit.path == "handler":
            yield _handler(part, misfit.value)
        else:
            yield Finding(
                what=f"{misfit.path} is {_shown(misfit.value)}, not {misfit.wanted}",
                part=part,
                within=shown,
                fix=_remedy(misfit),
            )


def misplaced(parts: Sequence[Part]) -> Iterator[Finding]:
    """Parts that have a field of the pipeline of their own, or that are a piece of another part."""
    for place, part in enumerate(parts):
        kind = type(part)
        what = f"parts[{place}] is {article(kind.__name__)}"
        if kind in _OWN_FIELDS:
            field = _OWN_FIELDS[kind]
            fix = f"write Pipeline(..., {field}={kind.__name__}(...)) instead"
            yield Finding(what=f"{what}, which nothing here would look at", part=part, fix=fix)
        elif isinstance(part, Named) or not is_part(part):
            fix = "give resources and what joins them: mappings, notifications, rules, ..."
            yield Finding(what=f"{what}, which is no part by itself", part=part, fix=fix)


_OWN_FIELDS: Final[Mapping[type[Part], str]] = {Entry: "entry", Feed: "feed", Results: "results"}


def _types(graph: Graph) -> Iterator[Finding]:
    for part in graph.parts:
        yield from findings_of(part)


def _handler(function: Function, handler: object) -> Finding:
    if not callable(handler):
        return Finding(
            what=f'the handler of "{function.name}" is {_shown(handler)}',
            part=function,
            fix='give a decorated handler, or the text of the handler setting: "package.module.attribute"',
        )
    setting = (
        f"{getattr(handler, '__module__', '')}.{getattr(handler, '__qualname__', type(handler).__name__)}"
    )
    return Finding(
        what=f'the handler of "{function.name}", {setting}, has no decorator',
        part=function,
        fix=f'put @on_sqs_message, @on_task or another before it; or, if it takes (event, context), give "{setting}"',
    )


def _remedy(misfit: Misfit) -> str:
    if isinstance(misfit.value, str) and "a Named" in misfit.wanted:
        return f'write Named("{misfit.value}"), or give the resource itself'
    if isinstance(misfit.value, str) and "a whole number" in misfit.wanted:
        return "write it without quotation marks; make one of a variable's text with int(...)"
    if misfit.wanted == "a list" and isinstance(misfit.value, Part):
        return "write it in brackets, [...], or as a tuple of one with its comma, (...,)"
    return f"write {misfit.wanted}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


RULES = (
    Rule(
        id="PL100",
        title="every field of a part holds a value of its type",
        source="our own: what is declared, in penstock.pipelines.resources",
        check=_types,
    ),
)
