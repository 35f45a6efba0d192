"""Where a request goes and with which key. What cannot be decided is refused; nothing falls back to the vendor itself."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from .base_url import VARIABLES, Base, find_vendor_host, parse_base, read_base
from .errors import ConfigurationError
from .identity import Actor, current_actor
from .vault_key import choose_key, has_key, is_vault_key, require_vault_key

# Stands for a vendor's hosts in clients made by this package: a name that resolves nowhere.
PLACEHOLDER_HOST = "keybrake.invalid"


@dataclass(frozen=True)
class Client:
    """What a client made by this package is fixed to; what is None is looked up at each call."""

    agent_id: str | None
    vault_key: str | None
    base_url: str | None


@dataclass(frozen=True)
class Route:
    """The address at the proxy, the key, and the agent that the client is fixed to or that acts."""

    url: str
    key: str
    actor: Actor | None


def find_route(vendor: str, url: str, own_key: str | None, client: Client | None, code_base: str | None = None) -> Route | None:
    """
    Decides for a request. None = it is none of ours: its vendor is not redirected, and no vault key is involved. `code_base` is
    a base URL that the calling code has set on the SDK, and comes before the variable.
    """
    host = urlsplit(url).hostname
    base = _find_base(vendor, client, code_base)
    found = find_vendor_host(host)
    is_vendor = host == PLACEHOLDER_HOST or (found is not None and found[0] == vendor)
    if client is not None:
        return _client_route(vendor, url, client, base, is_vendor)
    actor = current_actor()
    if is_vendor:
        if base is None:
            _refuse_to_call_vendor(vendor, actor, own_key)
            return None
        return Route(_join(base, url), choose_key(vendor, actor, own_key), actor)
    if base is not None and url.startswith(base.origin + "/"):
        return Route(url, choose_key(vendor, actor, own_key), actor)
    # The code names another address: it may be the proxy by another name, or a mock.
    if has_key(vendor, actor) or is_vault_key(own_key):
        return Route(url, choose_key(vendor, actor, own_key), actor)
    return None


def _find_base(vendor: str, client: Client | None, code_base: str | None) -> Base | None:
    if client is not None and client.base_url is not None:
        return parse_base(vendor, "base_url", client.base_url)
    if code_base is not None:
        return parse_base(vendor, f"{vendor}.base_url", code_base)
    return read_base(vendor)


def _client_route(vendor: str, url: str, client: Client, base: Base | None, is_vendor: bool) -> Route:
    if base is None:
        raise ConfigurationError(
            f"{VARIABLES[vendor][0]} is not set; set it to the proxy's address, such as `http://127.0.0.1:8787/{vendor}`"
        )
    actor = current_actor() if client.agent_id is None else Actor(client.agent_id, client.agent_id)
    if client.vault_key is not None:
        key = require_vault_key(client.vault_key, "vault_key")
    else:
        key = choose_key(vendor, actor, None)
    return Route(_join(base, url) if is_vendor else url, key, actor)


def _join(base: Base, url: str) -> str:
    """The address at the proxy of an address at the vendor."""
    parts = urlsplit(url)
    found = find_vendor_host(parts.hostname)
    path = parts.path if parts.path.startswith("/") else f"/{parts.path}"
    query = f"?{parts.query}" if parts.query else ""
    return f"{base.url}{'' if found is None else found[1]}{path}{query}"


def _refuse_to_call_vendor(vendor: str, actor: Actor | None, own_key: str | None) -> None:
    if (own_key or "").startswith("vault_") or (actor is not None and has_key(vendor, actor)):
        raise ConfigurationError(
            f"{VARIABLES[vendor][0]} is not set, and a vault key must not go to {vendor} itself; "
            f"set it to the proxy's address, such as `http://127.0.0.1:8787/{vendor}`"
        )
