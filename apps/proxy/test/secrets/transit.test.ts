import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FakeStripe, openFakeStripe } from "@keybrake/sandbox";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Database } from "../../src/ledger/database.ts";
import { openPglite } from "../../src/ledger/pglite.ts";
import { createMasterKey } from "../../src/secrets/envelope.ts";
import { openInstallKeys } from "../../src/secrets/install-keys.ts";
import { KeyRing } from "../../src/secrets/key-ring.ts";
import { loadKeyRing } from "../../src/secrets/master-key.ts";
import { MasterKeyLease } from "../../src/secrets/master-key-lease.ts";
import { openSecretStore } from "../../src/secrets/secret-store.ts";
import { type Transit, unwrapKey } from "../../src/secrets/transit.ts";
import { attemptStart } from "../lifecycle/start-attempt.ts";
import { CANARY_SECRET, issueKey, storeSecret, stripeClient } from "../support/crew.ts";
import { createTestDataDir, type TestDataDir } from "../support/databases.ts";
import { startTestServer } from "../support/server.ts";
import { openTransitEngine, type TransitEngine } from "./transit-engine.ts";

const MINUTE_MS = 60_000;
const none = { value: null, file: null };

let engine: TransitEngine;
let home: string;
let transit: Transit;
const master = randomBytes(32);

beforeEach(async () => {
  engine = await openTransitEngine();
  home = mkdtempSync(join(tmpdir(), "keybrake-transit-"));
  writeFileSync(join(home, "token"), `${engine.token}\n`, { mode: 0o600 });
  transit = { url: engine.url, keyName: "keybrake", tokenFile: join(home, "token") };
});
afterEach(async () => {
  await engine.close();
  rmSync(home, { recursive: true });
});

const load = (value: string, through: Transit | null = transit) =>
  loadKeyRing({ value, file: null, generateIn: null, transit: through }, none);

describe("a wrapped master key", () => {
  test("is unwrapped by the engine, and is the same key as in clear", async () => {
    const keyRing = await load(engine.wrap(master));
    expect(keyRing).toMatchObject({ configuredId: createMasterKey(master).id, isLent: true });
  });

  test("is read from a file too, beside a key in clear: so an installation moves to an engine and away", async () => {
    const file = join(home, "wrapped");
    writeFileSync(file, engine.wrap(master), { mode: 0o600 });
    const old = randomBytes(32);
    const source = { value: null, file, generateIn: null, transit };
    const there = await loadKeyRing(source, { value: old.toString("base64"), file: null });
    expect(there).toMatchObject({ ids: [createMasterKey(master).id, createMasterKey(old).id], isLent: true });
    const away = { value: old.toString("base64"), file: null, generateIn: null, transit };
    expect(await loadKeyRing(away, { value: null, file })).toMatchObject({ isLent: true });
  });

  test.each([
    ["silent", "unreachable"],
    ["forbidden", "refused"],
    ["sealed", "refused"],
  ] as const)(
    "is not had from an engine that is %s, in bounded time, and nothing is repeated",
    async (how, code) => {
      engine.behave(how);
      const wrapped = engine.wrap(master);
      const problem = await load(wrapped);
      expect(problem).toMatch(new RegExp(`KEYBRAKE_MASTER_KEY.*cannot be unwrapped \\(${code}\\)`));
      for (const secret of [wrapped, engine.token, master.toString("base64")])
        expect(problem).not.toContain(secret);
    },
  );

  test("is not had with a token that is not there, of another engine, or for a text that was altered", async () => {
    const wrapped = engine.wrap(master);
    expect(await load(wrapped, { ...transit, tokenFile: join(home, "absent") })).toMatch(/\(no_token\)/);
    const other = await openTransitEngine();
    expect(await load(other.wrap(master))).toMatch(/\(refused\)/);
    await other.close();
    await expect(unwrapKey({ ...transit, url: other.url }, wrapped)).rejects.toMatchObject({
      code: "unreachable",
    });
    expect(await load(engine.wrap(randomBytes(31)))).toMatch(/not 32 bytes/);
  });

  test("is a mistake without an engine, as an engine is without a wrapped key", async () => {
    expect(await load(engine.wrap(master), null)).toMatch(/set `KEYBRAKE_MASTER_KEY_TRANSIT_URL`/);
    expect(await load(master.toString("base64"))).toMatch(/no master key is wrapped/);
    expect(engine.asked()).toBe(0);
  });
});

