"""Hooking into botocore's events: at once if it is imported, otherwise when somebody imports it.

Importing it takes a fifth of the time that a run needs to begin, and a run with workers has need of it in these only.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Final, cast

Hooks = Sequence[tuple[str, Callable[..., object]]]
"""An event's name, as botocore has it, and what is called then."""

_HOOKED: Final = "botocore.handlers"
"""The module with what every session is born with."""


def hook_into_botocore(hooks: Hooks) -> None:
    """Add hooks to every session and client, those that were made before among them."""
    if _HOOKED not in sys.modules:
        sys.meta_path.insert(0, _WaitsForBotocore(hooks))
        return
    _add(hooks, sys.modules[_HOOKED])
    if "botocore.client" in sys.modules:
        _add_to_what_exists(hooks)


class _WaitsForBotocore(MetaPathFinder):
    """Stands before all other finders, and leaves the finding to them."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module as whoever comes next finds it, to be loaded with the hooks."""
        if fullname != _HOOKED:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(fullname, path, target)
            if spec is not None:
                spec.loader = None if spec.loader is None else _HookingLoader(spec.loader, self._hooks)
                return spec
        return None


class _HookingLoader(Loader):
    """Loads the module as another loader does, then adds the hooks."""

    def __init__(self, loader: Loader, hooks: Hooks) -> None:
        self._loader = loader
        self._hooks = hooks

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        _add(self._hooks, module)


def _add(hooks: Hooks, handlers: ModuleType) -> None:
    handlers.BUILTIN_HANDLERS.extend(hooks)


def _add_to_what_exists(hooks: Hooks) -> None:
    from botocore.client import BaseClient
    from botocore.session import Session

    for found in gc.get_objects():
        # `isinstance` would ask a proxy for its `__class__`, and a dead one raises.
        if issubclass(type(found), BaseClient | Session):
            events = found.meta.events if issubclass(type(found), BaseClient) else found
            for name, hook in hooks:
                events.register(name, cast("Callable[..., None]", hook))
