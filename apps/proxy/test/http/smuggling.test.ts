import { afterAll, beforeAll, expect, test } from "vitest";
import { countAllowed, type Front, newKey, openFront } from "./front.ts";
import { type RawExchange, sendRaw } from "./raw-client.ts";
import { openRawVendor, type RawVendor } from "./raw-vendor.ts";
import { hiddenRequest, listMutations, type Mutation } from "./smuggling.ts";

const FORM = "Content-Type: application/x-www-form-urlencoded";
/** More than one connection each of several keys, and fewer than a key may have under way: none is turned away as too much. */
const SOCKETS = 48;
const KEYS = 4;
/** No mutation is answered so often; the connection's end is what is waited for. */
const UNTIL_CLOSED = 99;
/** What the corpus of defparam/smuggler has. */
const MUTATIONS_MIN = 1_768;

let vendor: RawVendor;
let front: Front;
let keys: readonly string[];

beforeAll(async () => {
  vendor = await openRawVendor();
  front = await openFront(vendor.url);
  const policy = { allowed_endpoints: ["POST /v1/customers", "POST /v1/products"] };
  const issued = await Promise.all(Array.from({ length: KEYS }, () => newKey(front, policy)));
  keys = issued.map(({ vaultKey }) => vaultKey);
}, 120_000);
afterAll(async () => {
  await front.close();
  await vendor.close();
});

function mutationsOf(vaultKey: string): readonly Mutation[] {
  const headers = [`Authorization: Bearer ${vaultKey}`, FORM];
  return listMutations({
    headers,
    line: "POST /v1/customers",
    hidden: ["POST /v1/products", "POST /v1/transfers"].map((line) => hiddenRequest(line, headers)),
  });
}

// defparam/smuggler, http-garden: whatever the bytes are, the vendor sees the requests that were judged, and no other.
test("F4: every mutation of a request's framing is as many requests to the vendor as the audit log allowed", async () => {
  const perKey = keys.map(mutationsOf);
  const mutations = (perKey[0] ?? []).map((mutation, index) => perKey[index % KEYS]?.[index] ?? mutation);
  expect(mutations.length).toBeGreaterThanOrEqual(MUTATIONS_MIN);
  const left = mutations.values();
  const exchanges: { mutation: Mutation; exchange: RawExchange }[] = [];
  const work = async () => {
    for (const mutation of left) {
      const exchange = await sendRaw(front.server.dataUrl, mutation.text, { answers: UNTIL_CLOSED });
      exchanges.push({ mutation, exchange });
    }
  };
  await Promise.all(Array.from({ length: SOCKETS }, work));

  const statuses = new Map<number, number>();
  for (const { mutation, exchange } of exchanges) {
    expect(exchange.isClosed, mutation.name).toBe(true);
    for (const { status } of exchange.answers) {
      expect([200, 400, 403, 413], mutation.name).toContain(status);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  }
  // Some of these are plain HTTP and pass; were all refused, nothing would have been tried.
  expect(statuses.get(200)).toBeGreaterThan(10);
  expect(statuses.get(400)).toBeGreaterThan(1_000);
  expect(vendor.strayBytes()).toBe("");
  expect(vendor.requests.length).toBe(await countAllowed(front));
  const lines = new Set(vendor.requests.map(({ line }) => line));
  expect([...lines].sort()).toEqual(["POST /v1/customers HTTP/1.1", "POST /v1/products HTTP/1.1"]);
  for (const { headers, text } of vendor.requests) {
    expect(headers.map(([name]) => name)).not.toContain("transfer-encoding");
    expect(text).not.toContain("vault_");
  }
}, 120_000);
