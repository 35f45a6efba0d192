import type { Call } from "@keybrake/client";
import { VENDORS } from "@keybrake/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  inCurrency,
  MONEY_CASES,
  PRICELESS_RULES,
} from "../../../../../packages/core/test/vendors/stripe/money-cases.ts";
import { stripeClient } from "../../support/crew.ts";
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

/** Runs every case at once, each with a secret and a key of its own, so that none knows another's objects. */
async function runAll(currency: Currency): Promise<readonly Ended[]> {
  const runs = await Promise.all(MONEY_CASES.map((_, index) => run(index, currency)));
  const { data } = await server.admin.calls.list({ limit: 1000 });
  return runs.map(({ keyId, call, ...rest }) => ({
    ...rest,
    row: data.find((row) => row.vault_key_id === keyId && `${row.method} ${row.path}` === call),
  }));
}

async function run(index: number, currency: Currency) {
  const one = inCurrency(MONEY_CASES[index] ?? expect.fail(`no case ${index}`), currency);
  const secret = `stripe-${currency}-${index}`;
  const value = `sk_test_${currency}CaseNumber${index}`;
  vendor.script(value, [...(one.reads ?? []), one.answer]);
  await server.admin.secrets.create({ name: secret, vendor: "stripe", value });
  const key = await server.admin.vaultKeys.create({
    agent_id: "agent",
    secret,
    policy: { ...POLICY } as never,
  });
  const client = stripeClient(server.dataUrl, key.vault_key, { maxNetworkRetries: 0 });
  const error = await sdkCallOf(one.call, one.body)
    .make(client)
    .then(
      () => null,
      (thrown: unknown) => thrown,
    );
  return { keyId: key.id, call: one.call, error, arrived: vendor.requestsOf(value) };
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
