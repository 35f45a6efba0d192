import { randomUUID } from "node:crypto";
import { createAdminClient } from "@keybrake/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BACKENDS, requireBackends, type TestDatabases } from "./backends.ts";
import { openStage, type Stage, settleCall, startEpochAgain, writeCalls } from "./stage.ts";

requireBackends();

describe.each(BACKENDS)("the evidence of a call on $name", ({ open }) => {
  let databases: TestDatabases;
  let stage: Stage;
  let call: { vaultKeyId: string; secretId: string; agentId: string; crewRunId: string };

  beforeAll(async () => {
    databases = await open();
    stage = await openStage(databases);
    const { admin } = stage;
    const secretId = (
      await admin.secrets.create({ name: "main", vendor: "stripe", value: "sk_test_12345678" })
    ).id;
    const key = await admin.vaultKeys.create({
      agent_id: "billing_agent",
      crew_run_id: "run-1",
      secret: "main",
      policy: { vendor: "stripe", daily_usd_cap: 1_000, total_call_cap: 50 },
    });
    await admin.budgets.create({
      scope: "agent_id",
      value: "billing_agent",
      window: "monthly",
      usd_cap: "5000",
    });
    await admin.budgets.create({ scope: "agent_id", value: "another", window: "monthly", usd_cap: "5000" });
    call = { vaultKeyId: key.id, secretId, agentId: "billing_agent", crewRunId: "run-1" };
  });
  afterAll(async () => {
    await stage?.close();
    await databases?.close();
  });

  const write = async (more: Partial<Parameters<typeof writeCalls>[1][number]> = {}) => {
    const [id = ""] = await writeCalls(stage, [{ ...call, ...more }]);
    return id;
  };
  const chainOf = async (id: string) => {
    const { chain } = await stage.admin.calls.evidence(id);
    return chain.map(({ kind, covers_row: coversRow, verified }) => [kind, coversRow, verified]);
  };

  it("shows the budgets that count it, its hold and its page at the vendor", async () => {
    const id = await write({ costUsd: 12.5 });
    const evidence = await stage.admin.calls.evidence(id);
    expect(evidence.call).toEqual(await stage.admin.calls.get(id));
    expect(evidence.reservation).toBeNull();
    expect(evidence.dashboard_url).toBe("https://dashboard.stripe.com/test/logs/req_1");
    const shown = evidence.budgets.map(({ scope, value, window, unit, mode, limit }) => [
      scope,
      value,
      window,
      unit,
      mode,
      limit,
    ]);
    expect(shown).toEqual([
      ["vault_key", call.vaultKeyId, "daily", "usd", "test", "1000.00"],
      ["vault_key", call.vaultKeyId, "total", "calls", "test", "50"],
      ["agent_id", "billing_agent", "monthly", "usd", "test", "5000.00"],
    ]);
    expect(evidence.budgets.map(({ window_start: start }) => start)).toEqual([
      evidence.call.requested_at.slice(0, 10),
      null,
      `${evidence.call.requested_at.slice(0, 7)}-01`,
    ]);
    expect(evidence.budgets[0]?.used).toBe("12.50");
    // A vendor chooses this text, and somebody is to follow the link.
    await stage.database.query("UPDATE calls SET vendor_request_id = '../evil' WHERE id = $1", [id]);
    expect((await stage.admin.calls.evidence(id)).dashboard_url).toBeNull();
  });

  it("shows the hold of a call without a final outcome", async () => {
    const id = await write({ costUsd: 3, state: "reserved" });
    const { reservation, chain } = await stage.admin.calls.evidence(id);
    expect(reservation).toMatchObject({
      state: "reserved",
      hold_usd: "3.00",
      epoch: Number(stage.replica.epoch),
    });
    expect(chain.map(({ kind, verified }) => [kind, verified])).toEqual([["decision", true]]);
  });

  it("proves decision and outcome, of refused and of lost calls too", async () => {
    expect(await chainOf(await write())).toEqual([
      ["decision", true, true],
      ["outcome", true, true],
    ]);
    expect(await chainOf(await write({ state: "denied" }))).toEqual([
      ["decision", true, true],
      ["outcome", true, true],
    ]);
    const lost = await write({ state: "unknown" });
    expect(await chainOf(lost)).toEqual([
      ["decision", true, true],
      ["unknown", true, true],
    ]);
    // What was unknown and is resolved says so no more: its entry proves only that it was written.
    await settleCall(stage, lost, { ...call, costUsd: 0 });
    expect(await chainOf(lost)).toEqual([
      ["decision", true, true],
      ["unknown", false, true],
      ["outcome", true, true],
    ]);
  });

  it("follows the chain from its beginning, and in a later epoch", async () => {
    await startEpochAgain(stage);
    const { chain } = await stage.admin.calls.evidence(await write());
    expect(chain.map(({ epoch, seq, verified }) => [epoch, seq, verified])).toEqual([
      [Number(stage.replica.epoch), 1, true],
      [Number(stage.replica.epoch), 2, true],
    ]);
  });

  it.each([
    ["the cost", "UPDATE calls SET cost_usd = 0.01 WHERE id = $1", [true, false]],
    ["the agent", "UPDATE calls SET agent_id = 'innocent' WHERE id = $1", [false, true]],
    ["the metadata", 'UPDATE calls SET metadata = \'{"by": "hand"}\' WHERE id = $1', [false, true]],
    [
      "a link's hash",
      "UPDATE audit_chain SET hash = sha256('x') WHERE call_ids = ARRAY[$1::uuid] AND kinds = '{decision}'",
      [false, false],
    ],
    [
      "a link and its hash, but not the one behind it",
      `UPDATE audit_chain SET digests = ARRAY[sha256('x')], hash = sha256(prev_hash || sha256('x'))
       WHERE call_ids = ARRAY[$1::uuid] AND kinds = '{decision}'`,
      [false, false],
    ],
  ])("says what does not fit after somebody has changed %s", async (_, statement, verified) => {
    const id = await write();
    await stage.database.query(statement, [id]);
    expect((await chainOf(id)).map(([, , isVerified]) => isVerified)).toEqual(verified);
  });

  it("has no entry of a call whose links are gone, and none is verified by nothing", async () => {
    const id = await write();
    await stage.database.query("DELETE FROM audit_chain WHERE call_ids = ARRAY[$1::uuid]", [id]);
    expect(await chainOf(id)).toEqual([]);
  });

  it("finds the entries of a call that was put back long after it was made", async () => {
    const id = randomUUID();
    const intent = {
      ...{
        id,
        at_ms: Date.now() - 3 * 3_600_000,
        day: new Date().toISOString().slice(0, 10),
        hold: "1000000",
      },
      ...{
        vault_key_id: call.vaultKeyId,
        secret_id: call.secretId,
        agent_id: "billing_agent",
        vendor: "stripe",
      },
      ...{ method: "POST", path: "/v1/refunds", accounted: true, metadata: {} },
    };
    await stage.database.query("SELECT restore_intents($1, $2::jsonb)", [
      stage.replica.epoch.toString(),
      JSON.stringify([intent]),
    ]);
    expect(await chainOf(id)).toEqual([
      ["decision", true, true],
      ["unknown", true, true],
    ]);
  });

  it("shows what a call added to an object, and what was given back of it", async () => {
    const object = { object_id: "pi_1", day: "2026-01-02" };
    const [first, second] = [await write({ costUsd: 5 }), await write()];
    await stage.database.query("UPDATE calls SET vendor_object_id = 'pi_1' WHERE id = $1", [first]);
    const parts = [{ call: first, day: object.day, budgets: [], micros: 3_000_000 }];
    await stage.database.query(
      `INSERT INTO exposures (secret_id, object_id, currency, amount, counted_micros, parts, updated_at)
       VALUES ($1, 'pi_1', 'usd', 500, 3000000, $2::jsonb, now())`,
      [call.secretId, JSON.stringify(parts)],
    );
    await stage.database.query(
      `INSERT INTO credits (call_id, source_call_id, day, budget_ids, micros, credited_at)
       VALUES ($1, $2, '2026-01-02', '{}', 2000000, now())`,
      [second, first],
    );
    expect((await stage.admin.calls.evidence(first)).parts).toEqual([
      { kind: "added", ...object, call_id: null, usd: "3.00" },
      { kind: "was_given_back", object_id: null, day: object.day, call_id: second, usd: "2.00" },
    ]);
    expect((await stage.admin.calls.evidence(second)).parts).toEqual([
      { kind: "gave_back", object_id: null, day: object.day, call_id: first, usd: "2.00" },
    ]);
  });

  it("is for auditors, and for calls that exist", async () => {
    const { token } = await stage.admin.adminTokens.create({ name: "looker", role: "auditor" });
    const auditor = createAdminClient({ baseUrl: stage.baseUrl, token });
    const id = await write();
    expect((await auditor.calls.evidence(id)).call.id).toBe(id);
    await expect(auditor.calls.evidence(randomUUID())).rejects.toMatchObject({
      status: 404,
      code: "not_found",
    });
  });
});
