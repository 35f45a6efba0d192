import { describe, expect, it } from "vitest";
import { ManifestError, parseAgents, parseManifest } from "../src/manifest.ts";

const policy = { vendor: "stripe", daily_usd_cap: 50, allowed_endpoints: ["POST /v1/refunds"] } as const;
const key = { name: "billing", agent_id: "billing_agent", secret: "main", policy };

function problemsOf(document: unknown): readonly string[] {
  try {
    parseManifest(document);
  } catch (error) {
    if (error instanceof ManifestError) return error.problems;
    throw error;
  }
  return [];
}

describe("a manifest", () => {
  it("may leave everything out", () => {
    expect(parseManifest(null)).toEqual({ secrets: [], budgets: [], keys: [], agents: [] });
  });

  it.each([
    [{ kees: [] }, "kees"],
    [{ keys: [{ ...key, name: undefined }] }, "keys.0.name"],
    [{ keys: [key, key] }, "the name `billing` is given twice"],
    [{ keys: [{ ...key, policy: { vendor: "stripe", daily_usd_cap: -1 } }] }, "keys.0.policy.daily_usd_cap"],
    [{ secrets: [{ name: "main", value: "sk" }] }, "secrets.0"],
    [{ budgets: [{ scope: "agent_id", value: "a", window: "daily" }] }, "budgets.0"],
  ])("is refused when it is wrong: %j", (document, problem) => {
    expect(() => parseManifest(document)).toThrow(problem);
  });
});

describe("the agents of a manifest", () => {
  it("get the vendor under which a policy stands", () => {
    const agents = {
      billing_agent: {
        stripe: { secret: "main", policy: { total_usd_cap: 5 } },
        resend: { secret: "mail", policy: { vendor: "resend" } },
      },
      planner: null,
    };
    const planned = parseAgents(agents);
    expect(planned).toEqual(parseManifest({ agents }).agents);
    expect(planned).toEqual([
      {
        agentId: "billing_agent",
        keys: [
          {
            agentId: "billing_agent",
            vendor: "stripe",
            secret: "main",
            policy: { vendor: "stripe", total_usd_cap: 5 },
          },
          { agentId: "billing_agent", vendor: "resend", secret: "mail", policy: { vendor: "resend" } },
        ],
      },
      { agentId: "planner", keys: [] },
    ]);
  });

  // One pass over the file, and not one a mistake.
  it("are refused with everything that is wrong with them at once", () => {
    const agents = {
      "bad id": {},
      billing: { stripe: { secret: "Main", policy: { vendor: "twilio", daily_usd_cap: -1, cap: 1 } } },
      ops: { paypal: {}, twilio: { secret: "text" }, resend: { secret: "mail", policy: [] } },
    };
    const problems = problemsOf({ agents, kees: [] });
    const expected = [
      "agents.bad id: must be 1 to 128 letters",
      "agents.billing.stripe.secret: must be 1 to 63",
      "agents.billing.stripe.policy.vendor: must be `stripe`",
      "agents.billing.stripe.policy.daily_usd_cap: must be dollars",
      'agents.billing.stripe.policy: Unrecognized key: "cap"',
      "agents.ops: `paypal`: no such vendor, use stripe, twilio or resend",
      "agents.ops.twilio.policy: must be a policy",
      "agents.ops.resend.policy: must be a policy",
      'Unrecognized key: "kees"',
    ];
    for (const start of expected) expect(problems).toContainEqual(expect.stringMatching(`^${start}`));
    expect(problems.length).toBe(expected.length);
    expect(problemsOf({ agents: [] })).toEqual(["agents: must name agents, and for each its vendors"]);
  });
});
