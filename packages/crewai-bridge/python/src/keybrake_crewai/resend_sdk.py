"""resend-python through the proxy: its exchangeable HTTP clients, and a client of our own for a module that has none."""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

from . import labels
from .answer import Answer, lower_names
from .errors import ConfigurationError, KeybrakeError
from .exchange import Passage, Request, drive, drive_async, exchange
from .patch import replace_method
from .refusal import Refusal
from .route import Client
from .typed_error import make_typed

_MAILS = frozenset({"/emails", "/emails/batch"})
# The client of this package that makes the current call.
_calling: ContextVar[Client | None] = ContextVar("keybrake_resend_client", default=None)


class _State:
    is_installed = False


class _HTTPClient:
    """Sends what resend-python asks for through the proxy, by means of the HTTP client that it would have used."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def request(self, *args: Any, **kwargs: Any) -> Any:
        if not _State.is_installed and _calling.get() is None:
            return self.inner.request(*args, **kwargs)
        call = _Call(args, kwargs)

        def send(passage: Passage | None) -> Answer:
            return _answer(self.inner.request(**call.arguments(passage)))

        return drive(exchange(call.request, _make_error), send).native


class _AsyncHTTPClient(_HTTPClient):
    async def request(self, *args: Any, **kwargs: Any) -> Any:
        if not _State.is_installed and _calling.get() is None:
            return await self.inner.request(*args, **kwargs)
        call = _Call(args, kwargs)

        async def send(passage: Passage | None) -> Answer:
            return _answer(await self.inner.request(**call.arguments(passage)))

        return (await drive_async(exchange(call.request, _make_error), send)).native


class _Call:
    """The arguments of one request, and how they change on the way through the proxy."""

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.given = {**dict(zip(("method", "url", "headers", "json"), args, strict=False)), **kwargs}
        headers = {str(name).lower(): value for name, value in self.given["headers"].items()}
        own = str(headers.get("authorization", "")).removeprefix("Bearer ")
        path = urlsplit(self.given["url"]).path
        self.path = next((mail for mail in sorted(_MAILS, key=len, reverse=True) if path.endswith(mail)), path)
        is_mail = str(self.given["method"]).upper() == "POST" and self.path in _MAILS
        self.request = Request(
            vendor="resend",
            method=str(self.given["method"]).upper(),
            url=self.given["url"],
            own_key=None if own in ("", "None") else own,
            parameters=json.dumps(self.given.get("json"), sort_keys=True, default=str),
            client=_calling.get(),
            wants_claim=is_mail and "idempotency-key" not in headers,
            has_vendor_idempotency=True,
        )

    def arguments(self, passage: Passage | None) -> dict[str, Any]:
        if passage is None:
            return self.given
        headers = {**self.given["headers"], "Authorization": f"Bearer {passage.key}", **passage.headers}
        given = {**self.given, "url": passage.url, "headers": headers}
        if self.request.method == "POST" and given.get("json") is not None:
            known = labels.collect(passage.agent_id, passage.run_id)
            given["json"] = labels.label_resend(self.path, given["json"], known)
        return given


class ResendClient:
    """
    resend-python for one agent: `client.Emails.send(...)` for `resend.Emails.send(...)`, and so on for every class of the module,
    with its `_async` methods as well.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        import resend

        _prepare()
        return _Resource(getattr(resend, name), self._client)


class _Resource:
    def __init__(self, resource: Any, client: Client) -> None:
        self._resource = resource
        self._client = client

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._resource, name)
        if isinstance(found, type):
            # Parameters and answers are dictionaries; what remains are resources within resources.
            return found if issubclass(found, dict) else _Resource(found, self._client)
        return self._bind(found) if callable(found) else found

    def _bind(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.iscoroutinefunction(function):

            async def call_async(*args: Any, **kwargs: Any) -> Any:
                token = _calling.set(self._client)
                try:
                    return await function(*args, **kwargs)
                finally:
                    _calling.reset(token)

            return call_async

        def call(*args: Any, **kwargs: Any) -> Any:
            token = _calling.set(self._client)
            try:
                return function(*args, **kwargs)
            finally:
                _calling.reset(token)

        return call


def install() -> None:
    """Brings every call of the SDK to the proxy. Idempotent."""
    _prepare()
    _State.is_installed = True


def _prepare() -> None:
    """Puts our HTTP clients around the SDK's at each request, also around one that is set later."""
    import resend
    from resend import request as request_module

    if not hasattr(resend, "default_http_client"):
        raise ConfigurationError("this version of resend-python is not supported: use 2.22 or newer")
    replace_method(request_module.Request, "perform", _wrap_perform)
    try:
        from resend import async_request as async_module
    except ImportError:
        # Without httpx the SDK has no asynchronous side.
        return
    replace_method(async_module.AsyncRequest, "perform", _wrap_perform_async)


def _wrap_perform(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def perform(self: Any) -> Any:
        import resend

        if not isinstance(resend.default_http_client, _HTTPClient):
            resend.default_http_client = _HTTPClient(resend.default_http_client)  # type: ignore[assignment, unused-ignore]
        try:
            return original(self)
        except Exception as error:
            # The SDK takes whatever its HTTP client raises for a failed connection; ours says more.
            own = error.__context__
            if getattr(error, "error_type", None) != "HttpClientError" or not isinstance(own, KeybrakeError):
                raise
            raise own from None

    return perform


def _wrap_perform_async(original: Callable[[Any], Awaitable[Any]]) -> Callable[[Any], Awaitable[Any]]:
    async def perform(self: Any) -> Any:
        import resend

        inner = resend.default_async_http_client
        if inner is not None and not isinstance(inner, _AsyncHTTPClient):
            resend.default_async_http_client = _AsyncHTTPClient(inner)  # type: ignore[assignment, unused-ignore]
        try:
            return await original(self)
        except Exception as error:
            # The SDK takes whatever its HTTP client raises for a failed connection; ours says more.
            own = error.__context__
            if getattr(error, "error_type", None) != "HttpClientError" or not isinstance(own, KeybrakeError):
                raise
            raise own from None

    return perform


def _answer(native: Any) -> Answer:
    content, status, headers = native
    return Answer(int(status), lower_names(headers), bytes(content), native)


def _make_error(refusal: Refusal, answer: Answer, agent_id: str | None) -> Exception:
    from resend.exceptions import raise_for_code_and_type

    value = json.loads(answer.body)
    message, error_type = value.get("message", ""), value.get("name", "application_error")
    try:
        raise_for_code_and_type(code=answer.status, message=message, error_type=error_type)
    except Exception as natural:
        # Older versions do not take them.
        natural.headers = dict(answer.headers)  # type: ignore[attr-defined]
        return make_typed(natural, refusal, "resend", agent_id)
    raise AssertionError("resend-python raised nothing")
