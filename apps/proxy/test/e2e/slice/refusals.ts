import { readFileSync } from "node:fs";
import { DENIALS, type DenialCode, FAULTS } from "@keybrake/core";
import Stripe from "stripe";
import { describe, expect, test } from "vitest";
import { stripeClient } from "../../support/crew.ts";
import { type Agent, type Stage, until } from "../stage.ts";

const ERRORS_PAGE = readFileSync(new URL("../../../../../docs/errors.md", import.meta.url), "utf8");
const CHARGE = { amount: 1000, currency: "usd", payment_method: "pm_card_visa", confirm: true } as const;
const UNKNOWN_KEY = "vault_nobody_00000000000000000000000000000000000000";

type ErrorClass = keyof typeof Stripe.errors;

/** One way to be refused: the policy of the key, what happened before, and the call. */
interface Case {
  readonly code: DenialCode;
  readonly error: ErrorClass;
  readonly policy?: Readonly<Record<string, unknown>>;
  readonly before?: (agent: Agent, stage: Stage) => Promise<unknown>;
  readonly call: (stripe: Stripe, stage: Stage) => Promise<unknown>;
}

const charge = (stripe: Stripe) => stripe.paymentIntents.create(CHARGE);
const chargeOnce = (agent: Agent) => charge(agent.stripe);

const CASES: readonly Case[] = [
  {
    code: "vault_key_revoked",
    error: "StripeAuthenticationError",
    before: ({ id }, { server }) => server.admin.vaultKeys.revoke(id),
    call: charge,
  },
  {
    code: "vault_key_expired",
    error: "StripeAuthenticationError",
    policy: { expires_in: "1s" },
    before: (agent) => until("the key has expired", async () => (await agent.me()).status === "expired"),
    call: charge,
  },
  {
    code: "vendor_mismatch",
    error: "StripePermissionError",
    call: (stripe) => stripe.rawRequest("POST", "/twilio/v1/payment_intents", { ...CHARGE }),
  },
  {
    code: "endpoint_not_allowed",
    error: "StripePermissionError",
    policy: { allowed_endpoints: ["POST /v1/refunds"] },
    call: charge,
  },
  {
    code: "endpoint_forbidden",
    error: "StripePermissionError",
    call: (stripe) =>
      stripe.webhookEndpoints.create({ url: "https://example.com", enabled_events: ["charge.failed"] }),
  },
  {
    code: "account_not_allowed",
    error: "StripePermissionError",
    call: (stripe) => stripe.paymentIntents.create(CHARGE, { stripeAccount: "acct_1Other" }),
  },
  {
    code: "account_not_allowed",
    error: "StripePermissionError",
    call: (stripe) => stripe.paymentIntents.create(CHARGE, { stripeContext: "acct_1Other" }),
  },
  {
    code: "currency_not_allowed",
    error: "StripePermissionError",
    policy: { currencies: ["jpy"] },
    call: charge,
  },
  {
    code: "destination_not_allowed",
    error: "StripePermissionError",
    call: (stripe) =>
      stripe.paymentIntents.create({ ...CHARGE, transfer_data: { destination: "acct_1Other" } }),
  },
  {
    code: "destination_not_allowed",
    error: "StripePermissionError",
    policy: { stripe: { account: "acct_1Partner" } },
    call: (stripe) => stripe.transfers.create({ amount: 1000, currency: "usd", destination: "acct_1Other" }),
  },
  {
    code: "unpriced",
    error: "StripePermissionError",
    call: (stripe) => stripe.paymentLinks.create({ line_items: [{ price: "price_1", quantity: 1 }] }),
  },
  {
    code: "per_call_cap_exceeded",
    error: "StripePermissionError",
    policy: { per_call_usd_cap: "9.99" },
    call: charge,
  },
  {
    code: "total_cap_exceeded",
    error: "StripePermissionError",
    policy: { total_usd_cap: "19.99" },
    before: chargeOnce,
    call: charge,
  },
  {
    code: "total_call_cap_exceeded",
    error: "StripePermissionError",
    policy: { total_call_cap: 1 },
    before: chargeOnce,
    call: charge,
  },
  {
    code: "daily_cap_exceeded",
    error: "StripeRateLimitError",
    policy: { daily_usd_cap: "19.99" },
    before: chargeOnce,
    call: charge,
  },
  {
    code: "monthly_cap_exceeded",
    error: "StripeRateLimitError",
    policy: { monthly_usd_cap: "19.99" },
    before: chargeOnce,
    call: charge,
  },
  {
    code: "daily_call_cap_exceeded",
    error: "StripeRateLimitError",
    policy: { daily_call_cap: 1 },
    before: chargeOnce,
    call: charge,
  },
  {
    code: "rate_limited",
    error: "StripeRateLimitError",
    policy: { requests_per_minute: 1 },
    before: chargeOnce,
    call: charge,
  },
  {
    // Stripe itself would take the amount from the query.
    code: "request_ambiguous",
    error: "StripeInvalidRequestError",
    call: (stripe) => stripe.rawRequest("POST", "/v1/refunds?amount=1", { charge: "ch_1" }),
  },
  {
    code: "request_malformed",
    error: "StripeInvalidRequestError",
    call: (stripe) => stripe.paymentIntents.create({ ...CHARGE, amount: 10.5 }),
  },
  {
    code: "payload_too_large",
    error: "StripeAPIError",
    call: (stripe) => stripe.customers.create({ description: "x".repeat(70_000) }),
  },
  {
    // The SDK goes by the status: its idempotency error is for 400 only.
    code: "idempotency_mismatch",
    error: "StripeAPIError",
    before: ({ stripe }) => stripe.paymentIntents.create(CHARGE, { idempotencyKey: "order-1" }),
    call: (stripe) =>
      stripe.paymentIntents.create({ ...CHARGE, amount: 1001 }, { idempotencyKey: "order-1" }),
  },
];

