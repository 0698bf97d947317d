"""The plan against what is deployed: a line for each place where they differ."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from penstock.errors import TargetError
from penstock.pipelines.deploy.sessions import Destination
from penstock.pipelines.deploy.stacks import find_stack

_EMPTY = frozenset({"REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"})
"""A stack that was only planned, or whose creation was taken back."""

_LONGEST = 200


def deployed_template(destination: Destination, stack: str) -> Mapping[str, object]:
    """The template that the stack was last deployed with; empty if there is no stack.

    Raises:
        TargetError: it is not JSON, so penstock did not deploy it.
    """
    found = find_stack(destination, stack)
    if found is None or found.status in _EMPTY:
        return {}
    cloudformation: Any = destination.client("cloudformation")
    body = cloudformation.get_template(StackName=found.id, TemplateStage="Original").get("TemplateBody")
    if not body:
        return {}
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except ValueError as error:
            raise TargetError(
                f'the template of the stack "{stack}" is not JSON',
                at=destination.shown,
                fix="choose another --stage; if the stack is this pipeline's, `penstock deploy` makes it comparable",
            ) from error
    template: Mapping[str, object] = body
    return template


def differences(deployed: Mapping[str, object], planned: Mapping[str, object]) -> tuple[str, ...]:
    """`+` only planned, `-` only deployed, `~` in both, otherwise.

    Resources, parameters and outputs that only one has are one line each.
    """
    lines: list[str] = []
    for section in ("Parameters", "Conditions", "Resources", "Outputs"):
        old, new = _section(deployed, section), _section(planned, section)
        for name in [*old, *(name for name in new if name not in old)]:
            kind = (new.get(name) or old.get(name) or {}).get("Type", "") if section == "Resources" else ""
            label = f"{section}.{name}" + (f" ({kind})" if kind else "")
            if name not in new:
                lines.append(f"- {label}")
            elif name not in old:
                lines.append(f"+ {label}")
            else:
                lines += _between(old[name], new[name], f"{section}.{name}")
    return tuple(lines)


def _section(template: Mapping[str, object], name: str) -> Mapping[str, Mapping[str, object]]:
    found = template.get(name)
    return found if isinstance(found, Mapping) else {}


def _between(old: object, new: object, place: str) -> Iterator[str]:
    if place.endswith((".DefinitionString", ".Pattern", ".Format")):
        old, new = _opened(old), _opened(new)
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*old, *(key for key in new if key not in old)]:
            inside = f"{place}.{key}"
            if key not in new:
                yield f"- {inside}: {_shown(old[key])}"
            elif key not in old:
                yield f"+ {inside}: {_shown(new[key])}"
            else:
                yield from _between(old[key], new[key], inside)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _between(one, other, f"{place}[{number}]")
    elif old != new:
        yield f"~ {place}: {_shown(old)} -> {_shown(new)}"


def _opened(value: object) -> object:
    """A document that stands in the template as text."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
