import type { KeybrakeApiError, VaultKey } from "@keybrake/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BACKENDS, requireBackends, type TestDatabases } from "./backends.ts";
import { openStage, type Stage } from "./stage.ts";

requireBackends();

const NOBODY = "00000000-0000-4000-8000-000000000000";
const POLICY = {
  vendor: "stripe",
  daily_usd_cap: 100,
  allowed_endpoints: ["POST /v1/refunds", "GET /v1/**"],
} as const;

describe.each(BACKENDS)("child keys on $name", ({ open }) => {
  let databases: TestDatabases;
  let stage: Stage;

  beforeAll(async () => {
    databases = await open();
    stage = await openStage(databases);
    for (const name of ["main", "other"])
      await stage.admin.secrets.create({ name, vendor: "stripe", value: "sk_test_12345678" });
    await stage.admin.secrets.create({ name: "mail", vendor: "resend", value: "re_12345678" });
  });
  afterAll(async () => {
    await stage?.close();
    await databases?.close();
  });

  const makeRoot = (policy: object = POLICY) =>
    stage.admin.vaultKeys.create({ agent_id: "manager", secret: "main", policy: policy as never });
  const makeChild = (parentId: string, policy: object = { vendor: "stripe" }, more: object = {}) =>
    stage.admin.vaultKeys.create({
      agent_id: "worker",
      parent_id: parentId,
      policy: policy as never,
      ...more,
    });
  const refusalOf = async (request: Promise<unknown>) => {
    const error = await request.then(
      () => expect.fail("it was not refused"),
      (reason: KeybrakeApiError) => reason,
    );
    return { code: error.code, fields: (error.problems ?? []).map(({ field }) => field) };
  };
  const show = (id: string) => stage.admin.vaultKeys.get(id);

  it("take secret and vendor from their parent, and name it", async () => {
    const root = await makeRoot();
    expect(root.parent_id).toBeNull();
    const child = await makeChild(root.id, { ...POLICY, daily_usd_cap: 10 }, { name: "one order" });
    expect(child).toMatchObject({ parent_id: root.id, vendor: "stripe", agent_id: "worker" });
    const { data } = await stage.admin.vaultKeys.list({ parent_id: root.id });
    expect(data).toMatchObject([{ id: child.id, parent_id: root.id, secret: "main", status: "active" }]);
    expect((await show(child.id)).budgets.map(({ value, limit }) => [value, limit])).toEqual([
      [child.id, "10.00"],
      [root.id, "100.00"],
    ]);
    expect((await stage.admin.sql.query("SELECT parent_id FROM vault_keys")).rows).toContainEqual({
      parent_id: root.id,
    });
  });

  it("are refused with every field in which they would be wider", async () => {
    const root = await makeRoot({ ...POLICY, per_call_usd_cap: 5, currencies: ["usd"], expires_in: "1h" });
    const wide = {
      vendor: "stripe",
      ...{ daily_usd_cap: 101, per_call_usd_cap: 6, currencies: ["usd", "eur"], expires_in: "2h" },
      ...{ allowed_endpoints: ["POST /v1/refunds", "POST /v1/payouts"], on_unpriced: "allow" },
    };
    const refusal = await refusalOf(makeChild(root.id, wide));
    expect(refusal.code).toBe("policy_wider");
    expect(refusal.fields.toSorted()).toEqual(
      [
        "allowed_endpoints",
        "currencies",
        "daily_usd_cap",
        "expires_at",
        "on_unpriced",
        "per_call_usd_cap",
      ].map((field) => `policy.${field}`),
    );
    expect((await stage.admin.vaultKeys.list({ parent_id: root.id })).data).toEqual([]);
    const child = await makeChild(root.id);
    const later = await refusalOf(stage.admin.vaultKeys.update(child.id, { policy: wide as never }));
    expect(later).toEqual(refusal);
    expect((await show(child.id)).policy_version).toBe(1);
  });

  it("are refused with another secret or vendor, and below what cannot have them", async () => {
    const root = await makeRoot();
    expect(await refusalOf(makeChild(root.id, POLICY, { secret: "other" }))).toEqual({
      code: "policy_wider",
      fields: ["secret"],
    });
    expect(await refusalOf(makeChild(root.id, { vendor: "resend" }))).toMatchObject({
      code: "vendor_mismatch",
    });
    expect(await refusalOf(makeChild(NOBODY))).toEqual({ code: "unknown_parent", fields: ["parent_id"] });
    await stage.admin.vaultKeys.revoke(root.id);
    expect(await refusalOf(makeChild(root.id))).toMatchObject({ code: "parent_unusable" });
    const ended = await makeRoot({ ...POLICY, expires_at: "2020-01-01T00:00:00Z" });
    expect(await refusalOf(makeChild(ended.id))).toMatchObject({ code: "parent_unusable" });
    expect(await refusalOf(stage.admin.vaultKeys.create({ agent_id: "worker", policy: POLICY }))).toEqual({
      code: "invalid_request",
      fields: ["secret"],
    });
  });

  it("go four deep and no deeper", async () => {
    let { id } = await makeRoot();
    for (let depth = 2; depth <= 4; depth++) ({ id } = await makeChild(id));
    expect(await refusalOf(makeChild(id))).toMatchObject({ code: "parent_unusable" });
  });

  it("B6: are revoked with their parent, and the answer names them", async () => {
    const root = await makeRoot();
    const child = await makeChild(root.id);
    const grandchild = await makeChild(child.id);
    const ids = [root.id, child.id, grandchild.id].sort();
    expect(await stage.admin.vaultKeys.revoke(root.id, { reason: "lost" })).toEqual({
      revoked: 3,
      vault_key_ids: ids,
    });
    const shown: VaultKey[] = await Promise.all(ids.map(show));
    for (const key of shown) expect(key).toMatchObject({ status: "revoked", status_reason: "lost" });
  });

  it("end and rest with what is above them", async () => {
    const root = await makeRoot({ ...POLICY, expires_in: "1h" });
    const child = await makeChild(root.id);
    const { expires_at } = await show(root.id);
    expect(await show(child.id)).toMatchObject({ status: "active", expires_at });
    const set = (assignment: string) =>
      stage.database.query(`UPDATE vault_keys SET ${assignment} WHERE id = $1`, [root.id]);
    await set("status = 'suspended'");
    expect((await show(child.id)).status).toBe("suspended");
    await set("status = 'active', expires_at = now()");
    expect((await show(child.id)).status).toBe("expired");
    expect((await stage.admin.vaultKeys.list({ parent_id: root.id, status: "expired" })).data).toHaveLength(
      1,
    );
  });

  it("keep their own policy when their parent's becomes narrower, and are told what they lack", async () => {
    const root = await makeRoot();
    const child = await makeChild(root.id, { ...POLICY, daily_usd_cap: 50 });
    await stage.admin.vaultKeys.update(root.id, { policy: { ...POLICY, daily_usd_cap: 20 } });
    const { budgets, policy } = await show(child.id);
    expect(policy.daily_usd_cap).toBe(50);
    expect(budgets.map(({ limit }) => limit)).toEqual(["50.00", "20.00"]);
    expect(await refusalOf(stage.admin.vaultKeys.update(child.id, { policy }))).toMatchObject({
      code: "policy_wider",
    });
  });
});
