"""What a target is given instead of the event: a constant, a part of it, or a template that is filled in.

Sources: EventBridge, "Amazon EventBridge input transformation" (rules) and "Amazon EventBridge Pipes input
transformation".

1. `<name>` in a template stands for a value. Inside a JSON string a text stands as it is and anything else as its
   JSON, both escaped; outside of one, a value stands as JSON. So a template that is JSON gives JSON.
2. A path that finds nothing gives an empty text inside a string. Outside of one a rule has an empty text as well, as
   EventBridge was seen to do it (LocalStack's tests, recorded on AWS on 2024-06-11), and a pipe null. AWS says only
   that such a variable "won't appear in the output".
3. Of JSONPath there are names, indices and `*`, as EventBridge has it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from penstock.errors import EventPatternError
from penstock.pipelines.resources import RuleTarget

MOST_VARIABLES: Final = 100
MAXIMUM_TEMPLATE_CHARACTERS: Final = 8192

RULE_VARIABLES: Final = (
    "aws.events.rule-arn",
    "aws.events.rule-name",
    "aws.events.event.ingestion-time",
    "aws.events.event",
    "aws.events.event.json",
)
PIPE_VARIABLES: Final = (
    "aws.pipes.pipe-arn",
    "aws.pipes.pipe-name",
    "aws.pipes.source-arn",
    "aws.pipes.enrichment-arn",
    "aws.pipes.target-arn",
    "aws.pipes.event.ingestion-time",
    "aws.pipes.event",
    "aws.pipes.event.json",
)

_NAMES_WITHIN_A_TEMPLATE: Final = {"detail-type": "detailType"}
"""What `<aws.events.event>` calls members otherwise than the event does (recorded likewise)."""

Find: TypeAlias = Callable[[str], object]
"""The value of a variable, or `MISSING`."""


class _Missing:
    """What a path finds where there is nothing."""


MISSING: Final = _Missing()

_VARIABLE = re.compile(r"<([^<>\s]+)>")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_\-.]*")
_STEP = re.compile(r"\.([A-Za-z0-9_\-/:]+|\*)|\[(\d+|\*)\]|\['([^']+)'\]")


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A path into an event: names, indices, and `*` for all that are there."""

    steps: tuple[str | int | None, ...]

    def find(self, value: object) -> object:
        """What stands there, or `MISSING`; with a `*`, the list of all."""
        found = list(self._walk(value, 0))
        if None in self.steps:
            return found or MISSING
        return found[0] if found else MISSING

    def _walk(self, value: object, at: int) -> Iterator[object]:
        if at == len(self.steps):
            yield value
            return
        step = self.steps[at]
        if step is None:
            several = (
                value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
            )
            for one in several:
                yield from self._walk(one, at + 1)
        elif isinstance(step, int):
            if isinstance(value, list) and step < len(value):
                yield from self._walk(value[step], at + 1)
        elif isinstance(value, Mapping) and step in value:
            yield from self._walk(value[step], at + 1)


def parse_json_path(text: str) -> JsonPath:
    """Read a path such as `$.detail.items[0].name`.

    Raises:
        EventPatternError: EventBridge knows no such path.
    """
    steps: list[str | int | None] = []
    at = 1
    while text.startswith("$") and at < len(text):
        step = _STEP.match(text, at)
        if step is None:
            break
        name, index, quoted = step.groups()
        chosen = name or index or quoted
        if chosen == "*" and quoted is None:
            steps.append(None)
        else:
            steps.append(int(index) if index is not None else chosen)
        at = step.end()
    if not text.startswith("$") or at < len(text):
        raise EventPatternError(
            f"{text!r} is no path that EventBridge knows",
            fix="write names and indices: $.detail.items[0].name",
        )
    return JsonPath(tuple(steps))


class Template:
    """A template, taken apart once.

    Raises:
        EventPatternError: it is too long, or JSON that cannot come out right.
    """

    def __init__(self, text: str) -> None:
        if len(text) > MAXIMUM_TEMPLATE_CHARACTERS:
            raise EventPatternError(
                f"the template has {len(text)} characters",
                fix=f"{MAXIMUM_TEMPLATE_CHARACTERS} at most; let the function make what it needs",
            )
        self._parts: list[tuple[str, str | None, bool]] = []
        at, quoted = 0, False
        for found in _VARIABLE.finditer(text):
            literal = text[at : found.start()]
            quoted = _ends_in_string(literal, quoted)
            self._parts.append((literal, found.group(1), quoted))
            at = found.end()
        self._parts.append((text[at:], None, False))
        if text.lstrip().startswith(("{", "[", '"')):
            try:
                json.loads(self.fill(lambda _: 0))
            except ValueError as error:
                raise EventPatternError(
                    f"the template is no JSON once it is filled in: {error}",
                    fix='write {"name": <variable>} or "text with <variable>"',
                ) from error

    @property
    def variables(self) -> tuple[str, ...]:
        """The names that stand in it, in their order."""
        return tuple(name for _, name, _ in self._parts if name is not None)

    def fill(self, find: Find, *, missing: str = "null") -> str:
        """The text with every variable's value in its place.

        Args:
            missing: what stands outside of a string for a variable without a value.
        """
        made: list[str] = []
        for literal, name, quoted in self._parts:
            made.append(literal)
            if name is not None:
                made.append(_shown(find(name), quoted=quoted, missing=missing))
        return "".join(made)


