import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type FlushRecord, IntentJournal, replayIntents } from "../../src/ledger/intent-journal.ts";
import { LEDGER_APPLY_SQL } from "../../src/ledger/ledger-apply.ts";
import { openPglite, type PgliteDatabase } from "../../src/ledger/pglite.ts";
import { openEngine } from "../../src/ledger/pglite-engine.ts";
import type { Reply } from "../../src/ledger/pglite-messages.ts";
import { PgliteServer } from "../../src/ledger/pglite-server.ts";
import { startChild } from "./child.ts";
import {
  COST_MICROS,
  expectConsistent,
  flush,
  HOLD_MICROS,
  makeKey,
  reserveOp,
  type Seed,
  seedLedger,
  settleOp,
  statesOf,
  takeEpoch,
} from "./ledger-fixture.ts";
import { makeTempDir } from "./temp-dir.ts";

const NOTHING = { calls: 0, revokedKeys: 0, killSwitch: false };
const NEVER_ROTATE = Number.MAX_SAFE_INTEGER;

function recordOf(size: number): FlushRecord {
  return { kind: "flush", at: 1_700_000_000_000, day: "2023-11-14", calls: [{ id: "x".repeat(size) }] };
}

describe("IntentJournal", () => {
  let temp: ReturnType<typeof makeTempDir>;
  let path: string;
  beforeEach(() => {
    temp = makeTempDir();
    path = join(temp.path, "intents.journal");
  });
  afterEach(() => temp[Symbol.dispose]());

  function write(...records: readonly FlushRecord[]): void {
    const journal = new IntentJournal(temp.path);
    for (const record of records) journal.append(record);
    journal.close();
  }

  function linesOf(file = path): string[] {
    return readFileSync(file, "utf8").trimEnd().split("\n");
  }

  it("keeps one line a record, for its owner's eyes alone", () => {
    write(recordOf(1), recordOf(2));
    expect(linesOf()).toHaveLength(3);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(new IntentJournal(temp.path).wasEmpty).toBe(false);
  });

  // A power cut in the middle of a write: the answer that it belongs to never left.
  it("forgets a last line that is cut anywhere or overwritten with zeros, and goes on behind the line before", () => {
    write(recordOf(1));
    const kept = readFileSync(path);
    write(recordOf(40));
    const whole = readFileSync(path);
    for (let length = kept.length; length < whole.length; length++) {
      const torn =
        length % 2 === 0
          ? whole.subarray(0, length)
          : Buffer.concat([whole.subarray(0, length), Buffer.alloc(30)]);
      writeFileSync(path, torn);
      expect(new IntentJournal(temp.path).bytes).toBe(kept.length);
      write(recordOf(2));
      expect(linesOf()).toHaveLength(3);
    }
  });

  it("starts anew in a file of which not even the first line was written whole", () => {
    writeFileSync(path, "4208d4ea {");
    write(recordOf(1));
    expect(linesOf()).toHaveLength(2);
  });

  it("refuses a line that is damaged in the middle, names the file and says what to do", () => {
    write(recordOf(10), recordOf(20), recordOf(30));
    const whole = readFileSync(path);
    const end = whole.lastIndexOf("\n", -2);
    for (let offset = 0; offset < end; offset += 7) {
      const damaged = Buffer.from(whole);
      damaged[offset] = (damaged[offset] ?? 0) ^ 0x20;
      writeFileSync(path, damaged);
      expect(() => new IntentJournal(temp.path), `offset ${offset}`).toThrow(
        /the intent journal `.*intents\.journal` is damaged at byte \d+: .* Restore the file from a backup; or compare/,
      );
    }
  });

  it("refuses the journal of another version", () => {
    write(recordOf(1));
    // The checksum of this line is right: it is the version that is not known.
    writeFileSync(path, `69258729 {"kind":"journal","version":2}\n`);
    expect(() => new IntentJournal(temp.path)).toThrow("was written by another version of Keybrake");
  });

  it("keeps what came before a rotation until the rotation ends, whoever ends it", () => {
    const journal = new IntentJournal(temp.path);
    journal.append(recordOf(1));
    journal.beginNext();
    journal.append(recordOf(2));
    journal.close();
    expect([linesOf().length, linesOf(`${path}.next`).length]).toEqual([2, 2]);

    const heir = new IntentJournal(temp.path);
    expect(heir.hasNext).toBe(true);
    heir.beginNext();
    heir.append(recordOf(3));
    heir.finishNext();
    heir.append(recordOf(4));
    heir.close();
    expect(existsSync(`${path}.next`)).toBe(false);
    expect(linesOf().map((line) => line.length - (linesOf()[1]?.length ?? 0))).toEqual([
      expect.any(Number),
      0,
      1,
      2,
    ]);
  });
});

