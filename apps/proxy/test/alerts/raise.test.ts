import type { Alert, AlertKind } from "@keybrake/client";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { AlertWatch } from "../../src/alerts/alert-watch.ts";
import { forgetAlerts } from "../../src/ledger/maintenance.ts";
import { BACKENDS, requireBackends, type TestDatabases } from "../control-plane/backends.ts";
import { openStage, type Stage, type TestCall, writeCalls } from "../control-plane/stage.ts";

requireBackends();

describe.each(BACKENDS)("what is raised on $name", ({ open }) => {
  let databases: TestDatabases;
  let stage: Stage;
  let secretId: string;
  const faults: unknown[] = [];

  beforeAll(async () => {
    databases = await open();
    stage = await openStage(databases);
    const value = "sk_live_0123456789abcdef";
    secretId = (await stage.admin.secrets.create({ name: "main", vendor: "stripe", value })).id;
    // Deliveries are made for those who want to hear, whether anybody can be reached or not.
    const url = "http://127.0.0.1:9/hook";
    await stage.admin.alertChannels.create({ name: "everything", kind: "webhook", url });
    await stage.admin.alertChannels.create({
      name: "the worst",
      kind: "slack",
      url,
      min_severity: "critical",
    });
  });
  afterAll(async () => {
    await stage?.close();
    await databases?.close();
    expect(faults).toEqual([]);
  });
  beforeEach(async () => {
    await stage.database.query("DELETE FROM alerts");
  });

  /** A replica that is always the eldest, in a process of its own as far as it knows. */
  const newWatch = () =>
    new AlertWatch(
      databases.database,
      { isEldest: async () => true },
      {
        onRaised: () => undefined,
        onError: (what, error) => faults.push([what, error]),
      },
    );

  const list = async (kind?: AlertKind): Promise<readonly Alert[]> =>
    (await stage.admin.alerts.list({ ...(kind === undefined ? {} : { kind }), limit: 1_000 })).data;
  const sentTo = (alert: Alert) => alert.deliveries.map(({ channel }) => channel);

  async function newKey(agentId: string, policy: object = {}, run?: string): Promise<TestCall> {
    const { id } = await stage.admin.vaultKeys.create({
      agent_id: agentId,
      secret: "main",
      policy: { vendor: "stripe", ...policy },
      ...(run === undefined ? {} : { crew_run_id: run }),
    });
    return { vaultKeyId: id, secretId, agentId, crewRunId: run ?? null };
  }

  it("tells each threshold of a budget once, of several at once the highest, and keeps the others", async () => {
    const call = await newKey("spender", { daily_usd_cap: 100 }, "run-1");
    const watch = newWatch();
    const spend = async (usd: number) => {
      await writeCalls(stage, [{ ...call, costUsd: usd }]);
      await watch.look();
      const alerts = (await list("budget_threshold")).filter(({ agent_id: agent }) => agent === "spender");
      return alerts.map((alert) => [alert.threshold, alert.severity, sentTo(alert)]).reverse();
    };
    expect(await spend(49.99)).toEqual([]);
    expect(await spend(0.01)).toEqual([[50, "info", ["everything"]]]);
    const at80 = [
      [50, "info", ["everything"]],
      [80, "warning", ["everything"]],
    ];
    expect(await spend(30)).toEqual(at80);
    // Neither again, nor by another replica that takes over and knows nothing.
    expect(await spend(0)).toEqual(at80);
    await newWatch().look();
    const at100 = [...at80, [95, "warning", []], [100, "critical", ["everything", "the worst"]]];
    expect((await spend(20)).sort()).toEqual(at100.sort());
    const [alert] = (await list("budget_threshold")).filter(({ threshold }) => threshold === 100);
    const [budget] = (await stage.admin.vaultKeys.get(call.vaultKeyId)).budgets;
    const today = new Date().toISOString().slice(0, 10);
    expect(alert).toMatchObject({
      budget_id: budget?.id,
      window_start: today,
      mode: "live",
      agent_id: "spender",
      crew_run_id: "run-1",
      vault_key_id: call.vaultKeyId,
      call_id: null,
    });
    expect(alert?.detail).toContain(`$100.00 of $100.00 are used since ${today} (UTC)`);
  });

  it("tells thresholds of every scope of a budget", async () => {
    const { admin } = stage;
    const call = await newKey("scoped", {}, "run-2");
    const scopes = [
      { scope: "agent_id", value: "scoped" },
      { scope: "crew_run_id", value: "run-2" },
      { scope: "secret", value: "main" },
      { scope: "installation" },
    ] as const;
    const ids: string[] = [];
    for (const scope of scopes)
      ids.push((await admin.budgets.create({ ...scope, window: "total", usd_cap: 1_000 })).id);
    await writeCalls(stage, [{ ...call, costUsd: 400 }]);
    await writeCalls(stage, [{ ...call, costUsd: 200 }]);
    await newWatch().look();
    const alerts = await list("budget_threshold");
    const titles = ids.map((id) => alerts.find(({ budget_id: budget }) => budget === id)?.title);
    expect(titles).toEqual([
      "50 % of the total usd budget of agent scoped are used",
      "50 % of the total usd budget of run run-2 are used",
      "50 % of the total usd budget of secret main are used",
      "50 % of the total usd budget of the installation are used",
    ]);
    for (const id of ids) await admin.budgets.delete(id);
  });

  it("tells when a budget holds more than its limit, and no lower threshold with it", async () => {
    const call = await newKey("lowered", { total_usd_cap: 10 });
    await writeCalls(stage, [{ ...call, costUsd: 9 }]);
    await stage.admin.vaultKeys.update(call.vaultKeyId, { policy: { vendor: "stripe", total_usd_cap: 5 } });
    await newWatch().look();
    const alerts = (await list()).filter(({ agent_id: agent }) => agent === "lowered");
    expect(alerts.filter(({ deliveries }) => deliveries.length > 0)).toMatchObject([
      { kind: "overrun", severity: "critical", threshold: null },
    ]);
    expect(alerts.map(({ threshold }) => threshold).sort()).toEqual([100, 50, 80, 95, null]);
  });

  it("keeps test credentials' windows apart", async () => {
    const value = "sk_test_0123456789abcdef";
    const test = await stage.admin.secrets.create({ name: "sandboxed", vendor: "stripe", value });
    await stage.admin.budgets.create({ scope: "agent_id", value: "both", window: "daily", usd_cap: 10 });
    const live = await newKey("both");
    const { id } = await stage.admin.vaultKeys.create({
      agent_id: "both",
      secret: "sandboxed",
      policy: { vendor: "stripe" },
    });
    await writeCalls(stage, [
      { ...live, costUsd: 6 },
      { vaultKeyId: id, secretId: test.id, agentId: "both", costUsd: 9 },
    ]);
    await newWatch().look();
    const alerts = (await list("budget_threshold")).filter(({ agent_id: agent }) => agent === "both");
    expect(alerts.map(({ mode, threshold }) => [mode, threshold]).sort()).toEqual([
      ["live", 50],
      ["test", 50],
      ["test", 80],
    ]);
  });

  it("tells of a key that is suddenly refused often, once an hour, and not of one that always is", async () => {
    const sudden = await newKey("sudden");
    const steady = await newKey("steady");
    const rare = await newKey("rare");
    const count = (call: TestCall, minutesAgo: number, denials: number) =>
      stage.database.query(
        `INSERT INTO denial_counts (epoch, minute, vault_key_id, code, agent_id, recorded, counted, last_at, replica)
         VALUES ($1, date_trunc('minute', now()) - $2 * interval '1 minute', $3, 'endpoint_not_allowed', $4, 1, $5, now(), 'r')`,
        [stage.replica.epoch.toString(), minutesAgo, call.vaultKeyId, call.agentId, denials - 1],
      );
    await count(sudden, 0, 12);
    await count(sudden, 1, 8);
    await count(sudden, 30, 40);
    await count(steady, 0, 20);
    await count(steady, 30, 60);
    await count(rare, 0, 19);
    const watch = newWatch();
    await watch.look();
    await watch.look();
    const alerts = await list("denials_spike");
    expect(alerts).toMatchObject([
      { agent_id: "sudden", vault_key_id: sudden.vaultKeyId, severity: "warning", count: 20 },
    ]);
    expect(alerts[0]?.detail).toMatch(
      /^20 calls .* `endpoint_not_allowed`; in the hour before it were 40\.$/,
    );
    await stage.database.query("DELETE FROM denial_counts");
  });

  it("tells of unknown calls once a key and hour, and goes on counting", async () => {
    const call = await newKey("uncertain");
    const [first] = await writeCalls(stage, [{ ...call, state: "unknown", costUsd: 3 }]);
    const watch = newWatch();
    await watch.look();
    const ofAgent = async () =>
      (await list("unknown_calls")).filter(({ agent_id: agent }) => agent === "uncertain");
    expect(await ofAgent()).toMatchObject([{ count: 1, call_id: first, severity: "warning" }]);
    await writeCalls(stage, [
      { ...call, state: "unknown", costUsd: 4 },
      { ...call, state: "released" },
      { ...call, state: "reserved" },
    ]);
    await watch.look();
    const [alert, ...more] = await ofAgent();
    expect(more).toEqual([]);
    expect(alert).toMatchObject({ count: 2, call_id: first });
    expect(alert?.detail).toContain("$7.00 stay held");
    expect(sentTo(alert as Alert)).toEqual(["everything"]);
  });

  it("does not take a call that waits for its price for one whose outcome is unknown", async () => {
    const call = await newKey("texter");
    const [id] = await writeCalls(stage, [{ ...call, state: "unknown" }]);
    await stage.database.query("UPDATE calls SET vendor_object_id = 'SM1', status_code = 201 WHERE id = $1", [
      id,
    ]);
    await newWatch().look();
    expect((await list("unknown_calls")).filter(({ agent_id: agent }) => agent === "texter")).toEqual([]);
    await stage.database.query("UPDATE calls SET vendor_object_id = NULL, status_code = 200 WHERE id = $1", [
      id,
    ]);
  });

  it("tells of a key that was suspended, and again when it is suspended anew", async () => {
    const call = await newKey("overcharged", { daily_usd_cap: 100 });
    const overrun = async () => {
      const [id] = await writeCalls(stage, [{ ...call, state: "reserved", costUsd: 1 }]);
      await settleWith(id as string, 3_000_000);
      return id;
    };
    const settleWith = (id: string, costMicros: number) =>
      stage.database.query("SELECT ledger_apply($1, $2::jsonb)", [
        stage.replica.epoch.toString(),
        JSON.stringify([
          {
            i: 1,
            kind: "settle",
            id,
            secret_id: secretId,
            state: "settled",
            cost_micros: costMicros,
            status_code: 200,
          },
        ]),
      ]);
    const id = await overrun();
    const watch = newWatch();
    await watch.look();
    await watch.look();
    const alerts = await list("key_suspended");
    expect(alerts).toMatchObject([
      { agent_id: "overcharged", vault_key_id: call.vaultKeyId, call_id: id, severity: "critical" },
    ]);
    expect(alerts[0]?.detail).toContain("It was $2.00 more.");
    await stage.admin.vaultKeys.update(call.vaultKeyId, { policy: { vendor: "stripe", daily_usd_cap: 100 } });
    await stage.database.query("UPDATE vault_keys SET status = 'suspended' WHERE id = $1", [call.vaultKeyId]);
    await watch.look();
    expect(await list("key_suspended")).toHaveLength(2);
    await stage.admin.vaultKeys.revoke(call.vaultKeyId);
  });

  it("tells when the kill switch is engaged and when it is released, without a credential in the reason", async () => {
    const watch = newWatch();
    await stage.admin.killSwitch.set({ engaged: true, reason: "leaked sk_live_51Habcdefghijkl" });
    await watch.look();
    await stage.admin.killSwitch.set({ engaged: false });
    await watch.look();
    await watch.look();
    const alerts = await list("kill_switch");
    expect(alerts.map(({ title, severity }) => [title, severity])).toEqual([
      ["The kill switch is released", "warning"],
      ["The kill switch is engaged", "critical"],
    ]);
    expect(alerts[1]?.detail).toBe("Every call is refused. Reason: leaked [withheld]");
  });

  it("finds a row of the last links that was changed, and says so once, also when a verification finds it", async () => {
    const call = await newKey("victim");
    const watch = newWatch();
    const [id] = await writeCalls(stage, [{ ...call, costUsd: 5 }]);
    await watch.look();
    expect(await list("chain_broken")).toEqual([]);
    const [next] = await writeCalls(stage, [{ ...call, costUsd: 6 }]);
    await stage.database.query("UPDATE calls SET cost_usd = 1 WHERE id = $1", [next]);
    await watch.look();
    await watch.look();
    const broken = await list("chain_broken");
    expect(broken).toMatchObject([{ severity: "critical" }]);
    expect(broken[0]?.detail).toContain(`The outcome of call ${next} was changed.`);
    expect((await stage.admin.audit.verify()).ok).toBe(false);
    expect(await list("chain_broken")).toHaveLength(1);
    // What is older than the links of a look is found by a verification, and told as well.
    await stage.database.query("UPDATE calls SET cost_usd = 6 WHERE id = $1", [next]);
    await stage.database.query("UPDATE calls SET cost_usd = 1 WHERE id = $1", [id]);
    expect((await stage.admin.audit.verify()).ok).toBe(false);
    expect((await list("chain_broken")).map(({ detail }) => detail.includes(String(id)))).toEqual([
      true,
      false,
    ]);
    await stage.database.query("UPDATE calls SET cost_usd = 5 WHERE id = $1", [id]);
    expect((await stage.admin.audit.verify()).ok).toBe(true);
  });

  it("tells of lost history until somebody has accepted it", async () => {
    await stage.database.query(
      `SELECT freeze_history('replica-7', ARRAY[$1]::bigint[], ARRAY[999999]::bigint[], ARRAY['\\x00']::bytea[])`,
      [stage.replica.epoch.toString()],
    );
    const watch = newWatch();
    await watch.look();
    await watch.look();
    expect(await list("history_lost")).toMatchObject([
      { severity: "critical", detail: expect.stringContaining("replica-7") },
    ]);
    await stage.database.query("UPDATE history_gaps SET accepted_at = now()");
  });

  it("remembers what it told of a window that is open, and forgets the rest with its age", async () => {
    await stage.database.query(
      `INSERT INTO alerts (dedupe_key, kind, severity, raised_at, title, detail, window_start) VALUES
         ('old', 'kill_switch', 'critical', now() - interval '40 days', 't', 'd', NULL),
         ('young', 'kill_switch', 'critical', now() - interval '20 days', 't', 'd', NULL),
         ('total', 'budget_threshold', 'info', now() - interval '400 days', 't', 'd', '0001-01-01'),
         ('this month', 'budget_threshold', 'info', now() - interval '31 days', 't', 'd', date_trunc('month', now())),
         ('another month', 'budget_threshold', 'info', now() - interval '80 days', 't', 'd', date_trunc('month', now()) - interval '2 months')`,
    );
    await forgetAlerts(databases.database, 30);
    const rows = await stage.database.query("SELECT dedupe_key FROM alerts ORDER BY 1");
    expect(rows.map(({ dedupe_key: key }) => key)).toEqual(["this month", "total", "young"]);
  });
});
