"""What this package raises. An error of a vendor's SDK stays one: a refusal is both, so either `except` catches it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Mapping

from .refusal import Refusal


class KeybrakeError(Exception):
    """Base of everything that this package raises by itself."""


class ConfigurationError(KeybrakeError):
    """Something is set in a way that cannot be used. The call was not made."""


class OutcomeUnknown(KeybrakeError):
    """An earlier execution of the same call may have taken effect, so it is not made again."""


class Refused(KeybrakeError):
    """Keybrake refused a call. Nothing happened at the vendor."""

    refusal: Refusal
    code: str
    vendor: str
    agent_id: str | None

    def __init__(self, refusal: Refusal, vendor: str, agent_id: str | None) -> None:
        super().__init__(refusal.message)
        self.describe(refusal, vendor, agent_id)

    def describe(self, refusal: Refusal, vendor: str, agent_id: str | None) -> None:
        """Sets what the refusal says; for classes that are an SDK's error as well and have its constructor."""
        self.refusal = refusal
        self.code = refusal.code
        self.vendor = vendor
        self.agent_id = agent_id

    @property
    def call_id(self) -> str | None:
        """The id of the audit row."""
        return self.refusal.call_id

    @property
    def retry_at(self) -> datetime | None:
        """When the same call may pass; None when waiting does not help."""
        return self.refusal.retry_at

    @property
    def limit(self) -> Mapping[str, Any] | None:
        """The exhausted limit: `scope`, `window`, `unit`, `limit`, `used`, `requested`. Twilio's answers have none."""
        return self.refusal.limit


class CapBreach(Refused):
    """A cap is used up, or the key is no longer valid: further calls are answered here, without the network."""
