import { hashVaultKey, isVaultKey } from "@keybrake/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BACKENDS, requireBackends, type TestDatabases } from "./backends.ts";
import { openStage, type Stage, writeCalls } from "./stage.ts";

requireBackends();

const VALUE = "sk_test_canary0000111122223333";
const POLICY = {
  vendor: "stripe",
  daily_usd_cap: 100,
  total_call_cap: 7,
  allowed_endpoints: ["POST /v1/refunds"],
  expires_in: "8h",
} as const;

describe.each(BACKENDS)("secrets and vault keys on $name", ({ open }) => {
  let databases: TestDatabases;
  let stage: Stage;

  beforeAll(async () => {
    databases = await open();
    stage = await openStage(databases);
    await stage.admin.secrets.create({ name: "main", vendor: "stripe", value: VALUE });
  });
  afterAll(async () => {
    await stage?.close();
    await databases?.close();
  });

  const keyOf = (agentId: string, more: { crew_run_id?: string; name?: string } = {}) =>
    stage.admin.vaultKeys.create({ agent_id: agentId, secret: "main", policy: POLICY, ...more });

  it("takes a secret's value and gives it to the data plane alone", async () => {
    const created = await stage.admin.secrets.create({
      name: "with-account",
      vendor: "stripe",
      value: VALUE,
      account_id: "acct_1",
    });
    expect(created).toMatchObject({
      name: "with-account",
      version: 1,
      account_id: "acct_1",
      rotated_at: null,
    });
    const opened = await stage.secrets.open(created.id, 1);
    expect(opened.credential.toString()).toBe(VALUE);
    expect(opened.accountId).toBe("acct_1");
    expect(JSON.stringify([created, await stage.admin.secrets.list()])).not.toContain("canary");
    const [row] = await stage.database.query("SELECT envelope FROM secrets WHERE id = $1", [created.id]);
    expect(Buffer.from(row?.["envelope"] as Uint8Array).toString("latin1")).not.toContain("canary");
  });

  it("keeps a secret's name to itself, until it is deleted", async () => {
    const body = { name: "only-once", vendor: "stripe", value: VALUE } as const;
    const first = await stage.admin.secrets.create(body);
    await expect(stage.admin.secrets.create(body)).rejects.toMatchObject({
      status: 409,
      code: "secret_exists",
    });
    await stage.admin.secrets.delete("only-once");
    await expect(stage.secrets.open(first.id, 1)).rejects.toMatchObject({ code: "ledger_unavailable" });
    const [row] = await stage.database.query(
      "SELECT octet_length(envelope) AS size FROM secrets WHERE id = $1",
      [first.id],
    );
    expect(row?.["size"]).toBe(0);
    expect((await stage.admin.secrets.create(body)).id).not.toBe(first.id);
  });

  it("keeps test and live credentials apart: a value says which it is, and a secret never changes its kind", async () => {
    const { admin } = stage;
    const test = await admin.secrets.create({
      name: "kind-test",
      vendor: "stripe",
      value: "rk_test_00000001",
    });
    const live = await admin.secrets.create({
      name: "kind-live",
      vendor: "stripe",
      value: "sk_live_00000001",
    });
    const value = "0123456789abcdef0123456789abcdef";
    const account = { vendor: "twilio", value, account_id: "ACc0ffee00c0ffee00c0ffee00c0ffee00" } as const;
    const unsaid = await admin.secrets.create({ name: "kind-unsaid", ...account });
    const said = await admin.secrets.create({ name: "kind-said", ...account, mode: "test" });
    expect([test.mode, live.mode, unsaid.mode, said.mode]).toEqual(["test", "live", "live", "test"]);
    const lie = { name: "kind-lie", vendor: "stripe", value: "sk_live_00000002", mode: "test" } as const;
    await expect(admin.secrets.create(lie)).rejects.toMatchObject({ code: "invalid_request" });
    for (const [name, other] of [
      ["kind-test", "sk_live_00000003"],
      ["kind-live", "sk_test_00000003"],
    ] as const)
      await expect(admin.secrets.rotate(name, { value: other })).rejects.toMatchObject({
        code: "invalid_request",
      });
    expect((await admin.secrets.rotate("kind-said", { value })).mode).toBe("test");
  });

  it("rotates a value, and never opens an older version than was named", async () => {
    const { id } = await stage.admin.secrets.create({ name: "rotating", vendor: "stripe", value: VALUE });
    await stage.secrets.open(id, 1);
    const rotated = await stage.admin.secrets.rotate("rotating", { value: "sk_test_second_value" });
    expect(rotated.version).toBe(2);
    expect(rotated.rotated_at).not.toBeNull();
    expect((await stage.secrets.open(id, 2)).credential.toString()).toBe("sk_test_second_value");
    expect((await stage.secrets.open(id, 1)).credential.toString()).toBe("sk_test_second_value");
    await expect(stage.secrets.open(id, 3)).rejects.toMatchObject({ code: "ledger_unavailable" });
  });

  it.each([
    ["pk_live_51Habcdefgh", "publishable"],
    ["vault_billing_7Gk0000000000000000000000000000000000", "vault key"],
    ["short", "at least 8"],
    ["has a space in it", "printable ASCII"],
    ["späces-and-ümlauts", "printable ASCII"],
  ])("refuses `%s` as a value, says why, and does not repeat it", async (value, why) => {
    for (const attempt of [
      () => stage.admin.secrets.create({ name: "refused", vendor: "stripe", value }),
      () => stage.admin.secrets.rotate("main", { value }),
    ]) {
      const error = await attempt().catch((refusal: unknown) => refusal);
      expect(error).toMatchObject({ status: 400, problems: [{ field: "value" }] });
      expect(JSON.stringify(error)).toContain(why);
      expect(JSON.stringify(error)).not.toContain(value);
    }
  });

  it("shows a new vault key once, and stores only its keyed hash", async () => {
    const created = await keyOf("billing_agent", { crew_run_id: "run/1 ü", name: "billing" });
    expect(isVaultKey(created.vault_key)).toBe(true);
    expect(Object.keys(created)).toEqual([
      "id",
      "vault_key",
      "agent_id",
      "crew_run_id",
      "vendor",
      "base_url",
      "policy",
      "expires_at",
      "created_at",
      "parent_id",
    ]);
    expect(created.base_url).toBe("http://127.0.0.1:8787/stripe");
    const lifetimeMs = Date.parse(created.expires_at ?? "") - Date.parse(created.created_at);
    expect(lifetimeMs).toBe(8 * 3_600_000);
    const [row] = await stage.database.query("SELECT * FROM vault_keys WHERE id = $1", [created.id]);
    const hash = hashVaultKey(stage.installKeys.pepper, created.vault_key);
    expect(Buffer.from(row?.["key_hash"] as Uint8Array).equals(hash)).toBe(true);
    const secret = created.vault_key.slice("vault_billing_".length);
    const seen = JSON.stringify([
      await stage.admin.vaultKeys.get(created.id),
      await stage.admin.vaultKeys.list(),
    ]);
    expect(seen).not.toContain(secret);
  });

  it("shows every budget that covers a key, and what is left of each", async () => {
    const run = "run-with-budgets";
    const key = await keyOf("spender", { crew_run_id: run });
    await stage.admin.budgets.create({ scope: "crew_run_id", value: run, window: "total", usd_cap: "30.5" });
    const { id: secretId } = (await stage.secrets.find("main")) ?? { id: "" };
    const call = { vaultKeyId: key.id, secretId, agentId: "spender", crewRunId: run };
    await writeCalls(stage, [
      { ...call, costUsd: 12.34 },
      { ...call, costUsd: 1, state: "reserved" },
    ]);
    const { budgets } = await stage.admin.vaultKeys.get(key.id);
    expect(budgets.map(({ id: _, resets_at: __, ...rest }) => rest)).toEqual([
      {
        scope: "vault_key",
        value: key.id,
        window: "daily",
        unit: "usd",
        limit: "100.00",
        used: "13.34",
        reserved: "1.00",
        remaining: "86.66",
        test: null,
      },
      {
        scope: "vault_key",
        value: key.id,
        window: "total",
        unit: "calls",
        limit: "7",
        used: "2",
        reserved: "1",
        remaining: "5",
        test: null,
      },
      {
        scope: "crew_run_id",
        value: run,
        window: "total",
        unit: "usd",
        limit: "30.50",
        used: "0.00",
        reserved: "0.00",
        remaining: "30.50",
        test: { used: "13.34", reserved: "1.00", remaining: "17.16" },
      },
    ]);
    expect(budgets[0]?.resets_at).toMatch(/T00:00:00\.000Z$/);
    expect(budgets[1]?.resets_at).toBeNull();
  });

  it("replaces a policy as a whole, with its budgets and its expiry", async () => {
    const key = await keyOf("patched");
    const before = stage.changes();
    const policy = { vendor: "stripe", monthly_usd_cap: "5.000001" } as const;
    const updated = await stage.admin.vaultKeys.update(key.id, { policy });
    expect(updated).toMatchObject({ policy, policy_version: 2, expires_at: null });
    const { budgets } = await stage.admin.vaultKeys.get(key.id);
    expect(budgets.map(({ window, limit }) => [window, limit])).toEqual([["monthly", "5.000001"]]);
    expect(stage.changes()).toBeGreaterThan(before);
  });

  it("tells all that is wrong with a policy, naming the fields", async () => {
    const policy = {
      vendor: "stripe",
      daily_usd_cap: -1,
      allowed_endpoints: ["GET"],
      customers: ["cus_1"],
      colour: "red",
    };
    const error = await stage.admin.vaultKeys
      .create({ agent_id: "a", secret: "main", policy: policy as never })
      .catch((refusal: unknown) => refusal);
    expect(error).toMatchObject({ status: 400, code: "invalid_request" });
    const fields = (error as { problems: { field: string }[] }).problems.map(({ field }) => field);
    expect(fields).toEqual(
      expect.arrayContaining(["policy.daily_usd_cap", "policy.allowed_endpoints.0", "policy"]),
    );
  });

  it("refuses a key for a secret that is not there", async () => {
    const attempt = stage.admin.vaultKeys.create({ agent_id: "a", secret: "nowhere", policy: POLICY });
    await expect(attempt).rejects.toMatchObject({ status: 422, code: "unknown_secret" });
  });

  it("refuses a policy whose vendor is not the secret's", async () => {
    const secret = await stage.admin.secrets.create({ name: "other-vendor", vendor: "stripe", value: VALUE });
    await stage.database.query("UPDATE secrets SET vendor = 'twilio' WHERE id = $1", [secret.id]);
    const attempt = stage.admin.vaultKeys.create({ agent_id: "a", secret: "other-vendor", policy: POLICY });
    await expect(attempt).rejects.toMatchObject({ status: 422, code: "vendor_mismatch" });
    await stage.database.query("UPDATE secrets SET vendor = 'stripe' WHERE id = $1", [secret.id]);
  });

  it("revokes one key for good, and says so once", async () => {
    const key = await keyOf("revoked");
    const before = stage.changes();
    expect(await stage.admin.vaultKeys.revoke(key.id, { reason: "leaked" })).toEqual({
      revoked: 1,
      vault_key_ids: [key.id],
    });
    expect(stage.changes()).toBe(before + 1);
    expect((await stage.admin.vaultKeys.revoke(key.id)).revoked).toBe(0);
    const shown = await stage.admin.vaultKeys.get(key.id);
    expect(shown).toMatchObject({ status: "revoked", status_reason: "leaked" });
    expect(shown.revoked_at).not.toBeNull();
    const attempt = stage.admin.vaultKeys.update(key.id, { policy: POLICY });
    await expect(attempt).rejects.toMatchObject({ status: 409, code: "vault_key_revoked" });
    const unknown = stage.admin.vaultKeys.revoke("00000000-0000-4000-8000-000000000000");
    await expect(unknown).rejects.toMatchObject({ status: 404 });
  });

  it("revokes every key of a run or an agent, and no other", async () => {
    const run = "run ?#/.. 1";
    const inRun = [
      await keyOf("agent-x", { crew_run_id: run }),
      await keyOf("agent-y", { crew_run_id: run }),
    ];
    const other = await keyOf("agent-x", { crew_run_id: "run-2" });
    const byRun = await stage.admin.runs.revoke(run, { reason: "stop" });
    expect(byRun.vault_key_ids).toEqual(inRun.map(({ id }) => id).sort());
    expect((await stage.admin.vaultKeys.get(other.id)).status).toBe("active");
    expect((await stage.admin.agents.revoke("agent-x")).vault_key_ids).toEqual([other.id]);
    expect(await stage.admin.agents.revoke("nobody")).toEqual({ revoked: 0, vault_key_ids: [] });
  });

  it("lists keys newest first, in pages that neither skip nor repeat, by agent, run and status", async () => {
    const made: string[] = [];
    for (let index = 0; index < 5; index++)
      made.push((await keyOf("paged", { crew_run_id: `page-${index % 2}` })).id);
    await stage.admin.vaultKeys.revoke(made[0] ?? "");
    await stage.database.query(
      "UPDATE vault_keys SET expires_at = now() - interval '1 second' WHERE id = $1",
      [made[1]],
    );
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const query = { agent_id: "paged", limit: 2, ...(cursor === undefined ? {} : { cursor }) };
      const page = await stage.admin.vaultKeys.list(query);
      seen.push(...page.data.map(({ id }) => id));
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen).toEqual([...made].reverse());
    const idsOf = async (query: object) =>
      (await stage.admin.vaultKeys.list({ agent_id: "paged", ...query })).data.map(({ id }) => id);
    expect(await idsOf({ status: "revoked" })).toEqual([made[0]]);
    expect(await idsOf({ status: "expired" })).toEqual([made[1]]);
    expect(await idsOf({ crew_run_id: "page-1" })).toEqual([made[3], made[1]]);
    const foreign = stage.admin.vaultKeys.list({ cursor: Buffer.from('["calls",1]').toString("base64url") });
    await expect(foreign).rejects.toMatchObject({ status: 400, problems: [{ field: "cursor" }] });
  });

  it("engages and releases the kill switch", async () => {
    expect((await stage.admin.killSwitch.get()).engaged).toBe(false);
    const engaged = await stage.admin.killSwitch.set({ engaged: true, reason: "incident 7" });
    expect(engaged).toMatchObject({ engaged: true, reason: "incident 7" });
    const key = await keyOf("braked");
    const { id: secretId } = (await stage.secrets.find("main")) ?? { id: "" };
    await expect(writeCalls(stage, [{ vaultKeyId: key.id, secretId }])).rejects.toThrow(
      "kill_switch_engaged",
    );
    expect((await stage.admin.killSwitch.set({ engaged: false })).reason).toBeNull();
    await writeCalls(stage, [{ vaultKeyId: key.id, secretId }]);
  });

  it("stops the keys of a secret that is deleted", async () => {
    await stage.admin.secrets.create({ name: "doomed", vendor: "stripe", value: VALUE });
    const key = await stage.admin.vaultKeys.create({ agent_id: "a", secret: "doomed", policy: POLICY });
    const { id: secretId } = (await stage.secrets.find("doomed")) ?? { id: "" };
    await writeCalls(stage, [{ vaultKeyId: key.id, secretId }]);
    await stage.admin.secrets.delete("doomed");
    await expect(writeCalls(stage, [{ vaultKeyId: key.id, secretId }])).rejects.toThrow("vault_key_revoked");
    await expect(stage.admin.secrets.delete("doomed")).rejects.toMatchObject({ status: 404 });
  });
});
