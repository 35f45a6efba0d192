import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { AlertChannels } from "../../src/alerts/alert-channels.ts";
import type { Database } from "../../src/ledger/database.ts";
import { openPostgres } from "../../src/ledger/postgres.ts";
import { createMasterKey, type MasterKey } from "../../src/secrets/envelope.ts";
import { openInstallKeys } from "../../src/secrets/install-keys.ts";
import { KeyRing } from "../../src/secrets/key-ring.ts";
import { findKeyProblem, MasterKeyRotation } from "../../src/secrets/master-key-rotation.ts";
import { openSecretStore } from "../../src/secrets/secret-store.ts";
import { BACKENDS, requireBackends, type TestDatabases } from "../control-plane/backends.ts";
import { startChild } from "../ledger/child.ts";
import { createTestDatabase, DATABASE_URL, skipSuite } from "../support/databases.ts";

const freshKey = (): MasterKey => createMasterKey(randomBytes(32));
const secretValue = (name: string) => `sk_test_value_of_${name}`;

/** Makes secrets of these names; returns their ids. */
async function storeSecrets(
  database: Database,
  ring: KeyRing,
  names: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const { installationId } = await openInstallKeys(database, ring);
  const store = openSecretStore(database, ring, installationId);
  const ids = new Map<string, string>();
  for (const name of names) {
    const secret = {
      name,
      vendor: "stripe",
      value: secretValue(name),
      accountId: null,
      mode: "test",
    } as const;
    ids.set(name, (await store.create(secret))?.id ?? "");
  }
  store.close();
  return ids;
}

/** What a replica with these keys, which remembers nothing, finds of each secret. */
async function readSecrets(database: Database, ring: KeyRing, ids: ReadonlyMap<string, string>) {
  const { installationId } = await openInstallKeys(database, ring);
  const store = openSecretStore(database, ring, installationId);
  const found = new Map<string, string>();
  for (const [name, id] of ids) found.set(name, (await store.open(id, 1)).credential.toString());
  store.close();
  return found;
}

const expected = (ids: ReadonlyMap<string, string>) =>
  new Map([...ids.keys()].map((name) => [name, secretValue(name)]));

requireBackends();

