import { createHmac, type KeyObject, randomBytes } from "node:crypto";

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SECRET_LENGTH = 32;
const CHECKSUM_LENGTH = 6;

/** Characters behind a token's last `_`: the random part and the checksum. */
export const TOKEN_TAIL_LENGTH = SECRET_LENGTH + CHECKSUM_LENGTH;

/** Makes a token: 190 random bits behind a prefix, and a checksum over everything before it. */
export function generateToken(prefix: string): string {
  const body = prefix + randomBase62(SECRET_LENGTH);
  return body + checksum(body);
}

/** Says whether the last six characters are the checksum of those before, without any look-up. */
export function hasChecksum(token: string): boolean {
  const body = token.slice(0, -CHECKSUM_LENGTH);
  return checksum(body) === token.slice(-CHECKSUM_LENGTH);
}

/**
 * The only form in which a token is stored: HMAC-SHA-256 under the installation's pepper (32 bytes, kept outside the
 * database), so that a stolen dump cannot even be used to test a guess. 32 bytes. Give a KeyObject where it is called
 * often: Node takes five times as long to key an HMAC with bare bytes.
 */
export function hashToken(pepper: KeyObject | Uint8Array, token: string): Buffer {
  return createHmac("sha256", pepper).update(token, "utf8").digest();
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

/** CRC-32 as in IEEE 802.3; tokens are ASCII, so a character is a byte. */
function crc32(ascii: string): number {
  let crc = 0xffffffff;
  for (let index = 0; index < ascii.length; index++) {
    crc = (CRC_TABLE[(crc ^ ascii.charCodeAt(index)) & 0xff] ?? 0) ^ (crc >>> 8);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
