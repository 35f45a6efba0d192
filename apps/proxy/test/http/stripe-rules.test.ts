import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { countAllowed, expectRefusal, type Front, newKey, openFront, rowOf } from "./front.ts";
import { requestText, sendRaw } from "./raw-client.ts";
import { openRawVendor, type RawVendor } from "./raw-vendor.ts";

const FORM = "Content-Type: application/x-www-form-urlencoded";
const PAY = "POST /v1/payment_intents";

let vendor: RawVendor;
let front: Front;
/** Everything that can be written into an allowlist. */
let wide: string;
let pinned: string;

beforeAll(async () => {
  vendor = await openRawVendor();
  const dataDir = mkdtempSync(path.join(tmpdir(), "keybrake-rules-"));
  const rates = path.join(dataDir, "usd-rates.json");
  const today = new Date().toISOString().slice(0, 10);
  writeFileSync(rates, JSON.stringify({ as_of: today, usd_per: { jpy: "0.01", kwd: "3", isk: "0.01" } }));
  front = await openFront(vendor.url, { dataDir, env: { KEYBRAKE_RATES_FILE: rates } });
  const everything = { daily_usd_cap: 1_000_000, allowed_endpoints: ["* /**"] };
  wide = (await newKey(front, everything)).vaultKey;
  pinned = (await newKey(front, { ...everything, stripe: { account: "acct_mine" } })).vaultKey;
}, 120_000);
afterAll(async () => {
  await front.close();
  await vendor.close();
});

async function ask(line: string, body = "", key = wide) {
  const before = vendor.requests.length;
  const headers = [`Authorization: Bearer ${key}`, ...(body === "" ? [] : [FORM])];
  const { answers } = await sendRaw(front.server.dataUrl, requestText(line, headers, body));
  return { answer: answers[0], seen: vendor.requests.slice(before) };
}

async function expectRefused(line: string, body = "", key = wide): Promise<string> {
  const { answer, seen } = await ask(line, body, key);
  expect(seen).toEqual([]);
  return expectRefusal(front, answer);
}

describe("P1: currencies", () => {
  test.each([
    ["amount=500000&currency=jpy", "5000.00"],
    ["amount=500000&currency=kwd", "1500.00"],
    ["amount=500000&currency=isk", "50.00"],
    ["amount=500000&currency=USD", "5000.00"],
    ["amount=500000&currency=JPY", "5000.00"],
    ["amount=500000&currency=jp%79", "5000.00"],
  ])("P1: `%s` holds %s dollars", async (body, dollars) => {
    const { answer } = await ask(PAY, body);
    expect((await rowOf(front, answer)).reserved_usd).toBe(dollars);
  });

  test.each([
    ["no currency", "amount=500000", "unpriced"],
    ["one without a rate", "amount=500000&currency=gbp", "unpriced"],
    ["one that does not exist", "amount=500000&currency=xyz", "unpriced"],
    ["an empty one", "amount=500000&currency=", "request_malformed"],
    ["a number", "amount=500000&currency=840", "request_malformed"],
    ["a space", "amount=500000&currency=usd+", "request_malformed"],
    ["a letter that folds to another", "amount=500000&currency=%C5%BFek", "request_malformed"],
    ["two", "amount=500000&currency=jpy&currency=usd", "request_ambiguous"],
    ["two, one of them in capitals", "amount=500000&currency=jpy&CURRENCY=usd", "request_ambiguous"],
    ["no amount", "currency=usd", "unpriced"],
  ])("P1: %s is refused", async (_name, body, code) => {
    expect(await expectRefused(PAY, body)).toBe(code);
  });
});

