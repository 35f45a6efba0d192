"""twilio-python through the proxy: what every request of its clients passes through, and a client of our own."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from .answer import Answer, lower_names
from .base_url import find_vendor_host
from .errors import ConfigurationError
from .exchange import Passage, Request, drive, drive_async, exchange
from .patch import replace_method, unreplaced
from .refusal import Refusal
from .route import Client
from .typed_error import make_typed
from .vault_key import PLACEHOLDER_KEY

_NAMES = ("method", "uri", "params", "data", "headers", "auth", "timeout", "allow_redirects")
# Twilio takes no idempotency key; a repetition of these is answered with the first answer.
_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class _Call:
    """The arguments of `Client.request`, and how they change on the way through the proxy."""

    def __init__(self, sdk_client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.given = {**dict(zip(_NAMES, args, strict=False)), **kwargs}
        self.sdk_client = sdk_client
        self._auth = self.given.get("auth") or (sdk_client.username, sdk_client.password)
        method = str(self.given["method"]).upper()
        self.request = Request(
            vendor="twilio",
            method=method,
            url=self.given["uri"],
            own_key=None if self._auth is None else self._auth[1],
            parameters=json.dumps([self.given.get("params"), self.given.get("data")], sort_keys=True, default=str),
            client=getattr(sdk_client, "keybrake_client", None),
            wants_claim=method in _CHANGING,
            has_vendor_idempotency=False,
        )

    def arguments(self, passage: Passage | None) -> dict[str, Any]:
        if passage is None:
            return self.given
        if getattr(self.sdk_client, "credential_provider", None) is not None:
            raise ConfigurationError("a Twilio client with a credential provider cannot go through the proxy; use the account SID")
        headers = {**(self.given.get("headers") or {}), **passage.headers}
        # The user name is the account, an identifier; the SDK's own may be an API key's.
        return {**self.given, "uri": passage.url, "auth": (self.sdk_client.account_sid, passage.key), "headers": headers}


def install() -> None:
    """Brings every client of the SDK to the proxy. Idempotent."""
    from twilio.base.client_base import ClientBase

    replace_method(ClientBase, "request", _wrap_request)
    replace_method(ClientBase, "request_async", _wrap_request_async)
    replace_method(ClientBase, "get_hostname", _wrap_get_hostname)


def make_client(client: Client, account_sid: str | None, options: dict[str, Any]) -> Any:
    """Makes a `twilio.rest.Client` that is fixed to what `client` says."""
    from twilio.rest import Client as TwilioClient

    class KeybrakeTwilioClient(TwilioClient):  # type: ignore[misc, unused-ignore]
        """twilio-python's client, through the proxy."""

        keybrake_client = client
        request = _wrap_request(unreplaced(TwilioClient.request))
        request_async = _wrap_request_async(unreplaced(TwilioClient.request_async))
        get_hostname = _wrap_get_hostname(unreplaced(TwilioClient.get_hostname))

    # A password must be there for the SDK to take what is looked up at each call.
    return KeybrakeTwilioClient(account_sid, PLACEHOLDER_KEY, **options)


def _wrap_request(original: Any) -> Any:
    def request(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = _Call(self, args, kwargs)

        def send(passage: Passage | None) -> Answer:
            return _answer(original(self, **call.arguments(passage)))

        return drive(exchange(call.request, _make_error), send).native

    return request


def _wrap_request_async(original: Any) -> Any:
    async def request_async(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = _Call(self, args, kwargs)

        async def send(passage: Passage | None) -> Answer:
            return _answer(await original(self, **call.arguments(passage)))

        return (await drive_async(exchange(call.request, _make_error), send)).native

    return request_async


def _wrap_get_hostname(original: Any) -> Any:
    def get_hostname(self: Any, uri: str) -> str:
        """Edge and region are parts of Twilio's own host names."""
        return str(original(self, uri)) if find_vendor_host(urlsplit(uri).hostname) is not None else uri

    return get_hostname


def _answer(response: Any) -> Answer:
    text = response.text
    return Answer(
        int(response.status_code),
        lower_names(response.headers or {}),
        text.encode() if isinstance(text, str) else bytes(text or b""),
        response,
    )


def _make_error(refusal: Refusal, answer: Answer, agent_id: str | None) -> Exception:
    from twilio.base.exceptions import TwilioRestException

    value = json.loads(answer.body)
    natural = TwilioRestException(
        answer.status, "", f"keybrake {refusal.code}: {refusal.message}", code=value.get("code"), method="POST"
    )
    return make_typed(natural, refusal, "twilio", agent_id)
