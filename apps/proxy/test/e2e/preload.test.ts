import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Call } from "@keybrake/client";
import { type FakeTwilio, openFakeTwilio } from "@keybrake/sandbox";
import twilio from "twilio";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SANDBOX_SECRETS } from "../../src/upstreams.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

const INSTALLED = fileURLToPath(new URL("../../node_modules", import.meta.url));
const { accountId: SID, value: TOKEN } = SANDBOX_SECRETS.twilio;
const RUN_MS_MAX = 60_000;

type Format = "mjs" | "cjs";
type Preload = "--import" | "--require";

const HEADS = {
  mjs: 'import Stripe from "stripe"; import twilio from "twilio"; import { Resend } from "resend";',
  cjs: 'const Stripe = require("stripe"); const twilio = require("twilio"); const { Resend } = require("resend");',
} as const;

/** Three agents in one program, each written as for the vendor itself: nothing in it knows of Keybrake. */
const CREW = `
  const intent = await new Stripe(process.env.STRIPE_SECRET_KEY).paymentIntents.create({
    amount: 1000, currency: "usd", payment_method: "pm_card_visa", confirm: true,
  });
  const text = await twilio(process.env.TWILIO_ACCOUNT_SID, process.env.TWILIO_AUTH_TOKEN).messages.create({
    from: "+15005550006", to: "+14155550100", body: "Paid, thank you",
  });
  const mail = await new Resend().emails.send({
    from: "crew@example.com", to: ["ada@example.com"], subject: "Paid", text: "Thank you",
  });
  console.log(JSON.stringify({
    intent: intent.id, status: intent.status, agent: intent.metadata.agent_id,
    text: text.sid, mail: mail.data?.id, mailError: mail.error,
  }));`;

/** What the same crew sees when it tries what its keys are not for. */
const OVERREACH = `
  const thrown = (call) => call.then(() => "a success", ({ constructor, status, statusCode, code, message }) =>
    ({ class: constructor.name, status: statusCode ?? status, code, message }));
  const stripe = new Stripe(process.env.STRIPE_SECRET_KEY);
  const messages = twilio(process.env.TWILIO_ACCOUNT_SID, process.env.TWILIO_AUTH_TOKEN).messages;
  console.log(JSON.stringify({
    stripe: await thrown(stripe.refunds.create({ payment_intent: "pi_1" })),
    twilio: await thrown(messages.create({ from: "+15005550006", to: "+447700900123", body: "hi" })),
    resend: (await new Resend().apiKeys.create({ name: "mine" })).error,
  }));`;

const VERIFY = `
  const { VERIFY_SERVICE, TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN } = process.env;
  const service = twilio(TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN).verify.v2.services(VERIFY_SERVICE);
  const { sid } = await service.verifications.create({ to: "+14155550100", channel: "sms" });
  const { status } = await service.verificationChecks.create({ to: "+14155550100", code: "123456" });
  console.log(JSON.stringify({ sid, status }));`;

/** The key that the server printed for an agent of its demo crew. */
function printedKey(output: string, agentId: string, vendor: string): string {
  const key = new RegExp(`^ +${agentId} +(vault_\\w+)  for ${vendor}$`, "m").exec(output)?.[1];
  if (key === undefined) throw new Error(`no key of \`${agentId}\` for \`${vendor}\` is printed`);
  return key;
}

