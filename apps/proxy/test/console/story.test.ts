import { readFile } from "node:fs/promises";
import type { Page } from "playwright-core";
import type Stripe from "stripe";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stripeClient } from "../support/crew.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { HAS_BROWSER, openBrowser, soon, type TestBrowser } from "./browser.ts";

const RUN = "nightly-invoices-7";

describe.skipIf(!HAS_BROWSER)("an incident, from the first call to the brake", () => {
  let server: TestServer;
  let browser: TestBrowser;
  let page: Page;
  let billing: Stripe;
  let refunds: Stripe;

  beforeAll(async () => {
    server = await startTestServer();
    billing = await issue("billing_agent", "25.00");
    refunds = await issue("refund_agent", "5.00");
    browser = await openBrowser(server);
    page = await browser.signIn();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  async function issue(agentId: string, dailyUsdCap: string, crewRunId = RUN): Promise<Stripe> {
    const { vault_key } = await server.admin.vaultKeys.create({
      agent_id: agentId,
      secret: "stripe-sandbox",
      crew_run_id: crewRunId,
      policy: { vendor: "stripe", daily_usd_cap: dailyUsdCap, allowed_endpoints: ["* /**"] },
    });
    return stripeClient(server.dataUrl, vault_key, { maxNetworkRetries: 0 });
  }

  const pay = (stripe: Stripe, amount: number, metadata: Record<string, string> = {}) =>
    stripe.paymentIntents.create({
      amount,
      currency: "usd",
      payment_method: "pm_card_visa",
      confirm: true,
      automatic_payment_methods: { enabled: true, allow_redirects: "never" },
      metadata,
    });
  const codeOf = (call: Promise<unknown>) =>
    call.then(
      () => null,
      (error: Stripe.errors.StripeError) => error.code,
    );
  const goTo = (name: string) =>
    page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name, exact: true }).click();
  const found = () => page.getByRole("table", { name: "Calls, newest first" }).getByRole("row");
  const banner = () => page.getByRole("alert").filter({ hasText: "Everything is stopped" });

  test("a call shows up on the page while it is open", async () => {
    await goTo("Calls");
    await page.getByText("There is no call yet").waitFor();
    await page.getByText("live", { exact: true }).waitFor();
    await page.evaluate("window.isSamePage = true");
    await pay(billing, 2_000, { invoice: "in_100%_'paid'" });
    await found().filter({ hasText: "billing_agent" }).filter({ hasText: "$20.00" }).waitFor();
    expect(await page.evaluate("window.isSamePage")).toBe(true);
  });

  test("a refusal at the cap shows up with its code", async () => {
    expect(await codeOf(pay(billing, 1_000))).toBe("daily_cap_exceeded");
    expect(await codeOf(pay(refunds, 300, { agent_id: "billing_agent" }))).toBeNull();
    await found().filter({ hasText: "daily_cap_exceeded" }).filter({ hasText: "429" }).waitFor();
    await found().filter({ hasText: "refund_agent" }).filter({ hasText: "claims billing_agent" }).waitFor();
    expect(await found().count()).toBe(4);
  });

  test("what the filter shows is what its exports hold", async () => {
    await page.getByLabel("State").selectOption("denied");
    await soon(() => found().count()).toBe(2);
    expect(page.url()).toContain("state=denied");
    const csv = await download("Every row as CSV");
    const [head, ...rows] = csv.trim().split("\r\n");
    expect(head).toContain("denial_code");
    expect(rows).toHaveLength(1);
    expect(rows[0]).toContain("daily_cap_exceeded");
    await page.getByLabel("State").selectOption("");
    await page.getByLabel("Agent", { exact: true }).fill("refund_agent");
    await soon(() => page.url()).toContain("agent_id=refund_agent");
    const ndjson = await download("Every row as NDJSON");
    const { data } = await server.admin.calls.list({ agent_id: "refund_agent" });
    expect(
      ndjson
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual(data);
    expect(data).toHaveLength(1);
  });

  async function download(item: string): Promise<string> {
    await page.getByRole("button", { name: "Export" }).click();
    const [file] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("menuitem", { name: item }).click(),
    ]);
    return readFile(await file.path(), "utf8");
  }

  test("the filter as SQL gives the same calls", async () => {
    for (const filter of [
      { q: "100%_'PAID'", last: "1h" },
      { claimed: "true", min_cost_usd: "3", currency: "USD", status_code: "200" },
      { verdict: "deny", from: "2020-01-01", method: "post" },
    ]) {
      await page.goto(`${server.adminUrl}/calls?${new URLSearchParams(filter as Record<string, string>)}`);
      await page.getByRole("button", { name: "Export" }).click();
      await page.getByRole("menuitem", { name: "Copy as SQL" }).click();
      const query = await page.getByRole("textbox", { name: "Query" }).inputValue();
      await page.keyboard.press("Escape");
      const { last: _last, ...asked } = filter as Record<string, string>;
      const { data } = await server.admin.calls.list(asked);
      const { rows } = await server.admin.sql.query(query);
      expect(
        rows.map(({ id }) => id),
        query,
      ).toEqual(data.map(({ id }) => id));
      expect(rows, query).toHaveLength(1);
      await soon(() => found().count(), { message: query }).toBe(2);
    }
  });

  test("a search without a result says so, and a wrong filter says what is wrong with it", async () => {
    await goTo("Calls");
    await page.keyboard.press("/");
    await page.keyboard.type("nowhere");
    await page.getByText("No call matches").waitFor();
    await page.getByRole("button", { name: "Clear filters" }).click();
    await page.getByRole("button", { name: "More filters" }).click();
    await page.getByLabel("HTTP status").fill("9000");
    await page.getByText("must be an HTTP status such as").first().waitFor();
    await page.getByRole("button", { name: "Clear filters" }).click();
    await soon(() => found().count()).toBe(4);
  });

  test("a call shows why it was decided so, and what proves it", async () => {
    await found()
      .filter({ hasText: "claims billing_agent" })
      .getByRole("link", { name: "POST /v1/payment_intents" })
      .click();
    await page.getByText("The key says otherwise").waitFor();
    const proof = page.getByRole("table", { name: "Links of the audit chain about this call" });
    await soon(() => proof.getByText("fits the row").count()).toBe(2);
    const budgets = page.getByRole("table", { name: "Budgets that cover the call" });
    await budgets.getByRole("row").filter({ hasText: "$3.00" }).filter({ hasText: "$5.00" }).waitFor();
  });

  test("a run shows its agents' calls in order, and what each spent", async () => {
    await goTo("Runs");
    await page.getByRole("table", { name: /Runs/ }).getByRole("link", { name: RUN }).click();
    const order = page.getByRole("table", { name: "Calls of the run in order" }).getByRole("row");
    await soon(() => order.count()).toBe(4);
    expect(await order.nth(1).textContent()).toContain("$20.00");
    expect(await order.nth(3).textContent()).toContain("refund_agent");
    const spend = page.getByRole("table", { name: "Spend of the run per agent" }).getByRole("row");
    expect(await spend.filter({ hasText: "billing_agent" }).textContent()).toContain("$20.00");
  });

  test("who reads back is not disturbed by what is new, until it is asked for", async () => {
    const reader = await issue("reader_agent", "1.00", "another-run");
    for (let calls = 0; calls < 60; calls += 10)
      await Promise.all(Array.from({ length: 10 }, () => reader.balance.retrieve()));
    await page.goto(`${server.adminUrl}/calls?agent_id=reader_agent`);
    await soon(() => found().count()).toBe(51);
    await page.getByRole("button", { name: "More", exact: true }).click();
    await soon(() => found().count()).toBe(61);
    const asked: string[] = [];
    page.on("request", (request) => asked.push(new URL(request.url()).pathname));
    await reader.balance.retrieve();
    // When a second change has been looked at, whatever the call has read again was asked for before.
    const changes = () => asked.filter((path) => path === "/api/v1/kill-switch").length;
    for (const count of [1, 2]) {
      await server.admin.killSwitch.set({ engaged: false });
      await soon(changes).toBe(count);
    }
    expect(asked).not.toContain("/api/v1/calls");
    expect(await found().count()).toBe(61);
    await page.getByRole("button", { name: "Show the newest" }).click();
    await soon(() => found().count()).toBe(51);
    await page.getByRole("button", { name: "More", exact: true }).click();
    await soon(() => found().count()).toBe(62);
  });

  test("two clicks stop everything, every page says so, and one releases it", async () => {
    await page.getByRole("button", { name: "Stop agents" }).click();
    await page.getByText(/This stops \d+ active keys/).waitFor();
    await page.getByRole("button", { name: "Stop everything" }).click();
    await banner().waitFor();
    const refused = await pay(billing, 100).catch((error: Stripe.errors.StripeError) => error);
    expect(refused).toMatchObject({ statusCode: 503, code: "kill_switch_engaged" });
    const names = await page.getByRole("navigation", { name: "Pages" }).getByRole("link").allTextContents();
    expect(names.length).toBeGreaterThan(8);
    for (const name of names) {
      await goTo(name);
      await page.getByRole("heading", { level: 1 }).waitFor();
      expect(await banner().isVisible(), name).toBe(true);
    }
    await banner().getByRole("button", { name: "Release" }).click();
    await banner().waitFor({ state: "detached" });
    expect(await codeOf(pay(billing, 100))).toBeNull();
  });

  test("who may only read finds the brake out of reach, on the page and on the server", async () => {
    const { token } = await server.admin.adminTokens.create({ name: "reader", role: "auditor" });
    const reader = await browser.signIn({ token });
    const brake = reader.getByRole("button", { name: "Stop agents" });
    expect(await brake.isDisabled()).toBe(true);
    expect(await brake.getAttribute("title")).toBe("needs the role operator");
    const refused = await reader.evaluate(`(async () => {
      const { csrf } = await (await fetch("/api/v1/session")).json();
      const answer = await fetch("/api/v1/kill-switch", {
        method: "PUT",
        headers: { "content-type": "application/json", "x-keybrake-csrf": csrf },
        body: JSON.stringify({ engaged: true }),
      });
      return [answer.status, (await answer.json()).code];
    })()`);
    expect(refused).toEqual([403, "role_not_sufficient"]);
    expect((await server.admin.killSwitch.get()).engaged).toBe(false);
    await reader.context().close();
  });

  test("the brake of a run revokes its keys for good, and nobody else's", async () => {
    const other = await server.admin.vaultKeys.create({
      agent_id: "billing_agent",
      secret: "stripe-sandbox",
      policy: { vendor: "stripe", daily_usd_cap: "5", allowed_endpoints: ["* /**"] },
    });
    await page.goto(`${server.adminUrl}/runs/${RUN}`);
    await page.getByRole("button", { name: "Stop this run" }).click();
    await page.getByText("This stops 2 active keys: ").waitFor();
    await page.getByLabel("Reason").fill("it pays twice");
    await page.getByRole("button", { name: "Revoke for good" }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    expect(await codeOf(pay(billing, 100))).toBe("vault_key_revoked");
    expect(await codeOf(pay(refunds, 100))).toBe("vault_key_revoked");
    expect(await codeOf(pay(stripeClient(server.dataUrl, other.vault_key), 100))).toBeNull();
    const { data } = await server.admin.adminEvents.list({ action: "run.revoke" });
    expect(data[0]).toMatchObject({ target: RUN, outcome: "done", details: { reason: "it pays twice" } });
  });

  test("nothing was logged as an error, and nothing left the origin", () => {
    // One filter of this story was wrong, and the browser reports that it was refused.
    expect(browser.faults.filter((fault) => !fault.includes("status of 400"))).toEqual([]);
  });
});
