"""A tool that belongs to an agent: whatever it calls is called by that agent."""

from __future__ import annotations

import contextvars
import functools
import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from crewai.tools import BaseTool
from crewai.tools.base_tool import Tool
from pydantic import PrivateAttr

from .claims import Work, begin_execution, current_work, end_execution
from .errors import KeybrakeError
from .identity import Actor, acting
from .run import run_id
from .tool_failure import failure_of, is_failure
from .typed_error import find_in_chain

# What the tool inside counts and caches must not be counted or cached a second time outside.
_OWN_FIELDS = frozenset({"cache_function", "max_usage_count", "current_usage_count"})
_usage_lock = threading.Lock()


def _never_cache(_args: Any = None, _result: Any = None) -> bool:
    return False


class GuardedTool(BaseTool):
    """
    Stands in an agent's list for one of its tools. It has that tool's name, arguments and limits, makes its calls the agent's,
    is never answered from CrewAI's cache, and returns a refusal as a result instead of raising it.
    """

    _inner: BaseTool = PrivateAttr()
    _actor: Actor | None = PrivateAttr()

    def __init__(self, inner: BaseTool, actor: Actor | None) -> None:
        fields = {name: getattr(inner, name) for name in BaseTool.model_fields if name not in _OWN_FIELDS}
        super().__init__(**fields, cache_function=_never_cache)
        self._inner = inner
        self._actor = actor

    @property
    def inner(self) -> BaseTool:
        """The tool that does the work."""
        return self._inner

    @property
    def actor(self) -> Actor | None:
        """Whose tool it is; None when it acts for whoever runs it."""
        return self._actor

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)  # type: ignore[misc, unused-ignore]
        except AttributeError:
            private = object.__getattribute__(self, "__pydantic_private__")
            if name.startswith("__") or not private or "_inner" not in private:
                raise
            return getattr(private["_inner"], name)

    def model_dump(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """As the tool inside, so that what CrewAI stores does not depend on this package."""
        dumped: dict[str, Any] = self._inner.model_dump(*args, **kwargs)
        return dumped

    def _generate_description(self) -> None:
        """The tool inside has done so."""

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        execution = _Execution(self._actor)
        result = execution.call(lambda: self._invoke(args, kwargs))
        return execution.complete(result) if inspect.iscoroutine(result) else execution.finish(result)

    async def _arun(self, *args: Any, **kwargs: Any) -> Any:
        execution = _Execution(self._actor)
        return await execution.complete(self._ainvoke(args, kwargs))

    def to_structured_tool(self) -> Any:
        """As CrewAI's own, with a function that is asynchronous if the tool is, and that never loses its context."""
        structured = super().to_structured_tool()
        if _is_async(self._inner):
            structured.func = self._arun_any
        else:
            structured.func = _keep_context(self._run)
        return structured

    async def _arun_any(self, *args: Any, **kwargs: Any) -> Any:
        result = self._run(*args, **kwargs)
        return await result if inspect.iscoroutine(result) else result

    def _invoke(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        # CrewAI has validated the arguments against the schema already, and some schemas take them only once.
        if type(self._inner).run not in (BaseTool.run, Tool.run):
            return self._inner.run(*args, **kwargs)
        limit = _claim_usage(self._inner)
        return self._inner._run(*args, **kwargs) if limit is None else limit

    async def _ainvoke(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        limit = _claim_usage(self._inner)
        return await self._inner._arun(*args, **kwargs) if limit is None else limit


class _Execution:
    """One execution of a tool: sets who acts while it lasts, and turns a refusal into a result at its end."""

    def __init__(self, actor: Actor | None) -> None:
        self._actor = actor
        run = run_id()
        self._work: Work | None = None if run is None else begin_execution(run)

    @contextmanager
    def _entered(self) -> Iterator[None]:
        actor_token = None if self._actor is None else acting.set(self._actor)
        work_token = None if self._work is None else current_work.set(self._work)
        try:
            yield
        finally:
            if work_token is not None:
                current_work.reset(work_token)
            if actor_token is not None:
                acting.reset(actor_token)

    def call(self, function: Callable[[], Any]) -> Any:
        try:
            with self._entered():
                return function()
        except Exception as error:
            return self._fail(error)

    async def complete(self, result: Any) -> Any:
        """Awaits what an asynchronous tool has returned, still as the agent."""
        try:
            with self._entered():
                value = await result
        except Exception as error:
            value = self._fail(error)
        return self.finish(value)

    def finish(self, result: Any) -> Any:
        self._end(is_failure(result))
        return result

    def _fail(self, error: Exception) -> Any:
        refused = find_in_chain(error, KeybrakeError)
        if isinstance(refused, KeybrakeError):
            return failure_of(refused)
        self._end(True)
        raise error

    def _end(self, has_failed: bool) -> None:
        work, self._work = self._work, None
        if work is not None:
            end_execution(work, has_failed)


def _is_async(tool: BaseTool) -> bool:
    return inspect.iscoroutinefunction(getattr(tool, "func", None)) or inspect.iscoroutinefunction(tool._run)


def _claim_usage(tool: BaseTool) -> Any:
    """Counts a use of the tool, or gives what CrewAI answers when all are spent."""
    claim = getattr(tool, "_claim_usage", None)
    if claim is not None:
        return claim()
    with _usage_lock:
        if tool.max_usage_count is not None and tool.current_usage_count >= tool.max_usage_count:
            return f"Tool '{tool.name}' has reached its usage limit of {tool.max_usage_count} times and cannot be used anymore."
        tool.current_usage_count += 1
        return None


def _keep_context(function: Callable[..., Any]) -> Callable[..., Any]:
    """
    CrewAI's former executor runs a synchronous tool of an asynchronous crew in a thread without its context. Structured tools are
    made for each task, within its context, which therefore serves in place of a lost one.
    """
    captured = contextvars.copy_context()

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if current_work.get() is None and captured.get(current_work) is not None:
            return captured.copy().run(function, *args, **kwargs)
        return function(*args, **kwargs)

    return call
