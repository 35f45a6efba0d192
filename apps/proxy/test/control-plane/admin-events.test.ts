import { createAdminClient } from "@keybrake/client";
import { OPERATIONS, type OperationName, ROUTES } from "@keybrake/client/contract";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BACKENDS, requireBackends, type TestDatabases } from "./backends.ts";
import { createCheckedFetch } from "./checked-fetch.ts";
import { openStage, type Stage } from "./stage.ts";

const VALUE = "sk_test_canary_of_the_trail";
const POLICY = { vendor: "stripe", daily_usd_cap: 10 } as const;
const NOBODY = "00000000-0000-4000-8000-000000000000";

requireBackends();

describe.each(BACKENDS)("the admin trail on $name", ({ open }) => {
  let databases: TestDatabases;
  let stage: Stage;
  let operator: { id: string; token: string };

  beforeAll(async () => {
    databases = await open();
    stage = await openStage(databases);
    operator = await stage.admin.adminTokens.create({ name: "night shift", role: "operator" });
  });
  afterAll(async () => {
    await stage?.close();
    await databases?.close();
  });

  const as = (token: string) =>
    createAdminClient({ baseUrl: stage.baseUrl, token, fetch: createCheckedFetch() });
  const newest = async (count = 1) => (await stage.admin.adminEvents.list({ limit: count })).data;

  it("has one entry for every change, saying who did what to what, and none for a look", async () => {
    const { admin } = stage;
    await admin.secrets.create({ name: "main", vendor: "stripe", value: VALUE });
    await admin.secrets.rotate("main", { value: `${VALUE}2` });
    await admin.secrets.create({ name: "gone", vendor: "stripe", value: VALUE });
    await admin.secrets.delete("gone");
    const key = await admin.vaultKeys.create({ agent_id: "a", secret: "main", policy: POLICY });
    await admin.vaultKeys.update(key.id, { policy: POLICY });
    await admin.vaultKeys.revoke(key.id, { reason: `leaked ${key.vault_key} and ${VALUE}` });
    await admin.runs.revoke("run 7");
    await admin.agents.revoke("a");
    await admin.killSwitch.set({ engaged: true, reason: "drill" });
    await as(operator.token).killSwitch.set({ engaged: false });
    const budget = await admin.budgets.create({ scope: "installation", window: "daily", usd_cap: 5 });
    await admin.budgets.delete(budget.id);
    const token = await admin.adminTokens.create({ name: "t", role: "auditor", expires_in: "1h" });
    await admin.adminTokens.revoke(token.id);
    await admin.secrets.list();
    await admin.sql.query("SELECT 1");
    const entries = (await newest(16)).reverse();
    expect(entries.map(({ action, target, changed }) => [action, target, changed])).toEqual([
      ["admin_token.create", operator.id, 1],
      ["secret.create", "main", 1],
      ["secret.rotate", "main", 1],
      ["secret.create", "gone", 1],
      ["secret.delete", "gone", 1],
      ["vault_key.create", key.id, 1],
      ["vault_key.update", key.id, 1],
      ["vault_key.revoke", key.id, 1],
      ["run.revoke", "run 7", 0],
      ["agent.revoke", "a", 0],
      ["kill_switch.set", "installation", 1],
      ["kill_switch.set", "installation", 1],
      ["budget.set", budget.id, 1],
      ["budget.delete", budget.id, 1],
      ["admin_token.create", token.id, 1],
      ["admin_token.revoke", token.id, 1],
    ]);
    expect(new Set(entries.map(({ outcome }) => outcome))).toEqual(new Set(["done"]));
    const bootstrap = { token_id: null, token_name: "bootstrap", role: "admin" };
    expect(entries[10]).toMatchObject({ ...bootstrap, details: { engaged: true, reason: "drill" } });
    const nightShift = { token_id: operator.id, token_name: "night shift", role: "operator" };
    expect(entries[11]).toMatchObject({ ...nightShift, address: "127.0.0.1", replica: "test" });
    expect(entries[5]?.details).toEqual({ agent_id: "a", secret: "main", policy: POLICY });
    expect(entries[7]?.details).toEqual({ reason: "leaked [withheld] and [withheld]" });
    const all = JSON.stringify(await stage.database.query("SELECT e.*::text AS row FROM admin_events e"));
    for (const secret of [VALUE, key.vault_key.slice(-38), operator.token.slice(-38), token.token.slice(-38)])
      expect(all).not.toContain(secret);
  });

  it("has one entry for every refused change, and for what a role may not do", async () => {
    const { admin } = stage;
    const before = (await newest(1))[0]?.id;
    const refusals = [
      () => as(operator.token).secrets.delete("main"),
      () => as(operator.token).secrets.create({ name: "x", vendor: "stripe", value: VALUE }),
      () => admin.secrets.create({ name: "main", vendor: "stripe", value: VALUE }),
      () => admin.secrets.create({ name: "NO", vendor: "stripe", value: VALUE }),
      () => admin.secrets.delete("nothing"),
      () => admin.vaultKeys.revoke(NOBODY),
      () => admin.vaultKeys.create({ agent_id: "a", secret: "nothing", policy: POLICY }),
      () => admin.budgets.delete("999999"),
      () => admin.adminTokens.revoke(NOBODY),
      // What PostgreSQL cannot store must not keep a refusal out of the trail.
      () =>
        admin.budgets.create({ scope: "secret", value: "none", window: "total", usd_cap: "1", call_cap: 1 }),
      () => admin.runs.revoke("run", { reason: "NUL \0" }),
    ];
    for (const refused of refusals)
      await expect(refused()).rejects.toMatchObject({ status: expect.any(Number) });
    const entries = (await newest(refusals.length + 1)).reverse();
    expect(entries.map(({ id }) => id)[0]).toBe(before);
    expect(
      entries
        .slice(1)
        .map(({ action, target, outcome, code, details }) => [action, target, outcome, code, details]),
    ).toEqual([
      ["secret.delete", "main", "refused", "role_not_sufficient", {}],
      ["secret.create", null, "refused", "role_not_sufficient", {}],
      ["secret.create", "main", "refused", "secret_exists", { name: "main", vendor: "stripe" }],
      ["secret.create", null, "refused", "invalid_request", {}],
      ["secret.delete", "nothing", "refused", "not_found", {}],
      ["vault_key.revoke", NOBODY, "refused", "not_found", {}],
      [
        "vault_key.create",
        null,
        "refused",
        "unknown_secret",
        { agent_id: "a", secret: "nothing", policy: POLICY },
      ],
      ["budget.delete", "999999", "refused", "not_found", {}],
      ["admin_token.revoke", NOBODY, "refused", "not_found", {}],
      ["budget.set", null, "refused", "invalid_request", {}],
      ["run.revoke", "run", "refused", "invalid_request", {}],
    ]);
  });

  it("is of one transaction with the change: without its entry nothing is changed", async () => {
    const { admin, database } = stage;
    const key = await admin.vaultKeys.create({ agent_id: "b", secret: "main", policy: POLICY });
    await database.query(
      "ALTER TABLE admin_events ADD CONSTRAINT closed CHECK (outcome <> 'done') NOT VALID",
    );
    await expect(admin.vaultKeys.revoke(key.id)).rejects.toMatchObject({ status: 500 });
    await expect(admin.killSwitch.set({ engaged: true })).rejects.toMatchObject({ status: 500 });
    await expect(admin.secrets.rotate("main", { value: `${VALUE}3` })).rejects.toMatchObject({ status: 500 });
    await database.query("ALTER TABLE admin_events DROP CONSTRAINT closed");
    expect((await admin.vaultKeys.get(key.id)).status).toBe("active");
    expect((await admin.killSwitch.get()).engaged).toBe(false);
    expect((await admin.secrets.list()).data).toMatchObject([{ name: "main", version: 2 }]);
    expect(await newest(3)).toMatchObject([
      { action: "secret.rotate", outcome: "failed", code: "internal" },
      { action: "kill_switch.set", outcome: "failed" },
      { action: "vault_key.revoke", outcome: "failed" },
    ]);
  });

  it("goes on in a new epoch when the replica has lost its lease", async () => {
    const lost = stage.replica.epoch;
    await stage.database.query("UPDATE replicas SET lease_until = now() - interval '1 second'");
    await stage.admin.killSwitch.set({ engaged: false, reason: "again" });
    expect(stage.replica.epoch).toBeGreaterThan(lost);
    expect(await newest()).toMatchObject([{ action: "kill_switch.set", outcome: "done" }]);
    expect((await stage.admin.audit.verify()).first_problem).toBeNull();
  });

  it("can be asked by action, target, token, outcome and time, page by page", async () => {
    const { list } = stage.admin.adminEvents;
    const first = await list({ limit: 2, outcome: "done" });
    const second = await list({ limit: 2, outcome: "done", cursor: first.next_cursor ?? "" });
    expect(new Set([...first.data, ...second.data].map(({ id }) => id)).size).toBe(4);
    expect((await list({ token_id: operator.id })).data.map(({ action }) => action)).toEqual([
      "secret.create",
      "secret.delete",
      "kill_switch.set",
    ]);
    expect((await list({ target: "gone", action: "secret.delete" })).data).toHaveLength(1);
    expect((await list({ to: "2020-01-01" })).data).toEqual([]);
    expect((await list({ from: "2020-01-01", limit: 1_000 })).data.length).toBeGreaterThan(20);
  });

  // Each edit is undone again, so that the next one is found for its own sake.
  it.each([
    ["edited", "UPDATE admin_events SET token_name = 'x' WHERE id = $1", /^admin event .* was changed$/],
    ["removed", "DELETE FROM admin_events WHERE id = $1", /^admin event .* is missing$/],
    [
      "added past the ledger",
      `INSERT INTO admin_events (at, epoch, replica, action, outcome)
       SELECT at - interval '5 minutes', epoch, replica, action, outcome FROM admin_events WHERE id = $1`,
      /^there are 1 admin events, but the chain has 0$/,
    ],
  ])("C3: an entry that was %s is found by verification", async (_what, edit, problem) => {
    const { database, admin } = stage;
    expect((await admin.audit.verify()).first_problem).toBeNull();
    const [entry] = await newest();
    await database.query("CREATE TABLE kept AS SELECT * FROM admin_events");
    await database.query("ALTER TABLE admin_events DISABLE TRIGGER chain_admin_event");
    await database.query(edit, [entry?.id]);
    expect((await admin.audit.verify()).first_problem?.problem).toMatch(problem);
    await database.query("DELETE FROM admin_events");
    await database.query("INSERT INTO admin_events SELECT * FROM kept");
    await database.query("ALTER TABLE admin_events ENABLE TRIGGER chain_admin_event");
    await database.query("DROP TABLE kept");
  });

  it("names an action for every operation that changes something", () => {
    for (const name of Object.keys(OPERATIONS) as OperationName[]) {
      const { change, role } = ROUTES[name];
      const mayChange =
        OPERATIONS[name].method !== "GET" && !["runSql", "refreshPrices", "dryRunPolicy"].includes(name);
      expect([name, change !== null]).toEqual([name, mayChange]);
      const isOwn = ["deleteSession", "createLoginCode"].includes(name);
      if (role === "auditor" && !isOwn) expect([name, change]).toEqual([name, null]);
    }
  });
});
