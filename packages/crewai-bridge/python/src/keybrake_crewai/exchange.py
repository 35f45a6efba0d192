"""
One call of an agent to a vendor, through the proxy: which key, which labels, which idempotency key; refused here while a cap is
used up; short waits sat out; the outcome written down. It is a generator that yields what to do, so that the SDKs' synchronous and
asynchronous clients share it.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Protocol, Union
from urllib.parse import urlsplit

from .answer import Answer
from .base_url import find_vendor_host
from .breaker import breaker
from .claims import Claim, Outcome, settle_claim, take_claim
from .errors import OutcomeUnknown
from .identity import current_actor, process_agent_id
from .refusal import Refusal, read_refusal
from .route import Client, Route, find_route
from .run import run_id
from .settings import settings


@dataclass(frozen=True)
class Request:
    """What an SDK is about to send."""

    vendor: str
    method: str
    url: str
    own_key: str | None
    """The credential that the calling code has set."""
    parameters: str
    """The parameters in one canonical spelling; two equal calls have equal ones."""
    client: Client | None
    """The client made by this package that sends it; None for any other."""
    wants_claim: bool
    """Whether it changes something, and the caller has not given it an idempotency key."""
    has_vendor_idempotency: bool
    """Whether the vendor recognizes a repetition by an idempotency key."""
    code_base: str | None = None
    """A base URL that the calling code has set on the SDK."""


@dataclass(frozen=True)
class Passage:
    """How a request is sent through the proxy."""

    url: str
    key: str
    agent_id: str | None
    run_id: str | None
    idempotency_key: str | None

    @property
    def headers(self) -> dict[str, str]:
        """The labels, for the proxy alone: these headers never reach a vendor."""
        labels = {"Keybrake-Run-Id": self.run_id, "Keybrake-Agent-Id": self.agent_id}
        headers = {name: value for name, value in labels.items() if value is not None}
        return headers if self.idempotency_key is None else {**headers, "Idempotency-Key": self.idempotency_key}


@dataclass(frozen=True)
class Send:
    """Send the request: through the proxy, or with no passage as the SDK meant it."""

    passage: Passage | None


@dataclass(frozen=True)
class Pause:
    """Wait before the next step."""

    seconds: float


class MakeError(Protocol):
    """Makes the SDK's own error, which is a `Refused` as well."""

    def __call__(self, refusal: Refusal, answer: Answer, agent_id: str | None) -> Exception: ...


Exchange = Generator[Union[Send, Pause], Union[Answer, None], Answer]

# What a failed connection is called by requests, urllib3, httpx, aiohttp and Python: nothing was sent.
_NEVER_SENT = frozenset(
    {
        "ClientConnectorError",
        "ConnectError",
        "ConnectTimeout",
        "ConnectTimeoutError",
        "ConnectionRefusedError",
        "NameResolutionError",
        "NewConnectionError",
        "gaierror",
    }
)
# Refused by a part of the proxy that has not sent anything either.
_NOT_SENT_FAULTS = frozenset({"history_lost", "ledger_unavailable", "overloaded"})


def exchange(request: Request, make_error: MakeError) -> Exchange:
    """Says step by step what to do with a request."""
    route = find_route(request.vendor, request.url, request.own_key, request.client, request.code_base)
    if route is None:
        return _answer((yield Send(None)))
    held = breaker.find(route.key, request.method)
    if held is not None:
        raise make_error(*held, _agent_of(route))
    run = run_id()
    claim = _claim(request, route, run)
    if claim is not None and claim.is_repetition and not request.has_vendor_idempotency:
        if claim.outcome == "done" and claim.answer is not None:
            return claim.answer
        if claim.outcome in ("open", "unknown"):
            raise OutcomeUnknown(
                f"the same {request.vendor} call was made before in this run and may have taken effect; it is not made again"
            )
    idempotency_key = _idempotency_key(claim, run) if claim is not None and request.has_vendor_idempotency else None
    passage = Passage(route.url, route.key, _agent_of(route), run, idempotency_key)
    return (yield from _send(request, passage, claim, make_error))


