import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { openFakeStripe } from "@keybrake/sandbox";
import { expect, test } from "vitest";
import { ANY_BACKEND, lastingOptions, removeLedger, until } from "../e2e/stage.ts";
import { CANARY_SECRET, storeSecret, stripeClient } from "../support/crew.ts";
import { startTestServer } from "../support/server.ts";

const DAY_MS = 86_400_000;
const PAGES_MAX = 200;

const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 10);

/** Makes the timer that looks every minute whether a comparison is due fire at once; the code is the product's own. */
const HASTY = `--import=data:text/javascript,${encodeURIComponent(`const repeat = globalThis.setInterval;
  globalThis.setInterval = (work, ms, ...rest) => repeat(work, ms === 60000 ? 300 : ms, ...rest);`)}`;

test("with KEYBRAKE_RECONCILE_HOUR yesterday is compared once, told as counts, and nothing is settled", async () => {
  const fake = await openFakeStripe({ secretKeys: [CANARY_SECRET], now: () => Date.now() - DAY_MS });
  await stripeClient(fake.url, CANARY_SECRET).payouts.create({ amount: 250, currency: "usd" });
  const env = { KEYBRAKE_RECONCILE_HOUR: "0", NODE_OPTIONS: HASTY };
  const database = await ANY_BACKEND.createDatabase();
  const options = await lastingOptions(database);
  const server = await startTestServer({ ...options, stripeUrl: fake.url, env });
  try {
    const yesterday = dayOf(Date.now() - DAY_MS);
    await storeSecret(server.admin);
    const told = () =>
      server
        .output()
        .split("\n")
        .filter((line) => line.includes("do not fit the audit log"));
    await until("the comparison was told", () => told().length > 0);
    expect(JSON.parse(told()[0] ?? "{}")).toMatchObject({
      vendor: "stripe",
      day: yesterday,
      bypass: 1,
      lost: 0,
    });
    expect(server.output()).not.toContain("po_");
    const metrics = await (await fetch(`${server.adminUrl}/metrics`)).text();
    expect(metrics).toContain('keybrake_reconcile_findings{vendor="stripe",kind="bypass"} 1');
    expect(told()).toHaveLength(1);
  } finally {
    await server.stop();
    await removeLedger(options, database);
    await fake.close();
  }
}, 60_000);

test("a vendor whose list never ends is read for 200 pages, and absence is not judged", async () => {
  let served = 0;
  const endless = http.createServer((_request, response) => {
    served++;
    const created = Math.floor(Date.now() / 1_000);
    const data = [
      { id: `evt_${served}`, created, type: "customer.created", data: { object: { object: "customer" } } },
    ];
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ object: "list", has_more: true, data }));
  });
  endless.listen(0, "127.0.0.1");
  await once(endless, "listening");
  const database = await ANY_BACKEND.createDatabase();
  const options = await lastingOptions(database);
  const stripeUrl = `http://127.0.0.1:${(endless.address() as AddressInfo).port}`;
  const server = await startTestServer({ ...options, stripeUrl });
  try {
    await storeSecret(server.admin);
    const report = await server.admin.reconcile({ vendor: "stripe", day: dayOf(Date.now()) });
    expect(report).toMatchObject({ complete: false, clean: true, pages: PAGES_MAX });
    expect(served).toBe(PAGES_MAX);
  } finally {
    await server.stop();
    await removeLedger(options, database);
    endless.closeAllConnections();
    endless.close();
  }
}, 60_000);