describe.each(BACKENDS)("a change of the master key on $name", ({ open }) => {
  let databases: TestDatabases;
  let database: Database;
  let installationId: string;
  let old: MasterKey;
  let ids: ReadonlyMap<string, string>;
  let round = 0;
  const live = (name: string, keyIds: readonly string[]) =>
    database.query("SELECT take_epoch($1, '0', 60000, $2::text[])", [name, keyIds]);

  beforeAll(async () => {
    databases = await open();
    database = databases.database;
    old = freshKey();
  });
  afterAll(() => databases?.close());

  /** Each test goes on with the key that the one before has left. */
  beforeEach(async () => {
    await databases.ownerDatabase.query("DELETE FROM replicas");
    round++;
    ({ installationId } = await openInstallKeys(database, new KeyRing(old)));
    ids = await storeSecrets(database, new KeyRing(old), [`one-${round}`, `two-${round}`, `three-${round}`]);
  });

  const changeTo = (next: MasterKey, through: Database = database) =>
    new MasterKeyRotation(through, new KeyRing(next, old), installationId);

  it("leaves every secret readable under the new key alone, and nothing of the old one", async () => {
    const before = await database.query("SELECT id, envelope FROM secrets ORDER BY id");
    const next = freshKey();
    const rotation = changeTo(next);
    expect(await rotation.begin()).toBeNull();
    expect(await rotation.state()).toMatchObject({ activeId: next.id, previousId: old.id, finishedAt: null });
    expect(await readSecrets(database, new KeyRing(next, old), ids)).toEqual(expected(ids));
    expect(await rotation.continue()).toMatchObject({ remaining: 0, finishedAt: expect.any(Date) });
    expect(await readSecrets(database, new KeyRing(next), ids)).toEqual(expected(ids));
    const attempt = openInstallKeys(database, new KeyRing(old));
    await expect(attempt).rejects.toMatchObject({ code: "wrong_master_key" });
    // Only the wrapped data key is another one: no secret was decrypted for this.
    const after = await database.query("SELECT id, envelope FROM secrets ORDER BY id");
    const tails = (rows: typeof before) =>
      rows.map((row) =>
        Buffer.from(row["envelope"] as Uint8Array)
          .subarray(65)
          .toString("hex"),
      );
    expect(tails(after)).toEqual(tails(before));
    // Once more is nothing more.
    const state = await rotation.state();
    expect(await rotation.begin()).toBeNull();
    expect(await rotation.continue()).toEqual(state);
    old = next;
  });

  it("seals the addresses of alert channels anew, too", async () => {
    const next = freshKey();
    const channelsWith = (ring: KeyRing) => new AlertChannels(database, ring, installationId);
    const channel = { kind: "webhook", events: [], minSeverity: "info" } as const;
    const make = async (name: string) =>
      (
        await channelsWith(new KeyRing(old)).create(
          { ...channel, name, url: `https://example.com/${name}` },
          database,
        )
      )?.id ?? "";
    const [kept, removed] = [await make("kept"), await make("removed")];
    await channelsWith(new KeyRing(old)).delete(removed, database);
    await changeTo(next).begin();
    expect(await findKeyProblem(database, new KeyRing(next))).not.toBeNull();
    expect(await changeTo(next).continue()).toMatchObject({ remaining: 0 });
    expect(await findKeyProblem(database, new KeyRing(next))).toBeNull();
    const opened = await channelsWith(new KeyRing(next)).open(kept);
    expect(opened?.url.href).toBe("https://example.com/kept");
    expect(await channelsWith(new KeyRing(next)).open(removed)).toBeNull();
    old = next;
  });

  it("does not begin while a replica lives that could not open what is sealed then", async () => {
    const next = freshKey();
    await live("new", [next.id, old.id]);
    await live("old", [old.id]);
    expect(await changeTo(next).begin()).toEqual({
      reason: "not_everywhere",
      detail: `these replicas do not have the master key \`${next.id}\`: old`,
    });
    await databases.ownerDatabase.query("UPDATE replicas SET lease_until = now() WHERE name = 'old'");
    expect(await changeTo(next).begin()).toBeNull();
    // From here on none of them can come to life again.
    await expect(live("old", [old.id])).rejects.toMatchObject({ code: "KB007" });
    await changeTo(next).continue();
    old = next;
  });

  it("is finished before another one begins, by whoever has both keys", async () => {
    const [next, third] = [freshKey(), freshKey()];
    await changeTo(next).begin();
    const another = new MasterKeyRotation(database, new KeyRing(third, next), installationId);
    expect(await another.begin()).toMatchObject({ reason: "unfinished" });
    expect(await findKeyProblem(database, new KeyRing(next))).toMatch(
      new RegExp(`master key \`${old.id}\` has sealed: give that key as KEYBRAKE_MASTER_KEY_PREVIOUS`),
    );
    await changeTo(next).resume();
    expect(await findKeyProblem(database, new KeyRing(next))).toBeNull();
    old = next;
  });

  it("seals under the new key what was begun under the old one", async () => {
    const next = freshKey();
    let isFirst = true;
    // Another replica begins the change between this one's look and its write.
    const late: Database = {
      ...database,
      kind: database.kind,
      query: async (text, values) => {
        if (isFirst && text.includes("INSERT INTO secrets")) {
          isFirst = false;
          await changeTo(next).begin();
        }
        return database.query(text, values);
      },
    };
    const store = openSecretStore(late, new KeyRing(next, old), installationId);
    const value = secretValue(`late-${round}`);
    const secret = { name: `late-${round}`, vendor: "stripe", value, accountId: null, mode: "test" } as const;
    const id = (await store.create(secret))?.id ?? "";
    store.close();
    expect(isFirst).toBe(false);
    await changeTo(next).continue();
    const all = new Map([...ids, [`late-${round}`, id]]);
    expect(await readSecrets(database, new KeyRing(next), all)).toEqual(expected(all));
    old = next;
  });

  it("keeps apart what cannot be opened, and does the rest", async () => {
    const next = freshKey();
    const [damaged = ""] = ids.values();
    await database.query("UPDATE secrets SET envelope = envelope || '\\x00' WHERE id = $1", [damaged]);
    // The last byte of the tag is another one now; the wrapped key is whole, so it is rewrapped all the same.
    await database.query(
      "UPDATE secrets SET envelope = set_byte(envelope, 20, get_byte(envelope, 20) # 1) WHERE id = $1",
      [damaged],
    );
    const told: string[] = [];
    const rotation = new MasterKeyRotation(database, new KeyRing(next, old), installationId, (id) =>
      told.push(id),
    );
    await rotation.begin();
    expect(await rotation.continue()).toMatchObject({ remaining: 1, finishedAt: null });
    expect(told).toEqual([damaged]);
    const sound = new Map([...ids].filter(([, id]) => id !== damaged));
    expect(await readSecrets(database, new KeyRing(next, old), sound)).toEqual(expected(sound));
    await databases.ownerDatabase.query("DELETE FROM secrets WHERE id = $1", [damaged]);
    expect(await rotation.continue()).toMatchObject({ remaining: 0, finishedAt: expect.any(Date) });
    old = next;
  });
});