def _send(request: Request, passage: Passage, claim: Claim | None, make_error: MakeError) -> Exchange:
    waited = 0.0
    _settle(claim, "open")
    while True:
        try:
            answer = _answer((yield Send(passage)))
        except BaseException as error:
            _settle(claim, "unsent" if was_never_sent(error) else "unknown")
            raise
        refusal = read_refusal(request.vendor, answer.status, answer.headers, answer.body)
        pause = None if refusal is None or refusal.kind != "briefly" else refusal.retry_after_seconds or 1.0
        if pause is not None and waited + pause <= settings.wait_seconds_max:
            waited += pause
            yield Pause(pause)
            continue
        _settle(claim, _outcome_of(answer, refusal))
        if refusal is None or refusal.kind == "fault":
            if claim is not None and claim.outcome == "done" and not request.has_vendor_idempotency:
                claim.answer = answer
            return answer
        breaker.note(passage.key, refusal, answer)
        raise make_error(refusal, answer, passage.agent_id)


def drive(steps: Exchange, send: Callable[[Passage | None], Answer]) -> Answer:
    """Carries out an exchange."""
    try:
        step = next(steps)
        while True:
            if isinstance(step, Pause):
                time.sleep(step.seconds)
                step = steps.send(None)
                continue
            try:
                answer = send(step.passage)
            except BaseException as error:
                step = steps.throw(error)
            else:
                step = steps.send(answer)
    except StopIteration as end:
        return _answer(end.value)


async def drive_async(steps: Exchange, send: Callable[[Passage | None], Awaitable[Answer]]) -> Answer:
    """Carries out an exchange without blocking the event loop."""
    # Slow to import, and most programs have no use for it.
    import asyncio

    try:
        step = next(steps)
        while True:
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
                step = steps.send(None)
                continue
            try:
                answer = await send(step.passage)
            except BaseException as error:
                step = steps.throw(error)
            else:
                step = steps.send(answer)
    except StopIteration as end:
        return _answer(end.value)


def was_never_sent(error: BaseException) -> bool:
    """
    Says whether an error proves that no connection was made. Libraries put the reason into causes and arguments. The context
    proves nothing: it may be the error of an earlier call, which this one was to make good.
    """
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        found = waiting.pop()
        if id(found) in seen or not isinstance(found, BaseException):
            continue
        seen.add(id(found))
        if type(found).__name__ in _NEVER_SENT:
            return True
        waiting += [found.__cause__, getattr(found, "reason", None), *found.args]
    return False


def _answer(value: Answer | None) -> Answer:
    assert value is not None
    return value


def _agent_of(route: Route) -> str | None:
    if route.actor is not None:
        return route.actor.agent_id
    actor = current_actor()
    return process_agent_id() if actor is None else actor.agent_id


def _claim(request: Request, route: Route, run: str | None) -> Claim | None:
    if not request.wants_claim or run is None:
        return None
    parts = urlsplit(request.url)
    found = find_vendor_host(parts.hostname)
    path = ("" if found is None else found[1]) + parts.path
    text = json.dumps([_agent_of(route), request.vendor, request.method, path, request.parameters])
    return take_claim(run, hashlib.sha256(text.encode()).hexdigest())


def _idempotency_key(claim: Claim, run: str | None) -> str:
    text = json.dumps([run, claim.signature, claim.number])
    return f"keybrake_{hashlib.sha256(text.encode()).hexdigest()[:48]}"


def _settle(claim: Claim | None, outcome: Outcome) -> None:
    if claim is not None:
        settle_claim(claim, outcome)


def _outcome_of(answer: Answer, refusal: Refusal | None) -> Outcome:
    if answer.status < 400:
        return "done"
    if refusal is None:
        # 409 is Stripe's and Resend's word for a first request that is still running.
        return "unknown" if answer.status >= 500 or answer.status == 409 else "nothing"
    if refusal.kind == "fault":
        return "unsent" if refusal.code in _NOT_SENT_FAULTS else "unknown"
    return "unknown" if refusal.code == "idempotency_in_flight" else "unsent"
