"""Which run a call belongs to."""

from __future__ import annotations

import os
import re
import sys
import uuid
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Callable

from .errors import ConfigurationError

RUN_VARIABLE = "CREW_RUN_ID"
# As the proxy takes runs, and of what fits into a header.
_RUN_ID = re.compile(r"[A-Za-z0-9][\x20-\x7e]{0,199}")
_own: ContextVar[str | None] = ContextVar("keybrake_run", default=None)


def check_run_id(text: str, source: str) -> str:
    """Gives a run id back, or refuses it."""
    if _RUN_ID.fullmatch(text) is None:
        raise ConfigurationError(
            f"{source} is no run id; use 1 to 200 ASCII letters, digits and punctuation, starting with a letter or digit"
        )
    return text


def environment_run_id() -> str | None:
    """The run of the whole process, by CREW_RUN_ID."""
    text = os.environ.get(RUN_VARIABLE, "").strip()
    return None if text == "" else check_run_id(text, RUN_VARIABLE)


def own_run_id() -> str | None:
    """The run that `crew_run` has opened here."""
    return _own.get()


def run_id() -> str | None:
    """
    The id of the current run: the one of `crew_run`, else CrewAI's execution uuid, else CREW_RUN_ID, else the id of the running
    crew; None outside all of them.
    """
    return _own.get() or _from_crewai("crewai.execution", "get_execution_uuid") or environment_run_id() or _crew_id()


class crew_run:  # noqa: N801 - it is used like a function
    """
    A run: `with crew_run() as run_id: crew.kickoff()`, or `async with`. Every call inside is booked on it, in every thread and
    task that CrewAI starts. Without an id it is CREW_RUN_ID's, or a new one. A run id stands for one piece of work: a process
    that starts again under the same id repeats the calls of the first instead of making new ones.
    """

    def __init__(self, run_id: str | None = None) -> None:
        self.run_id = check_run_id(run_id, "run_id") if run_id is not None else environment_run_id() or str(uuid.uuid4())
        self._token: Token[str | None] | None = None
        self._undo: Callable[[], None] | None = None

    def __enter__(self) -> str:
        if self._token is not None:
            raise RuntimeError("this crew_run is open already; make another")
        self._token = _own.set(self.run_id)
        self._undo = _share_with_crewai(self.run_id)
        return self.run_id

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._undo is not None:
            self._undo()
        if self._token is not None:
            _own.reset(self._token)
        self._token = self._undo = None

    async def __aenter__(self) -> str:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)


def _from_crewai(module_name: str, function_name: str) -> Any:
    # Nothing has started a run in a module that is not even loaded.
    function = getattr(sys.modules.get(module_name), function_name, None)
    return None if function is None else function()


def _crew_id() -> str | None:
    if "crewai.crew" not in sys.modules:
        return None
    try:
        from crewai.utilities.crew.crew_context import get_crew_context
    except ImportError:
        return None
    context = get_crew_context()
    identifier = getattr(context, "id", None)
    return None if identifier is None else str(identifier)


def _share_with_crewai(run: str) -> Callable[[], None] | None:
    """Makes CrewAI's own traces carry the same id, from 1.15.16."""
    module = sys.modules.get("crewai.execution")
    if module is None or not hasattr(module, "set_execution_uuid"):
        return None
    token = module.set_execution_uuid(run)
    return lambda: module.clear_execution_uuid(token)
