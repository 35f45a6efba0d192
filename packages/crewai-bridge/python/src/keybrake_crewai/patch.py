"""Replacing a method of somebody else's class, once."""

from __future__ import annotations

import functools
from typing import Any, Callable

_MARK = "__keybrake__"


def replace_method(owner: Any, name: str, wrap: Callable[[Any], Any]) -> None:
    """Puts `wrap(method)` in a method's place, unless it is there already."""
    original = owner.__dict__[name]
    if getattr(original, _MARK, False):
        return
    replacement = functools.wraps(original)(wrap(original))
    setattr(replacement, _MARK, True)
    setattr(owner, name, replacement)


def unreplaced(method: Any) -> Any:
    """The method that stood there before `replace_method`."""
    while getattr(method, _MARK, False):
        method = method.__wrapped__
    return method
