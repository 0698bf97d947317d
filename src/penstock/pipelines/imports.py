"""Importing a project's own modules: its handlers by their setting, its pipelines by their file.

1. A project's folder stands first on `sys.path` while its modules are imported, and stays there, as in
   Lambda's task root.
2. A module that makes boto3 clients when it is imported finds a region, as on Lambda; nothing is looked for on
   the network.
3. What a module prints while it is imported goes to standard error: standard output is the command's.
4. What a user's module raises while it is imported is shown as an error with the module's name; nothing
   is swallowed.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Final, cast

from penstock.errors import DeclarationError, PenstockError
from penstock.handlers.spec import HandlerSpec
from penstock.pipelines.resources import Function, HasSpec

PROJECT_PACKAGES = ("handlers", "pipelines", "statemachines")
"""The folders of a project that are imported from; another project's modules of these names are let go."""

_AS_ON_LAMBDA: Final = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def enter_project(root: Path) -> None:
    """Put `root` first on `sys.path` and forget modules of these names that another project gave."""
    folder = str(root.resolve())
    if sys.path[:1] != [folder]:
        sys.path[:] = [folder, *(entry for entry in sys.path if entry != folder)]
    for name in [name for name in sys.modules if name.partition(".")[0] in PROJECT_PACKAGES]:
        if not _belongs(sys.modules[name], root):
            del sys.modules[name]
    importlib.invalidate_caches()


def _is_entered(name: str, root: Path) -> bool:
    """Whether the module was imported in `root`, which nothing has left since then."""
    folder = str(root.resolve())
    module = sys.modules.get(name)
    if module is None or sys.path[:1] != [folder]:
        return False
    return name.partition(".")[0] not in PROJECT_PACKAGES or _belongs(module, root)


def _belongs(module: ModuleType, root: Path) -> bool:
    places = [*getattr(module, "__path__", ()), getattr(module, "__file__", None)]
    return any(place is not None and Path(place).is_relative_to(root.resolve()) for place in places)


def import_module(name: str, *, root: Path) -> ModuleType:
    """Import a module of the project in `root`.

    Raises:
        PenstockError: as the module itself raised it, for example a DeclarationError.
        DeclarationError: the module is not there, or raised anything else.
    """
    if _is_entered(name, root):
        return sys.modules[name]
    enter_project(root)
    try:
        with _as_on_lambda(), redirect_stdout(sys.stderr):
            return importlib.import_module(name)
    except PenstockError:
        raise
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise DeclarationError(
                f'"{name}" imports "{error.name}", which is not installed',
                at=str(root),
                fix=f"install {error.name}, or mend the import",
            ) from error
        raise DeclarationError(
            f'there is no module "{name}"',
            at=str(root),
            fix=f"it would be {'/'.join(name.split('.'))}.py in that folder",
        ) from error
    except SystemExit as error:
        raise DeclarationError(
            f'"{name}" ends the program while it is imported, with exit code {error.code!r}',
            at=_raised_at(error),
            fix='leave sys.exit(), exit() and argparse out of it, or put them under `if __name__ == "__main__":`',
        ) from error
    except Exception as error:
        raise DeclarationError(
            f'"{name}" cannot be imported: {type(error).__name__}: {error}', at=_raised_at(error)
        ) from error


@contextmanager
def _as_on_lambda() -> Iterator[None]:
    before = {name: os.environ[name] for name in _AS_ON_LAMBDA if name in os.environ}
    os.environ.update(_AS_ON_LAMBDA)
    try:
        yield
    finally:
        for name in _AS_ON_LAMBDA:
            os.environ.pop(name, None)
        os.environ.update(before)


def _raised_at(error: BaseException) -> str:
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}"
    return "" if traceback is None else f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}"


def handler_of(function: Function, root: Path) -> HasSpec | None:
    """The function's decorated handler; None if its setting leads to a plain callable.

    Raises:
        DeclarationError: the setting leads nowhere, or to something that cannot be called.
    """
    if not isinstance(function.handler, str):
        return function.handler
    module_name, _, attribute = function.handler.rpartition(".")
    module = import_module(module_name, root=root)
    handler = getattr(module, attribute, None)
    if not callable(handler):
        raise DeclarationError(
            f'"{module_name}" has nothing called "{attribute}" that can be called',
            at=str(function.declared_at),
            fix="name a decorated handler, or a function of (event, context)",
        )
    return cast("HasSpec", handler) if hasattr(handler, "spec") else None


def spec_of(function: Function, root: Path) -> HandlerSpec | None:
    """What was declared of the function's handler; None for a plain callable, and if it cannot be loaded (PL501)."""
    try:
        handler = handler_of(function, root)
    except PenstockError:
        return None
    return None if handler is None else handler.spec
