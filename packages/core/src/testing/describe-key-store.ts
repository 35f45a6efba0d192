import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { isKeybrakeError } from "../faults.ts";
import type { PolicyDocument } from "../policy.ts";
import type { KeyStore, VaultKeyRecord } from "../ports.ts";
import { useHarness } from "./harness-lifetime.ts";

/** The port's second, and half of one for a machine that is busy with other things. */
const REJECTED_WITHIN_MS = 1_500;
/** A record may be a few seconds old, and never this much. */
const TOO_OLD_MS = 10_000;
const POLICY: PolicyDocument = {
  vendor: "stripe",
  daily_usd_cap: "10000.000001",
  total_usd_cap: 20_000,
  allowed_endpoints: ["POST /v1/payment_intents", "GET /v1/customers/*"],
  expires_in: "24h",
};

/** A key as it is stored; the store adds an id, a version, a status and the time. */
export interface StoredKey {
  readonly keyHash: Uint8Array;
  readonly redacted: string;
  readonly name: string | null;
  readonly agentId: string;
  readonly crewRunId: string | null;
  readonly policy: PolicyDocument;
  readonly expiresAt: Date | null;
}

/** What an implementer of `KeyStore` offers to its contract suite. Changes are committed when their promise resolves. */
export interface KeyStoreHarness {
  readonly keys: KeyStore;
  /** Stores a key of a fresh secret of Stripe's; returns what the key store does not know beforehand. */
  createKey(key: StoredKey): Promise<Pick<VaultKeyRecord, "id" | "secretId" | "secretName">>;
  updateKey(vaultKeyId: string, policy: PolicyDocument): Promise<void>;
  revoke(vaultKeyId: string): Promise<void>;
  /** Now, on the store's clock. */
  now(): Promise<Date>;
  /** Lets so much time pass for whatever the key store remembers. */
  passTime(ms: number): void;
  /** Keeps the store from answering, until the returned function is called; null where nothing can. */
  readonly stall: (() => Promise<() => Promise<void>>) | null;
  close(): Promise<void>;
}

/** The contract of `KeyStore`. `canStall` says whether its harness has `stall`. */
export function describeKeyStore(
  name: string,
  open: () => Promise<KeyStoreHarness>,
  traits: { readonly canStall: boolean },
): void {
  describe(`key store on ${name}`, () => {
    const get = useHarness(open);
    testFinding(get);
    testForgetting(get);
    if (traits.canStall) testStall(get);
  });
}

function keyOf(more: Partial<StoredKey> = {}): StoredKey {
  const agentId = `agent_${randomBytes(6).toString("hex")}`;
  const nothing = { name: null, crewRunId: null, expiresAt: null };
  return {
    keyHash: randomBytes(32),
    redacted: "vault_billing_…",
    agentId,
    policy: POLICY,
    ...nothing,
    ...more,
  };
}

