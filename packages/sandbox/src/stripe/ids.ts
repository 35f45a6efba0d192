import { randomFillSync } from "node:crypto";

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const pool = Buffer.alloc(16_384);
let used = pool.length;

/** `length` random letters and digits. */
export function randomText(length: number): string {
  if (used + length > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  let text = "";
  for (let end = used + length; used < end; used += 1) text += ALPHABET[(pool[used] ?? 0) % ALPHABET.length];
  return text;
}

/** An id in Stripe's shape: `pi_3…`, 24 characters after the prefix. */
export function newId(prefix: string): string {
  return `${prefix}_3${randomText(23)}`;
}

/** The `Request-Id` of an answer. */
export function newRequestId(): string {
  return `req_${randomText(14)}`;
}
