"""Which vault key a call goes out with. There is never a guess: no key of the right agent, no call."""

from __future__ import annotations

import os
import re
import threading

from .errors import ConfigurationError
from .identity import Actor, process_agent_id
from .names import key_variables

_VAULT_KEY = re.compile(r"vault_[a-z0-9_]{1,40}_[0-9A-Za-z]{38}")
# What `keybrake run` sets where code looks for one key for all agents. It opens nothing.
PLACEHOLDER_KEY = "vault_set_by_keybrake_run"
# Whose keys serve every agent that has none of its own, if an operator sets them.
DEFAULT_AGENT_ID = "default"


class _Kickoffs:
    """Counts the crews that run in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.count = 0

    def add(self, change: int) -> None:
        with self._lock:
            self.count += change


running_crews = _Kickoffs()


def is_vault_key(text: str | None) -> bool:
    """Says whether a text looks like a vault key."""
    return text is not None and _VAULT_KEY.fullmatch(text) is not None


def require_vault_key(text: str, source: str) -> str:
    """Gives a vault key back. Refuses anything else without repeating it: it may be a real secret."""
    if not is_vault_key(text):
        raise ConfigurationError(
            f"{source} holds no vault key (`vault_...`): real secrets stay with the proxy; "
            "make a key with `keybrake keys create`"
        )
    return text


def find_agent_key(agent_id: str, vendor: str) -> str | None:
    """Reads the key of an agent for a vendor from the environment; None when it has none."""
    for variable in key_variables(agent_id, vendor):
        text = os.environ.get(variable)
        if text is not None and text != "":
            return require_vault_key(text, variable)
    return None


def choose_key(vendor: str, actor: Actor | None, own: str | None) -> str:
    """
    Chooses the key for a call: the acting agent's, else the default agent's. `own` is what the calling code has set; it counts
    only where no crew runs and nobody is known to act. Raises when that leaves none.
    """
    if actor is not None:
        return _key_of(vendor, actor)
    process_agent = process_agent_id()
    for agent_id in (process_agent, DEFAULT_AGENT_ID):
        found = None if agent_id is None else find_agent_key(agent_id, vendor)
        if found is not None:
            return found
    if running_crews.count > 0:
        raise ConfigurationError(
            f"nobody knows which agent makes this {vendor} call, so no key is used: start threads with "
            "`contextvars.copy_context().run`, or name the agent with `keybrake_crewai.acting_as`"
        )
    if own is not None:
        return require_vault_key(own, f"the {vendor} SDK's key")
    raise ConfigurationError(f"no vault key for {vendor}: set one, or {key_variables(DEFAULT_AGENT_ID, vendor)[1]}")


def has_key(vendor: str, actor: Actor | None) -> bool:
    """Says whether an agent, or the default agent, has a key for the vendor."""
    agent_ids = [actor.agent_id if actor is not None else process_agent_id(), DEFAULT_AGENT_ID]
    return any(agent_id is not None and find_agent_key(agent_id, vendor) is not None for agent_id in agent_ids)


def _key_of(vendor: str, actor: Actor) -> str:
    found = None if actor.agent_id is None else find_agent_key(actor.agent_id, vendor)
    found = found or find_agent_key(DEFAULT_AGENT_ID, vendor)
    if found is not None:
        return found
    if actor.agent_id is None:
        raise ConfigurationError(
            f"the role `{actor.role}` gives no agent id; name the agent: `guard(crew, ids={{role: agent_id}})`"
        )
    names = " or ".join(key_variables(actor.agent_id, vendor))
    raise ConfigurationError(f"no vault key of agent `{actor.agent_id}` for {vendor}: set {names}")
