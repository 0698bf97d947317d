"""What a function needs to run: the project's own files, and the modules of others that its code imports.

1. Nothing is imported: source is read. An import inside `if TYPE_CHECKING:` or a `try` that expects an
   `ImportError` is not needed.
2. Of the project a whole top-level package goes along, with its data files, so that a module that is imported by
   its name is there; its dependencies are those of the modules that the handler reaches.
3. Of penstock itself only what `toolkit_files` has is on Lambda; an import of anything else is an error here.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Final

from penstock.errors import DeclarationError, TargetError
from penstock.pipelines.packaging.archive import toolkit_files
from penstock.pipelines.resolve import handler_setting
from penstock.pipelines.resources import Function

TOOLKIT: Final = "penstock"
TOOLKIT_MODULES: Final = frozenset({"msgspec"})
"""What `penstock.handlers` imports when it is imported."""

TOOLKIT_LATER: Final = {
    "Powertools": frozenset({"aws_lambda_powertools"}),
    "plan_row_groups": frozenset({"pyarrow"}),
    "read_row_groups": frozenset({"pyarrow"}),
}
"""What the toolkit imports only for those who use these names of it."""

_PRIVATE_KEY: Final = re.compile(rb"\s*-----BEGIN [A-Z ]*PRIVATE KEY-----")

_LEFT_OUT = {"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What one function needs.

    Args:
        files: the project's own, contents by their names in the archive.
        modules: top-level modules of others -> the file that imports them first.
    """

    files: dict[str, bytes]
    modules: dict[str, str]


def needs_of(function: Function, root: Path) -> Needs:
    """Follow the imports of the function's handler.

    Args:
        root: the project's folder.

    Raises:
        DeclarationError: a file cannot be parsed, imports a part of penstock that is not on Lambda, or holds a
            private key.
        TargetError: a file cannot be read.
    """
    setting = handler_setting(function)
    modules = dict.fromkeys(sorted(TOOLKIT_MODULES), TOOLKIT)
    tops: set[str] = set()
    seen: set[str] = set()
    waiting = [(_module_of(setting, root), str(function.declared_at))]
    while waiting:
        name, at = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        top = name.partition(".")[0]
        if top == TOOLKIT:
            for module in _of_toolkit(name, at):
                modules.setdefault(module, at)
        elif _in_project(top, root):
            tops.add(top)
            for file in _sources(name, root):
                place = file.relative_to(root).as_posix()
                waiting += [(found, place) for found in sorted(_imports(file, place))]
        elif top not in sys.stdlib_module_names:
            modules.setdefault(top, at)
    files = {path.relative_to(root).as_posix(): _read(path) for top in tops for path in _files(root, top)}
    _refuse_private_keys(files)
    return Needs(files=files, modules=modules)


def _module_of(setting: str, root: Path) -> str:
    """The module of Lambda's handler setting; its attribute may have dots of its own."""
    module = setting.rpartition(".")[0]
    while "." in module and _in_project(module.partition(".")[0], root) and not _file(module, root):
        module = module.rpartition(".")[0]
    return module


def _of_toolkit(name: str, at: str) -> Iterator[str]:
    """The modules that a name of the toolkit's brings along."""
    path = name.replace(".", "/")
    files = toolkit_files()
    inside = f"{path}.py" in files or f"{path}/__init__.py" in files
    parent, _, last = path.rpartition("/")
    inside = inside or f"{parent}.py" in files or f"{parent}/__init__.py" in files
    if not inside or (parent == TOOLKIT and last not in ("handlers", "errors", "__version__")):
        raise DeclarationError(
            f'a handler imports "{name}", which does not go to Lambda',
            at=at,
            fix="import only penstock.handlers and penstock.errors where handlers are",
        )
    yield from TOOLKIT_LATER.get(last, ())


def _in_project(top: str, root: Path) -> bool:
    """Whether it is a module or a package of the project's, which may be a namespace package.

    A folder that has modules only further down, and bears the name of an installed package, is none: Python would
    import that package (PEP 420, "Specification").
    """
    if (root / f"{top}.py").is_file() or any(path.suffix == ".py" for path in (root / top).glob("*")):
        return True
    return any(path.suffix == ".py" for path in _files(root, top)) and top not in installed_modules()


@cache
def installed_modules() -> Mapping[str, list[str]]:
    """The top-level modules that are installed here, and which distributions have them."""
    return metadata.packages_distributions()


def _file(name: str, root: Path) -> Path | None:
    path = root.joinpath(*name.split("."))
    for file in (path.with_name(f"{path.name}.py"), path / "__init__.py"):
        if file.is_file():
            return file
    return None


def _sources(name: str, root: Path) -> Iterator[Path]:
    """The files that importing `name` runs: the module's and those of the packages that hold it."""
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        file = _file(".".join(parts[:count]), root)
        if file is not None:
            yield file


def _imports(file: Path, place: str) -> set[str]:
    """The names that a file imports; `from a import b` is `a.b`, which may be a module or not."""
    try:
        tree = ast.parse(_read(file), filename=place)
    except SyntaxError as error:
        raise DeclarationError(
            f"this file is not Python: {error.msg}", at=f"{place}:{error.lineno}"
        ) from error
    package = Path(place).parent.parts
    return set(_of_block(tree.body, package))


def _of_block(nodes: list[ast.stmt], package: tuple[str, ...]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" if alias.name != "*" else module for alias in node.names)
        elif isinstance(node, ast.If) and _is_type_checking(node.test):
            yield from _of_block(node.orelse, package)
        elif isinstance(node, ast.Try) and any(map(_expects_import_error, node.handlers)):
            yield from _of_block([*node.orelse, *node.finalbody], package)
        else:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.stmt):
                    yield from _of_block([child], package)
                elif isinstance(child, ast.ExceptHandler | ast.match_case):
                    yield from _of_block(child.body, package)


def _is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def _expects_import_error(handler: ast.ExceptHandler) -> bool:
    names = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(
        isinstance(one, ast.Name) and one.id in ("ImportError", "ModuleNotFoundError") for one in names
    )


def _files(root: Path, top: str) -> Iterator[Path]:
    if (root / f"{top}.py").is_file():
        yield root / f"{top}.py"
    if (root / top).is_dir():
        yield from _inside(root / top, frozenset())


def _inside(folder: Path, above: frozenset[Path]) -> Iterator[Path]:
    """The files of a folder and of those in it, links among them, but for one that leads back to a folder `above`."""
    actual = folder.resolve()
    if folder.name in _LEFT_OUT or folder.name[0] == "." or actual in above:
        return
    for path in folder.iterdir():
        if path.is_dir():
            yield from _inside(path, above | {actual})
        elif path.is_file() and path.name[0] != "." and path.suffix not in (".env", ".pyc", ".pyi"):
            yield path


def _refuse_private_keys(files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        if _PRIVATE_KEY.match(content):
            raise DeclarationError(
                "this file is a private key, and would be in the package",
                at=name,
                fix="keep it in Secrets Manager or SSM and let the handler read it there; take the file away",
            )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TargetError(
            f"a file of the function cannot be read: {error.strerror or error}",
            at=str(path),
            fix="make it readable, or take it out of the folder",
        ) from error
