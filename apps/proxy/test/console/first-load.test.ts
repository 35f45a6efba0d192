import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestServer, type TestServer } from "../support/server.ts";
import { HAS_BROWSER, openBrowser, type TestBrowser } from "./browser.ts";

const BYTES_MAX = 300 * 1_024;

describe.skipIf(!HAS_BROWSER)("the first load of the console", () => {
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

  test("the first page, its chart among it, takes at most 300 KiB of the wire", async () => {
    const page = await browser.signIn();
    const devtools = await page.context().newCDPSession(page);
    await devtools.send("Network.enable");
    await devtools.send("Network.setCacheDisabled", { cacheDisabled: true });
    const addresses = new Map<string, string>();
    const bytes = new Map<string, number>();
    devtools.on("Network.requestWillBeSent", ({ requestId, request }) =>
      addresses.set(requestId, request.url),
    );
    devtools.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
      // What the page before the reload had asked for is none of it.
      const address = addresses.get(requestId);
      if (address !== undefined) bytes.set(address, encodedDataLength);
    });
    await page.reload();
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    await page.locator(".recharts-surface").first().waitFor();
    await page.getByText("live", { exact: true }).waitFor();
    await page.waitForLoadState("load");
    const sizes = [...bytes].sort(([, one], [, other]) => other - one);
    const total = sizes.reduce((sum, [, size]) => sum + size, 0);
    // The page, its code and style, and what it asked the API for.
    expect(sizes.length).toBeGreaterThan(8);
    expect(total, JSON.stringify(sizes, null, 2)).toBeLessThanOrEqual(BYTES_MAX);
  });
});
