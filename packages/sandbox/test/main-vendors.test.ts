import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { dataOf, EMAIL, resendFor } from "./resend-sdk.ts";
import { FROM, TO, twilioFor } from "./twilio-sdk.ts";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const ACCOUNT_SID = `AC${"1".repeat(32)}`;

interface Line {
  readonly url: string;
  readonly urls: Readonly<Record<string, string>>;
}

/** Starts the program as its own process and waits for its line. */
async function start(...args: string[]): Promise<Line> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  return JSON.parse(line) as Line;
}

async function control(url: string, path: string, body?: string): Promise<unknown> {
  const answer = await fetch(`${url}/__sandbox/${path}`, body === undefined ? {} : { method: "POST", body });
  return answer.json();
}

describe("the program", { timeout: 20_000 }, () => {
  it("serves Stripe alone when no vendor is named", async () => {
    const { url, urls } = await start();
    expect(urls).toEqual({ stripe: url });
  });

  it("serves the vendors that are named, each on a port of its own, and is steered over HTTP", async () => {
    const { url, urls } = await start(
      ...["--control", "--vendor", "twilio", "--vendor", "resend"],
      ...["--account-sid", ACCOUNT_SID, "--auth-token", "token", "--resend-key", "re_only"],
    );
    expect(Object.keys(urls).sort()).toEqual(["resend", "twilio"]);
    const { twilio = "", resend = "" } = urls;
    expect(url).toBe(twilio);
    const client = twilioFor(twilio, ACCOUNT_SID, "token");
    const { sid } = await client.messages.create({ to: TO, from: FROM, body: "hello" });
    await control(twilio, "settle", "");
    expect(await control(twilio, "objects")).toMatchObject({ messages: [{ sid, status: "delivered" }] });
    expect(await control(twilio, "money")).toMatchObject({ totalprice: { priceMicros: 8_300 } });
    await control(twilio, "faults", '{"kind":"rate_limited_429"}');
    await expect(client.messages(sid).fetch()).rejects.toMatchObject({ status: 429, code: 20429 });
    await dataOf(resendFor(resend, "re_only").emails.send(EMAIL));
    expect(await control(resend, "money")).toEqual({ emails: 1, recipients: 1, broadcastRecipients: 0 });
    expect(await control(resend, "requests")).toMatchObject({
      data: [{ method: "POST", url: "/emails", headers: { authorization: "Bearer re_only" } }],
    });
    await control(resend, "reset", "");
    expect(await control(resend, "objects")).toMatchObject({ emails: [] });
  });

  it("refuses a vendor that is none", async () => {
    const child = spawn(process.execPath, [MAIN, "--vendor", "sendgrid"], { stdio: "ignore" });
    expect(await once(child, "exit")).toEqual([2, null]);
  });
});
