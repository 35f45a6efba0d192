import { generateKeyPairSync, randomUUID } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { KeyIdentity } from "@keybrake/core";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { Batcher } from "../../src/ledger/batcher.ts";
import type { Database } from "../../src/ledger/database.ts";
import { History } from "../../src/ledger/history.ts";
import { acceptHistory, closeHistory, listHistoryGaps } from "../../src/ledger/history-gaps.ts";
import { planLedgerApply } from "../../src/ledger/ledger-apply.ts";
import { Replica } from "../../src/ledger/replica.ts";
import { openWitness, type Witness } from "../../src/ledger/witness.ts";
import { createSecret } from "../contract/sql-ledger-harness.ts";
import { BACKENDS, requireBackends, type TestDatabases } from "../control-plane/backends.ts";
import { makeTempDir } from "./temp-dir.ts";

const NOW = new Date("2026-11-23T12:00:00Z");

requireBackends();

/** A replica's part of the ledger, with its memory of what it has seen. */
async function openReplica(database: Database, witness: Witness | null = null) {
  const monotonicMs = () => performance.now();
  const errors: unknown[] = [];
  const events = { onError: (_what: string, error: unknown) => errors.push(error), onSwept: () => undefined };
  const replica = new Replica(database, "test", "0", monotonicMs, events);
  await replica.register();
  const changes: boolean[] = [];
  const history = new History({
    database,
    witness,
    replicaName: "test",
    now: () => NOW,
    onChange: (isLost) => changes.push(isLost),
  });
  await history.open([]);
  await planLedgerApply(database, replica.epoch);
  const batcher = new Batcher(
    database,
    replica,
    monotonicMs,
    { ...events, onFlush: () => undefined },
    history,
  );
  onTestFinished(async () => {
    await batcher.close(1_000);
    await replica.stop();
  });
  return { replica, history, batcher, changes };
}