describe("D10: an engine that is lost while keybrake runs", () => {
  let dataDir: TestDataDir;
  let database: Database;
  beforeAll(async () => {
    dataDir = await createTestDataDir();
    database = await openPglite(dataDir.path);
  }, 60_000);
  afterAll(async () => {
    await database.close();
    dataDir.remove();
  });

  test("stops every use of a credential within five minutes, and gives it back when it answers again", async () => {
    let nowMs = 0;
    const told: boolean[] = [];
    const wrapped = engine.wrap(master);
    const unwrap = async () =>
      new KeyRing(createMasterKey(await unwrapKey(transit, wrapped), true), null, () => nowMs);
    const keyRing = await unwrap();
    const lease = new MasterKeyLease(keyRing, unwrap, {
      onError: () => undefined,
      onChange: (isLost) => told.push(isLost),
    });
    const { installationId } = await openInstallKeys(database, keyRing);
    // Nothing is remembered, so that each look needs the key; a running server remembers for a minute more.
    const store = openSecretStore(database, keyRing, installationId, 0);
    const secret = {
      name: "one",
      vendor: "stripe",
      value: CANARY_SECRET,
      accountId: null,
      mode: "live",
    } as const;
    const id = (await store.create(secret))?.id ?? "";
    const look = async () => (await store.open(id, 1)).credential.toString();
    const passMinute = async () => {
      nowMs += MINUTE_MS;
      await lease.renew();
    };

    for (let minute = 0; minute < 10; minute++) await passMinute();
    expect(await look()).toBe(CANARY_SECRET);

    engine.behave("sealed");
    for (let minute = 0; minute < 3; minute++) await passMinute();
    expect(await look()).toBe(CANARY_SECRET);
    expect(told).toEqual([]);
    await passMinute();
    expect(told).toEqual([true]);
    await expect(look()).rejects.toMatchObject({ code: "ledger_unavailable" });
    await expect(store.create({ ...secret, name: "two" })).rejects.toMatchObject({
      code: "ledger_unavailable",
    });

    engine.behave("well");
    await passMinute();
    expect(told).toEqual([true, false]);
    expect(await look()).toBe(CANARY_SECRET);
    store.close();
  });

  test("ends by itself: nothing need run for that", async () => {
    let nowMs = 0;
    const keyRing = new KeyRing(createMasterKey(randomBytes(32), true), null, () => nowMs);
    nowMs = 3 * MINUTE_MS;
    expect(keyRing.isUsable).toBe(true);
    nowMs = 4 * MINUTE_MS;
    expect(keyRing.isUsable).toBe(false);
  });

  test("is no reason to take another key: that needs a start", async () => {
    const keyRing = new KeyRing(createMasterKey(randomBytes(32), true));
    expect(() => keyRing.renewFrom(new KeyRing(createMasterKey(randomBytes(32), true)))).toThrow(RangeError);
  });
});

describe("D10: a server whose master key is wrapped", () => {
  let fake: FakeStripe;
  beforeAll(async () => {
    fake = await openFakeStripe({ secretKeys: [CANARY_SECRET] });
  });
  afterAll(() => fake.close());

  const settings = () => ({
    KEYBRAKE_MASTER_KEY_TRANSIT_URL: engine.url,
    KEYBRAKE_MASTER_KEY_TRANSIT_KEY: "keybrake",
    KEYBRAKE_MASTER_KEY_TRANSIT_TOKEN_FILE: transit.tokenFile,
  });

  test("serves calls with it, and does not start while the engine cannot be reached", {
    timeout: 120_000,
  }, async () => {
    const masterKey = engine.wrap(master);
    const server = await startTestServer({ stripeUrl: fake.url, masterKey, env: settings() });
    try {
      await storeSecret(server.admin);
      const { vaultKey } = await issueKey(server.admin, "billing_agent", {
        daily_usd_cap: 10,
        allowed_endpoints: ["POST /v1/customers"],
      });
      await stripeClient(server.dataUrl, vaultKey).customers.create({ name: "x" });
      expect(fake.requests).toHaveLength(1);
    } finally {
      await server.stop();
    }
    await engine.close();
    const { code, stderr, stdout } = await attemptStart({ KEYBRAKE_MASTER_KEY: masterKey, ...settings() });
    expect(code).toBe(2);
    expect(stderr).toMatch(/cannot start:\n {2}- `KEYBRAKE_MASTER_KEY` cannot be unwrapped \(unreachable\)/);
    expect(stderr + stdout).not.toContain(engine.token);
  });
});
