import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestServer, type TestServer } from "../support/server.ts";
import {
  findBarriersInEveryLook,
  HAS_BROWSER,
  LAPTOP,
  openBrowser,
  type TestBrowser,
  takePicture,
} from "./browser.ts";

describe.skipIf(!HAS_BROWSER)("the pages that decide", () => {
  let server: TestServer;
  let browser: TestBrowser;
  let page: Page;

  beforeAll(async () => {
    server = await startTestServer();
    browser = await openBrowser(server);
    await server.admin.budgets.create({
      scope: "agent_id",
      value: "billing_agent",
      window: "daily",
      usd_cap: 50,
    });
    await server.admin.adminTokens.create({ name: "night shift", role: "operator" });
    page = await browser.signIn();
  }, 180_000);
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  test.each([
    ["the keys", "/keys", "console-keys"],
    ["a new key", "/keys/new", null],
    ["one key", "/keys/:id", "console-key"],
    ["the budgets", "/budgets", null],
    ["the secrets", "/secrets", null],
    ["the endpoints", "/endpoints", "console-endpoints"],
    ["the alerts", "/alerts", null],
    ["the audit", "/audit", "console-audit"],
    ["the settings", "/settings", "console-settings"],
  ])(
    "the page of %s has no barrier in any size or light",
    async (_name, path, picture) => {
      const { data } = await server.admin.vaultKeys.list({ agent_id: "billing_agent" });
      await page.setViewportSize(LAPTOP);
      await page.emulateMedia({ colorScheme: "light" });
      await page.goto(server.adminUrl + path.replace(":id", data[0]?.id ?? ""));
      await page.getByRole("heading", { level: 1 }).waitFor();
      await expect
        .poll(() => page.getByRole("status").filter({ hasText: "…" }).count(), { timeout: 15_000 })
        .toBe(0);
      if (picture !== null) await takePicture(page, picture);
      expect(await findBarriersInEveryLook(page)).toEqual([]);
    },
    60_000,
  );

  test("nothing was logged as an error, and nothing left the origin", () => {
    expect(browser.faults).toEqual([]);
  });
});
