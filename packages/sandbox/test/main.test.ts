import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { errorOf, pay, SECRET_KEY, sdkFor } from "./sdk.ts";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));

/** Starts the program as its own process and waits for its line. */
async function start(...args: string[]): Promise<{ url: string; child: ChildProcess }> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const lines = createInterface({ input: child.stdout });
  const [line] = (await once(lines, "line")) as [string];
  return { url: (JSON.parse(line) as { url: string }).url, child };
}

describe("the program", { timeout: 20_000 }, () => {
  it("says where it listens, is steered over HTTP and ends on SIGTERM", async () => {
    const { url, child } = await start("--port", "0", "--control");
    const stripe = sdkFor(url);
    await pay(stripe, 500);
    const control = (path: string, body?: string) =>
      fetch(`${url}/__sandbox/${path}`, body === undefined ? {} : { method: "POST", body });
    expect(await (await control("money")).json()).toEqual({
      usd: { captured: 500, refunded: 0, transferred: 0, paidOut: 0 },
    });
    expect((await control("faults", '{"kind":"declined"}')).status).toBe(200);
    expect(await errorOf(pay(stripe, 500))).toMatchObject({ code: "card_declined" });
    const refused = await control("faults", '{"kind":"explode"}');
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ error: { message: expect.stringContaining("`explode`") } });
    const page = async (query: string) =>
      (await (await control(`requests?${query}`)).json()) as {
        data: { sequence: number; status: number; headers: Record<string, string> }[];
        has_more: boolean;
      };
    expect(await page("since=0&limit=1")).toMatchObject({
      data: [
        { sequence: 1, status: 200, executed: true, headers: { authorization: `Bearer ${SECRET_KEY}` } },
      ],
      has_more: true,
    });
    expect(await page("since=1")).toMatchObject({ data: [{ sequence: 2, status: 402 }], has_more: false });
    expect((await control("reset", "")).status).toBe(200);
    expect(await (await control("money")).json()).toEqual({});
    expect((await page("since=0")).data).toEqual([]);
    expect((await stripe.paymentIntents.list()).data).toEqual([]);
    expect((await control("nothing")).status).toBe(404);
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);
  });

  it("takes its secret keys from the command line, and without --control has no side channel", async () => {
    const { url } = await start("--secret-key", "sk_test_only");
    await sdkFor(url, "sk_test_only").balance.retrieve();
    expect(await errorOf(sdkFor(url).balance.retrieve())).toMatchObject({ statusCode: 401 });
    expect((await fetch(`${url}/__sandbox/money`)).status).toBe(401);
  });

  it("refuses a port that is none", async () => {
    const child = spawn(process.execPath, [MAIN, "--port", "x"], { stdio: "ignore" });
    expect(await once(child, "exit")).toEqual([2, null]);
  });
});
