import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { stripeClient } from "../support/crew.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { findBarriers, HAS_BROWSER, openBrowser, soon, type TestBrowser } from "./browser.ts";

vi.setConfig({ testTimeout: 90_000 });

describe.skipIf(!HAS_BROWSER)("the console while the server is away", () => {
  let server: TestServer;
  let browser: TestBrowser;

  beforeAll(async () => {
    server = await startTestServer();
    browser = await openBrowser(server);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  test("it says so, keeps what it showed, and goes on by itself when the server is back", async () => {
    const { vault_key } = await server.admin.vaultKeys.create({
      agent_id: "billing_agent",
      secret: "stripe-sandbox",
      policy: { vendor: "stripe", daily_usd_cap: "25", allowed_endpoints: ["* /**"] },
    });
    const read = () => stripeClient(server.dataUrl, vault_key).balance.retrieve();
    await read();
    const page = await browser.signIn();
    await page.getByRole("link", { name: "Calls", exact: true }).click();
    const rows = page.getByRole("table", { name: "Calls, newest first" }).getByRole("row");
    await soon(() => rows.count()).toBe(2);

    await server.stop({ keepData: true });
    const banner = page.getByRole("alert").filter({ hasText: "The server does not answer" });
    await banner.waitFor();
    await page.getByText("not connected").waitFor();
    expect(await rows.count()).toBe(2);
    expect(await findBarriers(page)).toEqual([]);
    await page.getByLabel("State").selectOption("settled");
    await page.getByText("What you see may be old; nothing is lost").first().waitFor();

    server = await startTestServer({
      dataDir: server.dataDir,
      adminToken: server.adminToken,
      env: {
        KEYBRAKE_PORT: new URL(server.dataUrl).port,
        KEYBRAKE_ADMIN_PORT: new URL(server.adminUrl).port,
      },
    });
    await banner.waitFor({ state: "detached" });
    await page.getByText("live", { exact: true }).waitFor();
    await read();
    await soon(() => rows.count()).toBe(3);
  });

  test("nothing but the lost connection was logged as an error, and nothing left the origin", () => {
    expect(browser.faults.filter((fault) => !/ERR_CONNECTION|ERR_INCOMPLETE|ERR_EMPTY/.test(fault))).toEqual(
      [],
    );
  });
});
