import { request as httpRequest } from "node:http";
import { createAdminClient } from "@keybrake/client";
import { createOpenApiDocument, OPERATIONS } from "@keybrake/client/contract";
import { generateAdminToken } from "@keybrake/core";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { identifyToken } from "../../src/control-plane/authenticate-admin.ts";
import { BACKENDS, type TestDatabases } from "./backends.ts";
import { openStage, type Stage } from "./stage.ts";

const CANARY = "sk_test_canary_in_a_body_0000";

describe("the edge of the control plane", () => {
  let databases: TestDatabases;
  let stage: Stage;

  beforeAll(async () => {
    databases = await (BACKENDS[0] as (typeof BACKENDS)[number]).open();
    stage = await openStage(databases);
  });
  afterAll(async () => {
    await stage?.close();
    await databases?.close();
  });

  async function ask(path: string, init: RequestInit & { token?: string | null } = {}) {
    const { token = stage.token, headers, ...rest } = init;
    const authorization = token === null ? {} : { authorization: `Bearer ${token}` };
    const response = await fetch(stage.baseUrl + path, {
      ...rest,
      headers: { ...authorization, ...headers },
    });
    const text = await response.text();
    const body = text.startsWith("{") ? (JSON.parse(text) as Record<string, unknown>) : {};
    return { status: response.status, headers: response.headers, text, body };
  }
  const post = (path: string, body: string, type = "application/json") =>
    ask(path, { method: "POST", body, headers: { "content-type": type } });

  it("answers health, readiness, metrics and its description without a token, and nothing else", async () => {
    expect((await ask("/healthz", { token: null })).status).toBe(200);
    expect((await ask("/metrics", { token: null })).headers.get("content-type")).toContain("text/plain");
    expect((await ask("/readyz", { token: null })).status).toBe(200);
    stage.setReady(false);
    expect(await ask("/readyz", { token: null })).toMatchObject({ status: 503, body: { code: "not_ready" } });
    stage.setReady(true);
    expect((await ask("/api/v1/openapi.json", { token: null })).body).toEqual(
      createOpenApiDocument("0.0.0-test"),
    );
    for (const [name, { method, path }] of Object.entries(OPERATIONS)) {
      if (name === "createSession") continue;
      const answer = await ask(`/api/v1${path.replace(/\{\w+\}/g, "x")}`, { method, token: null });
      expect([path, answer.status, answer.body["code"]]).toEqual([path, 401, "unauthorized"]);
    }
    expect((await ask("/api/v1/nothing", { token: null })).status).toBe(401);
  });

  it.each([
    ["", "Bearer "],
    ["half", "Bearer half-a-token"],
    ["basic", `Basic ${Buffer.from("x:y").toString("base64")}`],
    ["quote", "Bearer ' OR 1=1 --"],
    ["long", `Bearer ${"x".repeat(4_000)}`],
  ])("refuses a wrong credential (%s)", async (_name, authorization) => {
    const answer = await ask("/api/v1/secrets", { token: null, headers: { authorization } });
    expect(answer).toMatchObject({ status: 401, body: { code: "unauthorized", status: 401 } });
    expect(answer.headers.get("www-authenticate")).toContain("Bearer");
    expect(answer.headers.get("content-type")).toContain("application/problem+json");
  });

  it("answers 429 past ten wrong tokens a minute, and still lets the right one pull the brake", async () => {
    const count = async () => (await stage.admin.adminEvents.list({ action: "authenticate" })).data;
    const noted = (await count()).length;
    let answer = await ask("/api/v1/secrets", { token: "guess-0" });
    for (let guess = 1; guess <= 10 && answer.status === 401; guess++)
      answer = await ask("/api/v1/secrets", { token: `guess-${guess}` });
    expect(answer).toMatchObject({ status: 429, body: { code: "too_many_attempts" } });
    const retryAfter = Number(answer.headers.get("retry-after"));
    expect([retryAfter > 0, retryAfter <= 60]).toEqual([true, true]);
    expect((await ask("/api/v1/secrets")).status).toBe(200);
    const brake = { engaged: true, reason: "somebody guesses" };
    expect((await stage.admin.killSwitch.set(brake)).engaged).toBe(true);
    expect((await stage.admin.killSwitch.set({ engaged: false })).engaged).toBe(false);
    expect((await ask("/api/v1/secrets", { token: "guess-11" })).status).toBe(429);
    // The trail says that somebody guessed, and does not grow with every guess.
    const [newest, ...older] = await count();
    expect(newest).toMatchObject({ token_name: null, outcome: "refused", code: "too_many_attempts" });
    expect(older.length).toBeLessThanOrEqual(noted + 1);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 61_000 });
    onTestFinished(() => void vi.useRealTimers());
    expect((await ask("/api/v1/secrets", { token: "guess-12" })).status).toBe(401);
  });

  it.each([
    "vault_billing_00000000000000000000000000000000000000",
    "kbadm_admin_0000000000000000000000000000000000000x",
    "kbadm_root_00000000000000000000000000000000000000",
    "' OR 1=1 --",
  ])("D11: reads no database for a token that cannot be one: %s", async (token) => {
    const authority = {
      database: { ...stage.database, query: () => Promise.reject(new Error("it was asked")) },
      pepper: stage.installKeys.pepper,
      bootstrapHash: Buffer.alloc(32),
    };
    expect(await identifyToken(authority, token)).toBeNull();
    await expect(identifyToken(authority, generateAdminToken("admin"))).rejects.toThrow("it was asked");
  });

  it("refuses a token whose lifetime is over, by the database's clock", async () => {
    const { token } = await stage.admin.adminTokens.create({
      name: "brief",
      role: "admin",
      expires_in: "8h",
    });
    expect((await ask("/api/v1/secrets", { token })).status).toBe(200);
    await stage.database.query("UPDATE admin_tokens SET expires_at = now() - interval '1 microsecond'");
    expect(await ask("/api/v1/secrets", { token })).toMatchObject({
      status: 401,
      body: { code: "unauthorized" },
    });
  });

  it("sets the headers of a server that is nobody's page", async () => {
    const { headers } = await ask("/api/v1/secrets", { headers: { origin: "https://evil.example" } });
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("content-security-policy")).toBe(
      "default-src 'self';img-src 'self' data:;object-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'",
    );
    expect(headers.get("x-frame-options")).toBe("SAMEORIGIN");
    expect(headers.get("referrer-policy")).toBe("no-referrer");
    expect(headers.get("access-control-allow-origin")).toBeNull();
    expect(headers.get("x-powered-by")).toBeNull();
  });

  it("answers 404 for an unknown address and 405 for an unknown method", async () => {
    expect(await ask("/api/v1/nothing")).toMatchObject({ status: 404, body: { code: "not_found" } });
    expect(await ask("/elsewhere")).toMatchObject({ status: 404 });
    const answer = await ask("/api/v1/secrets", { method: "PUT" });
    expect(answer).toMatchObject({ status: 405, body: { code: "method_not_allowed" } });
    expect(answer.headers.get("allow")).toBe("POST, GET");
  });

  it("names every unknown field and every field that does not fit", async () => {
    const answer = await post(
      "/api/v1/secrets",
      '{"name":"UPPER","vendor":"acme","valeu":1,"__proto__":{"a":1}}',
    );
    expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request" } });
    const problems = answer.body["problems"] as { field: string; message: string }[];
    expect(problems.map(({ field }) => field).sort()).toEqual(
      ["__proto__", "name", "value", "valeu", "vendor"].sort(),
    );
    expect(problems).toContainEqual({ field: "value", message: "is required" });
    const query = await ask("/api/v1/vault-keys?agent=x&limit=0");
    expect((query.body["problems"] as { field: string }[]).map(({ field }) => field).sort()).toEqual([
      "agent",
      "limit",
    ]);
    expect((await ask("/api/v1/kill-switch?x=1")).status).toBe(400);
    expect((await ask("/api/v1/vault-keys?limit=1001")).status).toBe(400);
    expect((await ask("/api/v1/vault-keys?limit=5&limit=6")).status).toBe(400);
    expect((await ask("/api/v1/vault-keys/not-a-uuid")).status).toBe(400);
    expect((await ask("/api/v1/calls?from=0000-01-01&to=9999-12-31T23:59:59-14:00")).status).toBe(200);
  });

  it.each([
    ["not JSON", `{"name": "${CANARY}`, 400, "invalid_request"],
    ["a bare value", `"${CANARY}"`, 400, "invalid_request"],
    ["too large", `{"name":"${CANARY}${"x".repeat(260 * 1_024)}"}`, 413, "payload_too_large"],
    ["nothing", "", 400, "invalid_request"],
    ["NUL", `{"name":"a","vendor":"stripe","value":"${CANARY}\\u0000"}`, 400, "invalid_request"],
  ])("refuses a body that is %s, without repeating it", async (_name, body, status, code) => {
    const answer = await post("/api/v1/secrets", body);
    expect(answer).toMatchObject({ status, body: { code } });
    expect(answer.text).not.toContain("canary");
    expect(JSON.stringify(stage.logged)).not.toContain("canary");
  });

  it("refuses a body of another type, and one that is compressed", async () => {
    expect((await post("/api/v1/secrets", "name=x", "application/x-www-form-urlencoded")).status).toBe(415);
    const headers = { "content-type": "application/json", "content-encoding": "gzip" };
    const answer = await ask("/api/v1/secrets", { method: "POST", body: "{}", headers });
    expect(answer).toMatchObject({ status: 415, body: { code: "unsupported_media_type" } });
  });

  it("lets a revocation come without a body", async () => {
    const answer = await ask("/api/v1/agents/nobody/revoke", { method: "POST" });
    expect(answer).toMatchObject({ status: 200, body: { revoked: 0 } });
  });

  it("refuses a path that cannot be decoded", async () => {
    const status = await new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${stage.token}` };
      const request = httpRequest(
        `${stage.baseUrl}/api/v1/runs/%zz/revoke`,
        { method: "POST", headers },
        (response) => {
          response.resume();
          resolve(response.statusCode);
        },
      );
      request.on("error", reject).end();
    });
    expect(status).toBe(400);
  });

  // The last one: it takes the database away.
  it("tells a lost database from a bug, and keeps both to itself", async () => {
    const client = createAdminClient({ baseUrl: stage.baseUrl, token: stage.token });
    stage.logged.length = 0;
    await stage.database.query("ALTER TABLE budgets RENAME TO budgets_gone");
    await expect(client.budgets.list()).rejects.toMatchObject({ status: 500, detail: "internal error" });
    expect(stage.logged).toMatchObject([
      { event: "control_plane.failed", code: "internal", route: "/budgets" },
    ]);
    await databases.close();
    const unavailable = { status: 503, code: "ledger_unavailable" };
    await expect(client.budgets.list()).rejects.toMatchObject(unavailable);
    await expect(client.secrets.list()).rejects.toMatchObject(unavailable);
    await expect(client.vaultKeys.revoke("00000000-0000-4000-8000-000000000000")).rejects.toMatchObject(
      unavailable,
    );
    await expect(client.audit.verify()).rejects.toMatchObject(unavailable);
  });
});
