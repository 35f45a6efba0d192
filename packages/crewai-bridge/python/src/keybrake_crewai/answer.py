"""What came back for a request, whichever SDK made it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping


@dataclass(frozen=True)
class Answer:
    """An answer: header names are lower-case; `native` is what the SDK's own HTTP client gave."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    native: Any


def lower_names(headers: Mapping[str, Any]) -> dict[str, str]:
    """The headers with lower-case names."""
    return {str(name).lower(): str(value) for name, value in headers.items()}
