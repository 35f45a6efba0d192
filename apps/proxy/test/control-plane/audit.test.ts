import { generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { listChainHeads, verifyAudit } from "../../src/ledger/audit-verify.ts";
import { type Tombstone, tombstoneText } from "../../src/ledger/maintenance.ts";
import { BACKENDS, requireBackends, type TestDatabases } from "./backends.ts";
import { openStage, type Stage, settleCall, startEpochAgain, writeCalls } from "./stage.ts";

const ANY_SIGNATURE = { isTombstoneSigned: () => true, isGapSigned: () => true };

requireBackends();

describe.each(BACKENDS)("audit verification on $name", ({ open }) => {
  let databases: TestDatabases;
  let stage: Stage;
  let call: { vaultKeyId: string; secretId: string };
  let ids: string[];

  beforeAll(async () => {
    databases = await open();
    stage = await openStage(databases);
    const secret = await stage.admin.secrets.create({
      name: "main",
      vendor: "stripe",
      value: "sk_test_12345678",
    });
    const policy = { vendor: "stripe", total_usd_cap: 1000 } as const;
    const key = await stage.admin.vaultKeys.create({ agent_id: "a", secret: "main", policy });
    call = { vaultKeyId: key.id, secretId: secret.id };
  });
  afterAll(async () => {
    await stage?.close();
    await databases?.close();
  });

  /** A log of two epochs, old enough to be counted: links 1 to 6 and 1 to 3. */
  beforeEach(async () => {
    for (const table of ["calls", "audit_chain", "reservations", "audit_tombstones", "admin_events"])
      await stage.database.query(`DELETE FROM ${table}`);
    await startEpochAgain(stage);
    ids = await writeCalls(stage, [call, { ...call, state: "denied" }, call, { ...call, state: "reserved" }]);
    await startEpochAgain(stage);
    ids.push(...(await writeCalls(stage, [call, { ...call, state: "denied" }])));
    await age(2);
  });

  /** Moves the whole log into the past, as if it had been written then: rows, digests and links agree afterwards. */
  async function age(minutes: number): Promise<void> {
    const { database } = stage;
    const by = `interval '${minutes} minutes'`;
    await database.query(
      `UPDATE calls SET requested_at = requested_at - ${by}, completed_at = completed_at - ${by}`,
    );
    await database.query(
      `UPDATE audit_chain a SET written_at = written_at - ${by},
         requested_ats = ARRAY(SELECT t - ${by} FROM unnest(a.requested_ats) WITH ORDINALITY AS u (t, o) ORDER BY o)`,
    );
    await rehash();
  }

  /** Recomputes digests and links from the rows, as only the ledger itself, or a thorough forger, would. */
  async function rehash(): Promise<void> {
    await stage.database.query(
      `UPDATE audit_chain a SET digests = ARRAY(
         SELECT CASE u.kind WHEN 'decision' THEN decision_digest(c) ELSE outcome_digest(c) END
         FROM unnest(a.call_ids, a.kinds) WITH ORDINALITY AS u (id, kind, o) JOIN calls c ON c.id = u.id ORDER BY u.o)`,
    );
    const links = await stage.database.query("SELECT epoch, seq FROM audit_chain ORDER BY epoch, seq");
    for (const { epoch, seq } of links) {
      await stage.database.query(
        `UPDATE audit_chain a SET prev_hash = p.hash, hash = sha256(p.hash ||
           (SELECT string_agg(d, ''::bytea ORDER BY o) FROM unnest(a.digests) WITH ORDINALITY AS u (d, o)))
         FROM (SELECT coalesce((SELECT hash FROM audit_chain WHERE epoch = $1 AND seq = $2::bigint - 1), chain_genesis($1)) AS hash) p
         WHERE a.epoch = $1 AND a.seq = $2`,
        [String(epoch), String(seq)],
      );
    }
  }

  const epochs = async () => {
    const rows = await stage.database.query("SELECT DISTINCT epoch FROM audit_chain ORDER BY epoch");
    return rows.map((row) => Number(row["epoch"]));
  };
  const linkOf = async (id: string | undefined, kind: string) => {
    const [row] = await stage.database.query(
      "SELECT a.epoch, a.seq FROM audit_chain a, unnest(a.call_ids, a.kinds) AS u (id, kind) WHERE u.id = $1 AND u.kind = $2",
      [id, kind],
    );
    return { epoch: Number(row?.["epoch"]), seq: Number(row?.["seq"]) };
  };

  it("finds nothing wrong with an untouched log, young rows included", async () => {
    await writeCalls(stage, [call]);
    expect(await stage.admin.audit.verify()).toEqual({
      ok: true,
      links: 11,
      calls: 6,
      gaps: 0,
      first_problem: null,
    });
  });

  it("finds nothing wrong with a call that became unknown and was settled later", async () => {
    const [id] = await writeCalls(stage, [{ ...call, state: "unknown" }]);
    expect((await stage.admin.audit.verify()).ok).toBe(true);
    await settleCall(stage, id ?? "", { ...call, costUsd: 0.000_005 });
    expect((await stage.admin.audit.verify()).ok).toBe(true);
  });

  it.each([
    ["agent_id = 'somebody_else'", "decision"],
    ["reserved_usd = 0", "decision"],
    ["cost_usd = cost_usd - 0.000001", "outcome"],
    ["state = 'released'", "outcome"],
    ["outcome_reason = 'edited'", "outcome"],
  ])("names the link of a row that was edited: %s", async (edit, kind) => {
    await stage.database.query(`UPDATE calls SET ${edit} WHERE id = $1`, [ids[2]]);
    const problem = expect.stringContaining(`the ${kind} of call ${ids[2]} was changed`);
    expect(await stage.admin.audit.verify()).toMatchObject({
      ok: false,
      first_problem: { ...(await linkOf(ids[2], kind)), problem },
    });
  });

  it("names the link of a row that was deleted", async () => {
    await stage.database.query("DELETE FROM calls WHERE id = $1", [ids[1]]);
    const problem = `call ${ids[1]} is missing`;
    expect((await stage.admin.audit.verify()).first_problem).toEqual({
      ...(await linkOf(ids[1], "decision")),
      problem,
    });
  });

  it("finds two rows that were swapped", async () => {
    const swap = "UPDATE calls SET metadata = jsonb_build_object('x', $2::text) WHERE id = $1";
    await stage.database.query(swap, [ids[0], "0"]);
    await stage.database.query(swap, [ids[2], "2"]);
    await rehash();
    expect((await stage.admin.audit.verify()).ok).toBe(true);
    await stage.database.query(swap, [ids[0], "2"]);
    await stage.database.query(swap, [ids[2], "0"]);
    expect((await stage.admin.audit.verify()).first_problem).toMatchObject(await linkOf(ids[0], "decision"));
  });

  it("finds two links that were swapped", async () => {
    const [epoch] = await epochs();
    await stage.database.query("UPDATE audit_chain SET seq = -seq WHERE epoch = $1 AND seq IN (2, 3)", [
      epoch,
    ]);
    await stage.database.query("UPDATE audit_chain SET seq = 5 + seq WHERE epoch = $1 AND seq < 0", [epoch]);
    expect((await stage.admin.audit.verify()).first_problem).toMatchObject({ epoch, seq: 2 });
  });

  it("finds a row that was inserted, and names the link beside it", async () => {
    const stray = randomUUID();
    await stage.database.query(
      `INSERT INTO calls (id, requested_at, completed_at, state, verdict, method, path, replica)
       SELECT $1, requested_at, requested_at, 'denied', 'deny', 'GET', '/', 'test' FROM calls WHERE id = $2`,
      [stray, ids[1]],
    );
    const beside = await linkOf(ids[1], "decision");
    const problem = `the decision of call ${stray} stands in no link`;
    expect((await stage.admin.audit.verify()).first_problem).toEqual({ ...beside, problem });
  });

  it("finds an outcome that was written past the ledger", async () => {
    await stage.database.query(
      "UPDATE calls SET state = 'released', completed_at = requested_at WHERE id = $1",
      [ids[3]],
    );
    const problem = `the outcome of call ${ids[3]} stands in no link`;
    expect((await stage.admin.audit.verify()).first_problem).toMatchObject({ problem });
  });

  it.each([
    ["the first link", "seq = 1", 1],
    ["a link in the middle", "seq = 3", 3],
    ["every link but the last", "seq < 6", 1],
  ])("finds that %s of an epoch was removed", async (_what, which, seq) => {
    const [epoch] = await epochs();
    await stage.database.query(`DELETE FROM audit_chain WHERE epoch = $1 AND ${which}`, [epoch]);
    expect((await stage.admin.audit.verify()).first_problem).toEqual({
      epoch,
      seq,
      problem: "the link is missing",
    });
  });

  it("finds that the end of an epoch in the middle was cut off while its rows stayed", async () => {
    const [epoch] = await epochs();
    await stage.database.query("DELETE FROM audit_chain WHERE epoch = $1 AND seq > 3", [epoch]);
    const { ok, first_problem: problem } = await stage.admin.audit.verify();
    expect(ok).toBe(false);
    expect(problem?.problem).toMatch(/stands in no link$/);
    expect(problem).toMatchObject({ epoch, seq: 3 });
  });

  it("finds a whole epoch that was removed while its rows stayed", async () => {
    const [epoch] = await epochs();
    await stage.database.query("DELETE FROM audit_chain WHERE epoch = $1", [epoch]);
    expect((await stage.admin.audit.verify()).first_problem?.problem).toMatch(/stands in no link$/);
  });

  it("finds a digest that was replaced together with its row", async () => {
    const [epoch] = await epochs();
    await stage.database.query("UPDATE calls SET agent_id = 'x' WHERE id = $1", [ids[0]]);
    await stage.database.query(
      `UPDATE audit_chain a SET digests = ARRAY[(SELECT decision_digest(c) FROM calls c WHERE c.id = $1)]
       WHERE a.epoch = $2 AND a.seq = 1`,
      [ids[0], epoch],
    );
    const problem = "the link's hash does not match its entries";
    expect((await stage.admin.audit.verify()).first_problem).toEqual({ epoch, seq: 1, problem });
    await stage.database.query(
      `UPDATE audit_chain a SET hash = sha256(prev_hash || digests[1]) WHERE a.epoch = $1 AND a.seq = 1`,
      [epoch],
    );
    const next = "the link does not continue the one before it";
    expect((await stage.admin.audit.verify()).first_problem).toEqual({ epoch, seq: 2, problem: next });
  });

  describe("after retention", () => {
    /** Removes the first epoch as retention does: the rows, their links, and a tombstone over the heads. */
    async function retire(signer: (tombstone: Tombstone) => Uint8Array): Promise<number> {
      const { database } = stage;
      const [first, second] = await epochs();
      await database.query(
        `UPDATE calls c SET requested_at = requested_at - interval '1 hour', completed_at = completed_at - interval '1 hour'
         FROM audit_chain a WHERE a.epoch = $1 AND c.id = ANY (a.call_ids)`,
        [first],
      );
      await database.query(
        `UPDATE audit_chain a SET written_at = written_at - interval '1 hour',
           requested_ats = ARRAY(SELECT t - interval '1 hour' FROM unnest(a.requested_ats) WITH ORDINALITY AS u (t, o) ORDER BY o)
         WHERE epoch = $1`,
        [first],
      );
      await rehash();
      const [row] = await database.query(
        `SELECT date_trunc('milliseconds', now() - interval '30 minutes') AS before,
           (SELECT encode(hash, 'hex') FROM audit_chain WHERE epoch = $1 AND seq = 4) AS hash`,
        [first],
      );
      const tombstone: Tombstone = {
        partitionName: "calls_2020_01",
        callsBefore: row?.["before"] as Date,
        callsRemoved: 4n,
        heads: { [String(first)]: { seq: 4, hash: row?.["hash"] as string } },
      };
      await database.query(
        "INSERT INTO audit_tombstones (partition_name, calls_before, calls_removed, heads, signature) VALUES ($1, $2, 4, $3, $4)",
        [
          tombstone.partitionName,
          tombstone.callsBefore.toISOString(),
          JSON.stringify(tombstone.heads),
          Buffer.from(signer(tombstone)),
        ],
      );
      await database.query("DELETE FROM calls WHERE requested_at < $1", [
        tombstone.callsBefore.toISOString(),
      ]);
      await database.query("DELETE FROM audit_chain WHERE epoch = $1 AND seq <= 4", [first]);
      return second ?? 0;
    }
    const signed = (tombstone: Tombstone) =>
      sign(null, Buffer.from(tombstoneText(tombstone)), stage.installKeys.checkpointKey);

    it("follows the chain past what was removed, because the tombstone is signed", async () => {
      await retire(signed);
      expect(await stage.admin.audit.verify()).toMatchObject({ ok: true, calls: 2, first_problem: null });
    });

    it("refuses a tombstone of another hand", async () => {
      const { privateKey } = generateKeyPairSync("ed25519");
      await retire((tombstone) => sign(null, Buffer.from(tombstoneText(tombstone)), privateKey));
      const problem = "the tombstone of `calls_2020_01` has no valid signature";
      expect((await stage.admin.audit.verify()).first_problem).toEqual({ epoch: null, seq: null, problem });
    });

    it("refuses a tombstone that was changed, and misses one that was removed", async () => {
      await retire(signed);
      await stage.database.query("UPDATE audit_tombstones SET calls_removed = 3");
      expect((await stage.admin.audit.verify()).first_problem?.problem).toContain("no valid signature");
      await stage.database.query("DELETE FROM audit_tombstones");
      expect((await stage.admin.audit.verify()).first_problem).toMatchObject({
        seq: 1,
        problem: "the link is missing",
      });
    });

    it("still finds what is wrong behind it", async () => {
      const second = await retire(signed);
      await stage.database.query("DELETE FROM audit_chain WHERE epoch = $1 AND seq = 2", [second]);
      expect((await stage.admin.audit.verify()).first_problem).toMatchObject({ epoch: second, seq: 2 });
    });
  });

  describe("against heads that were kept elsewhere", () => {
    const verifyAgainst = async (checkpoints: Awaited<ReturnType<typeof listChainHeads>>) =>
      (await verifyAudit(stage.database, ANY_SIGNATURE, checkpoints)).firstProblem;

    it("finds nothing wrong with a log that has only grown since", async () => {
      const checkpoints = await listChainHeads(stage.database);
      expect(checkpoints.map(({ seq }) => seq)).toEqual([6n, 3n]);
      await writeCalls(stage, [call]);
      expect(await verifyAgainst(checkpoints)).toBeNull();
    });

    it("finds a tail that was cut off together with its rows", async () => {
      const checkpoints = await listChainHeads(stage.database);
      const [, second] = await epochs();
      await stage.database.query(
        "DELETE FROM calls c USING audit_chain a WHERE a.epoch = $1 AND a.seq > 2 AND c.id = ANY (a.call_ids)",
        [second],
      );
      await stage.database.query("DELETE FROM audit_chain WHERE epoch = $1 AND seq > 2", [second]);
      expect(await verifyAgainst([])).toBeNull();
      const problem = "a checkpoint names this link, but it is missing";
      expect(await verifyAgainst(checkpoints)).toEqual({ epoch: second, seq: 3, problem });
    });

    it("finds a log that was edited and recomputed to its end", async () => {
      const checkpoints = await listChainHeads(stage.database);
      const [first] = await epochs();
      await stage.database.query("UPDATE calls SET agent_id = 'forged' WHERE id = $1", [ids[0]]);
      await rehash();
      expect(await verifyAgainst([])).toBeNull();
      const problem = "the link is not the one that a checkpoint names";
      expect(await verifyAgainst(checkpoints)).toEqual({ epoch: first, seq: 6, problem });
    });
  });

  it("follows a chain over many queries, and finds what is wrong at its far end", async () => {
    const LINKS = 1_100;
    await stage.database.script(
      `DO $$ DECLARE previous bytea := chain_genesis(9000); entry bytea; BEGIN
         SELECT decision_digest(c) INTO entry FROM calls c WHERE c.id = '${ids[0]}';
         FOR n IN 1..${LINKS} LOOP
           INSERT INTO audit_chain (epoch, seq, written_at, prev_hash, hash, call_ids, requested_ats, kinds, digests)
             SELECT 9000, n, now(), previous, sha256(previous || entry), ARRAY[c.id], ARRAY[c.requested_at], ARRAY['decision'],
               ARRAY[entry] FROM calls c WHERE c.id = '${ids[0]}' RETURNING hash INTO previous;
         END LOOP; END $$`,
    );
    const counted = await verifyAudit(stage.database, ANY_SIGNATURE);
    expect(counted).toMatchObject({
      links: 9 + LINKS,
      firstProblem: { problem: expect.stringContaining("but the chain has") },
    });
    await stage.database.query("UPDATE audit_chain SET prev_hash = hash WHERE epoch = 9000 AND seq = $1", [
      LINKS,
    ]);
    const problem = "the link does not continue the one before it";
    expect((await verifyAudit(stage.database, ANY_SIGNATURE)).firstProblem).toEqual({
      epoch: 9000,
      seq: LINKS,
      problem,
    });
  });
});
