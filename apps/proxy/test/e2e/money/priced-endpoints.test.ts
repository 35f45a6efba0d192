import type { Call } from "@keybrake/client";
import { VENDORS } from "@keybrake/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  inCurrency,
  MONEY_CASES,
  type MoneyCase,
  PRICELESS_RULES,
} from "../../../../../packages/core/test/vendors/stripe/money-cases.ts";
import { stripeClient } from "../../support/crew.ts";
import { inBatches } from "../../support/in-batches.ts";
import { startTestServer, type TestServer } from "../../support/server.ts";
import { type LastingOptions, lastingOptions, removeLedger, writeRates } from "../stage.ts";
import { CURRENCIES, type Currency, dollarsOf } from "./dollars.ts";
import { openScriptedStripe, type ScriptedRequest, type ScriptedStripe } from "./scripted-stripe.ts";
import { sdkCallOf } from "./sdk-call.ts";

const POLICY = {
  vendor: "stripe",
  daily_usd_cap: 1000,
  allowed_endpoints: ["* /v1/**", "* /v2/**"],
  stripe: { destinations: ["acct_1"], auto_advance: true },
} as const;

/** What Stripe still serves and its SDK no longer names. */
const WITHOUT_SDK_METHOD = [
  "POST /v1/charges/ch_1/refunds",
  "POST /v1/charges/ch_1/refund",
  "POST /v1/application_fees/fee_1/refund",
  "POST /v1/charges/ch_1/dispute/close",
  "POST /v1/customers/cus_1/subscriptions",
  "POST /v1/customers/cus_1/subscriptions/sub_1",
  "DELETE /v1/customers/cus_1/subscriptions/sub_1",
];

/** What came of a case: the error that the agent saw, the row that the call left, and what reached the vendor. */
interface Ended {
  readonly error: unknown;
  readonly row: Call | undefined;
  readonly arrived: readonly ScriptedRequest[];
}

let server: TestServer;
let vendor: ScriptedStripe;
let options: LastingOptions;
/** By currency, in the order of the cases. */
const ended = new Map<Currency, readonly Ended[]>();

beforeAll(async () => {
  vendor = await openScriptedStripe();
  options = await lastingOptions(null);
  const env = { KEYBRAKE_RATES_FILE: writeRates(options.dataDir) };
  server = await startTestServer({ ...options, stripeUrl: vendor.url, env });
  for (const currency of CURRENCIES) ended.set(currency, await runAll(currency));
}, 120_000);

afterAll(async () => {
  await server?.stop();
  await vendor?.close();
  await removeLedger(options, null);
});

/** Runs every case, a few at a time. */
async function runAll(currency: Currency): Promise<readonly Ended[]> {
  const cases = MONEY_CASES.map((one) => inCurrency(one, currency));
  const agents = await inBatches(cases, (one, index) => hire(one, `${currency}-${index}`));
  const errors = await inBatches(cases, ({ call, body }, index) =>
    sdkCallOf(call, body)
      .make(stripeClient(server.dataUrl, agents[index]?.vaultKey ?? "", { maxNetworkRetries: 0 }))
      .then(
        () => null,
        (thrown: unknown) => thrown,
      ),
  );
  const { data } = await server.admin.calls.list({ limit: 1000 });
  return agents.map(({ keyId, secretKey }, index) => ({
    error: errors[index],
    row: data.find(
      (row) => row.vault_key_id === keyId && `${row.method} ${row.path}` === MONEY_CASES[index]?.call,
    ),
    arrived: vendor.requestsOf(secretKey),
  }));
}

/** A key for a case, with a secret of its own: so no case knows another's objects, and each has its own script. */
async function hire({ reads = [], answer }: MoneyCase, name: string) {
  const secretKey = `sk_test_${name.replace("-", "CaseNumber")}`;
  vendor.script(secretKey, [...reads, answer]);
  await server.admin.secrets.create({ name, vendor: "stripe", value: secretKey });
  const { id, vault_key } = await server.admin.vaultKeys.create({
    agent_id: "agent",
    secret: name,
    policy: { ...POLICY } as never,
  });
  return { keyId: id, vaultKey: vault_key, secretKey };
}

describe.each(CURRENCIES)("every priced endpoint of Stripe through stripe-node, in %s", (chosen) => {
  test.each(MONEY_CASES.map((one, index) => [one.call, index, inCurrency(one, chosen)] as const))(
    "%s is held for its quote and costs what its answer says",
    (call, index, { reads = [], price, settled, ...one }) => {
      const { error, row, arrived } = ended.get(chosen)?.[index] ?? expect.fail("it was not called");
      const currency = one.currency as Currency;
      expect(error).toBeNull();
      expect(arrived).toHaveLength(reads.length + 1);
      expect(arrived.at(-1)?.call).toBe(call);
      expect(row).toMatchObject({
        verdict: "allow",
        state: "settled",
        status_code: 200,
        currency,
        amount: Number(settled),
        reserved_usd: dollarsOf(Number(price), currency),
        cost_usd: dollarsOf(Number(settled), currency),
      });
    },
  );
});

test("no endpoint with a price was left out, and each row names its own", () => {
  const priced = VENDORS.stripe.endpoints.filter(({ quote }) => !PRICELESS_RULES.has(quote));
  const called = new Set([...ended.values()].flat().map(({ row }) => row?.endpoint));
  const endpoints = priced.map(({ method, template }) => `${method} ${template.text}`);
  expect(endpoints.filter((endpoint) => !called.has(endpoint))).toEqual([]);
});

test("the SDK's own method is called wherever it has one", () => {
  const raw = MONEY_CASES.filter(({ call, body }) => sdkCallOf(call, body).name === "stripe.rawRequest");
  expect(raw.map(({ call }) => call).sort()).toEqual(WITHOUT_SDK_METHOD.toSorted());
});
