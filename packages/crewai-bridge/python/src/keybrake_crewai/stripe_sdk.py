"""stripe-python through the proxy: an HTTP client around the SDK's own, and the two seams that bring it in."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from . import labels
from .answer import Answer, lower_names
from .errors import ConfigurationError
from .exchange import Passage, Request, drive, drive_async, exchange
from .patch import replace_method
from .refusal import Refusal
from .route import Client
from .typed_error import make_typed
from .vault_key import PLACEHOLDER_KEY

# Marks a request whose idempotency key is the SDK's own invention, between the two seams; it is never sent.
_UNKEYED = "Keybrake-Unkeyed"
_MULTIPART = "multipart/form-data"
# Error classes that stripe-python has for the statuses of refusals; any other is an APIError.
_ERROR_CLASSES = {
    400: "InvalidRequestError",
    401: "AuthenticationError",
    403: "PermissionError",
    404: "InvalidRequestError",
    429: "RateLimitError",
}


class StripeHTTPClient:
    """Sends what stripe-python asks for through the proxy, by means of the HTTP client that it would have used."""

    def __init__(self, inner: Any, client: Client | None = None) -> None:
        self._inner = inner
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def request_with_retries(self, *args: Any, **kwargs: Any) -> Any:
        return self._run("request_with_retries", False, args, kwargs)

    def request_stream_with_retries(self, *args: Any, **kwargs: Any) -> Any:
        return self._run("request_stream_with_retries", True, args, kwargs)

    async def request_with_retries_async(self, *args: Any, **kwargs: Any) -> Any:
        return await self._run_async("request_with_retries_async", False, args, kwargs)

    async def request_stream_with_retries_async(self, *args: Any, **kwargs: Any) -> Any:
        return await self._run_async("request_stream_with_retries_async", True, args, kwargs)

    def _run(self, name: str, is_stream: bool, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        original = getattr(self._inner, name)
        call = _Call(args, kwargs, self._client)

        def send(passage: Passage | None) -> Answer:
            content, status, headers = original(*call.arguments(passage), **call.kwargs)
            if is_stream and status >= 400:
                body = content.getvalue() if hasattr(content, "getvalue") else content.read()
                return _answer(io.BytesIO(body), body, status, headers)
            return _answer(content, b"" if is_stream else content, status, headers)

        return drive(exchange(call.request, _make_error), send).native

    async def _run_async(self, name: str, is_stream: bool, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        original = getattr(self._inner, name)
        call = _Call(args, kwargs, self._client)

        async def send(passage: Passage | None) -> Answer:
            content, status, headers = await original(*call.arguments(passage), **call.kwargs)
            if is_stream and status >= 400:
                body = b"".join([chunk async for chunk in content])
                return _answer(_once(body), body, status, headers)
            return _answer(content, b"" if is_stream else content, status, headers)

        return (await drive_async(exchange(call.request, _make_error), send)).native


class _Call:
    """The arguments of one of the SDK's calls, and how they change on the way through the proxy."""

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any], client: Client | None) -> None:
        names = ("method", "url", "headers", "post_data")
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        self._rest = args[len(names) :]
        self.kwargs = {name: value for name, value in kwargs.items() if name not in names}
        self.method: str = given["method"]
        self.url: str = given["url"]
        self.headers = dict(given["headers"])
        self.body = given.get("post_data")
        is_unkeyed = self.headers.pop(_UNKEYED, None) is not None
        content_type = self.headers.get("Content-Type", "")
        self._is_json = content_type.startswith("application/json")
        self._has_text = isinstance(self.body, str) and not content_type.startswith(_MULTIPART)
        changes = self.method == "post" or "Idempotency-Key" in self.headers
        self.request = Request(
            vendor="stripe",
            method=self.method.upper(),
            url=self.url,
            own_key=self.headers.get("Authorization", "").removeprefix("Bearer ") or None,
            parameters=self._describe(),
            client=client,
            wants_claim=changes and is_unkeyed and (self._has_text or not self.body),
            has_vendor_idempotency=True,
            code_base=getattr(sys.modules.get("stripe"), "__dict__", {}).get("base_url"),
        )

    def _describe(self) -> str:
        body: Any = None
        if self._has_text and self._is_json:
            body = json.loads(self.body or "{}")
        elif self._has_text:
            body = sorted(parse_qsl(self.body or "", keep_blank_values=True))
        accounts = [self.headers.get("Stripe-Account"), self.headers.get("Stripe-Context")]
        return json.dumps([urlsplit(self.url).query, accounts, body], sort_keys=True)

    def arguments(self, passage: Passage | None) -> tuple[Any, ...]:
        if passage is None:
            return self.method, self.url, self.headers, self.body, *self._rest
        headers = {**self.headers, "Authorization": f"Bearer {passage.key}", **passage.headers}
        body = self.body
        if self.method == "post" and (self._has_text or body is None):
            known = labels.collect(passage.agent_id, passage.run_id)
            body = labels.label_stripe(urlsplit(self.url).path, body or "", self._is_json, known)
        return self.method, passage.url, headers, body, *self._rest


