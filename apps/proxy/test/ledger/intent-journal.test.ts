import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Row } from "../../src/ledger/database.ts";
import {
  type FlushRecord,
  IntentJournal,
  type Replayed,
  replayIntents,
} from "../../src/ledger/intent-journal.ts";
import type { PgliteDatabase } from "../../src/ledger/pglite.ts";
import { startChild } from "./child.ts";
import { type Base, Installation, makeBase } from "./installation.ts";
import {
  COST_MICROS,
  expectConsistent,
  flush,
  HOLD_MICROS,
  recordOf,
  reserveOp,
  type Seed,
  settleOp,
  statesOf,
} from "./ledger-fixture.ts";
import { makeTempDir } from "./temp-dir.ts";

const NOTHING = { calls: 0, revokedKeys: 0, killSwitch: false };

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

let base: Base;
let seed: Seed;
beforeAll(async () => {
  base = await makeBase();
  seed = base.seed;
});
afterAll(() => base[Symbol.dispose]());

describe("the calls that a power cut took from the database", () => {
  const columns = `id, requested_at, verdict, vault_key_id, agent_id, crew_run_id, claimed_agent_id, claimed_crew_run_id,
    vendor, method, path, endpoint, amount, currency, direction, reserved_usd, customer_id, idempotency_key_hash, metadata`;
  const holdColumns = "call_id, requested_at, day, hold_micros, accounted, secret_id, idempotency_key_hash";
  const RUN_LIMIT = HOLD_MICROS + 1n;
  let installation: Installation;
  let database: PgliteDatabase;
  let epoch: bigint;
  let calls: readonly { readonly id: string }[];
  let detailed: { readonly id: string };
  let replayed: Replayed;
  let rowsBefore: readonly Row[];
  let holdsBefore: readonly Row[];

  const rowsOf = (id: string) => database.query(`SELECT ${columns} FROM calls WHERE id = $1`, [id]);
  const holdsOf = (id: string) =>
    database.query(`SELECT ${holdColumns} FROM reservations WHERE call_id = $1`, [id]);

  beforeAll(async () => {
    installation = new Installation(base);
    ({ database, epoch } = await installation.start());
    detailed = reserveOp(seed, {
      claimed_agent_id: "claimed",
      claimed_crew_run_id: "claimed-run",
      customer_id: "cus_1",
      idempotency_key: "key",
      fingerprint: "print",
      metadata: { note: 'line\n"quoted" \\ \u2028 ü' },
      amount: "9007199254740993",
      hold_micros: "123456789",
    });
    calls = [detailed, ...Array.from({ length: 249 }, () => reserveOp(seed))];
    for (let first = 0; first < calls.length; first += 50) {
      const codes = await flush(database, epoch, calls.slice(first, first + 50));
      expect(new Set(codes)).toEqual(new Set([null]));
    }
    rowsBefore = await rowsOf(detailed.id);
    holdsBefore = await holdsOf(detailed.id);
    await flush(database, epoch, [
      settleOp(seed, calls[1]?.id ?? ""),
      settleOp(seed, calls[2]?.id ?? "", "released"),
    ]);
    await installation.cutPower();

    ({ database, epoch } = await installation.start());
    expect((await statesOf(database)).size).toBe(0);
    // A limit for which the journal already holds too much.
    await database.query("SELECT set_budget('crew_run_id', 'run-1', 'total', 'usd', $1)", [RUN_LIMIT]);
    replayed = await replayIntents(database, installation.dataDir, epoch);
  });
  afterAll(() => installation[Symbol.asyncDispose]());

  it("are all back as unknown, with sums that are those of their rows and an audit chain that is whole", async () => {
    expect(replayed).toEqual({ ...NOTHING, calls: 250 });
    expect(await statesOf(database)).toEqual(new Map(calls.map((call) => [call.id, "unknown"])));
    await expectConsistent(database);
  });

  it("have their row and their hold as they were decided, to the last field", async () => {
    expect(await rowsOf(detailed.id)).toEqual(rowsBefore);
    expect(await holdsOf(detailed.id)).toEqual(holdsBefore);
  });

  it("are put back once, however often the journal is replayed", async () => {
    expect(await replayIntents(database, installation.dataDir, epoch)).toEqual(NOTHING);
    await expectConsistent(database);
  });

  it("are held past a limit that has no room for them, as an overrun, and no new call passes it", async () => {
    const [row] = await database.query(
      "SELECT reserved, overrun FROM budget_windows x JOIN budgets b ON b.id = x.budget_id WHERE b.scope = 'crew_run_id'",
    );
    const held = 249n * HOLD_MICROS + 123_456_789n;
    expect(row).toEqual({ reserved: held, overrun: held - RUN_LIMIT });
    expect(await flush(database, epoch, [reserveOp(seed)])).toEqual(["total_cap_exceeded"]);
  });

  it("are found by a repeat of the same request, which holds nothing more", async () => {
    const again = reserveOp(seed, { idempotency_key: "key", fingerprint: "print" });
    const another = reserveOp(seed, { idempotency_key: "key", fingerprint: "another body" });
    expect(await flush(database, epoch, [again])).toEqual([null]);
    expect(await flush(database, epoch, [another])).toEqual(["idempotency_mismatch"]);
    const [row] = await database.query("SELECT replay_of, reserved_usd FROM calls WHERE id = $1", [again.id]);
    expect(row).toEqual({ replay_of: detailed.id, reserved_usd: "0.000000" });
  });

  it("are settled by evidence that comes later, as any unknown call", async () => {
    const id = calls[1]?.id ?? "";
    await flush(database, epoch, [settleOp(seed, id)]);
    const [row] = await database.query("SELECT state, micros(cost_usd) AS cost FROM calls WHERE id = $1", [
      id,
    ]);
    expect(row).toEqual({ state: "settled", cost: COST_MICROS });
    await expectConsistent(database);
  });
});

