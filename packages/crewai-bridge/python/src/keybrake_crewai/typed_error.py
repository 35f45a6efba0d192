"""Errors that are both: a vendor SDK's own, as its callers expect, and a refusal of Keybrake's."""

from __future__ import annotations

from typing import cast

from .errors import CapBreach, Refused
from .refusal import Refusal

# One class for each pair, so that two errors of a kind have the same.
_classes: dict[tuple[str, str, str], type[Exception]] = {}


def make_typed(natural: Exception, refusal: Refusal, vendor: str, agent_id: str | None) -> Refused:
    """Makes a `Refused` of the error that the SDK would raise: an instance of that class as well, with all that it says."""
    base = CapBreach if refusal.kind in ("until_retry_at", "for_good") else Refused
    both = _both(base, type(natural))
    error = cast(Refused, both.__new__(both))
    error.__dict__.update(natural.__dict__)
    error.args = natural.args
    error.describe(refusal, vendor, agent_id)
    return error


def _both(base: type[Refused], sdk_class: type[Exception]) -> type[Exception]:
    name = (base.__name__, sdk_class.__module__, sdk_class.__name__)
    if name not in _classes:
        _classes[name] = type(base.__name__, (base, sdk_class), {"__module__": base.__module__, "__doc__": base.__doc__})
    return _classes[name]


def find_in_chain(error: BaseException | None, wanted: type[Exception]) -> Exception | None:
    """The first error of a class in the chain of causes and contexts."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, wanted):
            return error
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None
