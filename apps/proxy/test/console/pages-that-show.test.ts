import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { stripeClient } from "../support/crew.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import {
  findBarriers,
  findBarriersInEveryLook,
  HAS_BROWSER,
  LAPTOP,
  openBrowser,
  soon,
  type TestBrowser,
  takePicture,
} from "./browser.ts";

vi.setConfig({ testTimeout: 180_000 });

const RUN = "nightly-invoices-7";

describe.skipIf(!HAS_BROWSER)("the pages that show", () => {
  let server: TestServer;
  let browser: TestBrowser;
  let page: Page;

  beforeAll(async () => {
    server = await startTestServer();
    await startIncident(server);
    browser = await openBrowser(server);
    page = await browser.signIn();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  /** Shows a page once it has what it is for, and finds what would keep somebody from using it. */
  async function visit(path: string, sign: string, picture?: string): Promise<void> {
    await page.goto(`${server.adminUrl}${path}`);
    await page.getByText(sign).first().waitFor();
    await soon(() => page.getByText("Loading…").count()).toBe(0);
    expect(await findBarriersInEveryLook(page)).toEqual([]);
    await page.setViewportSize(LAPTOP);
    if (picture !== undefined) await takePicture(page, `console-${picture}`);
  }

  test("the overview: what is spent, refused, close to a cap", async () => {
    await page.goto(server.adminUrl);
    await page.locator(".recharts-bar-rectangle").first().waitFor();
    await visit("/", "key vault_refund", "overview");
    const spend = page.getByRole("table", { name: "Agents by what they spent today" });
    const row = spend.getByRole("row").filter({ hasText: "refund_agent" });
    // The sandbox's Stripe is in test mode: none of it is money.
    expect(await row.getByRole("cell").nth(1).textContent()).toBe("$0.00");
    expect(await row.getByRole("cell").nth(2).textContent()).toBe("$18.00");
    expect(await row.textContent()).toContain("$18.00 of $20.00 today");
    const close = page.getByRole("region", { name: "Close to a cap" });
    expect(await close.getByRole("listitem").count()).toBe(1);
    await page.getByText("As a table").click();
    const activity = page.getByRole("table", { name: "Calls by when they came" });
    expect(await activity.getByRole("row").nth(1).textContent()).toContain("$30.40");
  });

  test("the calls, with all their filters", async () => {
    await visit("/calls", "daily_cap_exceeded", "calls");
    await page.getByRole("button", { name: "More filters" }).click();
    await page.getByLabel("Time").selectOption("custom");
    await page.getByLabel("From").fill("2020-01-01T00:00");
    await soon(() => page.url()).toContain("from=2019-12-31T23");
    await page.getByText(RUN).first().waitFor();
    expect(await findBarriers(page)).toEqual([]);
  });

  test("a call with its proof", async () => {
    const { data } = await server.admin.calls.list({ claimed: "true" });
    await visit(`/calls/${data[0]?.id}`, "fits the row", "call");
  });

  test("the runs, and one of them", async () => {
    await visit("/runs", RUN);
    await visit(`/runs/${RUN}`, "In order", "run");
  });

  test("the agents", async () => {
    await visit("/agents", "refund_agent");
    const row = page.getByRole("row").filter({ hasText: "refund_agent" });
    expect(await row.textContent()).toContain("$18.00");
    await row.getByRole("link", { name: "2 active of 2" }).click();
    await soon(() => page.url()).toContain("/keys?agent_id=refund_agent");
    await page.goBack();
    await row.getByRole("button", { name: "Stop refund_agent" }).click();
    await page.getByText("This stops 2 active keys: refund_agent").waitFor();
    expect(await findBarriers(page)).toEqual([]);
    await page.setViewportSize(LAPTOP);
    await takePicture(page, "console-brake");
  });

  test("what is not there says so", async () => {
    await page.goto(`${server.adminUrl}/calls/00000000-0000-4000-8000-000000000000`);
    await page.getByText("there is no call").waitFor();
    await page.goto(`${server.adminUrl}/runs/no-such-run`);
    await page.getByText("This run has no call.").waitFor();
    await page.goto(`${server.adminUrl}/agents?q=nobody`);
    await page.getByText("No agent matches.").waitFor();
  });

  test("nothing was logged as an error, and nothing left the origin", () => {
    expect(browser.faults).toEqual([]);
  });
});

/** Three agents of one run, of which one reaches its cap, one asks for what it may not, and one claims to be another. */
async function startIncident({ admin, dataUrl }: TestServer): Promise<void> {
  const issue = async (agentId: string, dailyUsdCap: string) => {
    const { vault_key } = await admin.vaultKeys.create({
      agent_id: agentId,
      secret: "stripe-sandbox",
      crew_run_id: RUN,
      policy: {
        vendor: "stripe",
        daily_usd_cap: dailyUsdCap,
        allowed_endpoints: ["POST /v1/payment_intents", "GET /v1/balance"],
      },
    });
    return stripeClient(dataUrl, vault_key, { maxNetworkRetries: 0 });
  };
  const billing = await issue("billing_agent", "50.00");
  const refunds = await issue("refund_agent", "20.00");
  const support = await issue("support_agent", "100.00");
  const pay = (stripe: typeof billing, amount: number, metadata: Record<string, string> = {}) =>
    stripe.paymentIntents.create({
      amount,
      currency: "usd",
      payment_method: "pm_card_visa",
      confirm: true,
      automatic_payment_methods: { enabled: true, allow_redirects: "never" },
      metadata,
    });
  await pay(billing, 740, { invoice: "in_1" });
  await support.balance.retrieve();
  await pay(refunds, 1_500);
  await pay(support, 500, { agent_id: "billing_agent" });
  await pay(refunds, 300);
  await pay(refunds, 900).catch(() => undefined);
  await billing.customers.list().catch(() => undefined);
}