def install() -> None:
    """Brings the HTTP client above into every request of the SDK. Idempotent."""
    replace_method(_prepare(), "_get_http_client", _wrap_get_http_client)


def set_placeholder(module: Any) -> None:
    """The SDK wants some key before it asks for an HTTP client; which one is used is decided there."""
    module.api_key = module.api_key or PLACEHOLDER_KEY


def make_client(client: Client, options: dict[str, Any]) -> Any:
    """Makes a `stripe.StripeClient` that is fixed to what `client` says."""
    _prepare()
    import stripe
    from stripe import _http_client

    inner = options.pop("http_client", None)
    if inner is None:
        inner = _http_client.new_default_http_client(async_fallback_client=_http_client.new_http_client_async_fallback())
    hosts = {name: "https://keybrake.invalid" for name in ("api", "connect", "files", "meter_events")}
    return stripe.StripeClient(
        PLACEHOLDER_KEY,
        http_client=StripeHTTPClient(inner, client),  # type: ignore[arg-type, unused-ignore]
        base_addresses=hosts,  # type: ignore[arg-type, unused-ignore]
        max_network_retries=0,
        **options,
    )


def _prepare() -> Any:
    """Makes the SDK mark the idempotency keys that it makes up, and checks that this version has what we hold on to."""
    from stripe import _api_requestor

    requestor = getattr(_api_requestor, "_APIRequestor", None)
    missing = [name for name in ("_get_http_client", "request_headers") if not hasattr(requestor, name)]
    if missing:
        raise ConfigurationError("this version of stripe-python is not supported: use 13 or newer")
    replace_method(requestor, "request_headers", _wrap_request_headers)
    return requestor


def _wrap_get_http_client(original: Any) -> Any:
    def _get_http_client(self: Any) -> Any:
        inner = original(self)
        return inner if isinstance(inner, StripeHTTPClient) else StripeHTTPClient(inner)

    return _get_http_client


def _wrap_request_headers(original: Any) -> Any:
    def request_headers(self: Any, *args: Any, **kwargs: Any) -> Any:
        headers = original(self, *args, **kwargs)
        options = kwargs.get("options", args[-1] if args else {})
        if isinstance(self._get_http_client(), StripeHTTPClient) and not options.get("idempotency_key"):
            headers[_UNKEYED] = "1"
        return headers

    return request_headers


def _answer(native_content: Any, body: Any, status: int, headers: Mapping[str, str]) -> Answer:
    data = body.encode() if isinstance(body, str) else bytes(body)
    return Answer(status, lower_names(headers), data, (native_content, status, headers))


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body


def _make_error(refusal: Refusal, answer: Answer, agent_id: str | None) -> Exception:
    import stripe

    value = json.loads(answer.body)
    message = value["error"].get("message")
    rest = {"http_body": answer.body, "http_status": answer.status, "json_body": value, "headers": dict(answer.headers)}
    name = _ERROR_CLASSES.get(answer.status, "APIError")
    extra = {"param": None} if name == "InvalidRequestError" else {}
    return make_typed(getattr(stripe, name)(message, **extra, **rest), refusal, "stripe", agent_id)
