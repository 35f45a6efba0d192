"""Bringing the vendors' SDKs to the proxy as they are imported, wherever their clients are made."""

from __future__ import annotations

from . import resend_sdk, stripe_sdk, twilio_sdk
from .import_hook import when_imported

_is_installed = False


def install_sdk_hooks() -> None:
    """Makes every call of stripe-python, twilio-python and resend-python pass through this package. Idempotent."""
    global _is_installed
    if _is_installed:
        return
    _is_installed = True
    when_imported("stripe._api_requestor", lambda _: stripe_sdk.install())
    when_imported("stripe", stripe_sdk.set_placeholder)
    when_imported("twilio.base.client_base", lambda _: twilio_sdk.install())
    when_imported("resend", lambda _: resend_sdk.install())
