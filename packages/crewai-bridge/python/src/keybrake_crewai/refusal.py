"""Understanding the answers by which Keybrake refuses a call, in each vendor's own shape."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Literal, Mapping

Kind = Literal["until_retry_at", "for_good", "this_call", "briefly", "fault"]

_KINDS: dict[Kind, frozenset[str]] = {
    "until_retry_at": frozenset(
        {"daily_cap_exceeded", "monthly_cap_exceeded", "daily_call_cap_exceeded", "monthly_request_limit"}
    ),
    "for_good": frozenset({"total_cap_exceeded", "total_call_cap_exceeded", "vault_key_revoked", "vault_key_expired"}),
    "briefly": frozenset({"rate_limited", "idempotency_in_flight", "request_timeout"}),
    "fault": frozenset(
        {
            "history_lost",
            "ledger_unavailable",
            "overloaded",
            "vendor_unreachable",
            "vendor_timeout",
            "vendor_answer_withheld",
            "internal",
        }
    ),
}
_TWILIO_MESSAGE = re.compile(r"keybrake ([a-z_]{1,60}): (.*)", re.DOTALL)


@dataclass(frozen=True)
class Refusal:
    """What Keybrake answered in place of the vendor."""

    code: str
    kind: Kind
    message: str
    status: int
    call_id: str | None
    retry_at: datetime | None
    retry_after_seconds: float | None
    limit: Mapping[str, Any] | None


def kind_of(code: str) -> Kind:
    """Says what a code means for further calls. One that this version does not know concerns the call alone."""
    return next((kind for kind, codes in _KINDS.items() if code in codes), "this_call")


def read_refusal(vendor: str, status: int, headers: Mapping[str, str], body: bytes) -> Refusal | None:
    """Reads an answer; None when it is the vendor's own. Header names are lower-case."""
    if status < 400 or "keybrake-call-id" not in headers:
        return None
    try:
        value = json.loads(body)
    except ValueError:
        return None
    found = _READERS[vendor](value) if isinstance(value, dict) else None
    if found is None:
        return None
    code, message, details = found
    kind = kind_of(code)
    seconds = _read_seconds(headers.get("retry-after"))
    return Refusal(
        code=code,
        kind=kind,
        message=message,
        status=status,
        call_id=headers["keybrake-call-id"],
        retry_at=_read_retry_at(details.get("retry_at"), kind, seconds),
        retry_after_seconds=seconds,
        limit=details["limit"] if isinstance(details.get("limit"), dict) else None,
    )


_Found = tuple[str, str, Mapping[str, Any]]


def _read_stripe(value: Mapping[str, Any]) -> _Found | None:
    error = value.get("error")
    details = error.get("keybrake") if isinstance(error, dict) else None
    if not isinstance(error, dict) or not isinstance(details, dict):
        return None
    return str(error.get("code")), str(error.get("message", "")).removeprefix("keybrake: "), details


def _read_twilio(value: Mapping[str, Any]) -> _Found | None:
    match = _TWILIO_MESSAGE.fullmatch(str(value.get("message", "")))
    return None if match is None else (match[1], match[2], {})


def _read_resend(value: Mapping[str, Any]) -> _Found | None:
    details = value.get("keybrake")
    if not isinstance(details, dict):
        return None
    code = str(details.get("code"))
    return code, str(value.get("message", "")).removeprefix(f"{code}: "), details


_READERS = {"stripe": _read_stripe, "twilio": _read_twilio, "resend": _read_resend}


def _read_seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isdecimal() else None


def _read_retry_at(text: object, kind: Kind, seconds: float | None) -> datetime | None:
    if isinstance(text, str):
        try:
            # Python 3.10 does not read the `Z`.
            return datetime.fromisoformat(text.removesuffix("Z") + "+00:00" if text.endswith("Z") else text)
        except ValueError:
            pass
    if kind != "until_retry_at" or seconds is None:
        return None
    return datetime.now(timezone.utc) + timedelta(seconds=seconds)
