import type { JsonObject } from "../json.ts";
import { invalidRequest } from "./error.ts";

/** Keys and values that the caller hung on an object. */
export type Metadata = Readonly<Record<string, string>>;

const KEYS_MAX = 50;
const KEY_LENGTH_MAX = 40;
const VALUE_LENGTH_MAX = 500;

const NONE: Metadata = Object.freeze({});

/**
 * `existing` with a `metadata` parameter applied: absent changes nothing, an empty one clears all, an empty value
 * unsets its key. Throws when the result is past Stripe's limits.
 */
export function mergeMetadata(existing: Metadata, given: unknown): Metadata {
  if (given === undefined) return existing;
  if (given === null) return NONE;
  const merged: Record<string, string> = { ...existing };
  for (const key in given as JsonObject) {
    const value = (given as JsonObject)[key];
    if (value === "") delete merged[key];
    else if (key === "__proto__") Object.defineProperty(merged, key, { value, enumerable: true });
    else merged[key] = value as string;
  }
  if (Object.keys(merged).length > KEYS_MAX) {
    throw invalidRequest(`You can only set up to ${KEYS_MAX} metadata keys on an object.`, {
      param: "metadata",
    });
  }
  return merged;
}

/** A new object's metadata. */
export function newMetadata(given: unknown): Metadata {
  return given === undefined ? NONE : mergeMetadata(NONE, given);
}

/** Throws unless `given` is a hash of strings within Stripe's lengths. */
export function checkMetadata(given: JsonObject): void {
  const entries = Object.entries(given);
  if (entries.length > KEYS_MAX) {
    throw invalidRequest(`You can only set up to ${KEYS_MAX} metadata keys on an object.`, {
      param: "metadata",
    });
  }
  for (const [key, value] of entries) {
    const param = `metadata[${key}]`;
    if (typeof value !== "string") {
      throw invalidRequest("Metadata values must be strings.", { param });
    }
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
        { param },
      );
    }
  }
}