describe("P3: money goes to no other account than the pinned one", () => {
  test.each([
    [PAY, "amount=100&currency=usd&transfer_data[destination]=acct_x"],
    [PAY, "amount=100&currency=usd&transfer_data%5Bdestination%5D=acct_x"],
    [PAY, "amount=100&currency=usd&on_behalf_of=acct_x"],
    [PAY, "amount=100&currency=usd&Transfer_Data[destination]=acct_x"],
    [PAY, "amount=100&currency=usd&transfer_data[Destination]=acct_x"],
    ["POST /v1/charges", "amount=100&currency=usd&destination=acct_x"],
    ["POST /v1/charges", "amount=100&currency=usd&destination[account]=acct_x"],
    ["POST /v1/transfers", "amount=100&currency=usd&destination=acct_x"],
    [`${PAY}?on_behalf_of=acct_x`, "amount=100&currency=usd"],
    [`${PAY}?transfer_data[destination]=acct_x`, "amount=100&currency=usd"],
  ])("P3: refuses %s with `%s`", async (line, body) => {
    await expectRefused(line, body);
    await expectRefused(line, body, pinned);
  });

  test.each([
    "GET /v1/accounts/acct_other",
    "GET /v1/accounts/acct_other/persons",
    "GET /v1/accounts/acct_other/external_accounts/ba_1",
    "POST /v1/accounts/acct_other",
    "DELETE /v1/accounts/acct_other",
    "POST /v1/accounts/acct_other/external_accounts",
  ])("P3: refuses %s", async (line) => {
    await expectRefused(line);
    await expectRefused(line, "", pinned);
  });

  test("P3: the pinned account is reached", async () => {
    const { seen } = await ask(PAY, "amount=100&currency=usd&transfer_data[destination]=acct_mine", pinned);
    expect(seen).toHaveLength(1);
  });
});

describe("P4: what creates credentials stays shut, under an allowlist of everything", () => {
  test.each([
    "POST /v1/webhook_endpoints",
    "POST /v1/webhook_endpoints/we_1",
    "POST /v1/ephemeral_keys",
    "DELETE /v1/ephemeral_keys/ephkey_1",
    "POST /v1/apps/secrets",
    "GET /v1/apps/secrets",
    "GET /v1/apps/secrets/find",
    "POST /v1/apps/secrets/delete",
    "POST /v1/terminal/connection_tokens",
    "POST /v1/account_links",
    "POST /v1/account_sessions",
    "POST /v1/accounts",
    "POST /v1/accounts/acct_1/login_links",
    "POST /v1/billing_portal/sessions",
    "POST /v1/customer_sessions",
    "POST /v1/file_links",
    "GET /v1/api_keys",
    "POST /v1/api_keys",
    "POST /v2/iam/api_keys",
    "POST /v2/core/event_destinations",
    "GET /oauth/authorize",
    "POST /oauth/token",
    "POST /stripe/v1/webhook_endpoints",
    "POST /stripe/v1/v1/webhook_endpoints",
  ])("P4: %s", async (line) => {
    expect(await expectRefused(line)).toBe("endpoint_forbidden");
  });

  test("P4: nothing of the control plane answers where agents are", async () => {
    for (const target of [
      "/api/v1/secrets",
      "/api/v1/vault-keys",
      "/metrics",
      "/healthz",
      "/readyz",
      "/",
      "/console",
    ]) {
      await expectRefused(`GET ${target}`);
      const { answers } = await sendRaw(
        front.server.dataUrl,
        requestText(`GET ${target}`, [`Authorization: Bearer ${front.server.adminToken}`]),
      );
      await expectRefusal(front, answers[0]);
    }
  });
});

describe("P5: what an expansion pulls in", () => {
  test.each([
    "GET /v1/charges?expand[]=data.customer",
    "GET /v1/charges?expand[0]=data.customer.default_source.owner.verified",
    "GET /v1/charges?expand[]=a.b.c.d.e",
    "GET /v1/charges?expand=data.customer.sources.data.number",
    "GET /v1/issuing/cards?expand[]=data.number",
    "GET /v1/issuing/cards?expand[]=data.cvc",
    "GET /v1/issuing/cards?%65xpand[]=data.number",
    "GET /v1/charges?expand[]=*",
    `GET /v1/charges?${Array.from({ length: 11 }, (_, index) => `expand[${index}]=data.refunds`).join("&")}`,
  ])("P5: refuses %s", async (line) => {
    const reader = await newKey(front, { allowed_endpoints: ["GET /v1/charges", "GET /v1/issuing/cards"] });
    await expectRefused(line, "", reader.vaultKey);
  });

  test("P5: refuses them in a write as well", async () => {
    await expectRefused(PAY, "amount=100&currency=usd&expand[]=a.b.c.d.e");
    await expectRefused(PAY, "amount=100&currency=usd&expand[]=source.number");
    await expectRefused(`${PAY}?expand[]=source.number`, "amount=100&currency=usd");
  });
});

// Last, because it counts what all of the above has left behind.
test("as many requests reached the vendor as the audit log says were allowed", async () => {
  expect(vendor.requests.length).toBe(await countAllowed(front));
});
