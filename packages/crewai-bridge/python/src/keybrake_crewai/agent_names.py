"""
What the agents of a crew are called. Best is the name that the project itself gives an agent: its key in agents.yaml, or the name
of its file in a JSON project; CrewAI keeps neither on the agent, so they are noted as the agents are made. Else it is the role.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from .errors import ConfigurationError
from .identity import Actor
from .import_hook import when_imported
from .names import is_agent_id, slug_role, variable_stem
from .patch import replace_method

# By identity, because agents compare by value and cannot be hashed.
_noted: dict[int, tuple[weakref.ref[Any], str]] = {}


def note_name(agent: Any, name: str) -> None:
    """Notes what an agent is called, or as much of it as can be an id, for as long as the agent lives."""
    agent_id = name if is_agent_id(name) else slug_role(name)
    identity = id(agent)
    if agent_id is not None:
        _noted[identity] = (weakref.ref(agent, lambda _: _noted.pop(identity, None)), agent_id)


def role_of(agent: Any) -> str:
    """An agent's role as its author wrote it, before any inputs were put in."""
    return str(getattr(agent, "_original_role", None) or getattr(agent, "role", "")).strip()


def actor_of(agent: Any) -> Actor:
    """The agent as the rest of this package knows it."""
    reference, name = _noted.get(id(agent), (None, None))
    role = role_of(agent)
    return Actor(name if reference is not None and reference() is agent else slug_role(role), role)


def note_ids(agents: list[Any], ids: Any) -> None:
    """Notes the names that a caller gives: by role, or by the `@CrewBase` instance that has made the agents."""
    if ids is None:
        return
    if isinstance(ids, Mapping):
        _note_by_role(agents, ids)
    elif hasattr(ids, "agents_config"):
        for name in ids.agents_config or {}:
            method = getattr(ids, name, None)
            if callable(method):
                note_name(method(), name)
        for agent in agents:
            if id(agent) not in _noted:
                _note_by_config(agent, ids.agents_config or {})
    else:
        raise ConfigurationError("`ids` must be a mapping from roles to agent ids, or a @CrewBase instance")


def refuse_collisions(agents: list[Any]) -> None:
    """Two agents whose keys would stand in the same variable would act with each other's."""
    owners: dict[str, str] = {}
    for agent in agents:
        agent_id = actor_of(agent).agent_id
        if agent_id is None:
            continue
        other = owners.setdefault(variable_stem(agent_id), agent_id)
        if other != agent_id:
            raise ConfigurationError(
                f"agents `{other}` and `{agent_id}` would share the variable {variable_stem(agent_id)}_VAULT_KEY; rename one"
            )


def watch_projects() -> None:
    """Notes the names of agents that CrewAI makes from projects from here on."""
    when_imported("crewai.project.wrappers", _watch_methods)
    when_imported("crewai.project.crew_loader", _watch_loader)


def _note_by_role(agents: list[Any], ids: Mapping[str, str]) -> None:
    by_role = {role.strip(): name for role, name in ids.items()}
    for name in by_role.values():
        if not is_agent_id(name):
            raise ConfigurationError(f"`{name}` is no agent id; use letters, digits, `.`, `_`, `:` and `-`")
    known = {role_of(agent) for agent in agents}
    unknown = [role for role in by_role if role not in known]
    if unknown:
        raise ConfigurationError(f"no agent of the crew has the role `{unknown[0]}`; its roles are {sorted(known)}")
    for agent in agents:
        if role_of(agent) in by_role:
            note_name(agent, by_role[role_of(agent)])


def _note_by_config(agent: Any, config: Mapping[str, Any]) -> None:
    for name, values in config.items():
        if isinstance(values, Mapping) and str(values.get("role", "")).strip() == role_of(agent):
            note_name(agent, name)


def _watch_methods(module: ModuleType) -> None:
    """Agents of a `@CrewBase` class are made by methods, which are usually called like the key in agents.yaml."""
    base = getattr(module, "DecoratedMethod", None)
    methods = getattr(module, "AgentMethod", None)
    if base is None or methods is None:
        return

    def wrap(original: Any) -> Any:
        def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
            agent = original(self, *args, **kwargs)
            config = getattr(args[0] if args else None, "agents_config", None) or {}
            name = str(getattr(self, "__name__", ""))
            if hasattr(agent, "role"):
                if name not in config:
                    _note_by_config(agent, config)
                if id(agent) not in _noted:
                    note_name(agent, name)
            return agent

        return __call__

    methods.__call__ = base.__call__
    replace_method(methods, "__call__", wrap)


def _watch_loader(module: ModuleType) -> None:
    if not hasattr(module, "_load_crew_project"):
        return

    def wrap(original: Any) -> Any:
        def _load_crew_project(project: Any, *args: Any, **kwargs: Any) -> Any:
            loaded = original(project, *args, **kwargs)
            crew = loaded[0]
            for name, agent in zip(project.agent_names, crew.agents, strict=False):
                note_name(agent, name)
            manager = project.definition.get("manager_agent")
            if isinstance(manager, str) and crew.manager_agent is not None:
                note_name(crew.manager_agent, manager)
            return loaded

        return _load_crew_project

    replace_method(module, "_load_crew_project", wrap)
