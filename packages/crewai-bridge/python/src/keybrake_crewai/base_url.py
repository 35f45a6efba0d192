"""Where the proxy is: the base-URL variables, read by the rules of the preload for Node.js."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from .errors import ConfigurationError

VARIABLES: dict[str, tuple[str, ...]] = {
    "stripe": ("STRIPE_BASE_URL",),
    "twilio": ("TWILIO_BASE_URL",),
    "resend": ("RESEND_BASE_URL", "RESEND_API_URL"),
}
# The SDKs write the version themselves, but people write it in base URLs, too.
_VERSION_SUFFIXES = {"stripe": "/v1", "twilio": "/2010-04-01"}
_STRIPE_HOSTS = frozenset({"api.stripe.com", "files.stripe.com", "connect.stripe.com", "meter-events.stripe.com"})
# Websites. Every other host of twilio.com counts as an API, so that a product of tomorrow does not escape.
_TWILIO_WEBSITES = frozenset({"www", "console", "docs", "help", "login", "status", "support"})


@dataclass(frozen=True)
class Base:
    """Where one vendor's requests go instead: scheme and authority, and what stands in front of every path."""

    origin: str
    prefix: str

    @property
    def url(self) -> str:
        return self.origin + self.prefix


def find_vendor_host(host: str | None) -> tuple[str, str] | None:
    """Says which vendor's API a host is, and what goes in front of its paths at the proxy; None when it is none."""
    name = (host or "").lower().rstrip(".")
    if name in _STRIPE_HOSTS:
        return "stripe", ""
    if name == "api.resend.com":
        return "resend", ""
    if not name.endswith(".twilio.com"):
        return None
    # `<product>.twilio.com`, or `<product>.<edge>.<region>.twilio.com`: the product is always the first part.
    product = name.split(".", 1)[0]
    if product in _TWILIO_WEBSITES:
        return None
    return "twilio", "" if product == "api" else f"/{product}"


def read_base(vendor: str) -> Base | None:
    """Reads the vendor's variable; None when none is set. Raises when one is set and cannot be used, also an empty one."""
    for variable in VARIABLES[vendor]:
        text = os.environ.get(variable)
        if text is not None:
            base = parse_base(vendor, variable, text)
            # The SDK's own address in its own variable redirects nothing.
            if base is not None:
                return base
    return None


@lru_cache(maxsize=64)
def parse_base(vendor: str, variable: str, text: str) -> Base | None:
    """Understands a base URL. The messages do not repeat it: it may be a credential, put into the wrong variable."""
    example = f"set it to the proxy's address, such as `http://127.0.0.1:8787/{vendor}`, or unset it"
    if text.strip() == "":
        raise ConfigurationError(f"{variable} is empty; {example}")
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        raise ConfigurationError(f"{variable} is no http or https URL; {example}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or any(space in text.strip() for space in " \t\r\n\\"):
        raise ConfigurationError(f"{variable} is no http or https URL; {example}")
    if "@" in parts.netloc:
        raise ConfigurationError(f"{variable} must not have a user or a password in it; {example}")
    if "?" in text or "#" in text:
        raise ConfigurationError(f"{variable} must not have a query or a fragment; {example}")
    if find_vendor_host(parts.hostname) is not None:
        if variable == "RESEND_API_URL":
            return None
        raise ConfigurationError(f"{variable} names the vendor itself, `{parts.hostname}`; {example}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    origin = f"{parts.scheme}://{host}" + ("" if port is None else f":{port}")
    prefix = parts.path.rstrip("/")
    prefix = prefix.removesuffix(_VERSION_SUFFIXES.get(vendor, "\0")).rstrip("/")
    return Base(origin, prefix)
