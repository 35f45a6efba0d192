"""What can be set for the whole process."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class _Settings:
    wait_seconds_max: float = 30.0


settings = _Settings()


def configure(*, wait_seconds_max: float | None = None) -> None:
    """Sets how long one call may wait in all for a request-rate limit to pass, in seconds; 30 unless set."""
    if wait_seconds_max is not None:
        if not 0 <= wait_seconds_max <= 3600:
            raise ValueError("wait_seconds_max must be between 0 and 3600")
        settings.wait_seconds_max = wait_seconds_max
