import { randomBytes } from "node:crypto";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { isKeybrakeError } from "../faults.ts";
import type { SecretStore } from "../ports.ts";
import { useHarness } from "./harness-lifetime.ts";

/** The port's second, and half of one for a machine that is busy with other things. */
const REJECTED_WITHIN_MS = 1_500;

/** What an implementer of `SecretStore` offers to its contract suite. Changes are committed when their promise resolves. */
export interface SecretStoreHarness {
  readonly secrets: SecretStore;
  /** Stores a credential of Stripe's; returns its id. Its version is 1. */
  create(value: string, accountId: string | null): Promise<string>;
  /** Replaces a credential through another replica, of which `secrets` hears nothing; returns the new version. */
  rotateElsewhere(secretId: string, value: string): Promise<number>;
  /** Erases a credential through `secrets`' own replica. */
  erase(secretId: string): Promise<void>;
  /** Exchanges what is stored of two credentials, as somebody with the database alone could. */
  swapStored(oneId: string, otherId: string): Promise<void>;
  /** A replica that remembers nothing yet. */
  openFresh(): SecretStore;
  /** Keeps the store from answering, until the returned function is called; null where nothing can. */
  readonly stall: (() => Promise<() => Promise<void>>) | null;
  close(): Promise<void>;
}

/** The contract of `SecretStore`. `canStall` says whether its harness has `stall`. */
export function describeSecretStore(
  name: string,
  open: () => Promise<SecretStoreHarness>,
  traits: { readonly canStall: boolean },
): void {
  describe(`secret store on ${name}`, () => {
    const get = useHarness(open);
    testOpening(get);
    testRotation(get);
    testRefusals(get);
    if (traits.canStall) testStall(get);
  });
}

function freshCredential(): string {
  return `sk_test_${randomBytes(24).toString("hex")}`;
}

async function read(secrets: SecretStore, secretId: string, version: number): Promise<string> {
  return (await secrets.open(secretId, version)).credential.toString("utf8");
}

function testOpening(get: () => SecretStoreHarness): void {
  it("opens what was stored, again and again and on a replica that is new", async () => {
    const harness = get();
    const value = freshCredential();
    const secretId = await harness.create(value, "acct_1");
    const opened = await harness.secrets.open(secretId, 1);
    expect(opened.credential.toString("utf8")).toBe(value);
    expect(opened.accountId).toBe("acct_1");
    expect(await read(harness.secrets, secretId, 1)).toBe(value);
    expect(await read(harness.openFresh(), secretId, 1)).toBe(value);
  });

  it("tells credentials apart when many are opened at once", async () => {
    const harness = get();
    const values = Array.from({ length: 10 }, freshCredential);
    const ids = await Promise.all(values.map((value) => harness.create(value, null)));
    const asked = [...ids, ...ids, ...ids];
    const found = await Promise.all(asked.map((id) => read(harness.secrets, id, 1)));
    expect(found).toEqual([...values, ...values, ...values]);
    expect((await harness.secrets.open(ids[0] ?? "", 1)).accountId).toBeNull();
  });

  it("keeps every printable character and 512 of them", async () => {
    const harness = get();
    const printable = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index)).join("");
    for (const value of [printable, "x".repeat(512)]) {
      const secretId = await harness.create(value, null);
      expect(await read(harness.openFresh(), secretId, 1)).toBe(value);
    }
  });
}

function testRotation(get: () => SecretStoreHarness): void {
  it("never gives out an older version than the one that is named", async () => {
    const harness = get();
    const [before, after] = [freshCredential(), freshCredential()];
    const secretId = await harness.create(before, null);
    expect(await read(harness.secrets, secretId, 1)).toBe(before);
    const version = await harness.rotateElsewhere(secretId, after);
    expect(version).toBe(2);
    expect(await read(harness.secrets, secretId, version)).toBe(after);
    // A call that was decided before the rotation may get the new one, but what it gets must be whole.
    expect([before, after]).toContain(await read(harness.secrets, secretId, 1));
  });

  it("never does so while it is asked and rotated at once", async () => {
    const harness = get();
    const secretId = await harness.create("version 1", null);
    for (let version = 2; version <= 20; version++) {
      const asked = [1, 2, 3].map(() => read(harness.secrets, secretId, version - 1));
      const rotated = await harness.rotateElsewhere(secretId, `version ${version}`);
      const after = await Promise.all([1, 2, 3].map(() => read(harness.secrets, secretId, rotated)));
      expect(after).toEqual(Array(3).fill(`version ${version}`));
      for (const value of await Promise.all(asked))
        expect([`version ${version - 1}`, `version ${version}`]).toContain(value);
    }
  });
}

function testRefusals(get: () => SecretStoreHarness): void {
  it("rejects a version that there is not, and an id that nobody knows", async () => {
    const harness = get();
    const value = freshCredential();
    const secretId = await harness.create(value, null);
    await expectRefusal(harness.secrets.open(secretId, 2), value);
    await expectRefusal(harness.secrets.open("00000000-0000-7000-8000-000000000000", 1), value);
    expect(await read(harness.secrets, secretId, 1)).toBe(value);
  });

  it("rejects a credential that was erased, remembered or not", async () => {
    const harness = get();
    const value = freshCredential();
    const secretId = await harness.create(value, null);
    expect(await read(harness.secrets, secretId, 1)).toBe(value);
    await harness.erase(secretId);
    await expectRefusal(harness.secrets.open(secretId, 1), value);
    await expectRefusal(harness.openFresh().open(secretId, 1), value);
  });

  it("rejects credentials whose stored forms were exchanged (D6)", async () => {
    const harness = get();
    const values = [freshCredential(), freshCredential()];
    const [one = "", other = ""] = await Promise.all(values.map((value) => harness.create(value, null)));
    await harness.swapStored(one, other);
    const fresh = harness.openFresh();
    for (const id of [one, other]) for (const value of values) await expectRefusal(fresh.open(id, 1), value);
    await harness.swapStored(one, other);
    expect(await read(fresh, one, 1)).toBe(values[0]);
  });
}

/** Fails unless it rejects with a fault of ours in which the credential does not appear. */
async function expectRefusal(opening: Promise<unknown>, credential: string): Promise<void> {
  const error = await opening.then(
    () => "the credential was given out",
    (thrown: unknown) => thrown,
  );
  expect(isKeybrakeError(error), inspect(error)).toBe(true);
  expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(credential);
}

function testStall(get: () => SecretStoreHarness): void {
  it("rejects within a second when the store does not answer, and answers when it does again", async () => {
    const harness = get();
    const value = freshCredential();
    const secretId = await harness.create(value, null);
    const resume = await harness.stall?.();
    try {
      const askedMs = performance.now();
      const error = await harness.secrets.open(secretId, 1).catch((thrown: unknown) => thrown);
      expect(isKeybrakeError(error) ? error.code : error).toBe("ledger_unavailable");
      expect(performance.now() - askedMs).toBeLessThan(REJECTED_WITHIN_MS);
    } finally {
      await resume?.();
    }
    expect(await read(harness.secrets, secretId, 1)).toBe(value);
  });
}