/** A refusal is an error to the SDK, a row in the audit log, and nothing at the vendor. */
export function describeRefusals(open: () => Stage): void {
  describe("refusals", () => {
    test.each(CASES)("$code is a $error, said once, written down, and not sent", async (refusal) => {
      const stage = open();
      const agent = await stage.agent(refusal.policy === undefined ? {} : { policy: refusal.policy });
      await refusal.before?.(agent, stage);
      const rowsBefore = (await agent.rows()).length;
      const usedBefore = await agent.used();
      const sent = stage.watch();
      const error = await errorOf(refusal.call(agent.stripe, stage));
      expectRefusal(error, refusal.error, refusal.code);
      expect(sent()).toEqual([]);
      // The SDK with its own defaults has asked once: a refusal is not to be tried again.
      const rows = (await agent.rows()).slice(rowsBefore);
      expect(rows).toEqual([
        expect.objectContaining({
          id: error.headers?.["keybrake-call-id"],
          state: "denied",
          verdict: "deny",
          denial_code: refusal.code,
          agent_id: agent.agentId,
          reserved_usd: "0.00",
          cost_usd: "0.00",
        }),
      ]);
      expect(rows[0]?.denial_reason).toMatch(/\w+ \w+/);
      expect(await agent.used()).toBe(usedBefore);
    });

    test("without a key, and with one that nobody issued: an authentication error and a row without an agent", async () => {
      const { server } = open();
      const url = new URL(server.dataUrl);
      const keyless = new Stripe("", {
        host: url.hostname,
        port: url.port,
        protocol: "http",
        authenticator: async () => undefined,
      });
      const missing = await errorOf(charge(keyless));
      expectRefusal(missing, "StripeAuthenticationError", "vault_key_missing");
      const mistyped = await errorOf(charge(stripeClient(server.dataUrl, UNKNOWN_KEY)));
      expectRefusal(mistyped, "StripeAuthenticationError", "vault_key_invalid");
      for (const error of [missing, mistyped]) {
        const row = await server.admin.calls.get(error.headers?.["keybrake-call-id"] ?? "");
        expect(row).toMatchObject({ state: "denied", denial_code: error.code, agent_id: null });
      }
    });

    test("a used-up cap says which, how much, and when it opens again, and tells every SDK to wait for nothing", async () => {
      const agent = await open().agent({ policy: { daily_usd_cap: 25 } });
      await chargeOnce(agent);
      await chargeOnce(agent);
      const error = await errorOf(charge(agent.stripe));
      const seconds = Number(error.headers?.["retry-after"]);
      // On the machine's clock, which need not be the database's to the second.
      const untilMidnight = 86_400 - (Math.floor(Date.now() / 1_000) % 86_400);
      expect(Math.abs(seconds - untilMidnight)).toBeLessThan(60);
      expect(error.headers).toMatchObject({ "stripe-should-retry": "false", "x-should-retry": "false" });
      expect(error.message).toContain("25.00");
      expect(detailsOf(error)).toMatchObject({
        call_id: error.headers?.["keybrake-call-id"],
        limit: {
          scope: "vault_key",
          window: "daily",
          unit: "usd",
          limit: "25.00",
          used: "20.00",
          requested: "10.00",
        },
        retry_at: expect.stringMatching(/Z$/),
      });
      expect(await agent.rows()).toHaveLength(3);
    });

    test("a daily cap opens again at midnight exactly, whenever in a second one asks", async () => {
      const agent = await open().agent({ policy: { daily_usd_cap: 5 } });
      const instants = new Set<unknown>();
      const deadline = performance.now() + 1_000;
      while (performance.now() < deadline) {
        const error = await errorOf(charge(agent.stripe));
        instants.add((detailsOf(error) as { retry_at: string }).retry_at.slice("2026-01-01".length));
      }
      expect([...instants]).toEqual(["T00:00:00.000Z"]);
    });

    test("the row of a refusal has the status that the agent saw, whoever refused", async () => {
      const agent = await open().agent({ policy: { daily_usd_cap: 5 } });
      const byPolicy = await errorOf(agent.stripe.topups.create({ amount: 1000, currency: "usd" }));
      const byLedger = await errorOf(charge(agent.stripe));
      const statuses = (await agent.rows()).map(({ status_code }) => status_code);
      expect(statuses).toEqual([byPolicy.statusCode, byLedger.statusCode]);
    });

    test("the kill switch stops everything, at the first attempt, and nothing more when it is off again", async () => {
      const stage = open();
      const agent = await stage.agent();
      const sent = stage.watch();
      await stage.server.admin.killSwitch.set({ engaged: true, reason: "drill" });
      const error = await errorOf(charge(agent.stripe));
      await stage.server.admin.killSwitch.set({ engaged: false, reason: "over" });
      expectRefusal(error, "StripeAPIError", "kill_switch_engaged");
      expect(await agent.rows()).toEqual([expect.objectContaining({ denial_code: "kill_switch_engaged" })]);
      expect(sent()).toEqual([]);
      await expect(charge(agent.stripe)).resolves.toMatchObject({ status: "succeeded" });
    });
  });
}

