"""Clients of the vendors' SDKs that go through the proxy: nothing to set up, the key is looked up at each call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import ConfigurationError
from .names import is_agent_id
from .resend_sdk import ResendClient
from .route import Client
from .vault_key import require_vault_key

if TYPE_CHECKING:
    import stripe
    from twilio.rest import Client as TwilioClient


def stripe_client(
    agent_id: str | None = None, *, vault_key: str | None = None, base_url: str | None = None, **options: Any
) -> stripe.StripeClient:
    """
    Makes a `stripe.StripeClient`. The key is the agent's (`<AGENT>_STRIPE_VAULT_KEY`, `<AGENT>_VAULT_KEY`), by default of the agent
    whose tool makes the call; the address is STRIPE_BASE_URL; both are looked up at each call unless given here. `options` are
    StripeClient's own. It never retries by itself.
    """
    from .stripe_sdk import make_client

    client: stripe.StripeClient = make_client(_fix(agent_id, vault_key, base_url), options)
    return client


def twilio_client(
    agent_id: str | None = None,
    *,
    account_sid: str | None = None,
    vault_key: str | None = None,
    base_url: str | None = None,
    **options: Any,
) -> TwilioClient:
    """
    Makes a `twilio.rest.Client`, like `stripe_client`, with TWILIO_BASE_URL and the account of TWILIO_ACCOUNT_SID. `options` are
    the Client's own; with an `http_client` that is asynchronous, its `_async` methods work as ever.
    """
    from .twilio_sdk import make_client

    client: TwilioClient = make_client(_fix(agent_id, vault_key, base_url), account_sid, options)
    return client


def resend_client(
    agent_id: str | None = None, *, vault_key: str | None = None, base_url: str | None = None
) -> ResendClient:
    """Makes a client for resend-python, which has none itself, like `stripe_client`; the address is RESEND_BASE_URL."""
    return ResendClient(_fix(agent_id, vault_key, base_url))


def _fix(agent_id: str | None, vault_key: str | None, base_url: str | None) -> Client:
    if agent_id is not None and not is_agent_id(agent_id):
        raise ConfigurationError("`agent_id` is no agent id; use letters, digits, `.`, `_`, `:` and `-`")
    if vault_key is not None:
        require_vault_key(vault_key, "`vault_key`")
    return Client(agent_id, vault_key, base_url)
