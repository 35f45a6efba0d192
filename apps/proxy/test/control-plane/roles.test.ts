import { createAdminClient } from "@keybrake/client";
import { API_ROOT, OPERATIONS, type OperationName, ROUTES, type Route } from "@keybrake/client/contract";
import { ADMIN_ROLES, type AdminRole, isRoleSufficient } from "@keybrake/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestDataDir, type TestDataDir } from "../support/databases.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

/** What each role is for: the operations that it needs beyond those of the role below. */
const OPERATOR_MAY = [
  "revokeVaultKey",
  "revokeRun",
  "revokeAgent",
  "setKillSwitch",
  "refreshPrices",
  "reconcile",
];
const ADMIN_MAY = [
  "updateSecret",
  "createSecret",
  "rotateSecret",
  "deleteSecret",
  "createVaultKey",
  "updateVaultKey",
  "createBudget",
  "deleteBudget",
  "createAdminToken",
  "revokeAdminToken",
  "rotateMasterKey",
  "acceptHistory",
  "createAlertChannel",
  "updateAlertChannel",
  "deleteAlertChannel",
  "testAlertChannel",
];

describe("roles of admin tokens", () => {
  let dataDir: TestDataDir;
  let server: TestServer;
  const tokens = new Map<AdminRole, string>();

  beforeAll(async () => {
    dataDir = await createTestDataDir();
    server = await startTestServer({ dataDir: dataDir.path });
    for (const role of ADMIN_ROLES) {
      const { token } = await server.admin.adminTokens.create({ name: `an ${role}`, role });
      tokens.set(role, token);
    }
  });
  afterAll(async () => {
    await server.stop();
    dataDir.remove();
  });

  async function ask(name: OperationName, role: AdminRole, body?: object) {
    const { method, path } = OPERATIONS[name];
    const filled = path.replace(/\{(\w+)\}/g, (_, parameter) => (parameter === "name" ? "nothing" : NOBODY));
    const hasBody = (ROUTES[name] as Route).body !== null;
    const response = await fetch(`${server.adminUrl}${API_ROOT}${filled}`, {
      method,
      headers: { authorization: `Bearer ${tokens.get(role)}`, "content-type": "application/json" },
      ...(hasBody ? { body: JSON.stringify(body ?? { nonsense: true }) } : {}),
      signal: AbortSignal.timeout(10_000),
    });
    const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") === true;
    if (isStream) await response.body?.cancel();
    const problem = isStream ? {} : ((await response.json().catch(() => ({}))) as Record<string, unknown>);
    return { status: response.status, code: problem["code"], detail: problem["detail"] };
  }
  const NOBODY = "00000000-0000-4000-8000-000000000000";

  it("are what the contract says: an auditor looks, an operator brakes, an admin does the rest", () => {
    const namesOf = (role: AdminRole) =>
      Object.entries(ROUTES).flatMap(([name, route]) => (route.role === role ? [name] : []));
    expect(namesOf("operator").sort()).toEqual([...OPERATOR_MAY].sort());
    expect(namesOf("admin").sort()).toEqual([...ADMIN_MAY].sort());
    for (const name of namesOf("auditor")) {
      const { method } = OPERATIONS[name as OperationName];
      const isOfEverybody = ["runSql", "dryRunPolicy", "deleteSession", "createLoginCode"].includes(name);
      expect([name, method === "GET" || isOfEverybody]).toEqual([name, true]);
    }
  });

  // A route that forgets its check fails here, whichever it is.
  it.each(ADMIN_ROLES)("hold on every route for an %s", async (role) => {
    for (const name of Object.keys(OPERATIONS) as OperationName[]) {
      const needed = ROUTES[name].role;
      // Logging in needs no role; what it needs is tried in sessions.test.ts.
      if (needed === null) continue;
      const { status, code, detail } = await ask(name, role);
      const isRefused = !isRoleSufficient(role, needed);
      expect([name, status === 403, code === "role_not_sufficient"]).toEqual([name, isRefused, isRefused]);
      if (isRefused) expect(detail).toContain(`needs the role \`${needed}\``);
      else expect([name, status >= 500, status === 401]).toEqual([name, false, false]);
    }
  });

  it("let an operator compare a day with the vendor, and only an admin settle what it finds", async () => {
    const day = { vendor: "stripe", day: "2026-01-01", secret: "nothing" };
    expect(await ask("reconcile", "operator", day)).toMatchObject({ status: 422, code: "unknown_secret" });
    const applied = { ...day, apply: true };
    expect(await ask("reconcile", "operator", applied)).toMatchObject({
      status: 403,
      detail: "`apply` needs the role `admin`, and this token has the role `operator`",
    });
    expect(await ask("reconcile", "admin", applied)).toMatchObject({ status: 422, code: "unknown_secret" });
  });

  it("end at once when the token is revoked", async () => {
    const { id, token } = await server.admin.adminTokens.create({ name: "short", role: "auditor" });
    const client = createAdminClient({ baseUrl: server.adminUrl, token });
    expect((await client.adminTokens.list({ limit: 1 })).data).toMatchObject([{ id, name: "short" }]);
    await server.admin.adminTokens.revoke(id);
    await expect(client.adminTokens.list()).rejects.toMatchObject({ status: 401, code: "unauthorized" });
    await expect(server.admin.adminTokens.revoke(id)).rejects.toMatchObject({ status: 404 });
  });

  it("show a token once: neither a list nor SQL has it again", async () => {
    const { token } = await server.admin.adminTokens.create({ name: "once", role: "operator" });
    expect(token).toMatch(/^kbadm_operator_[0-9A-Za-z]{38}$/);
    expect(JSON.stringify(await server.admin.adminTokens.list())).not.toContain(token.slice(15));
    const { columns } = await server.admin.sql.query("SELECT * FROM admin_tokens");
    expect(columns).toEqual(["id", "name", "role", "created_at", "expires_at", "revoked_at"]);
    const hashes = server.admin.sql.query("SELECT token_hash FROM admin_tokens");
    await expect(hashes).rejects.toMatchObject({ code: "query_failed" });
  });
});
