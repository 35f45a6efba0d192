"""Remembers which keys are refused until when, so that a used-up cap is asked for once."""

from __future__ import annotations

import hashlib
import math
import threading
import time
from dataclasses import dataclass

from .answer import Answer
from .refusal import Refusal

_KEYS_MAX = 4096
# These concern the key itself. A used-up cap leaves what costs nothing allowed: an agent may still read what it has done.
STOPS_READS = frozenset({"vault_key_revoked", "vault_key_expired", "monthly_request_limit"})


@dataclass(frozen=True)
class _Open:
    refusal: Refusal
    answer: Answer
    until: float


class Breaker:
    """By vault key, so that a new key is free at once. Waits are counted here from the seconds that the proxy states."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[bytes, _Open] = {}

    def note(self, key: str, refusal: Refusal, answer: Answer) -> None:
        """Remembers a refusal that holds for further calls; any other is left alone."""
        if refusal.kind == "for_good":
            until = math.inf
        elif refusal.kind == "until_retry_at":
            until = time.monotonic() + _seconds_of(refusal)
        else:
            return
        with self._lock:
            if len(self._open) >= _KEYS_MAX:
                self._open.pop(next(iter(self._open)))
            self._open[_digest(key)] = _Open(refusal, answer, until)

    def find(self, key: str, method: str) -> tuple[Refusal, Answer] | None:
        """The refusal that still holds for a call with this key, and the answer that stated it."""
        digest = _digest(key)
        with self._lock:
            found = self._open.get(digest)
            if found is not None and found.until <= time.monotonic():
                del self._open[digest]
                found = None
        if found is None or (method in ("GET", "HEAD") and found.refusal.code not in STOPS_READS):
            return None
        return found.refusal, found.answer

    def forget(self) -> None:
        """Lets every key ask again."""
        with self._lock:
            self._open.clear()


breaker = Breaker()


def forget_refusals() -> None:
    """Lets every key ask the proxy again, for when an operator has raised a cap before its time."""
    breaker.forget()


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _seconds_of(refusal: Refusal) -> float:
    if refusal.retry_after_seconds is not None:
        return refusal.retry_after_seconds
    return 0.0 if refusal.retry_at is None else refusal.retry_at.timestamp() - time.time()
