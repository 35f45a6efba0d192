"""How agents are called: ids from roles, and the variables that hold their vault keys."""

from __future__ import annotations

import re

_AGENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


def is_agent_id(text: str) -> bool:
    """Says whether a text can be an agent's id: 1 to 128 letters, digits, `.`, `_`, `:` or `-`, no sign in front."""
    return _AGENT_ID.fullmatch(text) is not None


def slug_role(role: str) -> str | None:
    """Makes an agent's id from its role (`Billing Agent` -> `billing_agent`); None when nothing of it can be one, or too much."""
    slug = re.sub(r"[^a-z0-9]+", "_", role.lower()).strip("_")
    return slug if is_agent_id(slug) else None


def variable_stem(agent_id: str) -> str:
    """Gives the first part of the variables of an agent's keys: `billing_agent` -> `BILLING`."""
    stem = re.sub(r"[^A-Z0-9]", "_", agent_id.upper())
    stem = re.sub(r"(?<=.)_AGENT$", "", stem)
    return re.sub(r"^(?=[0-9])", "_", stem)


def key_variables(agent_id: str, vendor: str) -> tuple[str, str]:
    """Gives the variables that may hold an agent's key for a vendor, the first one counts."""
    stem = variable_stem(agent_id)
    return f"{stem}_{vendor.upper()}_VAULT_KEY", f"{stem}_VAULT_KEY"
