import type { KeyObject } from "node:crypto";
import { generateToken, hasChecksum, hashToken, TOKEN_TAIL_LENGTH } from "./checksum-token.ts";

/**
 * What the bearer of an admin token may do, the least first; each may do what those before it may. An auditor looks, an
 * operator also pulls the brake, an admin also creates, changes and ends everything.
 */
export const ADMIN_ROLES = ["auditor", "operator", "admin"] as const;
export type AdminRole = (typeof ADMIN_ROLES)[number];

/** Matches an admin token by shape alone; the same expression is meant for secret scanners. */
export const ADMIN_TOKEN_PATTERN = /^kbadm_(auditor|operator|admin)_[0-9A-Za-z]{38}$/;

/** Says whether a role may do what another one is needed for. */
export function isRoleSufficient(role: AdminRole, needed: AdminRole): boolean {
  return ADMIN_ROLES.indexOf(role) >= ADMIN_ROLES.indexOf(needed);
}

/** Makes a new admin token: 190 random bits behind its role, and a checksum over everything before it. */
export function generateAdminToken(role: AdminRole): string {
  return generateToken(`kbadm_${role}_`);
}

/** Says whether a text is a well-formed admin token with a matching checksum, without any look-up. */
export function isAdminToken(text: string): boolean {
  return ADMIN_TOKEN_PATTERN.test(text) && hasChecksum(text);
}

/** The only form in which an admin token, a session or a login code is stored (see `hashToken`). */
export function hashAdminToken(pepper: KeyObject | Uint8Array, token: string): Buffer {
  return hashToken(pepper, token);
}

/** What a browser holds: `session` as its cookie, `login` as the code of a link that opens a session once. */
export type BrowserToken = "session" | "login";

/** Makes a session's cookie or a login code, in the form of every token of ours. */
export function generateBrowserToken(kind: BrowserToken): string {
  return generateToken(`kb${kind}_`);
}

/** Says whether a text is one of that kind with a matching checksum, without any look-up. */
export function isBrowserToken(kind: BrowserToken, text: string): boolean {
  return new RegExp(`^kb${kind}_[0-9A-Za-z]{${TOKEN_TAIL_LENGTH}}$`).test(text) && hasChecksum(text);
}
