import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  generateVaultKey,
  isVaultKey,
  redactVaultKey,
  slugLabel,
  VAULT_KEY_LENGTH_MAX,
} from "../src/vault-key.ts";
import { FUZZ, FUZZ_TENTH, FUZZ_TIMEOUT_MS } from "./fuzz.ts";

/** Agent names of any kind; the key itself is random anew in every run. */
const agentId = fc.oneof(
  fc.string({ unit: "binary", maxLength: 80 }),
  fc.stringMatching(/^[a-z]{1,12}(_[a-z]{1,12}){0,4}$/),
);
const key = agentId.map(generateVaultKey);
const position = fc.nat({ max: VAULT_KEY_LENGTH_MAX });
const printable = fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code));

describe("vault keys", () => {
  it(
    "are always well-formed, whatever the agent is called",
    () => {
      fc.assert(
        fc.property(agentId, (name) => {
          expect(slugLabel(name)).toMatch(/^[a-z0-9](?:[a-z0-9_]{0,38}[a-z0-9])?$/);
          expect(isVaultKey(generateVaultKey(name))).toBe(true);
        }),
        FUZZ_TENTH,
      );
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    "with any one character changed are refused by the checksum alone",
    () => {
      fc.assert(
        fc.property(key, position, printable, (text, at, character) => {
          const index = at % text.length;
          fc.pre(text[index] !== character);
          expect(isVaultKey(text.slice(0, index) + character + text.slice(index + 1))).toBe(false);
        }),
        FUZZ,
      );
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    "with any two neighbors swapped are refused by the checksum alone",
    () => {
      fc.assert(
        fc.property(key, position, (text, at) => {
          const index = at % (text.length - 1);
          const [left = "", right = ""] = text.slice(index, index + 2);
          fc.pre(left !== right);
          expect(isVaultKey(text.slice(0, index) + right + left + text.slice(index + 2))).toBe(false);
        }),
        FUZZ,
      );
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    "cut short at either end, or with something pasted on, are refused",
    () => {
      fc.assert(
        fc.property(key, position, fc.string({ minLength: 1, maxLength: 8 }), (text, at, extra) => {
          const length = at % text.length;
          expect(isVaultKey(text.slice(0, length))).toBe(false);
          expect(isVaultKey(text.slice(text.length - length))).toBe(false);
          expect(isVaultKey(text + extra)).toBe(false);
          expect(isVaultKey(extra + text)).toBe(false);
        }),
        FUZZ_TENTH,
      );
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    "never show a part of their secret when redacted, whole or damaged",
    () => {
      fc.assert(
        fc.property(key, position, (text, at) => {
          const secret = text.slice(-38);
          const pieces = Array.from({ length: 33 }, (_, start) => secret.slice(start, start + 6));
          const shown = [text, text.slice(0, at), text.slice(at)].map(redactVaultKey).join(" ");
          expect(pieces.filter((piece) => shown.includes(piece))).toEqual([]);
        }),
        FUZZ_TENTH,
      );
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    "are told from any other text without an exception",
    () => {
      fc.assert(
        fc.property(fc.string({ unit: "binary", maxLength: 120 }), (text) => {
          expect(isVaultKey(text)).toBe(false);
          expect(redactVaultKey(text)).toMatch(/^vault_(?:[a-z0-9_]{1,40}_)?…$/);
        }),
        FUZZ,
      );
    },
    FUZZ_TIMEOUT_MS,
  );
});
