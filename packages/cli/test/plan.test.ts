import type { Budget, VaultKey } from "@keybrake/client";
import { parseManifest } from "@keybrake/client/manifest";
import { describe, expect, it } from "vitest";
import { makePlan, type Present } from "../src/plan.ts";

const policy = { vendor: "stripe", daily_usd_cap: 50, allowed_endpoints: ["POST /v1/refunds"] } as const;
const key = { name: "billing", agent_id: "billing_agent", secret: "main", policy };
const present = (more: Partial<Present> = {}): Present => ({
  secrets: new Set(["main"]),
  budgets: [],
  keys: [],
  ...more,
});
const stored = (more: Partial<VaultKey> = {}): VaultKey =>
  ({ ...key, id: "k1", crew_run_id: null, status: "active", policy: { ...policy }, ...more }) as VaultKey;
const plan = (document: unknown, now: Present) =>
  makePlan(parseManifest(document), now).map(({ action, what }) => [action, what]);

describe("a plan", () => {
  it("creates what is missing", () => {
    const budgets = [{ scope: "installation", window: "daily", call_cap: 5 }];
    expect(plan({ budgets, keys: [key] }, present())).toEqual([
      ["create", "daily calls budget of the installation: 5"],
      ["create", "vault key `billing` of billing_agent"],
    ]);
  });

  it("keeps what is the same, however its amounts and the order of its fields are written", () => {
    const sameCap = { allowed_endpoints: ["POST /v1/refunds"], daily_usd_cap: "50.00", vendor: "stripe" };
    const budget = { scope: "agent_id", value: "a", window: "daily", unit: "usd", limit: "0.10" } as Budget;
    const now = present({ keys: [stored({ policy: sameCap as VaultKey["policy"] })], budgets: [budget] });
    const budgets = [{ scope: "agent_id", value: "a", window: "daily", usd_cap: 0.1 }];
    expect(plan({ budgets, keys: [key] }, now).map(([action]) => action)).toEqual(["keep", "keep"]);
  });

  it("updates a policy that differs in any way, also in the order of its endpoints", () => {
    const now = present({ keys: [stored()] });
    for (const other of [
      { ...policy, daily_usd_cap: 51 },
      { ...policy, allowed_endpoints: [] },
      { vendor: "stripe" },
    ])
      expect(plan({ keys: [{ ...key, policy: other }] }, now)).toEqual([
        ["update", "vault key `billing` of billing_agent"],
      ]);
  });

  it("asks for the secrets of a run's agents, too", () => {
    const agents = { ops: { twilio: { secret: "text", policy: { total_usd_cap: 1 } } } };
    expect(() => plan({ agents }, present())).toThrow("add these secrets first: `text`");
    expect(plan({ agents }, present({ secrets: new Set(["text"]) }))).toEqual([]);
  });

  it("never makes a suspended key act again", () => {
    const now = present({ keys: [stored({ status: "suspended" })] });
    expect(plan({ keys: [key] }, now)[0]?.[0]).toBe("keep");
    expect(plan({ keys: [{ ...key, policy: { vendor: "stripe" } }] }, now)[0]?.[0]).toBe("leave");
  });

  it.each([
    ["a secret that is missing", { secrets: ["other"] }, present(), "add these secrets first: `other`"],
    [
      "a key's secret that is missing",
      { keys: [key] },
      present({ secrets: new Set() }),
      "add these secrets first: `main`",
    ],
    [
      "a budget's secret that is missing",
      { budgets: [{ scope: "secret", value: "s", window: "daily", usd_cap: 1 }] },
      present(),
      "`s`",
    ],
    [
      "another agent",
      { keys: [key] },
      present({ keys: [stored({ agent_id: "x" })] }),
      "cannot change `agent_id` from `x`",
    ],
    [
      "another run",
      { keys: [key] },
      present({ keys: [stored({ crew_run_id: "r" })] }),
      "cannot change `crew_run_id`",
    ],
    [
      "two keys of the name",
      { keys: [key] },
      present({ keys: [stored(), stored({ id: "k2" })] }),
      "2 vault keys are named",
    ],
  ])("stops before anything is changed at %s", (_name, document, now, problem) => {
    expect(() => plan(document, now)).toThrow(problem);
  });
});
