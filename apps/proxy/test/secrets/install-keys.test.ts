import { createPublicKey, randomBytes, randomUUID, sign, verify } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openInstallKeys } from "../../src/secrets/install-keys.ts";
import { createKeyRing } from "../../src/secrets/key-ring.ts";
import { openSecretStore } from "../../src/secrets/secret-store.ts";
import { BACKENDS, requireBackends, type TestDatabases } from "../control-plane/backends.ts";

requireBackends();

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe.each(BACKENDS)("keys and secrets at rest on $name", ({ open }) => {
  const keyRing = createKeyRing(randomBytes(32));
  let databases: TestDatabases;

  beforeAll(async () => {
    databases = await open();
  });
  afterAll(async () => {
    await databases?.close();
  });

  it("are the same for all that start at once, and at every later start", async () => {
    const { database } = databases;
    const starters = await Promise.all(Array.from({ length: 6 }, () => openInstallKeys(database, keyRing)));
    const later = await openInstallKeys(database, keyRing);
    for (const keys of starters) {
      expect(keys.pepper.equals(later.pepper)).toBe(true);
      expect(keys.idempotencySecret.equals(later.idempotencySecret)).toBe(true);
      const signature = sign(null, Buffer.from("x"), keys.checkpointKey);
      expect(verify(null, Buffer.from("x"), createPublicKey(later.checkpointKey), signature)).toBe(true);
    }
    expect(later.pepper).toHaveLength(32);
    expect(later.pepper.equals(later.idempotencySecret)).toBe(false);
    const rows = await database.query("SELECT name, envelope FROM install_keys ORDER BY name");
    expect(rows.map((row) => row["name"])).toEqual(["checkpoint", "idempotency", "pepper"]);
    for (const row of rows)
      expect(Buffer.from(row["envelope"] as Uint8Array).includes(later.pepper)).toBe(false);
  });

  it("do not open under another master key, and nothing is made anew then", async () => {
    const { database } = databases;
    const keys = await openInstallKeys(database, keyRing);
    const attempt = openInstallKeys(database, createKeyRing(randomBytes(32)));
    await expect(attempt).rejects.toMatchObject({ name: "EnvelopeError", code: "wrong_master_key" });
    expect((await openInstallKeys(database, keyRing)).pepper.equals(keys.pepper)).toBe(true);
  });

  it("D6: do not open in another row: swapped secrets are refused, not sent to the wrong vendor", async () => {
    const { database } = databases;
    const { installationId } = await openInstallKeys(database, keyRing);
    const store = openSecretStore(database, keyRing, installationId);
    const make = (name: string) =>
      store.create({
        name,
        vendor: "stripe",
        value: `sk_test_canary_${name}`,
        accountId: null,
        mode: "live",
      });
    const [one, two] = [await make("one"), await make("two")];
    await database.query(
      "UPDATE secrets s SET envelope = o.envelope FROM secrets o WHERE s.name IN ('one', 'two') AND o.name IN ('one', 'two') AND s.id <> o.id",
    );
    for (const secret of [one, two]) {
      const error = await store.open(secret?.id ?? "", 1).catch((failure: unknown) => failure);
      expect(error).toMatchObject({ code: "internal" });
      expect(`${(error as Error).message}${(error as { cause: Error }).cause.message}`).not.toContain(
        "canary",
      );
    }
    store.close();
  });

  it("are wiped from memory by age, by a rotation and at the end", async () => {
    const { database } = databases;
    const { installationId } = await openInstallKeys(database, keyRing);
    const store = openSecretStore(database, keyRing, installationId, 30);
    const value = "sk_test_to_be_wiped";
    const { id = "" } =
      (await store.create({ name: "wiped", vendor: "stripe", value, accountId: null, mode: "live" })) ?? {};
    const first = (await store.open(id, 1)).credential;
    expect(first.toString()).toBe(value);
    await expect.poll(() => first.every((byte) => byte === 0)).toBe(true);
    const steady = openSecretStore(database, keyRing, installationId);
    const second = (await steady.open(id, 1)).credential;
    expect((await steady.open(id, 1)).credential).toBe(second);
    await steady.rotate("wiped", "sk_test_after_rotation");
    await nextTurn();
    expect(second.every((byte) => byte === 0)).toBe(true);
    const third = (await steady.open(id, 2)).credential;
    expect(third.toString()).toBe("sk_test_after_rotation");
    steady.close();
    await nextTurn();
    expect(third.every((byte) => byte === 0)).toBe(true);
    store.close();
  });

  it("are read once for many calls at once", async () => {
    const { database } = databases;
    const { installationId } = await openInstallKeys(database, keyRing);
    const store = openSecretStore(database, keyRing, installationId);
    const { id = "" } =
      (await store.create({
        name: "shared",
        vendor: "stripe",
        value: "sk_test_shared",
        accountId: null,
        mode: "live",
      })) ?? {};
    const opened = await Promise.all(Array.from({ length: 20 }, () => store.open(id, 1)));
    expect(new Set(opened.map(({ credential }) => credential)).size).toBe(1);
    await expect(store.open(randomUUID(), 1)).rejects.toMatchObject({ code: "ledger_unavailable" });
    store.close();
  });

  it("survive two rotations at once: both count, one after the other", async () => {
    const { database } = databases;
    const { installationId } = await openInstallKeys(database, keyRing);
    const store = openSecretStore(database, keyRing, installationId);
    const { id = "" } =
      (await store.create({
        name: "contended",
        vendor: "stripe",
        value: "sk_test_value_0",
        accountId: null,
        mode: "live",
      })) ?? {};
    const rotated = await Promise.all(
      [1, 2, 3].map((index) => store.rotate("contended", `sk_test_value_${index}`)),
    );
    expect(rotated.map((secret) => secret?.version).sort()).toEqual([2, 3, 4]);
    const last = rotated.findIndex((secret) => secret?.version === 4);
    expect((await store.open(id, 4)).credential.toString()).toBe(`sk_test_value_${last + 1}`);
    store.close();
  });
});
