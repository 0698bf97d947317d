"""Which distributions a function's modules come from: what the project declares, in the versions that it has here.

1. A module comes from a requirement of the project (`pyproject.toml`, or `requirements.txt`), from one of
   penstock's own, or from Lambda's runtime, which has boto3; otherwise it is an error that names it.
2. Versions are those installed here, as far as the project's own requirements let them be: what is deployed
   is what was tested.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Final

from penstock.errors import TargetError
from penstock.pipelines.packaging.needs import TOOLKIT, installed_modules

ON_LAMBDA: Final = frozenset({"boto3", "botocore", "s3transfer"})
"""What Lambda's runtimes bring (Lambda, "Runtime-included SDK versions"): packed only if it is in `always`."""

_NAME = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)")


def normal(name: str) -> str:
    """A distribution's or module's name as names are compared (PyPA, "Names and normalization")."""
    return re.sub(r"[-_.]+", "-", name).lower()


def name_in(requirement: str) -> str:
    """The normalized name that a requirement begins with; empty if it begins with none."""
    found = _NAME.match(requirement)
    return "" if found is None else normal(found[1])


def declared(root: Path) -> dict[str, str]:
    """The project's requirements by their normalized names: of `pyproject.toml`, else of `requirements.txt`.

    Raises:
        TargetError: a file cannot be read or parsed.
    """
    project = _pyproject(root).get("project", {})
    texts = project.get("dependencies") if isinstance(project, Mapping) else None
    if isinstance(texts, list):
        return _by_name(str(one) for one in texts)
    path = (root / "requirements.txt").resolve()
    return _by_name(_lines(path)) if path.is_file() else {}


def always(root: Path) -> dict[str, str]:
    """What `[tool.penstock.package] always` adds, for modules that no import shows."""
    found: object = _pyproject(root)
    for key in ("tool", "penstock", "package", "always"):
        found = found.get(key) if isinstance(found, Mapping) else None
    return _by_name(str(one) for one in found) if isinstance(found, list) else {}


def chosen(modules: Mapping[str, str], root: Path) -> tuple[str, ...]:
    """The requirements that provide `modules` (-> where each is imported), sorted.

    Raises:
        TargetError: nothing that is declared provides one of them.
    """
    own, added, toolkit = declared(root), always(root), _toolkit_requirements()
    found = dict(added)
    for module, at in sorted(modules.items()):
        names = [normal(one) for one in installed_modules().get(module, [])] or [normal(module)]
        if ON_LAMBDA.intersection(names):
            continue
        known = next(
            ((one, where[one]) for where in (added, own, toolkit) for one in names if one in where), None
        )
        if known is None:
            raise TargetError(
                f'nothing that the project declares has the module "{module}"',
                at=at,
                fix=f"add {names[0]} to the dependencies in {root / 'pyproject.toml'}",
            )
        found[known[0]] = known[1]
    return tuple(found[name] for name in sorted(found))


def pinned(requirements: Iterable[str]) -> tuple[str, ...]:
    """`name==version` for the requirements and all that these need, as far as they are installed here, sorted.

    One that was installed from a folder or another URL has no pin: an index need not have its version.
    """
    waiting = list(_by_name(requirements))
    found: dict[str, str | None] = {}
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            found[name] = None
            continue
        version = distribution.version
        from_index = distribution.read_text("direct_url.json") is None and "+" not in version
        found[name] = f"{name}=={version}" if from_index else None
        waiting += _by_name(distribution.requires or ())
    return tuple(sorted(pin for pin in found.values() if pin is not None))


def _toolkit_requirements() -> dict[str, str]:
    """Penstock's own requirements, those of its extras among them, without their markers."""
    try:
        texts = metadata.requires(TOOLKIT) or []
    except metadata.PackageNotFoundError:  # it runs from a source tree
        texts = ["aws-lambda-powertools", "msgspec", "pyarrow", "pydantic"]
    return _by_name(text.partition(";")[0].strip() for text in texts)


def _by_name(lines: Iterable[str]) -> dict[str, str]:
    named = ((name_in(line), line.strip()) for line in lines)
    return {name: line for name, line in named if name not in ("", TOOLKIT)}


def _pyproject(root: Path) -> Mapping[str, object]:
    path = root / "pyproject.toml"
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TargetError(
            f"the project's requirements cannot be read: {error}", at=str(path), fix="mend this file"
        ) from error


def _lines(path: Path, read: frozenset[Path] = frozenset()) -> Iterator[str]:
    """The requirements of a file in pip's format, of the files that it includes too; options are left out.

    Args:
        read: the files that lead to this one, which it does not include once more.
    """
    if path in read:
        return
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise TargetError(
            f"the project's requirements cannot be read: {error}", at=str(path), fix="mend this file"
        ) from error
    for line in text.replace("\\\n", " ").splitlines():
        bare = re.sub(r"(^|\s)#.*", "", line).strip()
        included = re.match(r"(?:-r|--requirement)[ =]*(\S+)", bare)
        if included is not None:
            yield from _lines((path.parent / included[1]).resolve(), read | {path})
        elif bare and not bare.startswith("-"):
            yield re.split(r"\s--", bare)[0].strip()