function testFinding(get: () => KeyStoreHarness): void {
  it("finds everything that was stored", async () => {
    const harness = get();
    const expiresAt = new Date((await harness.now()).getTime() + 3_600_000);
    const full = keyOf({ name: "for billing", crewRunId: "run 1", expiresAt });
    const bare = keyOf();
    for (const key of [full, bare]) {
      const { keyHash, ...stored } = key;
      const made = await harness.createKey(key);
      const record = await harness.keys.find(keyHash);
      const fixed = { vendor: "stripe", accountId: null, policyVersion: 1, status: "active", ancestors: [] };
      expect(record).toEqual({ ...stored, ...made, ...fixed, createdAt: expect.any(Date) });
      const ageMs = (await harness.now()).getTime() - (record?.createdAt.getTime() ?? 0);
      expect(ageMs).toBeGreaterThanOrEqual(-1);
      expect(ageMs).toBeLessThan(60_000);
    }
  });

  it("finds nothing for another hash, and a hash is compared to its last bit", async () => {
    const harness = get();
    const key = keyOf();
    await harness.createKey(key);
    const close = Uint8Array.from(key.keyHash);
    close[31] = (close[31] ?? 0) ^ 1;
    expect(await harness.keys.find(close)).toBeNull();
    expect(await harness.keys.find(randomBytes(32))).toBeNull();
    expect(await harness.keys.find(new Uint8Array(0))).toBeNull();
    expect((await harness.keys.find(Uint8Array.from(key.keyHash)))?.agentId).toBe(key.agentId);
  });

  it("tells keys apart when many are asked for at once", async () => {
    const harness = get();
    const keys = Array.from({ length: 20 }, () => keyOf());
    await Promise.all(keys.map((key) => harness.createKey(key)));
    const asked = [...keys, ...keys, ...keys];
    const found = await Promise.all(asked.map((key) => harness.keys.find(key.keyHash)));
    expect(found.map((record) => record?.agentId)).toEqual(asked.map((key) => key.agentId));
  });

  it.each(["'; DROP TABLE vault_keys; --", 'quo"te\\', "日本語 \u2028 🧨", ""])(
    "keeps the text %j",
    async (text) => {
      const key = keyOf({ name: text, agentId: `${text}${randomBytes(6).toString("hex")}`, crewRunId: text });
      await get().createKey(key);
      const { name, agentId, crewRunId } = key;
      expect(await get().keys.find(key.keyHash)).toMatchObject({ name, agentId, crewRunId });
    },
  );
}

function testForgetting(get: () => KeyStoreHarness): void {
  it.each(["one key", "all keys"])("reads again after it was told to forget %s", async (what) => {
    const harness = get();
    const key = keyOf();
    const { id } = await harness.createKey(key);
    await harness.keys.find(key.keyHash);
    await harness.updateKey(id, { ...POLICY, daily_usd_cap: "1" });
    harness.keys.forget(what === "one key" ? id : undefined);
    const revised = await harness.keys.find(key.keyHash);
    expect(revised).toMatchObject({ policyVersion: 2, policy: { daily_usd_cap: "1" } });
    await harness.revoke(id);
    harness.keys.forget(what === "one key" ? id : undefined);
    expect((await harness.keys.find(key.keyHash))?.status).toBe("revoked");
  });

  it("finds a key that was missing a moment ago, once told to forget", async () => {
    const harness = get();
    const key = keyOf();
    expect(await harness.keys.find(key.keyHash)).toBeNull();
    const { id } = await harness.createKey(key);
    harness.keys.forget(id);
    expect((await harness.keys.find(key.keyHash))?.id).toBe(id);
  });

  it("reads again by itself before what it remembers is too old", async () => {
    const harness = get();
    const [key, missing] = [keyOf(), keyOf()];
    const { id } = await harness.createKey(key);
    await harness.keys.find(key.keyHash);
    await harness.keys.find(missing.keyHash);
    await harness.revoke(id);
    await harness.createKey(missing);
    harness.passTime(TOO_OLD_MS);
    expect((await harness.keys.find(key.keyHash))?.status).toBe("revoked");
    expect((await harness.keys.find(missing.keyHash))?.agentId).toBe(missing.agentId);
  });
}

function testStall(get: () => KeyStoreHarness): void {
  it("rejects within a second when the store does not answer, and remembers nothing of it", async () => {
    const harness = get();
    const key = keyOf();
    await harness.createKey(key);
    const resume = await harness.stall?.();
    try {
      const askedMs = performance.now();
      const error = await harness.keys.find(key.keyHash).catch((thrown: unknown) => thrown);
      expect(isKeybrakeError(error) ? error.code : error).toBe("ledger_unavailable");
      expect(performance.now() - askedMs).toBeLessThan(REJECTED_WITHIN_MS);
    } finally {
      await resume?.();
    }
    expect((await harness.keys.find(key.keyHash))?.agentId).toBe(key.agentId);
  });
}
