import { readFileSync } from "node:fs";
import { DENIALS, isVaultKey } from "@keybrake/core";
import { describe, expect, it } from "vitest";
import {
  AGENT_HEADERS,
  AGENT_VARIABLES,
  type AgentVendors,
  agentIdFromRole,
  assignVaultKeyVariables,
  BASE_URL_VARIABLES,
  findVariableCollisions,
  findVaultKey,
  PLACEHOLDER_KEY,
  PLACEHOLDER_VARIABLES,
  vaultKeyVariable,
  vaultKeyVariables,
} from "../src/agent-environment.ts";
import { REFUSAL_KINDS, readRefusal, STOPS_READS } from "../src/refusal.ts";

interface Answer {
  readonly vendor: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly means: Readonly<Record<string, string | number>> | null;
}

interface Contract {
  readonly environment: Readonly<Record<string, string>> & { readonly base_urls: object };
  readonly placeholder: object;
  readonly headers: Readonly<Record<string, string>>;
  readonly agent_ids: readonly { readonly role: string; readonly agent_id: string | null }[];
  readonly vault_key_variables: {
    readonly lookup: readonly string[];
    readonly cases: readonly { readonly agent_id: string; readonly agent: string }[];
    readonly collisions: readonly (readonly string[])[];
  };
  readonly refusals: Readonly<Record<string, readonly string[]>>;
  readonly stops_reads: { readonly codes: readonly string[] };
  readonly answers: readonly Answer[];
}

const CONTRACT = JSON.parse(
  readFileSync(new URL("../agent-contract.json", import.meta.url), "utf8"),
) as Contract;
const NOW = new Date("2026-11-30T23:00:00.000Z");

// The same file is tested from Python: an agent's side means the same in every language.
describe("names in the environment", () => {
  it("are the contract's", () => {
    const { base_urls: baseUrls, ...names } = CONTRACT.environment;
    expect(BASE_URL_VARIABLES).toEqual(baseUrls);
    expect(names).toEqual({
      crew_run_id: AGENT_VARIABLES.crewRunId,
      agent_id: AGENT_VARIABLES.agentId,
      twilio_account: AGENT_VARIABLES.twilioAccount,
    });
    expect(CONTRACT.placeholder).toMatchObject({ value: PLACEHOLDER_KEY, variables: PLACEHOLDER_VARIABLES });
    expect(isVaultKey(PLACEHOLDER_KEY)).toBe(false);
    expect(CONTRACT.headers).toEqual({
      crew_run_id: AGENT_HEADERS.crewRunId,
      agent_id: AGENT_HEADERS.agentId,
      call_id: AGENT_HEADERS.callId,
    });
  });

  it.each(CONTRACT.agent_ids)("make of the role $role the id $agent_id", ({ role, agent_id: agentId }) => {
    expect(agentIdFromRole(role)).toBe(agentId);
  });

  it("make no id of a role that is too long to be one", () => {
    expect(agentIdFromRole("a".repeat(128))).toBe("a".repeat(128));
    expect(agentIdFromRole("a".repeat(129))).toBeNull();
  });

  it.each(CONTRACT.vault_key_variables.cases)("name the variable of $agent_id", ({ agent_id: id, agent }) => {
    const fill = (pattern: string) => pattern.replace("<AGENT>", agent).replace("<VENDOR>", "STRIPE");
    expect(vaultKeyVariables(id, "stripe")).toEqual(CONTRACT.vault_key_variables.lookup.map(fill));
  });

  it("are refused for what is no agent id", () => {
    for (const id of ["", "_a", "a b", "a=b", "ä", "a".repeat(129)])
      expect(() => vaultKeyVariable(id)).toThrow(RangeError);
  });

  it("are short for one vendor and long for several", () => {
    const agents = [
      { agentId: "billing_agent", vendors: ["stripe"] },
      { agentId: "ops", vendors: ["twilio", "resend"] },
      { agentId: "planner", vendors: [] },
    ] as const;
    expect(assignVaultKeyVariables(agents).map(({ variable }) => variable)).toEqual([
      "BILLING_VAULT_KEY",
      "OPS_TWILIO_VAULT_KEY",
      "OPS_RESEND_VAULT_KEY",
    ]);
    expect(findVariableCollisions(agents)).toEqual([]);
  });

  it("lead each agent to its own key, the vendor's variable first", () => {
    const environment = {
      OPS_VAULT_KEY: "vault_short",
      OPS_TWILIO_VAULT_KEY: "vault_long",
      B_VAULT_KEY: " ",
    };
    expect(findVaultKey(environment, "ops_agent", "twilio")).toBe("vault_long");
    expect(findVaultKey(environment, "ops_agent", "resend")).toBe("vault_short");
    expect(findVaultKey(environment, "b", "stripe")).toBeUndefined();
  });
});

