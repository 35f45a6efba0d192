"""Who is acting: the agent on whose behalf the current code runs, in this thread or task."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from .errors import ConfigurationError
from .names import is_agent_id

AGENT_VARIABLE = "KEYBRAKE_AGENT_ID"


@dataclass(frozen=True)
class Actor:
    """An agent: its id, or None when its role gives none, and what people call it."""

    agent_id: str | None
    role: str


# The owner of the tool that runs, or whom `acting_as` names.
acting: ContextVar[Actor | None] = ContextVar("keybrake_acting", default=None)
# Whom CrewAI's hook names before a tool that is not wrapped.
hooked: ContextVar[Actor | None] = ContextVar("keybrake_hooked", default=None)
# Whose task CrewAI executes.
running: ContextVar[Actor | None] = ContextVar("keybrake_running", default=None)


def current_actor() -> Actor | None:
    """The agent that acts here, the nearest claim first; None when nobody is known to."""
    return acting.get() or hooked.get() or running.get()


def process_agent_id() -> str | None:
    """The agent that the whole process is, by KEYBRAKE_AGENT_ID."""
    text = os.environ.get(AGENT_VARIABLE, "").strip()
    if text == "":
        return None
    if not is_agent_id(text):
        raise ConfigurationError(
            f"{AGENT_VARIABLE} is no agent id; use 1 to 128 letters, digits, `.`, `_`, `:` or `-`, starting with a letter or digit"
        )
    return text


@contextmanager
def acting_as(agent_id: str) -> Iterator[None]:
    """Makes the vendors' SDKs act as one agent inside the block, where no crew says who acts."""
    if not is_agent_id(agent_id):
        raise ConfigurationError(f"`{agent_id}` is no agent id")
    token = acting.set(Actor(agent_id, agent_id))
    try:
        yield
    finally:
        acting.reset(token)
