import { randomFillSync } from "node:crypto";

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ALPHABET_BYTES = Buffer.from(ALPHABET, "latin1");
const POOL_SIZE = 16_384;
// Letters are made in blocks and ids cut from them: an id costs a slice.
let pool = "";
let used = 0;

/** `length` random letters and digits. */
export function randomText(length: number): string {
  if (used + length > pool.length) {
    const bytes = randomFillSync(Buffer.allocUnsafe(POOL_SIZE));
    for (let index = 0; index < POOL_SIZE; index += 1) {
      bytes[index] = ALPHABET_BYTES[(bytes[index] ?? 0) % ALPHABET.length] ?? 0;
    }
    pool = bytes.toString("latin1");
    used = 0;
  }
  used += length;
  return pool.slice(used - length, used);
}

const POSITION_DIGITS = 6;
const DIGIT_VALUES = new Map([...ALPHABET].map((digit, value) => [digit.charCodeAt(0), value]));

/** An id in Stripe's shape, `pi_3…` with 24 characters after the prefix; its last six hold `position`. */
export function newId(prefix: string, position: number): string {
  let digits = "";
  for (let rest = position, digit = 0; digit < POSITION_DIGITS; digit += 1) {
    digits = ALPHABET.charAt(rest % ALPHABET.length) + digits;
    rest = Math.floor(rest / ALPHABET.length);
  }
  return `${prefix}_3${randomText(17)}${digits}`;
}

/** The position in an id from {@link newId}; something without meaning, NaN perhaps, in any other text. */
export function positionOf(id: string): number {
  let position = 0;
  for (let index = id.length - POSITION_DIGITS; index < id.length; index += 1) {
    position = position * ALPHABET.length + (DIGIT_VALUES.get(id.charCodeAt(index)) ?? Number.NaN);
  }
  return position;
}

/** The `Request-Id` of an answer. */
export function newRequestId(): string {
  return `req_${randomText(14)}`;
}
