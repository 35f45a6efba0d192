import type { KeyObject } from "node:crypto";
import { generateToken, hasChecksum, hashToken, TOKEN_TAIL_LENGTH } from "./checksum-token.ts";

const LABEL_LENGTH_MAX = 40;

/** Matches a vault key by shape alone; the same expression is meant for secret scanners. */
export const VAULT_KEY_PATTERN = /^vault_([a-z0-9_]{1,40})_([0-9A-Za-z]{32})([0-9A-Za-z]{6})$/;

/** The longest text that can be a vault key, in characters: anything longer is refused unread. */
export const VAULT_KEY_LENGTH_MAX = "vault__".length + LABEL_LENGTH_MAX + TOKEN_TAIL_LENGTH;

/**
 * Makes the label that a key carries in clear from an agent's name: lower case, everything else folded to `_`,
 * a trailing `_agent` dropped (`billing_agent` → `billing`), at most 40 characters, never empty.
 */
export function slugLabel(agentId: string): string {
  const slug = agentId
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "_")
    .replace(/^_+|_+$/g, "")
    .replace(/_agent$/, "")
    .slice(0, LABEL_LENGTH_MAX)
    .replace(/_+$/, "");
  return slug === "" ? "agent" : slug;
}

/** Makes a new vault key: 190 random bits behind the label, and a checksum over everything before it. */
export function generateVaultKey(agentId: string): string {
  return generateToken(`vault_${slugLabel(agentId)}_`);
}

/**
 * Says whether a text is a well-formed vault key with a matching checksum, without any look-up.
 * A typo, a truncated paste and a guess are all told apart from an unknown key here, for free.
 */
export function isVaultKey(text: string): boolean {
  return text.length <= VAULT_KEY_LENGTH_MAX && VAULT_KEY_PATTERN.test(text) && hasChecksum(text);
}

/** The only form in which a vault key is stored (see `hashToken`). */
export function hashVaultKey(pepper: KeyObject | Uint8Array, vaultKey: string): Buffer {
  return hashToken(pepper, vaultKey);
}

/** The part of a key that may be shown and logged: its label, and nothing of its secret. */
export function redactVaultKey(vaultKey: string): string {
  const label = VAULT_KEY_PATTERN.exec(vaultKey)?.[1];
  return label === undefined ? "vault_…" : `vault_${label}_…`;
}