if (DATABASE_URL === undefined)
  skipSuite("D9: a killed change of the master key", "KEYBRAKE_TEST_DATABASE_URL");

const NAMES = Array.from({ length: 12 }, (_, index) => `secret-${index}`);
const KILLS_EACH = 25;
/** Begin, look, state, three keys of the installation and twelve secrets, look, finish. */
const STATEMENTS = 20;

/** Begins a change in another process, and kills that with its statement of this number on its way. */
async function killInTheMiddle(
  url: string,
  installationId: string,
  next: MasterKey,
  old: MasterKey,
  statement: number,
) {
  const keys = [next, old].map(({ key }) => key.toString("base64"));
  const child = startChild("../secrets/rotation-child.ts", url, installationId, ...keys, String(statement));
  await child.line("on its way");
  await child.kill();
}

// Two lanes at once, because each kill is a process that is started for it.
describe
  .skipIf(DATABASE_URL === undefined)
  .concurrent("D9: a change of the master key that is killed", () => {
    it.each([0, 1])(
      "leaves every secret readable, each of 25 times (lane %i)",
      (lane) => killAgainAndAgain(lane),
      120_000,
    );
  });

async function killAgainAndAgain(lane: number): Promise<void> {
  const { url, drop } = await createTestDatabase();
  const database = openPostgres(url, { connectionsMax: 2 });
  try {
    let old = freshKey();
    const ids = await storeSecrets(database, new KeyRing(old), NAMES);
    const { installationId } = await openInstallKeys(database, new KeyRing(old));
    for (let kill = 0; kill < KILLS_EACH; kill++) {
      const next = freshKey();
      const statement = 1 + ((2 * kill + lane) % STATEMENTS);
      await killInTheMiddle(url, installationId, next, old, statement);
      const both = new KeyRing(next, old);
      expect(await readSecrets(database, both, ids)).toEqual(expected(ids));
      const rotation = new MasterKeyRotation(database, both, installationId);
      // It was in the middle: begun, and not done.
      const { activeId, remaining } = await rotation.state();
      const isBetween = statement > 1 && statement < STATEMENTS - 2;
      if (isBetween) expect([activeId, remaining > 0]).toEqual([next.id, true]);
      expect(await rotation.begin()).toBeNull();
      expect(await rotation.continue()).toMatchObject({ remaining: 0, activeId: next.id });
      expect(await readSecrets(database, new KeyRing(next), ids)).toEqual(expected(ids));
      old = next;
    }
  } finally {
    await database.close();
    await drop();
  }
}
