"""Doing something to a module right after it has been imported, whenever that is."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

Action = Callable[[ModuleType], None]


class _Watcher(MetaPathFinder):
    """Finds a watched module by means of the other finders, and adds the actions to its execution."""

    def __init__(self) -> None:
        self._actions: dict[str, list[Action]] = {}
        self._searching = threading.local()

    def add(self, name: str, action: Action) -> None:
        self._actions.setdefault(name, []).append(action)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in self._actions or getattr(self._searching, "name", None) == fullname:
            return None
        self._searching.name = fullname
        try:
            spec = self._find(fullname, path, target)
        finally:
            self._searching.name = None
        if spec is not None and spec.loader is not None:
            self._extend(spec.loader, fullname)
        return spec

    def _find(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None) -> ModuleSpec | None:
        for finder in sys.meta_path:
            found = None if finder is self else finder.find_spec(fullname, path, target)
            if found is not None:
                return found
        return None

    def _extend(self, loader: Any, fullname: str) -> None:
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            for action in self._actions.pop(fullname, []):
                action(module)

        # On the instance, so that the loader remains what it is for everybody else.
        loader.exec_module = exec_module


_watcher = _Watcher()


def when_imported(name: str, action: Action) -> None:
    """Calls `action` with the module: now if it is there, else right after its import, before its importer goes on."""
    module = sys.modules.get(name)
    if module is not None:
        action(module)
        return
    _watcher.add(name, action)
    if _watcher not in sys.meta_path:
        sys.meta_path.insert(0, _watcher)