/** A data directory with a key and no calls, made once and copied for each test. */
const base = makeTempDir();
let seed: Seed;

beforeAll(async () => {
  const made = await openPglite(base.path);
  seed = await seedLedger(made);
  await made.close();
});
afterAll(() => base[Symbol.dispose]());

describe("the intent journal of a database", () => {
  let temp: ReturnType<typeof makeTempDir>;
  let dataDir: string;
  let database: PgliteDatabase | undefined;

  beforeEach(() => {
    temp = makeTempDir();
    dataDir = join(temp.path, "data");
    cpSync(base.path, dataDir, { recursive: true });
  });
  afterEach(async () => {
    await database?.close();
    temp[Symbol.dispose]();
  });

  /** Opens as the server does; a test has one open at a time. */
  async function start(): Promise<{ database: PgliteDatabase; epoch: bigint }> {
    database = await openPglite(dataDir, { journalBytesMax: NEVER_ROTATE });
    return { database, epoch: await takeEpoch(database) };
  }

  /** Ends the database as a power cut would: all that is left of it is an old copy, and the journal. */
  async function cutPower(copy = join(base.path, "pgdata")): Promise<void> {
    const journal = readFileSync(join(dataDir, "intents.journal"));
    await database?.close();
    database = undefined;
    rmSync(dataDir, { recursive: true });
    mkdirSync(dataDir);
    cpSync(copy, join(dataDir, "pgdata"), { recursive: true });
    writeFileSync(join(dataDir, "intents.journal"), journal);
  }

  it("puts every acknowledged call back as unknown, holding its worst case, and only once", async () => {
    const before = await start();
    const calls = Array.from({ length: 250 }, () => reserveOp(seed));
    for (let first = 0; first < calls.length; first += 50) {
      expect(new Set(await flush(before.database, before.epoch, calls.slice(first, first + 50)))).toEqual(
        new Set([null]),
      );
    }
    await flush(before.database, before.epoch, [
      settleOp(seed, calls[0]?.id ?? ""),
      settleOp(seed, calls[1]?.id ?? "", "released"),
    ]);
    await cutPower();

    const after = await start();
    expect((await statesOf(after.database)).size).toBe(0);
    expect(await replayIntents(after.database, dataDir, after.epoch)).toEqual({ ...NOTHING, calls: 250 });
    expect(await statesOf(after.database)).toEqual(new Map(calls.map((call) => [call.id, "unknown"])));
    await expectConsistent(after.database);
    expect(await replayIntents(after.database, dataDir, after.epoch)).toEqual(NOTHING);
    await expectConsistent(after.database);

    // And the evidence that comes later settles it as it would have before.
    await flush(after.database, after.epoch, [settleOp(seed, calls[0]?.id ?? "")]);
    const [row] = await after.database.query(
      "SELECT state, micros(cost_usd) AS cost, micros(reserved_usd) AS held FROM calls WHERE id = $1",
      [calls[0]?.id],
    );
    expect(row).toEqual({ state: "settled", cost: COST_MICROS, held: HOLD_MICROS });
    await expectConsistent(after.database);
  });

  it("restores the row as it was decided, to the last field", async () => {
    const columns = `id, requested_at, verdict, vault_key_id, agent_id, crew_run_id, claimed_agent_id, claimed_crew_run_id, vendor,
      method, path, endpoint, amount, currency, direction, reserved_usd, customer_id, idempotency_key_hash, metadata`;
    const before = await start();
    const op = reserveOp(seed, {
      claimed_agent_id: "claimed",
      claimed_crew_run_id: "claimed-run",
      customer_id: "cus_1",
      idempotency_key: "hash",
      fingerprint: "print",
      metadata: { note: 'line\n"quoted" \\ \u2028 ü' },
      amount: "9007199254740993",
      hold_micros: "123456789",
    });
    await flush(before.database, before.epoch, [op]);
    const rows = await before.database.query(`SELECT ${columns} FROM calls`);
    const holds = await before.database.query(
      "SELECT call_id, requested_at, day, hold_micros, accounted, budget_ids FROM reservations",
    );
    await cutPower();

    const after = await start();
    await replayIntents(after.database, dataDir, after.epoch);
    expect(await after.database.query(`SELECT ${columns} FROM calls`)).toEqual(rows);
    const restored = await after.database.query(
      "SELECT call_id, requested_at, day, hold_micros, accounted, budget_ids FROM reservations",
    );
    const sorted = (holdRows: typeof holds) =>
      holdRows.map((row) => ({ ...row, budget_ids: (row["budget_ids"] as bigint[]).sort() }));
    expect(sorted(restored)).toEqual(sorted(holds));
  });

  it("lets a repeat of a restored call find its reservation", async () => {
    const before = await start();
    const first = reserveOp(seed, { idempotency_key: "k", fingerprint: "f" });
    await flush(before.database, before.epoch, [first]);
    await cutPower();

    const after = await start();
    await replayIntents(after.database, dataDir, after.epoch);
    const again = reserveOp(seed, { idempotency_key: "k", fingerprint: "f" });
    const other = reserveOp(seed, { idempotency_key: "k", fingerprint: "another body" });
    expect(await flush(after.database, after.epoch, [again])).toEqual([null]);
    expect(await flush(after.database, after.epoch, [other])).toEqual(["idempotency_mismatch"]);
    const [row] = await after.database.query("SELECT replay_of, reserved_usd FROM calls WHERE id = $1", [
      again.id,
    ]);
    expect(row).toEqual({ replay_of: first.id, reserved_usd: "0.000000" });
  });

  it("changes nothing when the database forgot nothing, and says so again after every start", async () => {
    const before = await start();
    const calls = [reserveOp(seed), reserveOp(seed)];
    await flush(before.database, before.epoch, calls);
    await flush(before.database, before.epoch, [settleOp(seed, calls[0]?.id ?? "")]);
    await before.database.query("SELECT set_kill_switch(true, 'stop')");
    const journal = readFileSync(join(dataDir, "intents.journal"));
    for (let starts = 0; starts < 2; starts++) {
      await database?.close();
      writeFileSync(join(dataDir, "intents.journal"), journal);
      const after = await start();
      expect(await replayIntents(after.database, dataDir, after.epoch)).toEqual(NOTHING);
      expect([...(await statesOf(after.database)).values()].sort()).toEqual(["reserved", "settled"]);
    }
  });

  it("holds a restored call past a limit that has no room for it, as an overrun, and then refuses new calls", async () => {
    const before = await start();
    await flush(before.database, before.epoch, [reserveOp(seed), reserveOp(seed)]);
    await cutPower();

    const after = await start();
    await after.database.query("SELECT set_budget('installation', '', 'total', 'usd', $1)", [
      HOLD_MICROS + 1n,
    ]);
    await replayIntents(after.database, dataDir, after.epoch);
    await expectConsistent(after.database);
    const [row] = await after.database.query(
      "SELECT reserved, overrun FROM budget_windows x JOIN budgets b ON b.id = x.budget_id WHERE b.scope = 'installation'",
    );
    expect(row).toEqual({ reserved: 2n * HOLD_MICROS, overrun: HOLD_MICROS - 1n });
    expect(await flush(after.database, after.epoch, [reserveOp(seed)])).toEqual(["total_cap_exceeded"]);
  });

  it("revokes again, and sets the kill switch again, as each was last", async () => {
    const before = await start();
    const kept = await makeKey(before.database, seed.secretId, "cd");
    const copy = join(temp.path, "copy");
    await before.database.close();
    cpSync(join(dataDir, "pgdata"), copy, { recursive: true });
    const again = await start();
    // Once with the keys in the answer, once without.
    await again.database.query(
      "SELECT id FROM revoke_vault_keys('vault_key', $1, 'lost laptop') AS revoked (id)",
      [seed.keyId],
    );
    await again.database.query("SELECT set_kill_switch(true, 'first')");
    await again.database.query("SELECT set_kill_switch(false, NULL)");
    await again.database.query("SELECT set_kill_switch(true, 'last')");
    await cutPower(copy);

    const after = await start();
    expect(await replayIntents(after.database, dataDir, after.epoch)).toEqual({
      calls: 0,
      revokedKeys: 1,
      killSwitch: true,
    });
    expect(
      await after.database.query("SELECT id, status, status_reason FROM vault_keys ORDER BY status"),
    ).toEqual([
      { id: kept, status: "active", status_reason: null },
      { id: seed.keyId, status: "revoked", status_reason: "lost laptop" },
    ]);
    expect(
      await after.database.query(
        "SELECT kill_switch_engaged AS engaged, kill_switch_reason AS reason FROM installation",
      ),
    ).toEqual([{ engaged: true, reason: "last" }]);
    expect(await replayIntents(after.database, dataDir, after.epoch)).toEqual(NOTHING);
  });

  it("remembers a revocation whose statement does not select the keys", async () => {
    const before = await start();
    await before.database.query("SELECT count(*) FROM revoke_vault_keys('agent_id', 'agent-1', NULL)");
    await cutPower();
    const after = await start();
    expect(await replayIntents(after.database, dataDir, after.epoch)).toEqual({ ...NOTHING, revokedKeys: 1 });
  });

  it("restores into the month and the day on which a call was decided, and makes the partition if it must", async () => {
    const at = Date.UTC(2025, 0, 31, 12);
    const journal = new IntentJournal(dataDir);
    const call = { ...reserveOp(seed), hold: HOLD_MICROS.toString(), replay_of: null };
    journal.append({ kind: "flush", at, day: "2025-01-31", calls: [call] });
    journal.close();

    const after = await start();
    expect(await replayIntents(after.database, dataDir, after.epoch)).toEqual({ ...NOTHING, calls: 1 });
    const rows = await after.database.query(
      "SELECT window_start FROM budget_windows WHERE reserved > 0 ORDER BY 1",
    );
    expect(rows.map((row) => row["window_start"])).toEqual([
      "0001-01-01",
      "2025-01-01",
      "2025-01-31",
      "2025-01-31",
    ]);
    const [row] = await after.database.query(
      "SELECT tableoid::regclass::text AS partition, requested_at FROM calls",
    );
    expect(row).toEqual({ partition: "calls_2025_01", requested_at: new Date(at) });
  });

  it("does not bring back what retention removed", async () => {
    const journal = new IntentJournal(dataDir);
    journal.append({
      kind: "flush",
      at: Date.UTC(2025, 0, 31, 12),
      day: "2025-01-31",
      calls: [{ ...reserveOp(seed), hold: "1", replay_of: null }],
    });
    journal.close();
    const after = await start();
    await after.database.query(`INSERT INTO audit_tombstones (partition_name, calls_before, calls_removed, heads, signature)
      VALUES ('calls_2025_01', '2025-02-01 00:00:00+00', 1, '{}', '\\x00')`);
    expect(await replayIntents(after.database, dataDir, after.epoch)).toEqual(NOTHING);
  });

  it("writes nothing for a flush that allowed nothing", async () => {
    const { database, epoch } = await start();
    const call = reserveOp(seed);
    await flush(database, epoch, [call]);
    const before = readFileSync(join(dataDir, "intents.journal"));
    expect(await flush(database, epoch, [reserveOp(seed, { policy_version: 7 })])).toEqual(["stale_policy"]);
    await flush(database, epoch, [settleOp(seed, call.id)]);
    await flush(database, epoch, [
      { ...reserveOp(seed), kind: "deny", denial_code: "endpoint_not_allowed", denial_reason: "no" },
    ]);
    expect(readFileSync(join(dataDir, "intents.journal"))).toEqual(before);
  });

  // Killed at any moment of a write: the old copy of the database stands for everything that a power cut may take.
  it("has every acknowledged call of processes that were killed", { timeout: 120_000 }, async () => {
    const endAtMs = performance.now() + 8_000;
    for (let kills = 0; kills < 4 && performance.now() < endAtMs; kills++) {
      const child = startChild("pglite-writer.ts", dataDir, String(NEVER_ROTATE));
      await child.line("acknowledged");
      // The moment of the kill is what the test varies.
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 100));
      await child.kill();
      const acknowledged = child.lines.flatMap(
        (line) => /^acknowledged (.*)$/.exec(line)?.[1]?.split(" ") ?? [],
      );
      await cutPower();

      const after = await start();
      const { calls } = await replayIntents(after.database, dataDir, after.epoch);
      expect(calls).toBeGreaterThanOrEqual(acknowledged.length);
      const states = await statesOf(after.database);
      expect(acknowledged.filter((id) => states.get(id) !== "unknown")).toEqual([]);
      await expectConsistent(after.database);
      await cutPower();
      rmSync(join(dataDir, "intents.journal"));
    }
  });
});