def _ends_in_string(text: str, inside: bool) -> bool:
    escaped = False
    for character in text:
        if escaped:
            escaped = False
        elif character == "\\" and inside:
            escaped = True
        elif character == '"':
            inside = not inside
    return inside


def _shown(value: object, *, quoted: bool, missing: str) -> str:
    if not quoted:
        return missing if value is MISSING else json.dumps(value, ensure_ascii=False)
    if value is MISSING:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return json.dumps(text, ensure_ascii=False)[1:-1]


class RuleInput:
    """What a rule's target is given: `input_path`, `paths` with `template`, or `constant`; else the event itself.

    Raises:
        EventPatternError: EventBridge would refuse it.
    """

    def __init__(
        self,
        *,
        constant: object = None,
        input_path: str | None = None,
        paths: Mapping[str, str] | None = None,
        template: str | None = None,
    ) -> None:
        given = [
            name
            for name, value in (
                ("input", constant),
                ("input_path", input_path),
                ("input_template", template),
            )
            if value is not None
        ]
        if len(given) > 1:
            raise EventPatternError(f"{' and '.join(given)} are given", fix="a target has one of them")
        if paths and template is None:
            raise EventPatternError("there are paths, but no template", fix="write input_template=...")
        self._constant = None if constant is None else json.dumps(constant, ensure_ascii=False)
        self._path = None if input_path is None else parse_json_path(input_path)
        self._paths = _checked_paths(paths or {})
        self._template = None if template is None else Template(template)
        for name in () if self._template is None else self._template.variables:
            if name not in self._paths and name not in RULE_VARIABLES:
                raise EventPatternError(
                    f"the template has <{name}>, for which there is no path",
                    fix=f"add it to input_paths, or take one of {', '.join(RULE_VARIABLES)}",
                )

    def made_of(self, event: Mapping[str, object], *, rule_arn: str, rule_name: str, ingested_at: str) -> str:
        """The text that the target is given."""
        if self._constant is not None:
            return self._constant
        if self._path is not None:
            found = self._path.find(event)
            return json.dumps(None if found is MISSING else found, ensure_ascii=False)
        if self._template is None:
            return json.dumps(event, ensure_ascii=False)
        known: dict[str, object] = {
            "aws.events.rule-arn": rule_arn,
            "aws.events.rule-name": rule_name,
            "aws.events.event.ingestion-time": ingested_at,
            "aws.events.event": {
                _NAMES_WITHIN_A_TEMPLATE.get(name, name): value
                for name, value in event.items()
                if name != "detail"
            },
            "aws.events.event.json": dict(event),
        }

        def find(name: str) -> object:
            path = self._paths.get(name)
            return known.get(name, MISSING) if path is None else path.find(event)

        return self._template.fill(find, missing='""')


def rule_input(target: RuleTarget) -> RuleInput | None:
    """What a declared target is given; None: the event itself.

    Raises:
        EventPatternError: EventBridge would refuse it.
    """
    if target.input is None and target.input_path is None and target.input_template is None:
        if target.input_paths:
            raise EventPatternError("there are paths, but no template", fix="write input_template=...")
        return None
    return RuleInput(
        constant=target.input,
        input_path=target.input_path,
        paths=target.input_paths,
        template=target.input_template,
    )


def _checked_paths(paths: Mapping[str, str]) -> dict[str, JsonPath]:
    if len(paths) > MOST_VARIABLES:
        raise EventPatternError(f"{len(paths)} variables", fix=f"{MOST_VARIABLES} at most")
    for name in paths:
        if name.lower().startswith("aws") or _NAME.fullmatch(name) is None:
            raise EventPatternError(
                f"a variable cannot be called {name!r}",
                fix="letters, digits, dots, hyphens and underscores, and not beginning with AWS",
            )
    return {name: parse_json_path(path) for name, path in paths.items()}


class PipeInput:
    """What a pipe's enrichment or target is given of each record: a template with paths in it, `<$.body.id>`.

    `body` and `data` of a record are opened on the way: JSON in them is looked into.

    Raises:
        EventPatternError: EventBridge would refuse it.
    """

    def __init__(self, template: str) -> None:
        self._template = Template(template)
        self._paths: dict[str, JsonPath] = {}
        for name in self._template.variables:
            if name.startswith("$"):
                self._paths[name] = parse_json_path(name)
            elif name not in PIPE_VARIABLES:
                raise EventPatternError(
                    f"<{name}> is neither a path nor a variable of pipes",
                    fix=f"write <$.body.name>, or one of {', '.join(PIPE_VARIABLES)}",
                )

    def made_of(self, record: object, opened: object, known: Mapping[str, str]) -> str:
        """The text that stands for one record.

        Args:
            record: as the source, or the enrichment, gave it.
            opened: the same with the JSON in its `body` or `data` decoded.
            known: the variables of pipes that are texts.
        """

        def find(name: str) -> object:
            path = self._paths.get(name)
            if path is not None:
                return path.find(opened)
            if name == "aws.pipes.event":
                return record
            return opened if name == "aws.pipes.event.json" else known.get(name, MISSING)

        return self._template.fill(find)
