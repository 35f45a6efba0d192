"""
Following what CrewAI does: which crew runs, whose task is executed and for which time, which decision of the model a tool is called
for. CrewAI tells hooks of tool calls, but not that it executes something again; so its entry points are wrapped.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from .agent_names import actor_of, watch_projects
from .claims import Kickoff, Work, begin_attempt, current_decision, current_kickoff, current_work, end_attempt
from .identity import acting, hooked, running
from .import_hook import when_imported
from .patch import replace_method
from .run import crew_run, environment_run_id, own_run_id, run_id
from .vault_key import running_crews


@dataclass(eq=False)
class _Attempt:
    agent: Any
    task: Any
    times_executed: int
    work: Work | None


class _State:
    guards_all = False
    is_installed = False


_current_attempt: ContextVar[_Attempt | None] = ContextVar("keybrake_attempt", default=None)


def install_crew_runtime(guards_all: bool = False) -> None:
    """Wraps CrewAI's entry points, now or when it is imported. With `guards_all`, every crew is guarded at its kickoff."""
    _State.guards_all = _State.guards_all or guards_all
    if _State.is_installed:
        return
    _State.is_installed = True
    watch_projects()
    when_imported("crewai.crew", _watch_crews)
    # Where Agent is defined, by version.
    for name in ("crewai.agent.core", "crewai.agent"):
        when_imported(name, _watch_agents)


def watch_agent_class(agent_class: type) -> None:
    """Wraps what a class of agents does, wherever that is defined."""
    wraps = {
        "execute_task": _wrap_execute,
        "aexecute_task": _wrap_execute_async,
        "kickoff": _wrap_agent_kickoff,
        "kickoff_async": _wrap_agent_kickoff_async,
        "akickoff": _wrap_agent_kickoff_async,
    }
    for owner in agent_class.__mro__:
        for name, wrap in wraps.items():
            if name in owner.__dict__ and owner.__name__ != "BaseAgent":
                replace_method(owner, name, wrap)


def _watch_crews(module: ModuleType) -> None:
    crew = module.Crew
    for name, wrap in (("kickoff", _wrap_kickoff), ("replay", _wrap_kickoff), ("akickoff", _wrap_kickoff_async)):
        if name in crew.__dict__:
            replace_method(crew, name, wrap)


def _watch_agents(module: ModuleType) -> None:
    if hasattr(module, "Agent"):
        watch_agent_class(module.Agent)


def _wrap_kickoff(original: Any) -> Any:
    def kickoff(self: Any, *args: Any, **kwargs: Any) -> Any:
        with _kickoff(self):
            return original(self, *args, **kwargs)

    return kickoff


def _wrap_kickoff_async(original: Any) -> Any:
    async def akickoff(self: Any, *args: Any, **kwargs: Any) -> Any:
        with _kickoff(self):
            return await original(self, *args, **kwargs)

    return akickoff


def _wrap_execute(original: Any) -> Any:
    def execute_task(self: Any, task: Any, *args: Any, **kwargs: Any) -> Any:
        with _attempt(self, task):
            return original(self, task, *args, **kwargs)

    return execute_task


def _wrap_execute_async(original: Any) -> Any:
    async def aexecute_task(self: Any, task: Any, *args: Any, **kwargs: Any) -> Any:
        with _attempt(self, task):
            return await original(self, task, *args, **kwargs)

    return aexecute_task


def _wrap_agent_kickoff(original: Any) -> Any:
    def kickoff(self: Any, *args: Any, **kwargs: Any) -> Any:
        with _agent_kickoff(self):
            return original(self, *args, **kwargs)

    return kickoff


def _wrap_agent_kickoff_async(original: Any) -> Any:
    async def kickoff_async(self: Any, *args: Any, **kwargs: Any) -> Any:
        with _agent_kickoff(self):
            return await original(self, *args, **kwargs)

    return kickoff_async


@contextmanager
def _agent_kickoff(agent: Any) -> Iterator[None]:
    """An agent that works without a crew."""
    with _kickoff(agent), _entered((running, actor_of(agent)), (acting, None), (hooked, None), (current_decision, None)):
        yield


@contextmanager
def _kickoff(crew: Any) -> Iterator[None]:
    if _State.guards_all:
        from .guard import guard

        guard(crew)
    _register_hooks()
    kickoff = Kickoff()
    token = current_kickoff.set(kickoff)
    running_crews.add(1)
    try:
        with ExitStack() as stack:
            # A launched process is one run, and CrewAI's own traces shall say so, too.
            run = environment_run_id()
            if run is not None and own_run_id() is None and run_id() == run:
                stack.enter_context(crew_run(run))
            yield
    except BaseException:
        kickoff.has_failed = True
        raise
    finally:
        running_crews.add(-1)
        current_kickoff.reset(token)


@contextmanager
def _attempt(agent: Any, task: Any) -> Iterator[None]:
    times = int(getattr(agent, "_times_executed", 0))
    outer = _current_attempt.get()
    if outer is not None and outer.agent is agent and outer.task is task:
        # An agent executes a task again from within its first execution. A subclass that calls its base does not.
        if outer.work is not None and outer.times_executed != times:
            outer.work.restart()
        outer.times_executed = times
        yield
        return
    run = run_id()
    task_id = str(getattr(task, "id", ""))
    work = None if run is None else begin_attempt(run, task_id)
    values: list[tuple[ContextVar[Any], Any]] = [
        (_current_attempt, _Attempt(agent, task, times, work)),
        (running, actor_of(agent)),
        # Whoever acts outside does not act inside.
        (acting, None),
        (hooked, None),
        (current_decision, None),
    ]
    if work is not None:
        values.append((current_work, work))
    has_failed = True
    try:
        with _entered(*values):
            yield
        has_failed = False
    finally:
        if work is not None:
            end_attempt(work, task_id, has_failed)


@contextmanager
def _entered(*values: tuple[ContextVar[Any], Any]) -> Iterator[None]:
    tokens = [(variable, variable.set(value)) for variable, value in values]
    try:
        yield
    finally:
        for variable, token in reversed(tokens):
            variable.reset(token)


def _register_hooks() -> None:
    """CrewAI's hooks can be cleared by anybody, so they are looked for at each kickoff. Versions before 1.5 have none."""
    try:
        from crewai import hooks
    except ImportError:
        return
    if _before not in hooks.get_before_tool_call_hooks():
        hooks.register_before_tool_call_hook(_before)
    if _after not in hooks.get_after_tool_call_hooks():
        hooks.register_after_tool_call_hook(_after)


def _before(context: Any) -> None:
    current_decision.set(object())
    if context.agent is not None:
        hooked.set(actor_of(context.agent))


def _after(_context: Any) -> None:
    current_decision.set(None)
    hooked.set(None)
