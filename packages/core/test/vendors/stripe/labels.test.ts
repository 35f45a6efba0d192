import { describe, expect, it } from "vitest";
import { parseForm } from "../../../src/form.ts";
import { stripe } from "../../../src/vendors/stripe/stripe.ts";
import type { Labels } from "../../../src/vendors/vendor.ts";
import { operationOf, requestOf } from "../../stripe-requests.ts";

const LABELS: Labels = { agentId: "billing_agent", crewRunId: "run-7" };
const BOTH = "metadata[agent_id]=billing_agent&metadata[crew_run_id]=run-7";
const BODY = "amount=100&currency=usd";

function append(form: string, labels = LABELS, path = "/v1/payment_intents"): string {
  const request = requestOf("POST", path, form);
  return Buffer.from(stripe.completeBody(operationOf(request), request.body, labels)).toString("utf8");
}

describe("appendLabels", () => {
  it.each([
    ["both, where there is none", BODY, `${BODY}&${BOTH}`],
    ["both, beside other metadata", `${BODY}&metadata[order]=7`, `${BODY}&metadata[order]=7&${BOTH}`],
    [
      "the run only, where the agent named itself",
      `${BODY}&metadata[agent_id]=me`,
      `${BODY}&metadata[agent_id]=me&metadata[crew_run_id]=run-7`,
    ],
    [
      "the agent only, where it named its run",
      `${BODY}&metadata[crew_run_id]=r`,
      `${BODY}&metadata[crew_run_id]=r&metadata[agent_id]=billing_agent`,
    ],
    [
      "nothing, where both stand",
      `metadata[agent_id]=a&metadata[crew_run_id]=b&${BODY}`,
      `metadata[agent_id]=a&metadata[crew_run_id]=b&${BODY}`,
    ],
    [
      "nothing over an escaped name",
      `${BODY}&metadata%5Bagent_id%5D=a&metadata%5Bcrew_run_id%5D=b`,
      `${BODY}&metadata%5Bagent_id%5D=a&metadata%5Bcrew_run_id%5D=b`,
    ],
    [
      "nothing over a label that was emptied",
      `${BODY}&metadata[agent_id]=&metadata[crew_run_id]=`,
      `${BODY}&metadata[agent_id]=&metadata[crew_run_id]=`,
    ],
    ["nothing beside `metadata=`, which clears", `${BODY}&metadata=`, `${BODY}&metadata=`],
    ["nothing beside `metadata=` in front", `metadata=&${BODY}`, `metadata=&${BODY}`],
    ["nothing beside `metadata` without a value", `${BODY}&metadata`, `${BODY}&metadata`],
    ["nothing beside an escaped `metadata=`", `${BODY}&%6Detadata=`, `${BODY}&%6Detadata=`],
    [
      "both, beside a field that only ends in metadata",
      `${BODY}&x_metadata=1`,
      `${BODY}&x_metadata=1&${BOTH}`,
    ],
  ])("appends %s", (_what, form, result) => {
    expect(append(form)).toBe(result);
  });

  it("fills an empty body", () => {
    expect(append("", LABELS, "/v1/payment_intents/pi_1/capture")).toBe(BOTH);
  });

  it("appends no run to a key that has none", () => {
    expect(append(BODY, { agentId: "a", crewRunId: null })).toBe(`${BODY}&metadata[agent_id]=a`);
  });

  it.each([
    "/v1/payment_intents/pi_1/confirm",
    "/v1/payment_intents/pi_1/cancel",
    "/v1/charges/ch_1/capture",
    "/v1/refunds/re_1/cancel",
    "/v1/payouts/po_1/cancel",
  ])("appends nothing at %s, which takes no metadata", (path) => {
    expect(append("", LABELS, path)).toBe("");
  });

  it("appends nothing to what it does not know", () => {
    expect(append("a=1", LABELS, "/v1/nonsense")).toBe("a=1");
    expect(append("a=1", LABELS, "/v1/ephemeral_keys")).toBe("a=1");
  });

  it.each([
    [48, 50],
    [49, 49],
    [50, 50],
  ])("never goes beyond Stripe's 50 keys: %i become %i", (before, after) => {
    const form = Array.from({ length: before }, (_, index) => `metadata[k${index}]=v`).join("&");
    expect(append(form, LABELS, "/v1/customers").match(/metadata\[/g)).toHaveLength(after);
  });

  it("gives the same bytes for the same request, so that an SDK's own retry stays the same", () => {
    expect(append(BODY)).toBe(append(BODY));
  });

  it("gives the same body back, untouched, when there is nothing to append", () => {
    const request = requestOf("POST", "/v1/payment_intents/pi_1/confirm", "return_url=x");
    expect(stripe.completeBody(operationOf(request), request.body, LABELS)).toBe(request.body);
  });

  it.each([
    ["a separator", "a&amount=99999"],
    ["an escape", "a%26b"],
    ["a bracket", "a]=b["],
    ["a space and a plus", "a +b"],
    ["a semicolon", "a;b"],
    ["a line end", "a\r\nb"],
    ["letters beyond ASCII", "агент-日本-é"],
    ["an emoji", "🤖"],
    ["quotes", `'"\\`],
    ["nothing", ""],
  ])("escapes %s in a label, so that it adds a value and never a field", (_what, agentId) => {
    const fields = parseForm(append(BODY, { agentId, crewRunId: agentId }));
    if (typeof fields === "string") throw new TypeError(fields);
    expect(fields.slice(2)).toEqual([
      { name: "metadata[agent_id]", value: agentId },
      { name: "metadata[crew_run_id]", value: agentId },
    ]);
  });

  it.each([
    ["501 letters", "a".repeat(501), "a".repeat(500)],
    ["an emoji across the limit", `${"a".repeat(499)}🤖`, null],
    ["half an emoji", "a\ud83e", null],
  ])("keeps to Stripe's 500 characters, and never throws: %s", (_what, agentId, value) => {
    const fields = parseForm(append(BODY, { agentId, crewRunId: null }));
    if (typeof fields === "string") throw new TypeError(fields);
    const appended = fields[2]?.value ?? "";
    expect(appended.length).toBeLessThanOrEqual(500);
    if (value !== null) expect(appended).toBe(value);
  });
});
