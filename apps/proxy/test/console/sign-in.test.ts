import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestServer, type TestServer } from "../support/server.ts";
import { findBarriers, HAS_BROWSER, openBrowser, PHONE, type TestBrowser } from "./browser.ts";

describe.skipIf(!HAS_BROWSER)("signing in to the console", () => {
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

  const navigation = (page: Page) => page.getByRole("navigation", { name: "Pages" });

  test("the link that the server prints signs in once, and is gone from the address", async () => {
    const link = /console +(\S+)/.exec(server.output())?.[1] ?? "";
    const page = await browser.open();
    await page.goto(link);
    await navigation(page).waitFor();
    expect(page.url()).not.toContain("login");
    const other = await browser.open();
    await other.goto(link);
    await other.getByRole("heading", { name: "Keybrake" }).waitFor();
    expect(await navigation(other).count()).toBe(0);
  });

  test("an admin token signs in, and a wrong one says so", async () => {
    const page = await browser.open(PHONE);
    await page.goto(server.adminUrl);
    const field = page.getByLabel("Admin token");
    await field.fill("wrong-wrong-wrong-wrong-wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("This token is not known").waitFor();
    expect(await findBarriers(page)).toEqual([]);
    await field.fill(server.adminToken);
    await page.getByRole("button", { name: "Sign in" }).click();
    await navigation(page).waitFor();
    expect(await page.evaluate("document.cookie")).toBe("");
    expect(await page.evaluate("JSON.stringify({ ...localStorage, ...sessionStorage })")).not.toContain(
      server.adminToken,
    );
  });

  test("signing out ends the session on the server, not only on the page", async () => {
    const page = await browser.signIn();
    const [cookie] = await page.context().cookies();
    await page.getByRole("button", { name: "bootstrap" }).click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await page.getByLabel("Admin token").waitFor();
    const answer = await fetch(`${server.adminUrl}/api/v1/session`, {
      headers: { cookie: `${cookie?.name}=${cookie?.value}`, "sec-fetch-site": "same-origin" },
    });
    expect(answer.status).toBe(401);
  });

  test("nothing was logged as an error, and nothing left the origin", () => {
    expect(browser.faults).toEqual([]);
  });
});