// An agent that finds another's key would act, and be booked, as somebody else.
describe("collisions", () => {
  const withVendors = (id: string, vendors: AgentVendors["vendors"]): AgentVendors => ({
    agentId: id,
    vendors,
  });
  const owners = (...agents: AgentVendors[]) => findVariableCollisions(agents).map(({ owner }) => owner);

  it.each(CONTRACT.vault_key_variables.collisions)("of %s and %s are found", (one, other) => {
    const ids = [one, other] as [string, string];
    expect(owners(...ids.map((id) => withVendors(id, ["stripe"]))).sort()).toEqual([...ids].sort());
    // Also when only one of the two has a key, and when they have different vendors.
    expect(owners(withVendors(ids[0], ["stripe"]), withVendors(ids[1], []))).toEqual([ids[0]]);
    expect(owners(withVendors(ids[0], ["stripe"]), withVendors(ids[1], ["twilio"])).length).toBe(2);
  });

  it("of an agent's name with another's vendor are found, whichever names are issued", () => {
    const named = withVendors("billing_stripe", ["twilio"]);
    expect(owners(withVendors("billing", ["stripe", "twilio"]), named)).toEqual([
      "billing",
      "billing_stripe",
    ]);
    expect(owners(withVendors("billing", ["resend"]), named)).toEqual(["billing_stripe"]);
  });
});

describe("a refusal", () => {
  it("has a meaning for every code of the policy engine, and it is the contract's", () => {
    const kinds = Object.entries(CONTRACT.refusals).flatMap(([kind, codes]) =>
      codes.map((code) => [code, kind]),
    );
    expect(REFUSAL_KINDS).toEqual(Object.fromEntries(kinds));
    expect(Object.keys(REFUSAL_KINDS).sort()).toEqual(Object.keys(DENIALS).sort());
    expect([...STOPS_READS]).toEqual(CONTRACT.stops_reads.codes);
  });

  it.each(CONTRACT.answers)("of $vendor with status $status is read as $means", ({ means, ...answer }) => {
    for (const [headers, body] of [
      [answer.headers, answer.body],
      [new Headers(answer.headers), JSON.parse(answer.body)],
    ]) {
      const refusal = readRefusal({ status: answer.status, headers, body }, NOW);
      if (means === null) {
        expect(refusal).toBeNull();
        continue;
      }
      expect(refusal).toMatchObject({ code: means["code"], kind: means["kind"], callId: means["call_id"] });
      const { retry_at: retryAt, retry_after_seconds: seconds } = means;
      if (seconds !== undefined) expect(refusal?.retryAfterSeconds).toBe(seconds);
      if (retryAt !== undefined) expect(refusal?.retryAt?.toISOString()).toBe(retryAt);
      else if (seconds !== undefined)
        expect(refusal?.retryAt).toEqual(new Date(NOW.getTime() + Number(seconds) * 1_000));
      else expect(refusal?.retryAt).toBeNull();
    }
  });

  it("says which limit is used up, in words without the code", () => {
    const [daily, text, mail] = CONTRACT.answers.map((answer) => readRefusal(answer, NOW));
    expect(daily?.limit).toEqual({
      scope: "vault_key",
      window: "daily",
      unit: "usd",
      limit: "100.00",
      used: "98.00",
      requested: "5.00",
    });
    expect(daily?.message).toBe("the daily cap of 100.00 USD is used up");
    expect(text?.message).toBe("the daily cap of 20.00 USD is used up");
    expect(mail?.message).toBe("the monthly cap of 5.00 USD is used up");
  });

  it("is not seen in a success, in what is no JSON, or behind a code that nobody knows", () => {
    const [daily] = CONTRACT.answers;
    const body = daily?.body ?? "";
    expect(readRefusal({ status: 200, headers: {}, body })).toBeNull();
    for (const other of [
      "<html>",
      "[]",
      "null",
      '"text"',
      undefined,
      body.replace("daily_cap", "weekly_cap"),
    ])
      expect(readRefusal({ status: 429, headers: {}, body: other })).toBeNull();
    // A fault: whether the call took effect is another question than whether it was allowed.
    const fault = body.replace("daily_cap_exceeded", "vendor_timeout");
    expect(readRefusal({ status: 504, headers: {}, body: fault })).toBeNull();
  });
});
