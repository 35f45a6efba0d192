"""The one line after a crew is built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .agent_names import actor_of, note_ids, note_name, refuse_collisions, role_of, watch_projects
from .crew_runtime import install_crew_runtime, watch_agent_class
from .sdk_hooks import install_sdk_hooks

if TYPE_CHECKING:
    from crewai import Crew

    from .guarded_tool import GuardedTool
    from .identity import Actor

watch_projects()


def guard(crew: Any, ids: Any = None) -> Crew:
    """
    Makes every tool of a crew act for the agent that owns it: with that agent's vault keys, booked on it and on the current run.
    Takes a Crew, or the instance of a `@CrewBase` class, and gives the Crew back; an Agent that works without a crew, too. `ids`
    names agents otherwise than by their key in agents.yaml or their role: a mapping from roles to agent ids, or the `@CrewBase`
    instance. Calling it again changes nothing.
    """
    built = crew
    if hasattr(crew, "agents_config"):
        ids = crew if ids is None else ids
        built = crew.crew()
    install_sdk_hooks()
    install_crew_runtime()
    agents = _agents_of(built)
    note_ids(agents, ids)
    for agent in agents:
        watch_agent_class(type(agent))
        _guard_agent(agent)
    for task in getattr(built, "tasks", ()):
        if task.tools:
            owner = None if task.agent is None else actor_of(task.agent)
            task.tools = [_guard_tool(tool, owner) for tool in task.tools]
    refuse_collisions(agents)
    guarded: Crew = built
    return guarded


def _agents_of(crew: Any) -> list[Any]:
    if not hasattr(crew, "agents"):
        return [crew]
    agents: list[Any] = []
    for agent in [*crew.agents, *(task.agent for task in crew.tasks), crew.manager_agent]:
        if agent is not None and not any(agent is known for known in agents):
            agents.append(agent)
    return agents


def _guard_agent(agent: Any) -> None:
    from .guarded_tool import GuardedTool

    for tool in agent.tools or []:
        # A copy of an agent, as for each item of `kickoff_for_each`, has its tools and so its name.
        if isinstance(tool, GuardedTool) and tool.actor is not None and tool.actor.role == role_of(agent):
            if tool.actor.agent_id is not None:
                note_name(agent, tool.actor.agent_id)
            break
    if agent.tools:
        actor = actor_of(agent)
        agent.tools = [_guard_tool(tool, actor) for tool in agent.tools]


def _guard_tool(tool: Any, owner: Actor | None) -> GuardedTool:
    """One tool may serve several agents, so each gets its own guard around it."""
    from crewai.tools import BaseTool

    from .guarded_tool import GuardedTool

    if isinstance(tool, GuardedTool):
        if owner is None or tool.actor == owner:
            return tool
        tool = tool.inner
    if not isinstance(tool, BaseTool) or type(tool).__module__.startswith("crewai.tools.agent_tools"):
        return tool  # type: ignore[no-any-return]
    return GuardedTool(tool, owner)
