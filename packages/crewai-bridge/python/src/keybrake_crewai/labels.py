"""Writing the agent and the run into requests, where a vendor keeps such labels. What the caller has set stays."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qsl, quote

from .stripe_metadata import takes_metadata

_METADATA_KEYS_MAX = 50
_TAG_LENGTH_MAX = 256
_RESEND_PATHS = frozenset({"/emails", "/emails/batch"})


def collect(agent_id: str | None, run_id: str | None) -> dict[str, str]:
    """The labels that are known."""
    labels = {"agent_id": agent_id, "crew_run_id": run_id}
    return {name: value for name, value in labels.items() if value is not None}


def label_stripe(path: str, body: str, is_json: bool, labels: dict[str, str]) -> str:
    """Appends metadata to the body of a POST, if the endpoint takes any."""
    if not takes_metadata(path):
        return body
    return _label_json(body, labels) if is_json else _label_form(body, labels)


def _label_form(body: str, labels: dict[str, str]) -> str:
    names = [name for name, _ in parse_qsl(body, keep_blank_values=True)]
    # `metadata=` removes all metadata; a label beside it would make the body mean something else.
    if "metadata" in names:
        return body
    missing = {name: value for name, value in labels.items() if f"metadata[{name}]" not in names}
    if sum(name.startswith("metadata[") for name in names) + len(missing) > _METADATA_KEYS_MAX:
        return body
    return "&".join(filter(None, [body, *(f"metadata[{name}]={quote(value, safe='')}" for name, value in missing.items())]))


def _label_json(body: str, labels: dict[str, str]) -> str:
    value = json.loads(body) if body else {}
    if not isinstance(value, dict) or not isinstance(value.get("metadata", {}), dict):
        return body
    metadata = {**labels, **value.get("metadata", {})}
    return body if len(metadata) > _METADATA_KEYS_MAX else json.dumps({**value, "metadata": metadata})


def label_resend(path: str, body: Any, labels: dict[str, str]) -> Any:
    """Appends tags to a mail, or to each of a batch."""
    if path not in _RESEND_PATHS:
        return body
    if isinstance(body, list):
        return [_label_mail(mail, labels) for mail in body]
    return _label_mail(body, labels)


def _label_mail(mail: Any, labels: dict[str, str]) -> Any:
    tags = mail.get("tags") if isinstance(mail, dict) else None
    if not isinstance(mail, dict) or not isinstance(tags or [], list):
        return mail
    present = {tag.get("name") for tag in tags or [] if isinstance(tag, dict)}
    missing = [
        {"name": name, "value": re.sub(r"[^A-Za-z0-9_-]", "_", value)[:_TAG_LENGTH_MAX]}
        for name, value in labels.items()
        if name not in present
    ]
    return {**mail, "tags": [*(tags or []), *missing]} if missing else mail
