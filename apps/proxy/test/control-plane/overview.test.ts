import { createAdminClient } from "@keybrake/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sumUpCalls } from "../../src/ledger/call-sums.ts";
import { BACKENDS, requireBackends, type TestDatabases } from "./backends.ts";
import { openStage, type Stage, writeCalls } from "./stage.ts";

requireBackends();

const HOURS = 6;

describe.each(BACKENDS)("what calls add up to on $name", ({ open }) => {
  let databases: TestDatabases;
  let stage: Stage;
  let secretId: string;
  let keys: { billing: string; refunds: string };
  let now: Date;

  beforeAll(async () => {
    databases = await open();
    stage = await openStage(databases);
    const { admin } = stage;
    secretId = (await admin.secrets.create({ name: "main", vendor: "stripe", value: "sk_test_12345678" })).id;
    await admin.secrets.create({
      name: "mail",
      vendor: "resend",
      value: "re_12345678",
      requests_per_second: 3,
    });
    const make = async (agent_id: string, crew_run_id: string, name: string) => {
      const policy = { vendor: "stripe" as const, daily_usd_cap: 1_000 };
      return (await admin.vaultKeys.create({ agent_id, crew_run_id, secret: "main", name, policy })).id;
    };
    keys = {
      billing: await make("billing_agent", "run-1", "Night 100%"),
      refunds: await make("refund_agent", "run_2", "Day"),
    };
    const [row] = await stage.database.query("SELECT date_trunc('milliseconds', now()) AS now");
    now = row?.["now"] as Date;
    await stage.database.query("SELECT ensure_month(date_trunc('month', now() - interval '1 day')::date)");
    // Of each of the last hours: a settled call a minute, every fifth refused, one lost, one still open.
    await stage.database.query(
      `INSERT INTO calls (id, requested_at, state, verdict, vault_key_id, agent_id, crew_run_id, vendor, method, path, endpoint,
         cost_usd, reserved_usd, replica)
       SELECT gen_random_uuid(), $1::timestamptz - g * interval '1 minute',
         CASE WHEN g % 60 = 8 THEN 'unknown' WHEN g % 60 = 9 THEN 'reserved' WHEN g % 5 = 0 THEN 'denied' ELSE 'settled' END,
         CASE WHEN g % 5 = 0 THEN 'deny' ELSE 'allow' END,
         CASE g % 3 WHEN 0 THEN $2::uuid ELSE $3::uuid END, CASE g % 3 WHEN 0 THEN 'billing_agent' ELSE 'refund_agent' END,
         CASE g % 3 WHEN 0 THEN 'run-1' ELSE 'run_2' END, 'stripe', 'POST', '/v1/refunds', 'POST /v1/refunds',
         CASE WHEN g % 60 IN (8, 9) OR g % 5 = 0 THEN 0 ELSE 0.125 END, 1, 'test'
       FROM generate_series(1, $4::integer) g`,
      [now.toISOString(), keys.billing, keys.refunds, HOURS * 60],
    );
    await stage.database.query(
      `INSERT INTO denial_counts (epoch, minute, vault_key_id, code, agent_id, crew_run_id, vendor, recorded, counted, last_at, replica)
       VALUES (1, date_trunc('minute', $1::timestamptz - interval '3 hours'), $2, 'endpoint_not_allowed', 'billing_agent', 'run-1', 'stripe',
         100, 40, now(), 'test')`,
      [now.toISOString(), keys.billing],
    );
  });
  afterAll(async () => {
    await stage?.close();
    await databases?.close();
  });

  const everything = () => ({
    from: new Date(now.getTime() - HOURS * 3_600_000 - 60_000).toISOString(),
    to: new Date(now.getTime() + 1).toISOString(),
  });
  /** Everything that the operations tell of the same range, and parts of it whose ends are no whole hours. */
  async function snapshot() {
    const { admin } = stage;
    const whole = everything();
    const part = {
      from: new Date(now.getTime() - 4.3 * 3_600_000).toISOString(),
      to: new Date(now.getTime() - 1.6 * 3_600_000).toISOString(),
    };
    const spends = [];
    for (const group_by of ["agent_id", "vault_key_id", "crew_run_id", "vendor", "endpoint", "day"] as const)
      for (const range of [whole, part]) spends.push((await admin.spend.list({ group_by, ...range })).data);
    spends.push((await admin.spend.list({ group_by: "day", agent_id: "billing_agent", ...whole })).data);
    return {
      spends,
      hours: (await admin.activity.list(whole)).data,
      days: (await admin.activity.list({ ...part, bucket: "day" })).data,
      ofAgent: (await admin.activity.list({ ...whole, agent_id: "refund_agent" })).data,
      runs: (await admin.runs.list(whole)).data,
      partOfRuns: (await admin.runs.list(part)).data,
      agents: (await admin.agents.list()).data,
    };
  }

  it("counts calls and refusals over time, without a gap", async () => {
    const { data, bucket } = await stage.admin.activity.list(everything());
    expect(bucket).toBe("hour");
    const sum = (name: "allowed" | "denied" | "unknown") =>
      data.reduce((total, entry) => total + entry[name], 0);
    expect([sum("allowed"), sum("denied"), sum("unknown")]).toEqual([HOURS * 48, HOURS * 12 + 40, HOURS]);
    const times = data.map(({ at }) => Date.parse(at));
    for (const [index, at] of times.entries()) expect(at).toBe((times[0] ?? 0) + index * 3_600_000);
    expect((times[0] ?? 0) % 3_600_000).toBe(0);
    const cost = data.reduce((total, { cost_usd: usd }) => total + Number(usd), 0);
    expect(cost).toBe(HOURS * 46 * 0.125);
  });

  it("covers the last day by the hour, and any range by a bucket that fits it", async () => {
    const day = await stage.admin.activity.list();
    expect(Date.parse(day.to) - Date.parse(day.from)).toBe(86_400_000);
    expect([24, 25]).toContain(day.data.length);
    const minutes = await stage.admin.activity.list({ ...everything(), bucket: "minute" });
    expect(minutes.data.filter(({ allowed }) => allowed > 0).every(({ allowed }) => allowed === 1)).toBe(
      true,
    );
    expect(minutes.data.some(({ denied }) => denied >= 40)).toBe(true);
    const tooMany = stage.admin.activity.list({ from: "2020-01-01", to: "2021-01-01", bucket: "hour" });
    await expect(tooMany).rejects.toMatchObject({ status: 400, problems: [{ field: "bucket" }] });
    expect((await stage.admin.activity.list({ from: "2020-01-02", to: "2020-01-01" })).data).toEqual([]);
  });

  it("counts of one agent, run or key only its own", async () => {
    const allowedOf = async (query: object) =>
      (await stage.admin.activity.list({ ...everything(), ...query })).data.reduce(
        (sum, { allowed }) => sum + allowed,
        0,
      );
    const ofBilling = HOURS * 16;
    expect(await allowedOf({ agent_id: "billing_agent" })).toBe(ofBilling);
    expect(await allowedOf({ crew_run_id: "run-1" })).toBe(ofBilling);
    expect(await allowedOf({ vault_key_id: keys.billing })).toBe(ofBilling);
    expect(await allowedOf({ vault_key_id: keys.billing, agent_id: "refund_agent" })).toBe(0);
  });

  it("filters spend by agent, run, key and vendor, refusals that were only counted among it", async () => {
    const spendOf = async (query: object) =>
      (await stage.admin.spend.list({ group_by: "agent_id", ...everything(), ...query })).data;
    const [ofBilling] = await spendOf({ agent_id: "billing_agent" });
    expect(ofBilling).toMatchObject({ group: "billing_agent", calls: HOURS * 16, denied: HOURS * 4 + 40 });
    expect(await spendOf({ crew_run_id: "run-1" })).toEqual([ofBilling]);
    expect(await spendOf({ vault_key_id: keys.billing })).toEqual([ofBilling]);
    expect(await spendOf({ vendor: "resend" })).toEqual([]);
    expect((await spendOf({ vendor: "stripe" })).length).toBe(2);
  });

  it("lists runs, the latest first, in pages", async () => {
    const { data, from, to } = await stage.admin.runs.list(everything());
    expect({ from, to }).toEqual(everything());
    expect(data.map(({ crew_run_id: run }) => run)).toEqual(["run_2", "run-1"]);
    expect(data[1]).toMatchObject({
      ...{ calls: HOURS * 16, denied: HOURS * 4, agents: ["billing_agent"], active_keys: 1 },
      last_call_at: new Date(now.getTime() - 3 * 60_000).toISOString(),
      first_call_at: new Date(now.getTime() - HOURS * 3_600_000).toISOString(),
    });
    const runsOf = async (query: object) =>
      (await stage.admin.runs.list({ ...everything(), ...query })).data.map(({ crew_run_id: run }) => run);
    expect(await runsOf({ q: "N_2" })).toEqual(["run_2"]);
    expect(await runsOf({ agent_id: "billing_agent" })).toEqual(["run-1"]);
    const first = await stage.admin.runs.list({ ...everything(), limit: 1 });
    const second = await stage.admin.runs.list({ limit: 1, cursor: first.next_cursor ?? "" });
    expect([...first.data, ...second.data]).toEqual(data);
    expect([second.from, second.next_cursor]).toEqual([first.from, null]);
    const tooLong = stage.admin.runs.list({ from: "2026-01-01", to: "2026-03-01" });
    await expect(tooLong).rejects.toMatchObject({ status: 400, problems: [{ field: "from" }] });
  });

  it("lists agents by name, with their keys and what they spent today", async () => {
    const { data } = await stage.admin.agents.list();
    expect(data.map(({ agent_id, keys, active_keys }) => [agent_id, keys, active_keys])).toEqual([
      ["billing_agent", 1, 1],
      ["refund_agent", 1, 1],
    ]);
    const today = now.toISOString().slice(0, 10);
    const [spent] = (await stage.admin.spend.list({ group_by: "day", from: today, agent_id: "refund_agent" }))
      .data;
    expect(data[1]).toMatchObject({
      spent_today_usd: "0.00",
      test_spent_today_usd: spent?.cost_usd ?? "0.00",
      last_call_at: new Date(now.getTime() - 60_000).toISOString(),
    });
    const first = await stage.admin.agents.list({ limit: 1 });
    const second = await stage.admin.agents.list({ limit: 1, cursor: first.next_cursor ?? "" });
    expect([...first.data, ...second.data]).toEqual(data);
    expect((await stage.admin.agents.list({ q: "LING_" })).data.length).toBe(1);
    expect((await stage.admin.agents.list({ q: "LING%" })).data.length).toBe(0);
  });

  it("finds vault keys by a part of their names, by vendor and by secret", async () => {
    const idsOf = async (query: object) =>
      (await stage.admin.vaultKeys.list(query)).data.map(({ id }) => id).sort();
    expect(await idsOf({ q: "night 100%" })).toEqual([keys.billing]);
    expect(await idsOf({ q: "REFUND" })).toEqual([keys.refunds]);
    expect(await idsOf({ q: "run_2" })).toEqual([keys.refunds]);
    expect(await idsOf({ q: "%" })).toEqual([keys.billing]);
    const { redacted } = await stage.admin.vaultKeys.get(keys.refunds);
    expect(await idsOf({ q: redacted })).toEqual([keys.refunds]);
    expect(await idsOf({ vendor: "stripe", secret: "main" })).toEqual([keys.billing, keys.refunds].sort());
    expect(await idsOf({ vendor: "resend" })).toEqual([]);
    expect(await idsOf({ secret: "mail" })).toEqual([]);
  });

  it("tells how much of a vendor's quota is used, and who used it when that was too much", async () => {
    const throttled = { window_ms: 1_000, calls: { billing_agent: 7, refund_agent: 30 }, other_calls: 0 };
    await stage.database.query(
      `UPDATE calls SET throttled_by = $1::jsonb
       WHERE vault_key_id = $2 AND requested_at IN ($3::timestamptz - interval '3 minutes', $3::timestamptz - interval '6 minutes')`,
      [JSON.stringify(throttled), keys.billing, now.toISOString()],
    );
    await writeCalls(stage, [{ vaultKeyId: keys.billing, secretId, agentId: "billing_agent" }]);
    const { data, replica } = await stage.admin.vendorQuota.list();
    expect(replica).toBe("test");
    const [mail, main] = data;
    expect(mail).toMatchObject({
      secret: "mail",
      vendor: "resend",
      sent_last_minute: 0,
      throttled_last_hour: 0,
    });
    expect(main).toMatchObject({
      secret: "main",
      mode: "test",
      throttled_last_hour: 2,
      waiting: 0,
      in_flight: 0,
    });
    expect(main?.sent_last_minute).toBeGreaterThan(0);
    expect(main?.throttled_by).toEqual([
      { agent_id: "refund_agent", calls: 60 },
      { agent_id: "billing_agent", calls: 14 },
    ]);
    const first = await stage.admin.vendorQuota.list({ limit: 1 });
    const second = await stage.admin.vendorQuota.list({ limit: 1, cursor: first.next_cursor ?? "" });
    expect([...first.data, ...second.data].map(({ secret }) => secret)).toEqual(["mail", "main"]);
  });

  it("lets an auditor see all of it", async () => {
    const { token } = await stage.admin.adminTokens.create({ name: "looker", role: "auditor" });
    const auditor = createAdminClient({ baseUrl: stage.baseUrl, token });
    await Promise.all([
      auditor.activity.list(),
      auditor.runs.list(),
      auditor.agents.list(),
      auditor.vendorQuota.list(),
    ]);
  });

  // Behind the tests above, which read calls one by one: from here on hours that are over are summed up.
  describe("when hours are summed up", () => {
    const sumUp = () => sumUpCalls(databases.database, () => false);
    const summedTo = async () => {
      const [row] = await stage.database.query("SELECT summed_to FROM call_sums");
      return row?.["summed_to"] as Date;
    };

    it("says the same as every call did", async () => {
      const before = await snapshot();
      await sumUp();
      const [sums] = await stage.database.query(
        "SELECT count(*) AS hours, min(hour) AS first FROM call_hours",
      );
      expect(Number(sums?.["hours"])).toBeGreaterThan(0);
      expect((await summedTo()).getTime()).toBeGreaterThan(now.getTime() - 3 * 3_600_000);
      expect(await snapshot()).toEqual(before);
    });

    it("adds what gets its outcome later, once", async () => {
      const whileOpen = await snapshot();
      await stage.database.query(
        "UPDATE calls SET state = 'settled', cost_usd = 100 WHERE state = 'unknown' AND requested_at < $1",
        [await summedTo()],
      );
      const before = await snapshot();
      expect(before).not.toEqual(whileOpen);
      await sumUp();
      expect(await snapshot()).toEqual(before);
      await sumUp();
      expect(await snapshot()).toEqual(before);
    });

    it("is made again from the calls after the clock was set back", async () => {
      await stage.database.query("UPDATE call_sums SET summed_to = summed_to + interval '3 hours'");
      const at = new Date(now.getTime() - 20 * 60_000).toISOString();
      await stage.database.query(
        `INSERT INTO calls (id, requested_at, state, verdict, vault_key_id, agent_id, crew_run_id, vendor, method, path, cost_usd, replica)
         VALUES (gen_random_uuid(), $1, 'settled', 'allow', $2, 'billing_agent', 'run-1', 'stripe', 'POST', '/v1/refunds', 9, 'test')`,
        [at, keys.billing],
      );
      const before = await snapshot();
      await sumUp();
      expect(await snapshot()).toEqual(before);
    });

    it("forgets what retention has removed", async () => {
      const [row] = await stage.database.query(
        "SELECT min(hour) + interval '1 hour' AS kept FROM call_hours",
      );
      await stage.database.query(
        `INSERT INTO audit_tombstones (partition_name, calls_before, calls_removed, heads, signature)
         VALUES ('calls_2020_01', $1, 0, '{}', ''::bytea)`,
        [row?.["kept"] as Date],
      );
      await sumUp();
      const [left] = await stage.database.query("SELECT min(hour) AS first FROM call_hours");
      expect(left?.["first"]).toEqual(row?.["kept"]);
    });
  });
});
