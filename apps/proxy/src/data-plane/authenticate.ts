import type { KeyObject } from "node:crypto";
import { PLACEHOLDER_KEY } from "@keybrake/client";
import {
  type Denial,
  deny,
  hashVaultKey,
  isVaultKey,
  type KeyStore,
  VAULT_KEY_LENGTH_MAX,
  type VaultKeyRecord,
} from "@keybrake/core";
import type { RequestHead } from "./read-request.ts";

const CREDENTIAL_PARAMETER = /^(?:key|api_?key|access_token|authorization)(?:\[|$)/i;
const BASIC_LENGTH_MAX = 1_024;

/**
 * Finds the vault key of a request: a bearer token, or the user name or password of basic authentication. Exactly one
 * credential may be presented. A key with a wrong checksum is refused without asking the store.
 * Rejects with `ledger_unavailable` when the store cannot be asked.
 */
export async function authenticate(
  head: RequestHead,
  keys: KeyStore,
  pepper: KeyObject,
): Promise<VaultKeyRecord | Denial> {
  const header = head.headers.get("authorization");
  if (header === undefined)
    return deny("vault_key_missing", "send the vault key as `Authorization: Bearer …`");
  // Decoded, because `%6bey` is `key` to whoever reads the query behind us.
  if (
    [...new URLSearchParams(head.target.query ?? "").keys()].some((name) => CREDENTIAL_PARAMETER.test(name))
  ) {
    return deny("request_ambiguous", "a second credential in the query");
  }
  const presented = readCredential(header);
  if (typeof presented !== "string") return presented;
  if (presented === PLACEHOLDER_KEY)
    return deny("vault_key_invalid", `\`${PLACEHOLDER_KEY}\` opens nothing: use the agent's own variable`);
  if (!isVaultKey(presented))
    return deny("vault_key_invalid", "the credential is no vault key, or is mistyped");
  const record = await keys.find(hashVaultKey(pepper, presented));
  return record ?? deny("vault_key_invalid", "this vault key is not known");
}

function readCredential(header: string): string | Denial {
  const match = /^(bearer|basic) ([\x21-\x7e]+)$/i.exec(header);
  const [, scheme, value] = match ?? [];
  if (scheme === undefined || value === undefined) {
    return deny("vault_key_invalid", "`Authorization` must be `Bearer` or `Basic` and one value");
  }
  if (scheme.toLowerCase() === "bearer") return value.slice(0, VAULT_KEY_LENGTH_MAX + 1);
  if (value.length > BASIC_LENGTH_MAX) return deny("vault_key_invalid", "the basic credential is too long");
  const decoded = Buffer.from(value, "base64").toString("latin1");
  const colon = decoded.indexOf(":");
  const user = colon === -1 ? decoded : decoded.slice(0, colon);
  const password = colon === -1 ? "" : decoded.slice(colon + 1);
  const candidates = [user, password].filter((text) => text.startsWith("vault_"));
  if (candidates.length > 1) return deny("request_ambiguous", "a vault key as user name and as password");
  return candidates[0] ?? "";
}