describe.each(BACKENDS)("lost history on $name", ({ open }) => {
  let databases: TestDatabases;
  let database: Database;
  let owner: Database;
  let identity: Pick<KeyIdentity, "vaultKeyId" | "secretId">;

  beforeAll(async () => {
    databases = await open();
    database = databases.database;
    owner = databases.ownerDatabase;
    await owner.query("SELECT ensure_partitions(2)");
    const secretId = await createSecret(owner);
    const [key] = await owner.query(
      "SELECT id FROM create_vault_key($1, 'r', NULL, 'a', NULL, $2, 'stripe', '{}', '[]', NULL, NULL)",
      [Buffer.alloc(32, 7), secretId],
    );
    identity = { vaultKeyId: key?.["id"] as string, secretId };
  });
  afterAll(() => databases?.close());

  type Parts = Awaited<ReturnType<typeof openReplica>>;
  const reserve = async ({ batcher }: Parts): Promise<string> => {
    const id = randomUUID();
    const call = {
      vault_key_id: identity.vaultKeyId,
      secret_id: identity.secretId,
      policy_version: 1,
      agent_id: "a",
    };
    const op = {
      kind: "reserve",
      id,
      ...call,
      method: "POST",
      path: "/v1/refunds",
      accounted: true,
    } as const;
    const { result } = await batcher.apply({ ...op, hold_micros: "1000000", deadline_ms: 60_000 });
    expect(result?.code).toBeNull();
    return id;
  };
  const settle = ({ batcher }: Parts, id: string) =>
    batcher.apply({
      kind: "settle",
      id,
      secret_id: identity.secretId,
      state: "settled",
      cost_micros: "5",
      status_code: 200,
    });
  const deny = ({ batcher }: Parts) =>
    batcher.apply({
      kind: "deny",
      id: randomUUID(),
      method: "GET",
      path: "/",
      denial_code: "unpriced",
      denial_reason: "x",
      status_code: 403,
    });
  const stateOf = async (id: string) =>
    (await owner.query("SELECT state FROM calls WHERE id = $1", [id]))[0]?.["state"];
  const headOf = async (epoch: bigint) =>
    (await owner.query("SELECT max(seq) AS seq FROM audit_chain WHERE epoch = $1", [epoch.toString()]))[0]?.[
      "seq"
    ] as bigint;

  /** As a restored backup looks: the newest links of an epoch are gone, and the rows of the calls that they name. */
  async function forget(epoch: bigint, links: number): Promise<void> {
    const from = (await headOf(epoch)) - BigInt(links);
    const values = [epoch.toString(), from.toString()];
    await owner.query(
      "DELETE FROM calls c USING audit_chain a WHERE a.epoch = $1 AND a.seq > $2 AND c.id = ANY (a.call_ids)",
      values,
    );
    await owner.query("DELETE FROM audit_chain WHERE epoch = $1 AND seq > $2", values);
  }

  /** What an operator does, without the signature, which is the control plane's. */
  async function accept(): Promise<void> {
    const gap = await closeHistory(owner);
    expect(gap).not.toBeNull();
    const acceptance = { by: "test", reason: "a drill", signature: Buffer.alloc(64) };
    if (gap !== null) expect(await acceptHistory(owner, gap, acceptance)).toBe(true);
  }

  const lost = { code: "history_lost" };

  it("C3: a tail that is cut off stops the next call of the replica that wrote it", async () => {
    const parts = await openReplica(database);
    await reserve(parts);
    await reserve(parts);
    await forget(parts.replica.epoch, 1);
    const before = await headOf(parts.replica.epoch);
    await expect(reserve(parts)).rejects.toMatchObject(lost);
    expect(await headOf(parts.replica.epoch)).toBe(before);
    expect([parts.history.isLost, parts.changes]).toEqual([true, [true]]);
    expect((await listHistoryGaps(owner)).at(-1)).toMatchObject({
      foundBy: "test",
      acceptedAt: null,
      lost: [{ epoch: parts.replica.epoch, seq: before + 1n }],
    });
    await accept();
  });

  it("C3: a chain that is recomputed to its end is another one, and stops everything as well", async () => {
    const parts = await openReplica(database);
    await reserve(parts);
    await owner.query(
      "UPDATE audit_chain SET digests = ARRAY[sha256('forged')], hash = sha256(prev_hash || sha256('forged')) WHERE epoch = $1",
      [parts.replica.epoch.toString()],
    );
    await expect(reserve(parts)).rejects.toMatchObject(lost);
    await accept();
  });

  it("stops a replica that has seen nothing of what was lost, at its next call; open calls are still settled", async () => {
    const [one, other] = [await openReplica(database), await openReplica(database)];
    const held = await reserve(other);
    await reserve(one);
    await forget(one.replica.epoch, 1);
    // The other one's own chain is whole, and it does not know that of the first.
    await reserve(other);
    await expect(reserve(one)).rejects.toMatchObject(lost);
    expect(other.history.isLost).toBe(false);
    await expect(reserve(other)).rejects.toMatchObject(lost);
    expect(other.history.isLost).toBe(true);
    await settle(other, held);
    expect(await stateOf(held)).toBe("settled");
    await deny(one);
    await accept();
  });

  it("is noticed without any call: each replica watches the chains of all", async () => {
    const [one, other] = [await openReplica(database), await openReplica(database)];
    await reserve(one);
    await other.history.check();
    await forget(one.replica.epoch, 1);
    await other.history.check();
    expect(other.changes).toEqual([true]);
    await accept();
    await other.history.check();
    expect(other.changes).toEqual([true, false]);
  });

  it("once accepted is over for every replica, in epochs that no lost link can be of", async () => {
    const parts = await openReplica(database);
    await reserve(parts);
    await reserve(parts);
    const ended = parts.replica.epoch;
    await forget(ended, 1);
    await expect(reserve(parts)).rejects.toMatchObject(lost);
    await accept();
    await parts.history.check();
    const id = await reserve(parts);
    expect(await stateOf(id)).toBe("reserved");
    expect(parts.replica.epoch).toBeGreaterThan(ended + 1_000_000n);
    // A second loss is another one: the first acceptance explains nothing of it.
    await reserve(parts);
    await forget(parts.replica.epoch, 1);
    await expect(reserve(parts)).rejects.toMatchObject(lost);
    await accept();
  });

  it("is noticed after a restart by what the replica wrote down, and not when retention explains it", async () => {
    using directory = makeTempDir();
    const { privateKey } = generateKeyPairSync("ed25519");
    const openIt = () => openWitness(directory.path, "11111111-1111-4111-8111-111111111111", privateKey);
    const first = await openReplica(database, openIt());
    await reserve(first);
    await reserve(first);
    await first.history.check();
    const { epoch } = first.replica;
    const head = await headOf(epoch);
    await owner.query("CREATE TABLE kept AS SELECT * FROM audit_chain WHERE epoch = $1", [epoch.toString()]);
    await owner.query("DELETE FROM audit_chain WHERE epoch = $1", [epoch.toString()]);
    const heads = JSON.stringify({ [epoch.toString()]: { seq: Number(head), hash: "" } });
    await owner.query(
      "INSERT INTO audit_tombstones (partition_name, calls_before, calls_removed, heads, signature) VALUES ('p', now(), 2, $1, '\\x00')",
      [heads],
    );
    expect((await openReplica(database, openIt())).history.isLost).toBe(false);
    await owner.query("DELETE FROM audit_tombstones WHERE partition_name = 'p'");
    expect((await openReplica(database, openIt())).history.isLost).toBe(true);
    await accept();
    await owner.query("DROP TABLE kept");
    expect((await openReplica(database, openIt())).history.isLost).toBe(false);
  });

  it("is not decided by a file that somebody else has written", async () => {
    using directory = makeTempDir();
    const id = "22222222-2222-4222-8222-222222222222";
    const witness = openWitness(directory.path, id, generateKeyPairSync("ed25519").privateKey);
    await witness?.write([{ epoch: 1n, seq: 1n, hash: Buffer.alloc(32) }], NOW);
    expect(witness?.read()).toEqual([{ epoch: 1n, seq: 1n, hash: Buffer.alloc(32) }]);
    const [name = ""] = readdirSync(directory.path);
    const file = join(directory.path, name);
    writeFileSync(file, readFileSync(file, "utf8").replace('"1","1"', '"1","2"'));
    expect(() => witness?.read()).toThrow("was not signed by this installation");
  });
});