describe("programs that know nothing of Keybrake, with the preload and three base URLs", () => {
  let project: string;
  let vendor: FakeTwilio;
  let server: TestServer;
  beforeAll(async () => {
    project = mkdtempSync(path.join(tmpdir(), "keybrake-preload-"));
    symlinkSync(INSTALLED, path.join(project, "node_modules"));
    // The built-in sandbox, less its Twilio, which must have a Verify service: a vault key cannot make one.
    vendor = await openFakeTwilio({ accountSid: SID, authToken: TOKEN });
    server = await startTestServer({ env: { KEYBRAKE_TWILIO_UPSTREAM_URL: vendor.url } });
  }, 120_000);
  afterAll(async () => {
    await server?.stop();
    await vendor?.close();
    rmSync(project, { recursive: true, force: true });
  });

  /** Runs a program as an agent's own process; it must end well, and what it prints is the answer. */
  function run(
    source: string,
    { format = "mjs", preload = "--import", env = {} }: Options = {},
  ): Promise<Readonly<Record<string, unknown>>> {
    const file = path.join(project, `agent-${randomUUID()}.${format}`);
    const body = format === "mjs" ? source : `(async () => {${source}})();`;
    writeFileSync(file, `${HEADS[format]}\n${body}\n`);
    const options = {
      cwd: project,
      timeout: RUN_MS_MAX,
      env: { PATH: process.env["PATH"] ?? "", ...crewEnvironment(preload), ...env },
    };
    return new Promise((resolve, reject) => {
      execFile(process.execPath, [file], options, (error, stdout, stderr) => {
        if (error === null && stderr === "") resolve(JSON.parse(stdout));
        else reject(new Error(`the agent failed: ${error?.message ?? ""}\n${stderr}`));
      });
    });
  }

  function crewEnvironment(preload: Preload): Record<string, string> {
    const output = server.output();
    return {
      NODE_OPTIONS: `${preload} @keybrake/client/register`,
      STRIPE_BASE_URL: `${server.dataUrl}/stripe`,
      TWILIO_BASE_URL: `${server.dataUrl}/twilio`,
      RESEND_BASE_URL: `${server.dataUrl}/resend`,
      STRIPE_SECRET_KEY: printedKey(output, "billing_agent", "stripe"),
      TWILIO_ACCOUNT_SID: SID,
      TWILIO_AUTH_TOKEN: printedKey(output, "notification_agent", "twilio"),
      RESEND_API_KEY: printedKey(output, "notification_agent", "resend"),
    };
  }

  async function rowsSince(seen: ReadonlySet<string>): Promise<readonly Call[]> {
    const rows = await callRows();
    return rows.filter(({ id }) => !seen.has(id));
  }

  /** The crew's rows, oldest first; Keybrake's own reads are not the crew's. */
  async function callRows(): Promise<readonly Call[]> {
    const { data } = await server.admin.calls.list({ limit: 1000 });
    return data.filter(({ agent_id }) => agent_id !== "keybrake").toReversed();
  }

  async function seenRows(): Promise<ReadonlySet<string>> {
    return new Set((await callRows()).map(({ id }) => id));
  }

  test.each<[Preload, Format]>([
    ["--import", "mjs"],
    ["--import", "cjs"],
    ["--require", "mjs"],
    ["--require", "cjs"],
  ])(
    "with %s a .%s charges, texts and mails through the proxy, and each call is a row",
    async (preload, format) => {
      const seen = await seenRows();
      const run_id = `run-${format}${preload}`;
      const made = await run(CREW, { preload, format, env: { CREW_RUN_ID: run_id } });
      expect(made).toEqual({
        intent: expect.stringMatching(/^pi_/),
        status: "succeeded",
        agent: "billing_agent",
        text: expect.stringMatching(/^SM[0-9a-f]{32}$/),
        mail: expect.stringMatching(/^\S+$/),
        mailError: null,
      });
      expect(await rowsSince(seen)).toMatchObject([
        {
          agent_id: "billing_agent",
          crew_run_id: run_id,
          path: "/v1/payment_intents",
          verdict: "allow",
          cost_usd: "10.00",
          vendor_object_id: made["intent"],
        },
        {
          agent_id: "notification_agent",
          crew_run_id: run_id,
          path: `/2010-04-01/Accounts/${SID}/Messages.json`,
          verdict: "allow",
          vendor_object_id: made["text"],
        },
        {
          agent_id: "notification_agent",
          path: "/emails",
          verdict: "allow",
          cost_usd: "0.0009",
          vendor_object_id: made["mail"],
        },
      ]);
    },
    RUN_MS_MAX,
  );

  test(
    "a Twilio product with a host of its own goes through the proxy, too",
    async () => {
      const service = await twilioItself(vendor).verify.v2.services.create({ friendlyName: "crew" });
      const { id, vault_key } = await server.admin.vaultKeys.create({
        agent_id: "sign_in_agent",
        secret: "twilio-sandbox",
        policy: { vendor: "twilio", daily_usd_cap: 1, allowed_endpoints: ["POST /verify/**"] },
      });
      const env = { TWILIO_AUTH_TOKEN: vault_key, VERIFY_SERVICE: service.sid };
      const made = await run(VERIFY, { env });
      expect(made).toEqual({ sid: expect.stringMatching(/^VE[0-9a-f]{32}$/), status: "approved" });
      const { data } = await server.admin.calls.list({ vault_key_id: id });
      expect(data.map(({ verdict, path }) => `${verdict} ${path}`).toReversed()).toEqual([
        `allow /verify/v2/Services/${service.sid}/Verifications`,
        `allow /verify/v2/Services/${service.sid}/VerificationCheck`,
      ]);
      const token = Buffer.from(`${SID}:${TOKEN}`).toString("base64");
      expect(vendor.requests.at(-1)?.headers["authorization"]).toBe(`Basic ${token}`);
    },
    RUN_MS_MAX,
  );

  test.each<Format>(["mjs", "cjs"])(
    "a refusal reaches a .%s as its SDK's own error",
    async (format) => {
      const seen = await seenRows();
      const { length: sentBefore } = vendor.requests;
      expect(await run(OVERREACH, { format })).toEqual({
        stripe: {
          class: "StripePermissionError",
          status: 403,
          code: "endpoint_not_allowed",
          message: expect.stringContaining("POST /v1/refunds"),
        },
        twilio: {
          class: "RestException",
          status: 403,
          code: 20403,
          message: expect.stringContaining("destination_not_allowed"),
        },
        resend: expect.objectContaining({
          statusCode: 403,
          name: "invalid_access",
          message: expect.stringContaining("endpoint_forbidden"),
        }),
      });
      const rows = await rowsSince(seen);
      expect(rows.map(({ denial_code }) => denial_code)).toEqual([
        "endpoint_not_allowed",
        "destination_not_allowed",
        "endpoint_forbidden",
      ]);
      expect(vendor.requests.length).toBe(sentBefore);
    },
    RUN_MS_MAX,
  );
});

interface Options {
  readonly format?: Format;
  readonly preload?: Preload;
  readonly env?: Readonly<Record<string, string>>;
}

/** The SDK with the real token, past Keybrake. */
function twilioItself(vendor: FakeTwilio): twilio.Twilio {
  const client = twilio(SID, TOKEN);
  client.verify.baseUrl = `${vendor.url}/verify`;
  return client;
}
