import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestServer, type TestServer } from "../support/server.ts";
import { HAS_BROWSER, openBrowser, soon, type TestBrowser } from "./browser.ts";

describe.skipIf(!HAS_BROWSER)("the console by keyboard", () => {
  let server: TestServer;
  let browser: TestBrowser;
  let page: Page;

  beforeAll(async () => {
    server = await startTestServer();
    browser = await openBrowser(server);
    page = await browser.signIn();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  const focused = () =>
    page.evaluate<string>(
      "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent",
    );
  const focusedTag = () => page.evaluate<string>("document.activeElement.tagName");
  /** Presses Tab until the focus is on something of that name; fails when it does not come there. */
  async function tabTo(name: string | RegExp): Promise<void> {
    for (let presses = 0; presses < 40; presses++) {
      await page.keyboard.press("Tab");
      const at = await focused();
      if (typeof name === "string" ? at === name : name.test(at)) return;
    }
    throw new Error(`Tab never comes to ${name}`);
  }

  test("the first stop leads past the navigation to the content", async () => {
    await page.goto(`${server.adminUrl}/calls`);
    await page.getByRole("heading", { name: "Calls" }).waitFor();
    await page.keyboard.press("Tab");
    expect(await focused()).toBe("Skip to the content");
    await page.keyboard.press("Enter");
    expect(await focusedTag()).toBe("MAIN");
    await page.keyboard.press("Tab");
    expect(await focused()).toBe("Export");
  });

  test("the order of stops is that of the page: brand, brake, account, pages, content", async () => {
    await page.goto(`${server.adminUrl}/calls`);
    await page.getByRole("heading", { name: "Calls" }).waitFor();
    const stops: string[] = [];
    for (let presses = 0; presses < 16; presses++) {
      await page.keyboard.press("Tab");
      stops.push(await focused());
    }
    expect(stops.slice(0, 6)).toEqual([
      "Skip to the content",
      "Keybrake",
      "Stop agents",
      "bootstrap",
      "Overview",
      "Agents",
    ]);
    expect(stops.at(-1)).toBe("Export");
  });

  test("`/` leads to the search from anywhere but a field", async () => {
    await page.goto(`${server.adminUrl}/calls`);
    const search = page.getByLabel("Path or metadata");
    await search.waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("a/b");
    expect(await search.inputValue()).toBe("a/b");
    await soon(() => page.url()).toContain("q=a%2Fb");
  });

  test("Escape closes the brake and gives the focus back", async () => {
    await page.goto(server.adminUrl);
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    await tabTo("Stop agents");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog", { name: "Stop agents" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await soon(focused).toBe("Stop agents");
  });

  test("the brake is pulled and released without a mouse, and the dialog keeps the focus", async () => {
    await page.goto(server.adminUrl);
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    await tabTo("Stop agents");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog", { name: "Stop agents" }).waitFor();
    const isInside = () => page.evaluate("document.activeElement.closest('[role=dialog]') !== null");
    // It takes the focus when it is open, and gets it back in the moment after it was about to leave.
    await soon(isInside).toBe(true);
    for (let presses = 0; presses < 12; presses++) {
      await page.keyboard.press("Tab");
      await soon(isInside).toBe(true);
    }
    await tabTo("Stop everything");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").filter({ hasText: "Everything is stopped" }).waitFor();
    expect((await server.admin.killSwitch.get()).engaged).toBe(true);
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await tabTo("Release");
    await page.keyboard.press("Enter");
    await soon(async () => (await server.admin.killSwitch.get()).engaged).toBe(false);
  });

  test("nothing was logged as an error, and nothing left the origin", () => {
    expect(browser.faults).toEqual([]);
  });
});
