import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BACKENDS, requireBackends, type TestDatabases } from "./backends.ts";
import { openStage, type Stage, writeCalls } from "./stage.ts";

requireBackends();

describe.each(BACKENDS)("budgets on $name", ({ open }) => {
  let databases: TestDatabases;
  let stage: Stage;
  let call: { vaultKeyId: string; secretId: string; agentId: string; crewRunId: string };

  beforeAll(async () => {
    databases = await open();
    stage = await openStage(databases);
    const secret = await stage.admin.secrets.create({
      name: "main",
      vendor: "stripe",
      value: "sk_test_12345678",
    });
    const key = await stage.admin.vaultKeys.create({
      agent_id: "spender",
      crew_run_id: "run-1",
      secret: "main",
      policy: { vendor: "stripe", daily_usd_cap: 50 },
    });
    call = { vaultKeyId: key.id, secretId: secret.id, agentId: "spender", crewRunId: "run-1" };
    await writeCalls(stage, [{ ...call, costUsd: 5 }]);
  });
  afterAll(async () => {
    await stage?.close();
    await databases?.close();
  });

  async function raw(body: object) {
    const response = await fetch(`${stage.baseUrl}/api/v1/budgets`, {
      method: "POST",
      headers: { authorization: `Bearer ${stage.token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  it("are created for every scope, counting what was already spent", async () => {
    const agent = await raw({ scope: "agent_id", value: "spender", window: "daily", usd_cap: "6.50" });
    expect(agent).toMatchObject({
      status: 201,
      body: {
        scope: "agent_id",
        value: "spender",
        unit: "usd",
        limit: "6.50",
        used: "0.00",
        remaining: "6.50",
        // The credential is a test one: what it spent is shown apart.
        test: { used: "5.00", reserved: "0.00", remaining: "1.50" },
      },
    });
    expect(await raw({ scope: "crew_run_id", value: "run-1", window: "total", call_cap: 3 })).toMatchObject({
      status: 201,
      body: { unit: "calls", limit: "3", used: "0", test: { used: "1", remaining: "2" }, resets_at: null },
    });
    expect(await raw({ scope: "secret", value: "main", window: "monthly", usd_cap: 100 })).toMatchObject({
      status: 201,
      body: { scope: "secret", value: "main", used: "5.00", test: null },
    });
    expect(await raw({ scope: "installation", window: "daily", call_cap: 1000 })).toMatchObject({
      status: 201,
      body: { scope: "installation", value: null, unit: "calls" },
    });
    await expect(writeCalls(stage, [{ ...call, costUsd: 2 }])).rejects.toThrow("daily_cap_exceeded");
  });

  it("change their limit when they are posted again", async () => {
    const again = await raw({ scope: "agent_id", value: "spender", window: "daily", usd_cap: 20 });
    expect(again).toMatchObject({
      status: 200,
      body: { limit: "20.00", test: { used: "5.00", remaining: "15.00" } },
    });
    await writeCalls(stage, [{ ...call, costUsd: 2 }]);
    const lower = await raw({ scope: "agent_id", value: "spender", window: "daily", usd_cap: 1 });
    expect(lower).toMatchObject({
      status: 200,
      body: { limit: "1.00", test: { used: "7.00", remaining: "0.00" } },
    });
  });

  it.each([
    [{ scope: "agent_id", window: "daily", usd_cap: 1 }, "value"],
    [{ scope: "agent_id", value: "a", window: "daily" }, ""],
    [{ scope: "agent_id", value: "a", window: "daily", usd_cap: 1, call_cap: 1 }, ""],
    [{ scope: "agent_id", value: "a", window: "monthly", call_cap: 1 }, "window"],
    [{ scope: "agent_id", value: "a", window: "daily", usd_cap: "1.0000001" }, "usd_cap"],
    [{ scope: "agent_id", value: "a", window: "daily", call_cap: 0 }, "call_cap"],
    [{ scope: "installation", value: "x", window: "daily", usd_cap: 1 }, "value"],
    [{ scope: "vault_key", value: "x", window: "daily", usd_cap: 1 }, "scope"],
    [{ scope: "installation", window: "weekly", usd_cap: 1 }, "window"],
  ])("refuse %j", async (body, field) => {
    const answer = await raw(body);
    expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request" } });
    expect((answer.body["problems"] as { field: string }[]).map((problem) => problem.field)).toContain(field);
  });

  it("refuse a secret that is not there", async () => {
    const answer = await raw({ scope: "secret", value: "nowhere", window: "daily", usd_cap: 1 });
    expect(answer).toMatchObject({ status: 422, body: { code: "unknown_secret" } });
  });

  it("are listed in pages, without those of keys unless asked for", async () => {
    const all = (await stage.admin.budgets.list()).data;
    expect(all.map(({ scope }) => scope)).toEqual(["agent_id", "crew_run_id", "secret", "installation"]);
    const first = await stage.admin.budgets.list({ limit: 3 });
    const second = await stage.admin.budgets.list({ limit: 3, cursor: first.next_cursor ?? "" });
    expect([...first.data, ...second.data]).toEqual(all);
    const ofKey = await stage.admin.budgets.list({ scope: "vault_key", value: call.vaultKeyId });
    expect(ofKey.data).toMatchObject([{ scope: "vault_key", limit: "50.00" }]);
    expect((await stage.admin.budgets.list({ scope: "secret", value: "main" })).data).toHaveLength(1);
  });

  it("are listed from a share on that is used, of live or of test money", async () => {
    const list = async (query: object) => (await stage.admin.budgets.list(query)).data;
    // By now $7.00 of $50.00.
    expect(await list({ scope: "vault_key", min_used_percent: 14 })).toHaveLength(1);
    expect(await list({ scope: "vault_key", min_used_percent: 14.0001 })).toEqual([]);
    const ofTestMoney = await list({ scope: "agent_id", min_used_percent: 50 });
    expect(ofTestMoney).toMatchObject([{ used: "0.00", test: { used: "7.00" } }]);
    await expect(list({ min_used_percent: 0 })).rejects.toMatchObject({ status: 400 });
  });

  it("are deleted, unless they belong to a policy or to the configuration", async () => {
    const [first] = (await stage.admin.budgets.list()).data;
    await stage.admin.budgets.delete(first?.id ?? "");
    expect((await stage.admin.budgets.list({ scope: "agent_id" })).data).toEqual([]);
    await expect(stage.admin.budgets.delete(first?.id ?? "")).rejects.toMatchObject({ status: 404 });
    const [ofKey] = (await stage.admin.budgets.list({ scope: "vault_key" })).data;
    await expect(stage.admin.budgets.delete(ofKey?.id ?? "")).rejects.toMatchObject({ code: "budget_fixed" });
    await stage.database.query("SELECT set_budget('installation', '', 'monthly', 'requests', 1000)");
    const fixed = (await stage.admin.budgets.list()).data.find(({ unit }) => unit === "requests");
    await expect(stage.admin.budgets.delete(fixed?.id ?? "")).rejects.toMatchObject({ code: "budget_fixed" });
  });
});