/** The SDK's error; fails when it took the answer for a success. */
export async function errorOf(
  call: Promise<unknown>,
): Promise<InstanceType<typeof Stripe.errors.StripeError>> {
  const outcome = await call.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ("value" in outcome) throw new Error(`the SDK took it for a success: ${JSON.stringify(outcome.value)}`);
  if (outcome.error instanceof Stripe.errors.StripeError) return outcome.error;
  throw outcome.error;
}

/** What every error of ours looks like to an agent: the SDK's class, a code, a sentence, and where to read more. */
export function expectRefusal(
  error: InstanceType<typeof Stripe.errors.StripeError>,
  errorClass: ErrorClass,
  code: keyof typeof DENIALS | keyof typeof FAULTS,
): void {
  const { status } = code in DENIALS ? DENIALS[code as DenialCode] : FAULTS[code as keyof typeof FAULTS];
  expect(error).toMatchObject({ type: errorClass, code, statusCode: status });
  expect(error).toBeInstanceOf(Stripe.errors[errorClass]);
  expect(error.message).toMatch(/^keybrake: \S+ \S+ /);
  expect(error.requestId).toMatch(/^req_kb_/);
  const anchor = error.doc_url?.split("#")[1];
  expect(anchor).toBe(code);
  expect(ERRORS_PAGE).toContain(`<a id="${anchor}"></a>`);
  expect(detailsOf(error)).toMatchObject({ call_id: error.headers?.["keybrake-call-id"] });
}

function detailsOf(error: InstanceType<typeof Stripe.errors.StripeError>): unknown {
  return (error.raw as { keybrake?: unknown }).keybrake;
}
