import { spawnSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { createAdminClient } from "@keybrake/client";
import { Resend } from "resend";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SANDBOX_SECRETS } from "../../src/upstreams.ts";
import { stripeClient } from "../support/crew.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { twilioClient } from "./crew-of-three.ts";

/** A folder from which `stripe` resolves, as from any project that uses it. */
const PROJECT = fileURLToPath(new URL("../..", import.meta.url));
const PYTHON = process.env["KEYBRAKE_TEST_PYTHON"];
const SANDBOX_SID = SANDBOX_SECRETS.twilio.accountId;
const CREW = ["billing_agent", "refund_agent", "notification_agent"];

/** What `npm start` runs on a fresh machine, less the free ports. */
function startDemo(dataDir: string): Promise<TestServer> {
  return startTestServer({ dataDir, env: { KEYBRAKE_ADMIN_TOKEN: "" } });
}

/** The line that the server printed below a heading, exactly as it stands there. */
function printedBelow(output: string, heading: string): string {
  const lines = output.split("\n");
  const line = lines[lines.findIndex((text) => text.trim() === heading) + 1]?.trim();
  if (line === undefined || line === "") throw new Error(`nothing is printed below \`${heading}\``);
  return line;
}

function printedKeys(output: string): Record<string, string> {
  return Object.fromEntries(
    CREW.map((agent) => [agent, new RegExp(`^ +${agent} +(vault_\\w+)  for`, "m").exec(output)?.[1] ?? ""]),
  );
}

/** The notifying agent has a key a vendor. */
function notificationKeys(output: string): Record<string, string> {
  const found = output.matchAll(/^ +notification_agent +(vault_\w+) {2}for (\w+)$/gm);
  return Object.fromEntries([...found].map(([, key, vendor]) => [vendor ?? "", key ?? ""]));
}

function printedToken(output: string): string | undefined {
  return /admin token +(\S+) +\(shown once/.exec(output)?.[1];
}

function runPrinted(command: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: PROJECT,
    encoding: "utf8",
    timeout: 60_000,
  });
  expect(`${stderr}`).not.toMatch(/Error/);
  expect(status).toBe(0);
  return stdout;
}

// One fresh data directory, and what a person does with the text that appears.
describe("the first start, and the second", () => {
  let server: TestServer;
  let first: string;

  beforeAll(async () => {
    server = await startDemo(mkdtempSync(path.join(tmpdir(), "keybrake-start-")));
    first = server.output();
  }, 120_000);
  afterAll(() => server.stop());

  test("the printed curl line charges", () => {
    const answer = JSON.parse(runPrinted("bash", ["-c", printedBelow(first, "curl")]));
    expect(answer).toMatchObject({ object: "payment_intent", status: "succeeded", amount: 1000 });
    expect(answer.metadata).toMatchObject({ agent_id: "billing_agent" });
  });

  test("the printed stripe-node line makes an intent", () => {
    const printed = runPrinted(process.execPath, ["-e", printedBelow(first, "stripe-node")]);
    expect(printed).toContain("object: 'payment_intent'");
    expect(printed).toContain("agent_id: 'billing_agent'");
  });

  test("the printed stripe-python line makes an intent", (context) => {
    if (PYTHON === undefined) {
      if (["1", "true"].includes(process.env["CI"] ?? "")) throw new Error("KEYBRAKE_TEST_PYTHON is not set");
      return context.skip("KEYBRAKE_TEST_PYTHON is not set");
    }
    expect(runPrinted(PYTHON, ["-c", printedBelow(first, "stripe-python")])).toContain(
      '"object": "payment_intent"',
    );
  });

  test("the printed admin token opens the control plane, where every pasted line is a row", async () => {
    const admin = createAdminClient({ baseUrl: server.adminUrl, token: printedToken(first) ?? "" });
    const { data } = await admin.calls.list({ agent_id: "billing_agent" });
    expect(data.length).toBe(PYTHON === undefined ? 2 : 3);
    for (const row of data) expect(row).toMatchObject({ state: "settled", cost_usd: "10.00" });
  });

  test("each printed key may do what its agent is for, and no more", async () => {
    const keys = printedKeys(first);
    const billing = stripeClient(server.dataUrl, keys["billing_agent"] ?? "");
    const refund = stripeClient(server.dataUrl, keys["refund_agent"] ?? "");
    const { latest_charge } = (await billing.paymentIntents.create({
      amount: 500,
      currency: "usd",
      payment_method: "pm_card_visa",
      confirm: true,
    })) ?? { latest_charge: "" };
    const charge = String(latest_charge);
    await expect(refund.refunds.create({ charge })).resolves.toMatchObject({ amount: 500 });
    await expect(billing.refunds.create({ charge })).rejects.toMatchObject({ code: "endpoint_not_allowed" });
    const mailer = new Resend(notificationKeys(first)["resend"], { baseUrl: `${server.dataUrl}/resend` });
    const mail = { from: "crew@example.com", to: ["ada@example.com"], subject: "Paid", text: "Thank you" };
    expect((await mailer.emails.send(mail)).error).toBeNull();
    expect((await mailer.apiKeys.create({ name: "mine" })).error?.message).toContain("endpoint_forbidden");
    const texter = twilioClient(server.dataUrl, notificationKeys(first)["twilio"] ?? "", SANDBOX_SID);
    const text = { from: "+15005550006", to: "+14155550100", body: "Paid, thank you" };
    await expect(texter.messages.create(text)).resolves.toMatchObject({ price: null });
    await expect(texter.messages.create({ ...text, to: "+447700900123" })).rejects.toMatchObject({
      status: 403,
    });
  });

  test("the second start prints the same keys, which still work, and not the admin token", async () => {
    const token = printedToken(first) ?? "";
    expect(token.length).toBeGreaterThanOrEqual(24);
    expect(await server.stop({ keepData: true })).toBe(0);
    server = await startDemo(server.dataDir);
    const second = server.output();
    expect(printedKeys(second)).toEqual(printedKeys(first));
    expect(second).not.toContain(token);
    expect(second).toMatch(/admin token +in \S+/);
    const answer = JSON.parse(runPrinted("bash", ["-c", printedBelow(second, "curl")]));
    expect(answer).toMatchObject({ object: "payment_intent", status: "succeeded" });
    const { data } = await createAdminClient({ baseUrl: server.adminUrl, token }).vaultKeys.list();
    expect(data.map(({ agent_id }) => agent_id).sort()).toEqual([...CREW, "notification_agent"].sort());
  });
});
