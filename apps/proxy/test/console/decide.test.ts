import { execFile } from "node:child_process";
import { createHmac } from "node:crypto";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type CreatedVaultKey, createAdminClient, type RootVaultKey } from "@keybrake/client";
import type { Page } from "playwright-core";
import Stripe from "stripe";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SANDBOX_SECRETS } from "../../src/upstreams.ts";
import { openAlertReceiver } from "../support/alert-receiver.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { findBarriers, HAS_BROWSER, openBrowser, soon, type TestBrowser, takePicture } from "./browser.ts";

const PACKAGE = fileURLToPath(new URL("../..", import.meta.url));
const CHARGE = { currency: "usd", payment_method: "pm_card_visa", confirm: true } as const;

describe.skipIf(!HAS_BROWSER)("deciding in the console", () => {
  let server: TestServer;
  let browser: TestBrowser;
  let page: Page;

  beforeAll(async () => {
    server = await startTestServer({ env: { KEYBRAKE_ALERT_PRIVATE_HOSTS: "127.0.0.1" } });
    browser = await openBrowser(server);
    page = await browser.signIn();
  }, 180_000);
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  const open = (path: string, on = page) => on.goto(`${server.adminUrl}${path}`);
  const button = (name: string | RegExp, on = page) => on.getByRole("button", { name, exact: true });
  const row = (text: string) => page.getByRole("row").filter({ hasText: text });

  /** Presses the button of a dialog that is then done with: while it is open, what is below it is out of reach. */
  async function settle(name: string): Promise<void> {
    await button(name).click();
    await page.getByRole("dialog").waitFor({ state: "hidden" });
  }

  async function keyOf(agentId: string, more: Partial<RootVaultKey> = {}): Promise<CreatedVaultKey> {
    return server.admin.vaultKeys.create({
      agent_id: agentId,
      secret: "stripe-sandbox",
      policy: { vendor: "stripe", daily_usd_cap: "100", allowed_endpoints: ["POST /v1/payment_intents"] },
      ...more,
    });
  }

  function stripeOf(vaultKey: string): Stripe {
    const { hostname, port } = new URL(server.dataUrl);
    return new Stripe(vaultKey, { host: hostname, port, protocol: "http", maxNetworkRetries: 0 });
  }

  /** Charges some dollars; "charged", or the code with which that was refused. */
  async function charge(stripe: Stripe, dollars: number): Promise<string> {
    try {
      await stripe.paymentIntents.create({ ...CHARGE, amount: dollars * 100 });
      return "charged";
    } catch (error) {
      return (error as Stripe.errors.StripeError).code ?? String(error);
    }
  }

  test("a key made from a template works with the lines that are shown, as pasted", async () => {
    await open("/keys");
    await page.getByRole("link", { name: "New key" }).click();
    await page.getByLabel("Start from a template").selectOption({ label: "Billing agent" });
    expect(await page.getByLabel("Agent", { exact: true }).inputValue()).toBe("billing_agent");
    await page.getByLabel("Run", { exact: true }).fill("it's run 1");
    await page.getByLabel("A day, in dollars").fill("50");
    await page.getByLabel("Search the catalogue").fill("refunds");
    await page.getByRole("checkbox", { name: "POST /v1/refunds" }).first().check();
    await page.getByLabel("Pattern by hand").fill("GET /v1/payment_intents/*");
    await button("Add").click();
    await takePicture(page, "console-new-key");
    await button("Create the key").click();
    const vaultKey = await page.getByLabel("vault key", { exact: true }).textContent();
    expect(vaultKey).toMatch(/^vault_billing_/);
    expect(await findBarriers(page)).toEqual([]);
    const shell = await page
      .getByRole("region", { name: "the Node environment" })
      .locator("pre")
      .textContent();
    const code = await page.getByRole("region", { name: "the Node code" }).locator("pre").textContent();
    expect(shell?.split("\n")).toEqual([
      `export BILLING_VAULT_KEY=${vaultKey}`,
      `export STRIPE_BASE_URL=${server.dataUrl}/stripe`,
      "export CREW_RUN_ID='it'\\''s run 1'",
      "export NODE_OPTIONS='--import @keybrake/client/register'",
    ]);
    const program = `${code}
      const { id } = await stripe.paymentIntents.create(${JSON.stringify({ ...CHARGE, amount: 1_000 })});
      console.log(id, process.env.CREW_RUN_ID);`;
    const { stdout } = await promisify(execFile)(
      "sh",
      ["-c", `${shell}\n"$0" --input-type=module --eval "$1"`, process.execPath, program],
      { cwd: PACKAGE, env: { PATH: process.env["PATH"] ?? "" }, timeout: 25_000 },
    );
    expect(stdout).toMatch(/^pi_\w+ it's run 1\n$/);
    const { data: calls } = await server.admin.calls.list({ crew_run_id: "it's run 1" });
    expect(calls).toMatchObject([{ state: "settled", cost_usd: "10.00", agent_id: "billing_agent" }]);
    const { data: keys } = await server.admin.vaultKeys.list({ crew_run_id: "it's run 1" });
    expect(keys[0]?.policy).toMatchObject({
      daily_usd_cap: "50",
      allowed_endpoints: [
        "POST /v1/payment_intents",
        "GET /v1/customers/*",
        "POST /v1/refunds",
        "GET /v1/payment_intents/*",
      ],
    });

    await page.getByRole("link", { name: "I have it: show the key's page" }).click();
    await page.getByRole("heading", { name: "Child keys" }).waitFor();
    expect(await page.content()).not.toContain(vaultKey);
    await page.goBack();
    await button("Create the key").waitFor();
    expect(await page.content()).not.toContain(vaultKey);
    expect(
      await page.evaluate("JSON.stringify([location.href, history.state, { ...localStorage }])"),
    ).not.toContain(vaultKey);
  });

  test("a policy is tried on recorded calls, then changed", async () => {
    const { id, vault_key } = await keyOf("tried_agent", { name: "Tried" });
    const stripe = stripeOf(vault_key);
    for (const dollars of [10, 20, 30]) expect(await charge(stripe, dollars)).toBe("charged");
    await expect(stripe.customers.list()).rejects.toMatchObject({ code: "endpoint_not_allowed" });
    await open(`/keys/${id}`);
    await button("Change the policy").click();
    await page.getByLabel("One call, in dollars").fill("many");
    await button("Try it on recorded calls").click();
    await page
      .getByText(/must be dollars/)
      .first()
      .waitFor();
    expect(await page.getByLabel("One call, in dollars").getAttribute("aria-invalid")).toBe("true");
    await page.getByLabel("One call, in dollars").fill("15");
    await button("Try it on recorded calls").click();
    await page.getByText("It would have denied 2 of 4 calls of the last 7 days.").waitFor();
    expect(await page.getByRole("list", { name: "Reasons" }).textContent()).toBe("per_call_cap_exceeded · 2");
    const [call] = (await server.admin.calls.list({ vault_key_id: id, min_cost_usd: "30" })).data;
    const links = page.getByRole("table", { name: "Calls that it would judge otherwise" }).getByRole("link");
    expect(await links.first().getAttribute("href")).toBe(`/calls/${call?.id}`);
    expect(await links.count()).toBe(2);
    expect(await findBarriers(page)).toEqual([]);
    await page.getByRole("region", { name: "Dry run" }).scrollIntoViewIfNeeded();
    await takePicture(page, "console-dry-run");
    expect(await charge(stripe, 20)).toBe("charged");
    await button("Save the policy").click();
    await button("Change the policy").waitFor();
    expect(await charge(stripe, 20)).toBe("per_call_cap_exceeded");
    expect((await server.admin.vaultKeys.get(id)).policy).toMatchObject({ per_call_usd_cap: "15" });
  });

  test("a policy can be written as JSON, and no broken text is sent", async () => {
    await open("/keys/new");
    await page.getByLabel("Agent", { exact: true }).fill("json_agent");
    await page.getByLabel("Secret", { exact: true }).selectOption("stripe-sandbox");
    await button("Write it as JSON").click();
    await page.getByLabel("Policy as JSON").fill('{"vendor": "stripe",');
    expect(await button("Create the key").isDisabled()).toBe(true);
    await page.getByLabel("Policy as JSON").fill('{"vendor": "stripe", "daily_usd_cup": 1}');
    await button("Create the key").click();
    await page
      .getByText(/daily_usd_cup/)
      .last()
      .waitFor();
    await page.getByLabel("Policy as JSON").fill('{"vendor": "stripe", "total_call_cap": 3}');
    await button("Write it in the form").click();
    expect(await page.getByLabel("Calls in all").inputValue()).toBe("3");
    await button("Create the key").click();
    await page.getByLabel("vault key", { exact: true }).waitFor();
    const { data } = await server.admin.vaultKeys.list({ agent_id: "json_agent" });
    expect(data[0]?.policy).toEqual({ vendor: "stripe", total_call_cap: 3 });
  });

  test("a child key is refused where it is wider than its parent, and then made narrower", async () => {
    const { id } = await keyOf("parent_agent", { name: "Parent" });
    await open(`/keys/${id}`);
    await page.getByRole("link", { name: "New child key" }).click();
    await page.getByLabel("A day, in dollars").fill("500");
    await button("Create the child key").click();
    const field = page.getByLabel("A day, in dollars");
    await page.locator("input[aria-invalid=true]").waitFor();
    expect(await field.getAttribute("aria-invalid")).toBe("true");
    expect(await page.locator("input[aria-invalid=true]").count()).toBe(1);
    expect(await findBarriers(page)).toEqual([]);
    await field.fill("5");
    await page.getByLabel("Name").fill("Sub-agent");
    await button("Create the child key").click();
    await page.getByLabel("vault key", { exact: true }).waitFor();
    await open(`/keys/${id}`);
    await page.getByRole("table", { name: "Child keys" }).getByRole("link", { name: "Sub-agent" }).waitFor();
    await open("/keys?q=sub-agent");
    expect(await row("Sub-agent").textContent()).toContain("child");
  });

  test("a key is found by what is typed, and revoked from its row with a reason", async () => {
    const { id } = await keyOf("stopped_agent", { name: "To be stopped" });
    await open("/keys");
    await button("Stop To be stopped").waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("TO BE st");
    await page.waitForURL(/q=TO/);
    await soon(() => page.getByRole("row").count()).toBe(2);
    await button("Stop To be stopped").click();
    await page.getByLabel("Reason").fill("misbehaved");
    await settle("Revoke for good");
    await row("To be stopped").getByText("revoked").waitFor();
    expect(await server.admin.vaultKeys.get(id)).toMatchObject({
      status: "revoked",
      status_reason: "misbehaved",
    });
  });

  test("a secret goes in, is replaced, and never comes out; erasing it names the keys that stop", async () => {
    const values = [SANDBOX_SECRETS.stripe.value, "sk_test_unknown0000000000000002"] as const;
    await open("/secrets");
    await button("Add a secret").click();
    await page.getByLabel("Name").fill("spare");
    await page.getByLabel("Value").fill(values[0]);
    await settle("Store the secret");
    await row("spare").waitFor();
    const stripe = stripeOf(
      (await keyOf("spare_agent", { secret: "spare", name: "Of the spare" })).vault_key,
    );
    expect(await charge(stripe, 1)).toBe("charged");
    await button("Rotate spare").click();
    await page.getByLabel("New value").fill(values[1]);
    await settle("Replace the value");
    await row("spare").getByRole("cell", { name: "2", exact: true }).waitFor();
    await button("Pace spare").click();
    await page.getByLabel("Requests a second").fill("7");
    await settle("Set the pace");
    await row("spare").getByText("7", { exact: true }).waitFor();
    for (const value of values) expect(await page.content()).not.toContain(value);
    // The vendor does not know the new value: it is what went there.
    expect(await charge(stripe, 1)).toBe("vendor_answer_withheld");
    await button("Erase spare").click();
    await page.getByRole("list", { name: "Keys that stop" }).getByText("Of the spare").waitFor();
    expect(await findBarriers(page)).toEqual([]);
    await takePicture(page, "console-secret-erased");
    await settle("Erase the secret");
    await soon(() => row("spare").count()).toBe(0);
    expect((await server.admin.secrets.list()).data.map(({ name }) => name)).not.toContain("spare");
    expect(await charge(stripe, 1)).toBe("vault_key_revoked");
  });

  test("a budget stops an agent at its limit, is changed, and is deleted", async () => {
    const stripe = stripeOf((await keyOf("capped_agent")).vault_key);
    await open("/budgets");
    await button("New budget").click();
    await page.getByLabel("Agent", { exact: true }).fill("capped_agent");
    await page.getByLabel("Limit in dollars").fill("1.5x");
    await button("Set the budget").click();
    await page
      .getByText(/must be dollars/)
      .first()
      .waitFor();
    await page.getByLabel("Limit in dollars").fill("15");
    await button("Set the budget").click();
    await row("capped_agent").waitFor();
    expect(await charge(stripe, 10)).toBe("charged");
    expect(await charge(stripe, 10)).toBe("daily_cap_exceeded");
    await row("capped_agent").getByText("test $10.00").waitFor();
    expect(
      await page
        .getByRole("meter", { name: "daily usd of agent capped_agent, test credentials" })
        .getAttribute("aria-valuetext"),
    ).toBe("67 percent used");
    await takePicture(page, "console-budgets");
    await button("Change the daily usd of agent capped_agent").click();
    await page.getByLabel("Limit in dollars").fill("25");
    await settle("Change the limit");
    await row("capped_agent").getByRole("cell", { name: "$25.00", exact: true }).waitFor();
    expect(await charge(stripe, 10)).toBe("charged");
    await button("Delete the daily usd of agent capped_agent").click();
    await settle("Delete the budget");
    await soon(() => row("capped_agent").count()).toBe(0);
    expect((await server.admin.budgets.list({ value: "capped_agent" })).data).toEqual([]);
  });

  test("a channel gets a signed test alert, is turned off, and is erased", async () => {
    const receiver = await openAlertReceiver();
    try {
      await open("/alerts");
      await button("Add a channel").click();
      await page.getByLabel("Name").fill("pager");
      await page.getByLabel("Address").fill("http://198.51.100.7/hook");
      await button("Add the channel").click();
      await page.getByText(/address_refused/).waitFor();
      await page.getByLabel("Address").fill(`${receiver.url}/secret-path`);
      await page.getByLabel("the kill switch was engaged or released").check();
      expect(await findBarriers(page)).toEqual([]);
      await button("Add the channel").click();
      const secret = (await page.getByLabel("signing secret of pager", { exact: true }).textContent()) ?? "";
      await button("Test pager").click();
      await page.getByText(/^Delivered: answered 204/).waitFor();
      const [alert] = receiver.received;
      const [, time, signature] =
        /^t=([0-9]+),v1=([0-9a-f]{64})$/.exec(`${alert?.headers["keybrake-signature"]}`) ?? [];
      expect(signature).toBe(createHmac("sha256", secret).update(`${time}.${alert?.body}`).digest("hex"));
      expect(alert).toMatchObject({ path: "/secret-path", json: { kind: "test" } });
      expect(await page.content()).not.toContain("secret-path");
      await open("/alerts");
      await row("pager").first().waitFor();
      await takePicture(page, "console-alerts");
      expect(await page.content()).not.toContain(secret);
      await button("Turn off pager").click();
      await button("Turn on pager").waitFor();
      expect((await server.admin.alertChannels.list()).data).toMatchObject([
        { name: "pager", enabled: false, events: ["kill_switch"] },
      ]);
      await button("Erase pager").click();
      await settle("Erase the channel");
      await page.getByText("Alerts go nowhere yet.").waitFor();
    } finally {
      await receiver.close();
    }
  });

  test("the audit page verifies the chain and tells who did what", async () => {
    await open("/audit?action=secret.rotate");
    await button("Verify now").click();
    await page.getByText("intact", { exact: true }).waitFor();
    await page.getByRole("table", { name: "Admin trail" }).getByText("secret.rotate").waitFor();
    await expect
      .poll(() => page.getByRole("table", { name: "Admin trail" }).getByRole("row").count())
      .toBe(2);
    await page.getByRole("table", { name: "Counts of refusals" }).getByText("endpoint_not_allowed").waitFor();
  });

  test("the settings tell what is in force, where that comes from, and what changes it", async () => {
    await open("/settings");
    expect(await row("KEYBRAKE_DATA_URL").textContent()).toContain(server.dataUrl);
    expect(await row("KEYBRAKE_ALERT_PRIVATE_HOSTS").textContent()).toMatch(/127\.0\.0\.1.*environment/);
    expect(await row("KEYBRAKE_RETENTION_DAYS").textContent()).toMatch(/30 days.*default/);
  });

  test("an auditor sees everything and can change nothing", async () => {
    await open("/settings");
    await button("New token").click();
    await page.getByLabel("Name").fill("eve");
    await settle("Create the token");
    const token = (await page.getByLabel("token of eve", { exact: true }).textContent()) ?? "";
    const eve = await browser.signIn({ token });
    const { id } = await keyOf("seen_agent", { name: "Seen" });
    const doors: readonly (readonly [path: string, buttons: readonly string[]])[] = [
      ["/keys", ["New key", "Stop Seen"]],
      [`/keys/${id}`, ["New child key", "Revoke this key", "Change the policy"]],
      ["/budgets", ["New budget"]],
      ["/secrets", ["Add a secret", "Rotate stripe-sandbox", "Pace stripe-sandbox", "Erase stripe-sandbox"]],
      ["/alerts", ["Add a channel"]],
      ["/settings", ["New token", "Revoke eve"]],
    ];
    for (const [path, names] of doors) {
      await open(path, eve);
      for (const name of names) {
        await button(name, eve).waitFor();
        expect([name, await button(name, eve).isDisabled()]).toEqual([name, true]);
        expect(await button(name, eve).getAttribute("title")).toMatch(/^needs the role (admin|operator)$/);
      }
    }
    // The form is there to be read by its address; its button is not to be pressed.
    await open("/keys/new", eve);
    await eve.getByLabel("Agent", { exact: true }).fill("eve_agent");
    await eve.getByLabel("Secret", { exact: true }).selectOption("stripe-sandbox");
    expect(await button("Create the key", eve).isDisabled()).toBe(true);
    const auditor = createAdminClient({ baseUrl: server.adminUrl, token });
    const policy = { vendor: "stripe" } as const;
    for (const change of [
      () => auditor.vaultKeys.create({ agent_id: "eve_agent", secret: "stripe-sandbox", policy }),
      () => auditor.vaultKeys.update(id, { policy }),
      () => auditor.vaultKeys.revoke(id),
      () => auditor.budgets.create({ scope: "installation", window: "daily", usd_cap: 1 }),
      () => auditor.secrets.rotate("stripe-sandbox", { value: "sk_test_of_eve_00000000" }),
      () => auditor.alertChannels.create({ name: "eve", kind: "webhook", url: "https://example.com/" }),
      () => auditor.adminTokens.create({ name: "eve", role: "admin" }),
    ])
      await expect(change()).rejects.toMatchObject({ status: 403, code: "role_not_sufficient" });
    // In the browser, with its session and what its own page would send along.
    const status = await eve.evaluate(async () => {
      const { csrf } = (await (await fetch("/api/v1/session")).json()) as { csrf: string };
      const headers = { "content-type": "application/json", "x-keybrake-csrf": csrf };
      const body = JSON.stringify({ engaged: true });
      return (await fetch("/api/v1/kill-switch", { method: "PUT", headers, body })).status;
    });
    expect(status).toBe(403);
    await eve.context().close();
    await button("Revoke eve").click();
    await settle("Revoke the token");
    await soon(() => button("Revoke eve").count()).toBe(0);
    await expect(auditor.session.get()).rejects.toMatchObject({ status: 401 });
  });

  test("nothing was logged as an error, and nothing left the origin", () => {
    expect(browser.faults).toEqual([]);
  });
});
