import { describe, expect, it } from "vitest";
import { CALL_COLUMNS, createOpenApiDocument, OPERATIONS, PROBLEMS, ROUTES } from "../src/contract.ts";

interface Document {
  readonly paths: Record<
    string,
    Record<string, { operationId: string; parameters?: { name: string; in: string }[]; responses: object }>
  >;
  readonly components: { readonly schemas: Record<string, unknown> };
}

describe("the contract", () => {
  const document = createOpenApiDocument("1.2.3") as unknown as Document;

  it("describes every operation once, with every parameter of its path", () => {
    const ids: string[] = [];
    for (const [path, item] of Object.entries(document.paths)) {
      for (const { operationId, parameters = [] } of Object.values(item)) {
        ids.push(operationId);
        const declared = parameters.filter((parameter) => parameter.in === "path").map(({ name }) => name);
        expect(declared).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
      }
    }
    expect(ids.sort()).toEqual(Object.keys(OPERATIONS).sort());
    expect(Object.keys(ROUTES).sort()).toEqual(ids);
  });

  it("refers only to schemas that it has, and has none that nobody refers to", () => {
    const text = JSON.stringify(document);
    const referred = new Set([...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name));
    expect([...referred].sort()).toEqual(Object.keys(document.components.schemas).sort());
    expect(text).not.toContain("$defs");
  });

  it("declares a status for every problem that an operation can have", () => {
    for (const [name, route] of Object.entries(ROUTES)) {
      const { path, method } = OPERATIONS[name as keyof typeof OPERATIONS];
      const { responses = {} } = document.paths[path]?.[method.toLowerCase()] ?? {};
      for (const code of route.problems)
        expect(Object.keys(responses)).toContain(String(PROBLEMS[code].status));
    }
  });

  it("keeps the audit log's columns in the order that was promised", () => {
    expect(CALL_COLUMNS.join(", ")).toBe(
      "id, requested_at, completed_at, state, verdict, denial_code, denial_reason, vault_key_id, agent_id, crew_run_id, " +
        "claimed_agent_id, claimed_crew_run_id, vendor, method, path, endpoint, status_code, amount, currency, direction, " +
        "reserved_usd, cost_usd, budget_used_after_usd, customer_id, vendor_request_id, vendor_object_id, " +
        "idempotency_key_hash, metadata, latency_ms, upstream_ms, replica, replay_of, outcome_reason, overrun_usd, throttled_by",
    );
  });

  it.each(["", ".", "..", "../x", "-x", "a\u0000b", "a\u202eb", "a\ud800b", "x".repeat(201)])(
    "refuses %j as a run",
    (run) => {
      expect(ROUTES.revokeRun.params.safeParse({ crew_run_id: run }).success).toBe(false);
    },
  );

  it.each(["run-1", "Läufer 7", "1/2?#é", "x".repeat(200)])("takes %j as a run", (run) => {
    expect(ROUTES.revokeRun.params.safeParse({ crew_run_id: run }).success).toBe(true);
  });
});
