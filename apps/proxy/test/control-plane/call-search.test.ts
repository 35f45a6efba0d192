import { CALL_COLUMNS, type Call, type ListCalls } from "@keybrake/client/contract";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type CallFilter, walkCalls } from "../../src/control-plane/call-walk.ts";
import type { Database } from "../../src/ledger/database.ts";
import { BACKENDS, requireBackends, type TestDatabases } from "./backends.ts";
import { openStage, type Stage, writeCalls } from "./stage.ts";

requireBackends();

/** Enough that a search takes several slices. */
const COUNT = 4_000;
const NEEDLES = COUNT / 400;
const QUERY_MS = 80;

describe.each(BACKENDS)("searching the audit log on $name", ({ open }) => {
  let databases: TestDatabases;
  let stage: Stage;
  let delayMs = 0;

  beforeAll(async () => {
    databases = await open();
    const database: Database = {
      ...databases.database,
      query: async (text, values) => {
        if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
        return databases.database.query(text, values);
      },
    };
    stage = await openStage({ ...databases, database });
    // Ten calls in each millisecond, so that slices end between calls of one instant.
    await stage.database.query(
      `INSERT INTO calls (id, requested_at, completed_at, state, verdict, denial_code, agent_id, crew_run_id, vendor, method, path, endpoint,
         status_code, amount, currency, direction, cost_usd, claimed_agent_id, claimed_crew_run_id, customer_id,
         vendor_request_id, vendor_object_id, metadata, replica)
       SELECT gen_random_uuid(), date_trunc('milliseconds', now()) - (g / 10) * interval '1 millisecond', now(),
         CASE WHEN g % 400 = 7 THEN 'denied' ELSE 'settled' END, CASE WHEN g % 400 = 7 THEN 'deny' ELSE 'allow' END,
         CASE WHEN g % 400 = 7 THEN 'daily_cap_exceeded' END, CASE g % 2 WHEN 0 THEN 'even' ELSE 'odd' END, 'run ' || g % 4,
         CASE WHEN g % 400 = 8 THEN 'twilio' ELSE 'stripe' END, CASE WHEN g % 400 = 9 THEN 'DELETE' ELSE 'POST' END,
         CASE WHEN g % 400 = 10 THEN '/v1/Needles/' || g ELSE '/v1/hay' END,
         CASE WHEN g % 400 = 11 THEN 'POST /v1/needle' ELSE 'POST /v1/hay' END, CASE WHEN g % 400 = 12 THEN 402 ELSE 200 END,
         100, CASE WHEN g % 400 = 13 THEN 'eur' ELSE 'usd' END, CASE WHEN g % 400 = 14 THEN 'in' ELSE 'out' END,
         CASE WHEN g % 400 = 15 THEN 7.5 ELSE 1 END, CASE WHEN g % 400 = 16 THEN 'somebody' END,
         CASE WHEN g % 400 = 17 THEN 'elsewhere' END, 'cus_' || g % 400, 'req_' || g % 400, 're_' || g % 400,
         CASE g WHEN 20 THEN '{"note":"100% _sure_ of C:\\\\temp and \\"this\\""}' WHEN 21 THEN '{"note":"1000 surely"}'
           ELSE '{"note":"nothing"}' END::jsonb,
         CASE WHEN g % 400 = 18 THEN 'another' ELSE 'test' END
       FROM generate_series(0, $1::integer - 1) g`,
      [COUNT],
    );
  });
  afterAll(async () => {
    await stage?.close();
    await databases?.close();
  });

  async function listAll(query: ListCalls): Promise<Call[]> {
    const found: Call[] = [];
    let cursor: string | undefined;
    do {
      const page = await stage.admin.calls.list({ ...query, ...(cursor === undefined ? {} : { cursor }) });
      found.push(...page.data);
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
    return found;
  }

  const columnOf = async (query: ListCalls, name: keyof Call) => [
    ...new Set((await listAll({ limit: 1_000, ...query })).map((call) => call[name])),
  ];

  it.each([
    [{ verdict: "deny" }, NEEDLES],
    [{ denial_code: "daily_cap_exceeded" }, NEEDLES],
    [{ state: "denied" }, NEEDLES],
    [{ vendor: "twilio" }, NEEDLES],
    [{ method: "delete" }, NEEDLES],
    [{ path: "/v1/Needles/10" }, 1],
    [{ path: "/v1/needles/10" }, 0],
    [{ endpoint: "POST /v1/needle" }, NEEDLES],
    [{ status_code: 402 }, NEEDLES],
    [{ currency: "EUR" }, NEEDLES],
    [{ direction: "in" }, NEEDLES],
    [{ min_cost_usd: "7.50" }, NEEDLES],
    [{ min_cost_usd: "7.500001" }, 0],
    [{ claimed: "true" }, 2 * NEEDLES],
    [{ customer_id: "cus_3" }, NEEDLES],
    [{ vendor_request_id: "req_3" }, NEEDLES],
    [{ vendor_object_id: "re_3" }, NEEDLES],
    [{ replica: "another" }, NEEDLES],
    [{ agent_id: "even", status_code: 402 }, NEEDLES],
    [{ agent_id: "odd", status_code: 402 }, 0],
    [{ agent_id: "even", crew_run_id: "run 1" }, 0],
    [{ agent_id: "odd", crew_run_id: "run 1" }, COUNT / 4],
    [{ q: "needles" }, NEEDLES],
    [{ q: "NEEDLES/10" }, 1],
    [{ q: "nothing" }, COUNT - 2],
  ] satisfies [ListCalls, number][])("finds by %j as many as there are: %i", async (query, count) => {
    const found = await listAll({ limit: 1_000, ...query });
    expect(found.length).toBe(count);
    expect(new Set(found.map(({ id }) => id)).size).toBe(count);
  });

  it("finds only what it was asked for", async () => {
    expect(await columnOf({ status_code: 402 }, "status_code")).toEqual([402]);
    expect(await columnOf({ method: "DELETE" }, "method")).toEqual(["DELETE"]);
    expect(await columnOf({ agent_id: "odd", crew_run_id: "run 1" }, "crew_run_id")).toEqual(["run 1"]);
    expect((await columnOf({ claimed: "true" }, "claimed_agent_id")).sort()).toEqual(
      [null, "somebody"].sort(),
    );
  });

  it("takes wildcards, backslashes and quotes of a search for themselves", async () => {
    const notesOf = async (q: string) =>
      (await listAll({ q, limit: 1_000 })).map(({ metadata }) => metadata["note"]);
    const note = `100% _sure_ of C:\\temp and "this"`;
    for (const q of ["100%", "_sure_", `C:\\temp`, `"this"`, "100% _SURE"])
      expect(await notesOf(q)).toEqual([note]);
    expect(await notesOf("100%sure")).toEqual([]);
    expect(await notesOf("v1_hay")).toEqual([]);
    expect(await notesOf("%")).toEqual([note]);
  });

  it("finds calls that are open at once, by their holds", async () => {
    const { admin } = stage;
    const secretId = (
      await admin.secrets.create({ name: "open", vendor: "stripe", value: "sk_test_12345678" })
    ).id;
    const policy = { vendor: "stripe" as const, daily_usd_cap: 1_000 };
    const key = await admin.vaultKeys.create({ agent_id: "opener", secret: "open", policy });
    const call = { vaultKeyId: key.id, secretId, agentId: "opener" };
    const [reserved, unknown] = await writeCalls(stage, [
      { ...call, state: "reserved" },
      { ...call, state: "unknown", path: "/v1/lost" },
      { ...call, state: "settled" },
    ]);
    const idsOf = async (query: ListCalls) => (await listAll(query)).map(({ id }) => id);
    expect(await idsOf({ state: "reserved" })).toEqual([reserved]);
    expect(await idsOf({ state: "unknown" })).toEqual([unknown]);
    expect(await idsOf({ state: "unknown", agent_id: "opener", q: "LOST" })).toEqual([unknown]);
    expect(await idsOf({ state: "unknown", agent_id: "even" })).toEqual([]);
  });

  it.each([
    { status_code: 402 },
    { agent_id: "even", q: "needles" },
    { min_cost_usd: "1" },
    {},
  ] satisfies CallFilter[])(
    "goes on behind each stretch of %j without a gap or a repetition",
    async (filter) => {
      const whole = await listAll({ limit: 1_000, ...filter });
      const found: Call[] = [];
      let stretches = 0;
      let position: Parameters<typeof walkCalls>[2] = null;
      do {
        // A new walk behind each stretch, as the next page begins one.
        const walk = walkCalls(stage.database, filter, position, 7);
        const { value } = await walk.next();
        if (value === undefined) break;
        await walk.return();
        found.push(...value.calls);
        position = value.next;
        stretches++;
      } while (position !== null);
      expect(found).toEqual(whole);
      expect(stretches).toBeGreaterThan(3);
    },
  );

  it("gives what it has found when its time is over, says how far back that is, and goes on", async () => {
    const whole = await listAll({ status_code: 402, limit: 1_000 });
    delayMs = QUERY_MS;
    onTestFinished(() => {
      delayMs = 0;
    });
    const found: Call[] = [];
    const reached: string[] = [];
    let cursor: string | undefined;
    do {
      const query = { status_code: 402, ...(cursor === undefined ? {} : { cursor }) };
      const page = await stage.admin.calls.list(query);
      found.push(...page.data);
      expect(page.searched_to === null).toBe(page.next_cursor === null);
      if (page.searched_to !== null) {
        reached.push(page.searched_to);
        for (const call of page.data) expect(call.requested_at >= page.searched_to).toBe(true);
      }
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
    expect(found).toEqual(whole);
    expect(reached.length).toBeGreaterThan(0);
    expect(reached).toEqual([...reached].sort().reverse());
  });

  it("says nothing of how far it looked when it found a whole page, or everything", async () => {
    expect(await stage.admin.calls.list({ q: "nothing", limit: 2 })).toMatchObject({ searched_to: null });
    expect(await stage.admin.calls.list({ path: "/v1/Needles/10" })).toMatchObject({
      searched_to: null,
      next_cursor: null,
    });
  });

  it("exports what a filter finds, to the end of the log", async () => {
    let text = "";
    for await (const chunk of stage.admin.calls.csv({ status_code: 402, agent_id: "even" }))
      text += Buffer.from(chunk).toString();
    const lines = text.trimEnd().split("\r\n");
    expect(lines[0]).toBe(CALL_COLUMNS.join(","));
    expect(lines).toHaveLength(NEEDLES + 1);
    const limited: Call[] = [];
    for await (const call of stage.admin.calls.ndjson({ status_code: 402, limit: 3 })) limited.push(call);
    expect(limited.map(({ status_code: status }) => status)).toEqual([402, 402, 402]);
  });

  it.each([
    { status_code: "4xx" },
    { status_code: "0402" },
    { claimed: "false" },
    { min_cost_usd: "-1" },
    { min_cost_usd: "1e3" },
    { q: "" },
    { q: "x".repeat(201) },
    { q: "a\u0000b" },
    { verdict: "maybe" },
    { direction: "up" },
  ])("refuses %j, naming the field", async (query) => {
    const asked = stage.admin.calls.list(query as unknown as ListCalls);
    await expect(asked).rejects.toMatchObject({ status: 400, code: "invalid_request" });
  });
});
