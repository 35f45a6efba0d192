import { createHmac, type KeyObject, randomBytes } from "node:crypto";

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SECRET_LENGTH = 32;
const CHECKSUM_LENGTH = 6;
const LABEL_LENGTH_MAX = 40;

/** Matches a vault key by shape alone; the same expression is meant for secret scanners. */
export const VAULT_KEY_PATTERN = /^vault_([a-z0-9_]{1,40})_([0-9A-Za-z]{32})([0-9A-Za-z]{6})$/;

/** The longest text that can be a vault key, in characters: anything longer is refused unread. */
export const VAULT_KEY_LENGTH_MAX = "vault__".length + LABEL_LENGTH_MAX + SECRET_LENGTH + CHECKSUM_LENGTH;

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
  const body = `vault_${slugLabel(agentId)}_${randomBase62(SECRET_LENGTH)}`;
  return body + checksum(body);
}

/**
 * Says whether a text is a well-formed vault key with a matching checksum, without any look-up.
 * A typo, a truncated paste and a guess are all told apart from an unknown key here, for free.
 */
export function isVaultKey(text: string): boolean {
  if (text.length > VAULT_KEY_LENGTH_MAX || !VAULT_KEY_PATTERN.test(text)) return false;
  const body = text.slice(0, -CHECKSUM_LENGTH);
  return checksum(body) === text.slice(-CHECKSUM_LENGTH);
}

/**
 * The only form in which a vault key is stored: HMAC-SHA-256 under the installation's pepper (32 bytes, kept
 * outside the database), so that a stolen dump cannot even be used to test a guessed key. 32 bytes. Give a KeyObject
 * where it is called often: Node takes five times as long to key an HMAC with bare bytes.
 */
export function hashVaultKey(pepper: KeyObject | Uint8Array, vaultKey: string): Buffer {
  return createHmac("sha256", pepper).update(vaultKey, "utf8").digest();
}

/** The part of a key that may be shown and logged: its label, and nothing of its secret. */
export function redactVaultKey(vaultKey: string): string {
  const label = VAULT_KEY_PATTERN.exec(vaultKey)?.[1];
  return label === undefined ? "vault_…" : `vault_${label}_…`;
}

function randomBase62(length: number): string {
  let text = "";
  while (text.length < length) {
    for (const byte of randomBytes(length)) {
      // 248 is the largest multiple of 62 below 256: bytes above it would favor the first letters.
      if (byte < 248 && text.length < length) text += ALPHABET[byte % 62];
    }
  }
  return text;
}

function checksum(body: string): string {
  let rest = crc32(body);
  let text = "";
  for (let position = 0; position < CHECKSUM_LENGTH; position++) {
    text = ALPHABET[rest % 62] + text;
    rest = Math.floor(rest / 62);
  }
  return text;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

/** CRC-32 as in IEEE 802.3; keys are ASCII, so a character is a byte. */
function crc32(ascii: string): number {
  let crc = 0xffffffff;
  for (let index = 0; index < ascii.length; index++) {
    crc = (CRC_TABLE[(crc ^ ascii.charCodeAt(index)) & 0xff] ?? 0) ^ (crc >>> 8);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