describe("the journal of intents", () => {
  it("revokes again, and sets the kill switch as it was last set, after a power cut", async () => {
    await using installation = new Installation(base);
    const before = await installation.start();
    await before.database.query(
      "SELECT id FROM revoke_vault_keys('vault_key', $1, 'lost laptop') AS revoked (id)",
      [base.otherKey],
    );
    // This one does not select the keys that it revoked.
    await before.database.query("SELECT count(*) FROM revoke_vault_keys('vault_key', $1, NULL)", [
      base.thirdKey,
    ]);
    await before.database.query("SELECT set_kill_switch(true, 'first')");
    await before.database.query("SELECT set_kill_switch(false, NULL)");
    await before.database.query("SELECT set_kill_switch(true, 'last')");
    await installation.cutPower();

    const { database, epoch } = await installation.start();
    const replayed = await replayIntents(database, installation.dataDir, epoch);
    expect(replayed).toEqual({ calls: 0, revokedKeys: 2, killSwitch: true });
    const keys = await database.query("SELECT id, status, status_reason AS reason FROM vault_keys");
    expect(new Map(keys.map(({ id, ...rest }) => [id, rest]))).toEqual(
      new Map([
        [seed.keyId, { status: "active", reason: null }],
        [base.otherKey, { status: "revoked", reason: "lost laptop" }],
        [base.thirdKey, { status: "revoked", reason: expect.toBeOneOf([null, "lost laptop"]) }],
      ]),
    );
    const [kill] = await database.query(
      "SELECT kill_switch_engaged AS engaged, kill_switch_reason AS reason FROM installation",
    );
    expect(kill).toEqual({ engaged: true, reason: "last" });
    expect(await replayIntents(database, installation.dataDir, epoch)).toEqual(NOTHING);
  });

  it("is not written to by a flush that allows nothing, and changes nothing in a database that forgot nothing", async () => {
    await using installation = new Installation(base);
    const read = () => readFileSync(join(installation.dataDir, "intents.journal"), "utf8");
    const before = await installation.start();
    const call = reserveOp(seed);
    await flush(before.database, before.epoch, [call, reserveOp(seed)]);
    const written = read();
    expect(await flush(before.database, before.epoch, [reserveOp(seed, { policy_version: 7 })])).toEqual([
      "stale_policy",
    ]);
    await flush(before.database, before.epoch, [settleOp(seed, call.id)]);
    const denied = {
      ...reserveOp(seed),
      kind: "deny",
      denial_code: "endpoint_not_allowed",
      denial_reason: "no",
    };
    await flush(before.database, before.epoch, [denied]);
    expect(read()).toBe(written);
    await before.database.query("SELECT set_kill_switch(true, 'stop')");
    await installation.crash();

    const { database, epoch } = await installation.start();
    expect(await replayIntents(database, installation.dataDir, epoch)).toEqual(NOTHING);
    expect([...(await statesOf(database)).values()].sort()).toEqual(["denied", "reserved", "settled"]);
  });

  it("restores into the month and the day of the decision, and does not bring back what retention removed", async () => {
    await using installation = new Installation(base);
    const journal = new IntentJournal(installation.dataDir);
    const write = (at: number, day: string) => {
      const call = { ...reserveOp(seed), hold: HOLD_MICROS.toString(), replay_of: null };
      journal.append({ kind: "flush", at, day, calls: [call] });
    };
    write(Date.UTC(2025, 0, 31, 12), "2025-01-31");
    write(Date.UTC(2025, 2, 31, 23, 59, 59, 999), "2025-03-31");
    journal.close();

    const { database, epoch } = await installation.start();
    await database.query(`INSERT INTO audit_tombstones (partition_name, calls_before, calls_removed, heads, signature)
      VALUES ('calls_2025_01', '2025-02-01 00:00:00+00', 1, '{}', '\\x00')`);
    expect(await replayIntents(database, installation.dataDir, epoch)).toEqual({ ...NOTHING, calls: 1 });
    expect(
      await database.query("SELECT tableoid::regclass::text AS partition, requested_at FROM calls"),
    ).toEqual([{ partition: "calls_2025_03", requested_at: new Date("2025-03-31T23:59:59.999Z") }]);
    const windows = await database.query(
      "SELECT window_start FROM budget_windows WHERE reserved > 0 ORDER BY 1",
    );
    expect(windows.map((row) => row["window_start"])).toEqual([
      "0001-01-01",
      "2025-03-01",
      "2025-03-31",
      "2025-03-31",
    ]);
    await expectConsistent(database);
  });

  // Killed at any moment of a write: the old copy of the database stands for everything that a power cut may take.
  it("has every acknowledged call of processes that were killed", { timeout: 120_000 }, async () => {
    const endAtMs = performance.now() + 8_000;
    for (let kills = 0; kills < 4 && performance.now() < endAtMs; kills++) {
      await using installation = new Installation(base);
      const child = startChild("pglite-writer.ts", installation.dataDir, String(Number.MAX_SAFE_INTEGER));
      await child.line("acknowledged");
      // The moment of the kill is what the test varies.
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 100));
      await child.kill();
      const acknowledged = child.lines.flatMap(
        (line) => /^acknowledged (.*)$/.exec(line)?.[1]?.split(" ") ?? [],
      );
      await installation.cutPower();

      const { database, epoch } = await installation.start();
      const { calls } = await replayIntents(database, installation.dataDir, epoch);
      expect(calls).toBeGreaterThanOrEqual(acknowledged.length);
      const states = await statesOf(database);
      expect(acknowledged.filter((id) => states.get(id) !== "unknown")).toEqual([]);
      await expectConsistent(database);
    }
  });
});
