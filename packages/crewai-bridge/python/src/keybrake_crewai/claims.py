"""
Numbers the calls of a run, so that a repetition by CrewAI is told apart from a second call with the same parameters.

CrewAI executes tools more than once: a tool that raises (up to six times for one decision of the model), and every tool of a
task that it tries again. Each call therefore takes a `Claim`, which is part of its idempotency key, and claims go back to whoever
does the same work again:

- a call outside every tool leaves its claim to the next equal one when its outcome is unknown;
- a tool that is executed again for the same decision of the model gets the claims of the execution before, all of them;
- a tool that failed (it raised, or returned a failure) leaves those of its claims that took effect, or may have, to the next call
  with the same parameters in the task; what the vendor refused may be tried anew, under another number;
- a task that is tried again, by the agent's retries or by a guardrail, gets all claims of the attempt before; so does a crew that
  is kicked off again in the same run after it has failed.

A tool that has returned keeps its claims: the next call with the same parameters is another one and gets another number.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal

from .answer import Answer

_RUNS_MAX = 4096
_DECISIONS_MAX = 64

# `open`: on its way. `unsent`: it did not get past the proxy, so its number is unused. `nothing`: the vendor refused it.
Outcome = Literal["open", "done", "nothing", "unknown", "unsent"]


@dataclass(eq=False)
class Claim:
    """One call: its number among the equal ones of its run, and what is known to have come of it."""

    signature: str
    number: int
    outcome: Outcome = "unsent"
    answer: Answer | None = None
    """The vendor's answer, kept where the vendor itself does not recognize a repetition."""
    is_repetition: bool = False
    holder: Work | None = None
    """Set for a call that is made outside every tool, and so has only itself to be repeated by."""


@dataclass(eq=False)
class Kickoff:
    """One kickoff of a crew."""

    has_failed: bool = False


@dataclass
class _Finished:
    kickoff: Kickoff | None
    claims: list[Claim]


class Book:
    """The claims of one run."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.numbers: Counter[str] = Counter()
        self.root = Work(self, None)
        self.finished: dict[str, _Finished] = {}
        self.active = 0


class Work:
    """A stretch of work that CrewAI may do again: an attempt at a task, or an execution of a tool."""

    def __init__(self, book: Book, parent: Work | None, offered: Iterable[Claim] = ()) -> None:
        self.book = book
        self.parent = parent
        self.made: list[Claim] = []
        self.offered: dict[str, deque[Claim]] = {}
        self.decisions: OrderedDict[object, list[Claim]] = OrderedDict()
        self.offer(offered)

    def offer(self, claims: Iterable[Claim]) -> None:
        for claim in claims:
            self.offered.setdefault(claim.signature, deque()).append(claim)

    def take(self, signature: str) -> Claim | None:
        queue = self.offered.get(signature)
        return queue.popleft() if queue else None

    def withdraw(self, claims: list[Claim]) -> None:
        """Takes claims back that this work holds, because their execution starts again."""
        self.made = [claim for claim in self.made if claim not in claims]
        for signature, queue in self.offered.items():
            self.offered[signature] = deque(claim for claim in queue if claim not in claims)

    def rest(self) -> list[Claim]:
        return [claim for queue in self.offered.values() for claim in queue]

    def everything(self) -> list[Claim]:
        return sorted([*self.made, *self.rest()], key=lambda claim: claim.number)

    def restart(self) -> None:
        """Begins the same work again."""
        with self.book.lock:
            claims = self.everything()
            self.made, self.offered, self.decisions = [], {}, OrderedDict()
            self.offer(claims)


@dataclass
class _Books:
    lock: threading.Lock = field(default_factory=threading.Lock)
    by_run: OrderedDict[str, Book] = field(default_factory=OrderedDict)

    def open(self, run: str) -> Book:
        with self.lock:
            book = self.by_run.get(run)
            if book is None:
                book = self.by_run[run] = Book()
            self.by_run.move_to_end(run)
            for name in [name for name, old in self.by_run.items() if old.active == 0][: len(self.by_run) - _RUNS_MAX]:
                del self.by_run[name]
            return book


_books = _Books()
current_work: ContextVar[Work | None] = ContextVar("keybrake_work", default=None)
current_kickoff: ContextVar[Kickoff | None] = ContextVar("keybrake_kickoff", default=None)
# Set by CrewAI's hook before each tool call that the model has decided on; executions of one decision share it.
current_decision: ContextVar[object | None] = ContextVar("keybrake_decision", default=None)


def open_book(run: str) -> Book:
    """The book of a run, of which the last few thousand are kept."""
    return _books.open(run)


def take_claim(run: str, signature: str) -> Claim:
    """Takes the claim for a call that is about to be made."""
    book = open_book(run)
    work = current_work.get()
    if work is None or work.book is not book:
        work = book.root
    with book.lock:
        holder: Work | None = work
        claim = None
        while holder is not None and claim is None:
            claim = holder.take(signature)
            holder = holder.parent
        if claim is None:
            claim = Claim(signature, book.numbers[signature])
            book.numbers[signature] += 1
        else:
            claim.is_repetition = True
        if work is book.root:
            claim.holder = work
        else:
            work.made.append(claim)
        return claim


def settle_claim(claim: Claim, outcome: Outcome) -> None:
    """Writes down what came of a call, or that it is on its way."""
    claim.outcome = outcome
    if claim.holder is not None and outcome in ("unknown", "unsent"):
        with claim.holder.book.lock:
            claim.holder.offer([claim])


def begin_execution(run: str) -> Work:
    """Begins an execution of a tool."""
    book = open_book(run)
    parent = current_work.get()
    if parent is None or parent.book is not book:
        parent = book.root
    decision = current_decision.get()
    with book.lock:
        before = [] if decision is None else parent.decisions.pop(decision, [])
        parent.withdraw(before)
        return Work(book, parent, before)


def end_execution(work: Work, has_failed: bool) -> None:
    """Ends an execution of a tool: what took effect is used up, or left to a repetition when the tool failed."""
    parent = work.parent
    assert parent is not None
    with work.book.lock:
        settled = [claim for claim in work.made if claim.outcome == "done" and not has_failed]
        left = [claim for claim in work.everything() if claim.outcome != "nothing" and claim not in settled]
        if parent is not work.book.root:
            parent.made += settled
        parent.offer(left)
        decision = current_decision.get()
        if decision is not None:
            parent.decisions[decision] = work.everything()
            while len(parent.decisions) > _DECISIONS_MAX:
                parent.decisions.popitem(last=False)


def begin_attempt(run: str, task_id: str) -> Work:
    """Begins the first attempt at a task, or another one after a guardrail or a failed kickoff."""
    book = open_book(run)
    parent = current_work.get()
    kickoff = current_kickoff.get()
    with book.lock:
        book.active += 1
        if parent is not None and parent.book is book:
            return Work(book, parent)
        before = book.finished.pop(task_id, None)
        is_again = before is not None and before.kickoff is not None and (
            before.kickoff is kickoff or before.kickoff.has_failed
        )
        return Work(book, None, before.claims if before is not None and is_again else ())


def end_attempt(work: Work, task_id: str, has_failed: bool) -> None:
    """Ends the last attempt at a task, and leaves its claims to those who may repeat it."""
    with work.book.lock:
        work.book.active -= 1
        if work.parent is None:
            work.book.finished[task_id] = _Finished(current_kickoff.get(), work.everything())
        elif has_failed:
            work.parent.offer(work.everything())
        else:
            work.parent.made += work.made
            work.parent.offer(work.rest())
