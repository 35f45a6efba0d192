import { crc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import {
  generateVaultKey,
  hashVaultKey,
  isVaultKey,
  redactVaultKey,
  slugLabel,
  VAULT_KEY_LENGTH_MAX,
  VAULT_KEY_PATTERN,
} from "../src/vault-key.ts";

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** The checksum as the contract words it, from another implementation of CRC-32. */
function checksumOf(body: string): string {
  let rest = crc32(body);
  let text = "";
  while (text.length < 6) {
    text = ALPHABET.charAt(rest % 62) + text;
    rest = Math.floor(rest / 62);
  }
  return text;
}

/** A well-formed key that no installation knows. */
function keyOf(label: string, secret = "7GkQ2mZr9TtLx4Wc8VbN1sHy5PdJf3Ka"): string {
  const body = `vault_${label}_${secret}`;
  return body + checksumOf(body);
}

describe("slugLabel", () => {
  it.each([
    ["billing_agent", "billing"],
    ["refund_agent", "refund"],
    ["Billing Agent", "billing"],
    ["billing-agent", "billing"],
    ["billing", "billing"],
    ["BILLING", "billing"],
    ["my_agent_two", "my_agent_two"],
    ["--a..b--", "a_b"],
    ["a__b", "a_b"],
    ["agent", "agent"],
    ["_agent", "agent"],
    ["", "agent"],
    ["___", "agent"],
    ["日本", "agent"],
    ["x".repeat(60), "x".repeat(40)],
    [`${"x".repeat(39)}_y`, "x".repeat(39)],
    ["vault_a'; drop table", "vault_a_drop_table"],
  ])("makes of `%s` the label `%s`", (agentId, label) => {
    expect(slugLabel(agentId)).toBe(label);
  });
});

describe("generateVaultKey", () => {
  it("has the documented shape: vault_<label>_<32 base62><6 base62 CRC32>", () => {
    expect(generateVaultKey("billing_agent")).toMatch(/^vault_billing_[0-9A-Za-z]{38}$/);
  });

  it("ends in the CRC-32 of all that precedes it, as any other implementation computes it", () => {
    const key = generateVaultKey("billing_agent");
    expect(key.slice(-6)).toBe(checksumOf(key.slice(0, -6)));
  });

  it("never makes the same key twice, and no letter is likelier than another", () => {
    const keys = Array.from({ length: 10_000 }, () => generateVaultKey("a"));
    expect(new Set(keys).size).toBe(keys.length);
    const counts = new Map<string, number>();
    for (const key of keys) {
      for (const letter of key.slice("vault_a_".length, -6))
        counts.set(letter, (counts.get(letter) ?? 0) + 1);
    }
    // 320,000 letters: one in 62 is 5,161 with a deviation of 71. A modulo bias would be 1,000 off.
    for (const letter of ALPHABET) expect(Math.abs((counts.get(letter) ?? 0) - 5_161)).toBeLessThan(516);
  });
});

describe("isVaultKey", () => {
  it("accepts a well-formed key", () => {
    expect(isVaultKey(keyOf("billing"))).toBe(true);
  });

  it("accepts the longest label and counts it in VAULT_KEY_LENGTH_MAX", () => {
    const key = keyOf("x".repeat(40));
    expect(key).toHaveLength(VAULT_KEY_LENGTH_MAX);
    expect(isVaultKey(key)).toBe(true);
  });

  it.each([
    ["a label of 41 characters", keyOf("x".repeat(41))],
    ["an empty label", keyOf("")],
    ["an upper-case label", keyOf("Billing")],
    ["a label with a dash", keyOf("bill-ing")],
    ["a secret of 31 characters", keyOf("billing", "7GkQ2mZr9TtLx4Wc8VbN1sHy5PdJf3K")],
    ["a secret of 33 characters", keyOf("billing", "7GkQ2mZr9TtLx4Wc8VbN1sHy5PdJf3Kab")],
    ["a secret with an underscore", keyOf("billing", "7GkQ2mZr9TtLx4Wc8VbN1sHy5PdJf3K_")],
    ["a secret with a letter beyond ASCII", keyOf("billing", "7GkQ2mZr9TtLx4Wc8VbN1sHy5PdJf3Kß")],
    ["another prefix", `kb_${keyOf("billing").slice(6)}`],
    ["a space in front", ` ${keyOf("billing")}`],
    ["a line end behind", `${keyOf("billing")}\n`],
    ["a NUL behind", `${keyOf("billing")}\u0000`],
    ["two keys", keyOf("billing") + keyOf("billing")],
    ["upper case throughout", keyOf("billing").toUpperCase()],
    ["a wrong checksum of the right shape", `${keyOf("billing").slice(0, -6)}000000`],
  ])("D11: refuses %s", (_what, text) => {
    expect(isVaultKey(text)).toBe(false);
  });

  it.each([
    "",
    "null",
    "undefined",
    "vault_",
    "' OR 1=1--",
    "vault_x' OR '1'='1",
    "../../etc/passwd",
    "sk_live_0000000000000000",
    "\u202etest",
    "\ud800",
    "🔑".repeat(100),
    "%00",
    "a".repeat(1_048_576),
    `vault_billing_${"0".repeat(1_048_576)}`,
  ])("D11: refuses a naughty string without an exception", (text) => {
    expect(isVaultKey(text)).toBe(false);
  });
});

describe("VAULT_KEY_PATTERN", () => {
  it("has no state between uses, so that a second test of the same key agrees with the first", () => {
    const key = keyOf("billing");
    expect([VAULT_KEY_PATTERN.test(key), VAULT_KEY_PATTERN.test(key)]).toEqual([true, true]);
  });
});

describe("hashVaultKey", () => {
  // RFC 4231, test cases 1, 2 and 6.
  it.each([
    [Buffer.alloc(20, 0x0b), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"],
    [
      Buffer.from("Jefe"),
      "what do ya want for nothing?",
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ],
    [
      Buffer.alloc(131, 0xaa),
      "Test Using Larger Than Block-Size Key - Hash Key First",
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ],
  ])("is HMAC-SHA-256 under the pepper", (pepper, text, digest) => {
    expect(hashVaultKey(pepper, text).toString("hex")).toBe(digest);
  });

  it("differs under another pepper, so that a dump of one installation says nothing about another", () => {
    const key = keyOf("billing");
    const one = hashVaultKey(Buffer.alloc(32, 1), key);
    expect(one).toHaveLength(32);
    expect(one.equals(hashVaultKey(Buffer.alloc(32, 2), key))).toBe(false);
  });
});

describe("redactVaultKey", () => {
  it.each([
    [keyOf("billing"), "vault_billing_…"],
    [keyOf("a_b_c"), "vault_a_b_c_…"],
    [keyOf("billing").slice(0, -1), "vault_…"],
    ["sk_live_abc", "vault_…"],
    ["", "vault_…"],
  ])("shows of `%s` nothing but the label", (key, shown) => {
    expect(redactVaultKey(key)).toBe(shown);
  });
});
