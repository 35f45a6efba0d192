import { CALL_COLUMNS, type Call } from "@keybrake/client/contract";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BACKENDS, requireBackends, type TestDatabases } from "./backends.ts";
import { openStage, type Stage, writeCalls } from "./stage.ts";

requireBackends();

const NASTY = `=HYPERLINK("http://evil")`;

describe.each(BACKENDS)("the audit log on $name", ({ open }) => {
  let databases: TestDatabases;
  let stage: Stage;
  let keys: { billing: string; refunds: string };
  let secretId: string;
  let ids: string[];

  beforeAll(async () => {
    databases = await open();
    stage = await openStage(databases);
    const { admin } = stage;
    secretId = (await admin.secrets.create({ name: "main", vendor: "stripe", value: "sk_test_12345678" })).id;
    const make = async (agentId: string, crewRunId: string) =>
      (
        await admin.vaultKeys.create({
          agent_id: agentId,
          crew_run_id: crewRunId,
          secret: "main",
          policy: { vendor: "stripe", daily_usd_cap: 1000 },
        })
      ).id;
    keys = { billing: await make("billing_agent", "run-1"), refunds: await make("refund_agent", "run-2") };
    const billing = { vaultKeyId: keys.billing, secretId, agentId: "billing_agent", crewRunId: "run-1" };
    const refunds = { vaultKeyId: keys.refunds, secretId, agentId: "refund_agent", crewRunId: "run-2" };
    ids = await writeCalls(stage, [
      { ...billing, costUsd: 10.5, metadata: { agent_id: "billing_agent", note: NASTY } },
      { ...billing, costUsd: 2, state: "reserved" },
      { ...billing, state: "denied", path: "/v1/payouts" },
      { ...refunds, costUsd: 4.25, path: "/v1/refunds" },
      { ...refunds, costUsd: 3, state: "unknown" },
      { ...refunds, costUsd: 7, state: "released" },
      { ...refunds, state: "denied", path: NASTY.replaceAll(" ", "") },
    ]);
  });
  afterAll(async () => {
    await stage?.close();
    await databases?.close();
  });

  const newestFirst = () => [...ids].reverse();
  const sortNewestFirst = (calls: readonly Call[]) =>
    [...calls].sort((a, b) =>
      a.requested_at === b.requested_at ? (a.id < b.id ? 1 : -1) : a.requested_at < b.requested_at ? 1 : -1,
    );

  async function download(query: string, headers: Record<string, string> = {}) {
    const response = await fetch(`${stage.baseUrl}/api/v1/calls${query}`, {
      headers: { authorization: `Bearer ${stage.token}`, ...headers },
    });
    return {
      status: response.status,
      type: response.headers.get("content-type"),
      text: await response.text(),
    };
  }

  it("shows a call with exact amounts and the contract's columns in order", async () => {
    const call = await stage.admin.calls.get(ids[0] ?? "");
    expect(Object.keys(call)).toEqual([...CALL_COLUMNS]);
    expect(call).toMatchObject({
      state: "settled",
      verdict: "allow",
      agent_id: "billing_agent",
      reserved_usd: "10.50",
      cost_usd: "10.50",
      amount: 1050,
      currency: "usd",
      status_code: 200,
      metadata: { note: NASTY },
    });
    const missing = stage.admin.calls.get("00000000-0000-4000-8000-000000000000");
    await expect(missing).rejects.toMatchObject({ status: 404 });
  });

  it("pages through all calls, newest first, and neither skips nor repeats one", async () => {
    const seen: Call[] = [];
    let cursor: string | undefined;
    do {
      const page = await stage.admin.calls.list({ limit: 2, ...(cursor === undefined ? {} : { cursor }) });
      expect(page.data.length).toBeLessThanOrEqual(2);
      seen.push(...page.data);
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen.map(({ id }) => id).sort()).toEqual([...ids].sort());
    expect(seen).toEqual(sortNewestFirst(seen));
  });

  it("filters by agent, run, key, vendor, state and time", async () => {
    const idsOf = async (query: object) =>
      (await stage.admin.calls.list(query)).data.map(({ id }) => id).sort();
    const pick = (...indexes: number[]) => indexes.map((index) => ids[index]).sort();
    expect(await idsOf({ agent_id: "billing_agent" })).toEqual(pick(0, 1, 2));
    expect(await idsOf({ crew_run_id: "run-2" })).toEqual(pick(3, 4, 5, 6));
    expect(await idsOf({ vault_key_id: keys.billing, state: "denied" })).toEqual(pick(2));
    expect(await idsOf({ vendor: "stripe", state: "unknown" })).toEqual(pick(4));
    expect(await idsOf({ to: "2020-01-01" })).toEqual([]);
    expect((await idsOf({ from: "2020-01-01", to: "2999-01-01T00:00:00+02:00" })).length).toBe(ids.length);
    const { requested_at: at } = await stage.admin.calls.get(ids[3] ?? "");
    expect(await idsOf({ from: at })).toContain(ids[3]);
    expect(await idsOf({ to: at })).not.toContain(ids[3]);
  });

  it("writes CSV that a spreadsheet opens and does not run", async () => {
    const { status, type, text } = await download("?format=csv");
    expect(status).toBe(200);
    expect(type).toBe("text/csv; charset=utf-8");
    const lines = text.split("\r\n");
    expect(lines[0]).toBe(CALL_COLUMNS.join(","));
    expect(lines).toHaveLength(ids.length + 2);
    const denied = lines.find((line) => line.startsWith(ids[6] ?? "?")) ?? "";
    expect(denied).toContain(`,"'=HYPERLINK(""http://evil"")",`);
    const paid = lines.find((line) => line.startsWith(ids[0] ?? "?")) ?? "";
    expect(paid).toContain(`"{""note"":""=HYPERLINK(\\""http://evil\\"")"",""agent_id"":""billing_agent""}"`);
    expect(text).not.toMatch(/(?:^|,|\r\n)"?[=@+-][^0-9]/);
  });

  it("writes NDJSON by the Accept header, and stops at a limit", async () => {
    const { type, text } = await download("", { accept: "application/x-ndjson" });
    expect(type).toBe("application/x-ndjson; charset=utf-8");
    const calls = text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Call);
    expect(calls).toEqual(sortNewestFirst(calls));
    expect(calls.map(({ id }) => id).sort()).toEqual(newestFirst().sort());
    const limited = await download("?limit=3", { accept: "application/x-ndjson" });
    expect(limited.text.trimEnd().split("\n")).toHaveLength(3);
    expect((await download("", { accept: "application/pdf" })).status).toBe(406);
    expect((await download("", { accept: "text/html, */*;q=0.1" })).type).toContain("application/json");
  });

  it("sums up spend by every grouping", async () => {
    const byAgent = await stage.admin.spend.list({ group_by: "agent_id" });
    expect(byAgent.data).toEqual([
      { group: "billing_agent", mode: "test", calls: 2, denied: 1, reserved_usd: "2.00", cost_usd: "10.50" },
      { group: "refund_agent", mode: "test", calls: 3, denied: 1, reserved_usd: "3.00", cost_usd: "4.25" },
    ]);
    expect(Date.parse(byAgent.to) - Date.parse(byAgent.from)).toBe(30 * 86_400_000);
    const groupsOf = async (query: Parameters<typeof stage.admin.spend.list>[0]) =>
      (await stage.admin.spend.list(query)).data.map(({ group }) => group);
    expect(await groupsOf({ group_by: "vault_key_id" })).toEqual([keys.billing, keys.refunds]);
    expect(await groupsOf({ group_by: "crew_run_id" })).toEqual(["run-1", "run-2"]);
    expect(await groupsOf({ group_by: "vendor" })).toEqual(["stripe"]);
    expect(await groupsOf({ group_by: "endpoint" })).toEqual(["POST /v1/refunds"]);
    expect(await groupsOf({ group_by: "day" })).toEqual([byAgent.to.slice(0, 10)]);
    expect(await groupsOf({ group_by: "agent_id", to: "2020-02-01", from: "2020-01-01" })).toEqual([]);
    const first = await stage.admin.spend.list({ group_by: "agent_id", limit: 1 });
    const cursor = first.next_cursor ?? "";
    const second = await stage.admin.spend.list({ group_by: "agent_id", limit: 1, cursor });
    expect([...first.data, ...second.data]).toEqual(byAgent.data);
    expect([second.from, second.to, second.next_cursor]).toEqual([first.from, first.to, null]);
  });

  // Behind the tests above, which count every call.
  describe("when it is long", () => {
    const COUNT = 2_345;
    const filter = { agent_id: "prolific" };

    beforeAll(async () => {
      await stage.database.query(
        `INSERT INTO calls (id, requested_at, state, verdict, agent_id, method, path, replica)
         SELECT gen_random_uuid(), date_trunc('milliseconds', now()) + (g / 10) * interval '1 millisecond', 'denied', 'deny',
           'prolific', 'GET', '/v1/x', 'test' FROM generate_series(1, $1::integer) g`,
        [COUNT],
      );
    });

    it("is exported whole, in order, over many queries", async () => {
      const seen = new Set<string>();
      let previous = "9";
      for await (const call of stage.admin.calls.ndjson(filter)) {
        expect(call.requested_at <= previous).toBe(true);
        previous = call.requested_at;
        seen.add(call.id);
      }
      expect(seen.size).toBe(COUNT);
      let lines = -1;
      for await (const chunk of stage.admin.calls.csv(filter))
        lines += chunk.filter((byte) => byte === 0x0a).length;
      expect(lines).toBe(COUNT);
    });

    it("stops being read when the reader leaves", async () => {
      for await (const _ of stage.admin.calls.ndjson(filter)) break;
      expect((await stage.admin.calls.list({ limit: 1 })).data).toHaveLength(1);
      expect(stage.logged).toEqual([]);
    });
  });
});