describe("the rotation of a journal", () => {
  // The engine in this thread, so that the test can take the disk's picture at the moments that matter: right after a
  // checkpoint the files hold no more than the rotation promises to sync.
  it("can be cut anywhere: the last picture of the database and the journals have every acknowledged call", {
    timeout: 120_000,
  }, async () => {
    using temp = makeTempDir();
    const live = join(temp.path, "live");
    const picture = join(temp.path, "picture");
    cpSync(base.path, live, { recursive: true });
    const pgdata = join(live, "pgdata");
    const engine = await openEngine(pgdata, { waitsForDisk: false });
    const answers: Reply[] = [];
    const settings = {
      task: "serve",
      dataDir: live,
      pgdata,
      journalBytesMax: 6_000,
      waitsForDisk: false,
    } as const;
    const server = new PgliteServer(engine, new IntentJournal(live), settings, (reply) =>
      answers.push(reply),
    );
    await engine.exec(
      "INSERT INTO replicas (name, version, lease_until) VALUES ('t', '0', now() + interval '1 hour')",
    );
    const epoch =
      (await engine.query<[string]>("SELECT max(epoch) FROM replicas", [], { rowMode: "array" }))
        .rows[0]?.[0] ?? "";

    const acknowledged: string[] = [];
    const hasNext = () => existsSync(join(live, "intents.journal.next"));
    const reserveTwo = async () => {
      const ops = [reserveOp(seed), reserveOp(seed)].map((op, index) => ({ i: index + 1, ...op }));
      const id = answers.length;
      await server.serve({ id, kind: "query", text: LEDGER_APPLY_SQL, values: [epoch, JSON.stringify(ops)] });
      expect(answers.at(-1)).toMatchObject({ kind: "answer", id });
      acknowledged.push(...ops.map((op) => op.id));
    };
    cpSync(pgdata, picture, { recursive: true });
    let isRotating = false;
    for (let finished = 0; finished < 3; ) {
      await reserveTwo();
      if (hasNext() && !isRotating) {
        isRotating = true;
        // No statement has run since the checkpoint. Until the rotation ends, the picture before this one is what counts.
        cpSync(pgdata, `${picture}.next`, { recursive: true });
        await reserveTwo();
        expect(hasNext()).toBe(true);
        await expectAllBack(live, picture, acknowledged);
      }
      await new Promise((resolve) => setImmediate(resolve));
      if (isRotating && !hasNext()) {
        isRotating = false;
        finished++;
        rmSync(picture, { recursive: true });
        renameSync(`${picture}.next`, picture);
        await expectAllBack(live, picture, acknowledged);
      }
    }
    await server.close();
  });

  it("waits until what was found at the start has been replayed", async () => {
    using temp = makeTempDir();
    cpSync(base.path, temp.path, { recursive: true });
    const journal = new IntentJournal(temp.path);
    journal.append({
      ...recordOf(10_000),
      calls: [{ ...reserveOp(seed), hold: "1", replay_of: null, note: "x".repeat(10_000) }],
    });
    journal.close();
    const size = () => statSync(join(temp.path, "intents.journal")).size;
    const before = size();

    const unreplayed = await openPglite(temp.path, { journalBytesMax: 1_000 });
    await unreplayed.query("SELECT 1");
    await unreplayed.close();
    expect(size()).toBe(before);

    const replayed = await openPglite(temp.path, { journalBytesMax: 1_000 });
    expect((await replayIntents(replayed, temp.path, await takeEpoch(replayed))).calls).toBe(1);
    await replayed.close();
    expect(size()).toBeLessThan(100);
  });

  it("gives no answer that it could not write down", async () => {
    using temp = makeTempDir();
    cpSync(base.path, temp.path, { recursive: true });
    const pgdata = join(temp.path, "pgdata");
    const engine = await openEngine(pgdata, { waitsForDisk: false });
    const journal = new IntentJournal(temp.path);
    const answers: Reply[] = [];
    const settings = {
      task: "serve",
      dataDir: temp.path,
      pgdata,
      journalBytesMax: NEVER_ROTATE,
      waitsForDisk: false,
    } as const;
    const server = new PgliteServer(engine, journal, settings, (reply) => answers.push(reply));
    await engine.exec(
      "INSERT INTO replicas (name, version, lease_until) VALUES ('t', '0', now() + interval '1 hour')",
    );
    journal.close();

    const batch = JSON.stringify([{ i: 1, ...reserveOp(seed) }]);
    const text = LEDGER_APPLY_SQL;
    const epoch =
      (await engine.query<[string]>("SELECT max(epoch) FROM replicas", [], { rowMode: "array" }))
        .rows[0]?.[0] ?? "";
    await expect(server.serve({ id: 1, kind: "query", text, values: [epoch, batch] })).rejects.toMatchObject({
      code: "ERR_OUT_OF_RANGE",
    });
    await expect(
      server.serve({ id: 2, kind: "query", text: "SELECT set_kill_switch(true, 'x')", values: [] }),
    ).rejects.toMatchObject({ code: "ERR_OUT_OF_RANGE" });
    expect(answers).toEqual([]);
    await engine.close();
  });
});

/** Fails unless a database opened from this picture and the journals of `live` has all of these calls. */
async function expectAllBack(live: string, picture: string, acknowledged: readonly string[]): Promise<void> {
  using temp = makeTempDir();
  cpSync(picture, join(temp.path, "pgdata"), { recursive: true });
  for (const name of ["intents.journal", "intents.journal.next"]) {
    if (existsSync(join(live, name))) appendFileSync(join(temp.path, name), readFileSync(join(live, name)));
  }
  const database = await openPglite(temp.path);
  try {
    await replayIntents(database, temp.path, await takeEpoch(database));
    const states = await statesOf(database);
    expect(acknowledged.filter((id) => !states.has(id))).toEqual([]);
    await expectConsistent(database);
  } finally {
    await database.close();
  }
}
