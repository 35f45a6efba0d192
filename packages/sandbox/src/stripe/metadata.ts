import type { FormHash } from "../form.ts";
import type { JsonObject } from "../json.ts";
import { invalidRequest, type StripeError } from "./error.ts";

/** Keys and values that the caller hung on an object. */
export type Metadata = Readonly<Record<string, string>>;

const KEYS_MAX = 50;
const KEY_LENGTH_MAX = 40;
const VALUE_LENGTH_MAX = 500;

const NONE: Metadata = Object.freeze({});

/**
 * `existing` with a `metadata` parameter applied: absent changes nothing, an empty one clears all, an empty value
 * unsets its key. Throws when the result has more keys than Stripe keeps.
 */
export function mergeMetadata(existing: Metadata, given: unknown): Metadata {
  if (given === undefined) return existing;
  if (given === null) return NONE;
  const merged = Object.entries({ ...existing, ...(given as Metadata) }).filter(([, value]) => value !== "");
  if (merged.length > KEYS_MAX) throw tooManyKeys();
  return Object.fromEntries(merged);
}

/** A new object's metadata. */
export function newMetadata(given: unknown): Metadata {
  return mergeMetadata(NONE, given);
}

/** The `metadata` of a form. Throws unless it is a hash of strings within Stripe's limits. */
export function readMetadata(form: FormHash): JsonObject {
  if (form.size > KEYS_MAX) throw tooManyKeys();
  const metadata: Record<string, string> = {};
  for (const [key, value] of form) {
    if (typeof value !== "string") {
      throw invalidRequest("Metadata values must be strings.", { param: `metadata[${key}]` });
    }
    checkLengths(key, value);
    // A key may be called `__proto__`, which cannot be assigned.
    if (key in metadata) Object.defineProperty(metadata, key, { value, enumerable: true });
    else metadata[key] = value;
  }
  return metadata;
}

function checkLengths(key: string, value: string): void {
  if (key.length > KEY_LENGTH_MAX) {
    throw invalidRequest(
      `Metadata keys can have up to ${KEY_LENGTH_MAX} characters, but you passed in a key that is ` +
        `${key.length} characters. Invalid key: ${key}`,
      { param: "metadata" },
    );
  }
  if (value.length > VALUE_LENGTH_MAX) {
    throw invalidRequest(
      `Metadata values can have up to ${VALUE_LENGTH_MAX} characters, but you passed in a value that is ` +
        `${value.length} characters. Invalid value: ${value}`,
      { param: `metadata[${key}]` },
    );
  }
}

function tooManyKeys(): StripeError {
  return invalidRequest(`You can only set up to ${KEYS_MAX} metadata keys on an object.`, {
    param: "metadata",
  });
}
