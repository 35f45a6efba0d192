"""Telling CrewAI, and its model, that a call was refused: as a result, because CrewAI runs a tool that raises again and again."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from .errors import ConfigurationError, KeybrakeError, OutcomeUnknown, Refused

_PREFIX = '{"keybrake":'


def failure_of(error: KeybrakeError) -> Any:
    """The result of a tool whose call was refused: a `ToolFailure`, or the same as JSON text before CrewAI 1.15.9."""
    code, message, retryable, details = _describe(error)
    try:
        from crewai.tools.tool_failure import ToolFailure
    except ImportError:
        fields = {"code": code, "message": message, "retryable": retryable, "details": details}
        return json.dumps({"keybrake": fields}, ensure_ascii=False)
    return ToolFailure(message=message, code=code, retryable=retryable, details=details)


def is_failure(result: Any) -> bool:
    """Says whether a tool reports by its result that it has failed."""
    return type(result).__name__ == "ToolFailure" or (isinstance(result, str) and result.startswith(_PREFIX))


def _describe(error: KeybrakeError) -> tuple[str, str, bool, dict[str, Any]]:
    if isinstance(error, Refused):
        return error.code, _message(error), error.refusal.kind == "briefly", _details(error)
    code = "outcome_unknown" if isinstance(error, OutcomeUnknown) else "keybrake_configuration"
    advice = (
        "Do not repeat it; report that its outcome must be looked up."
        if isinstance(error, OutcomeUnknown)
        else "No call was made and none will succeed until a person has changed that. Do not repeat it."
        if isinstance(error, ConfigurationError)
        else "Do not repeat it."
    )
    return code, f"{_sentence(str(error))} {advice}", False, {}


def _message(error: Refused) -> str:
    reason = _sentence(error.refusal.message)
    what = f"{error.vendor} call"
    if error.refusal.kind == "until_retry_at":
        until = f" before {_text_of(error.retry_at)}" if error.retry_at is not None else ""
        return (
            f"Refused: {reason} Do not make this or any other {what} again{until}: it would be refused without being sent. "
            "Finish with what you have, and say what is left undone."
        )
    if error.refusal.kind == "for_good":
        return (
            f"Refused for good: {reason} Do not make this or any other {what} again. "
            "Finish with what you have, and say what is left undone."
        )
    if error.refusal.kind == "briefly":
        return f"Not now: {reason} Nothing has happened. Make other steps first, then try once more."
    return f"Refused: {reason} Nothing has happened. The same call will be refused again, so do not repeat it."


def _details(error: Refused) -> dict[str, Any]:
    limit = error.limit or {}
    details = {
        "retry_at": _text_of(error.retry_at),
        "scope": limit.get("scope"),
        "window": limit.get("window"),
        "cap": limit.get("limit"),
        "spent": limit.get("used"),
        "requested": limit.get("requested"),
        "unit": limit.get("unit"),
        "vendor": error.vendor,
        "agent_id": error.agent_id,
        "call_id": error.call_id,
    }
    return {name: value for name, value in details.items() if value is not None}


def _text_of(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
