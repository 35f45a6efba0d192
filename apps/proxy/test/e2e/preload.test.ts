import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Call } from "@keybrake/client";
import twilio from "twilio";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SANDBOX_SECRETS } from "../../src/upstreams.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { ACCOUNT_SID, TWILIO_SECRET, useMessengers } from "./crew-of-three.ts";

const INSTALLED = fileURLToPath(new URL("../../node_modules", import.meta.url));
const SANDBOX_SID = SANDBOX_SECRETS.twilio.accountId;
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

interface Program {
  readonly source: string;
  readonly format: Format;
  readonly preload: Preload;
  readonly env: Readonly<Record<string, string>>;
}

/** A folder like an agent's own, with the SDKs and the preload installed in it. */
function useProject(): (program: Program) => Promise<Readonly<Record<string, unknown>>> {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), "keybrake-preload-"));
    symlinkSync(INSTALLED, path.join(folder, "node_modules"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return ({ source, format, preload, env }) => {
    const file = path.join(folder, `agent-${randomUUID()}.${format}`);
    writeFileSync(file, `${HEADS[format]}\n${format === "mjs" ? source : `(async () => {${source}})();`}\n`);
    const options = {
      cwd: folder,
      timeout: RUN_MS_MAX,
      env: {
        PATH: process.env["PATH"] ?? "",
        NODE_OPTIONS: `${preload} @keybrake/client/register`,
        ...env,
      },
    };
    return new Promise((resolve, reject) => {
      execFile(process.execPath, [file], options, (error, stdout, stderr) => {
        if (error === null && stderr === "") resolve(JSON.parse(stdout));
        else reject(new Error(`the agent failed: ${error?.message ?? ""}\n${stderr}`));
      });
    });
  };
}

function baseUrls(dataUrl: string): Record<string, string> {
  return {
    STRIPE_BASE_URL: `${dataUrl}/stripe`,
    TWILIO_BASE_URL: `${dataUrl}/twilio`,
    RESEND_BASE_URL: `${dataUrl}/resend`,
  };
}

const run = useProject();

describe("programs that know nothing of Keybrake, with the demo crew's keys", () => {
  let server: TestServer;
  let env: Record<string, string>;
  beforeAll(async () => {
    server = await startTestServer();
    const output = server.output();
    env = {
      ...baseUrls(server.dataUrl),
      STRIPE_SECRET_KEY: printedKey(output, "billing_agent", "stripe"),
      TWILIO_ACCOUNT_SID: SANDBOX_SID,
      TWILIO_AUTH_TOKEN: printedKey(output, "notification_agent", "twilio"),
      RESEND_API_KEY: printedKey(output, "notification_agent", "resend"),
    };
  }, 120_000);
  afterAll(() => server?.stop());

  /** Starts to watch the audit log; the returned function gives the crew's rows since, oldest first. */
  async function watchRows(): Promise<() => Promise<readonly Call[]>> {
    const read = async () => (await server.admin.calls.list({ limit: 1000 })).data.toReversed();
    const seen = new Set((await read()).map(({ id }) => id));
    // Keybrake's own reads are not the crew's.
    return async () => (await read()).filter(({ id, agent_id }) => !seen.has(id) && agent_id !== "keybrake");
  }

  test.each<[Preload, Format]>([
    ["--import", "mjs"],
    ["--import", "cjs"],
    ["--require", "mjs"],
    ["--require", "cjs"],
  ])(
    "with %s a .%s charges, texts and mails through the proxy, and each call is a row",
    async (preload, format) => {
      const rows = await watchRows();
      const runId = `run-${format}${preload}`;
      const made = await run({ source: CREW, preload, format, env: { ...env, CREW_RUN_ID: runId } });
      expect(made).toEqual({
        intent: expect.stringMatching(/^pi_/),
        status: "succeeded",
        agent: "billing_agent",
        text: expect.stringMatching(/^SM[0-9a-f]{32}$/),
        mail: expect.stringMatching(/^\S+$/),
        mailError: null,
      });
      expect(await rows()).toMatchObject([
        {
          agent_id: "billing_agent",
          crew_run_id: runId,
          path: "/v1/payment_intents",
          verdict: "allow",
          cost_usd: "10.00",
          vendor_object_id: made["intent"],
        },
        {
          agent_id: "notification_agent",
          crew_run_id: runId,
          path: `/2010-04-01/Accounts/${SANDBOX_SID}/Messages.json`,
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

  test.each<Format>(["mjs", "cjs"])(
    "a refusal reaches a .%s as its SDK's own error",
    async (format) => {
      const rows = await watchRows();
      expect(await run({ source: OVERREACH, preload: "--import", format, env })).toEqual({
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
      expect((await rows()).map(({ denial_code }) => denial_code)).toEqual([
        "endpoint_not_allowed",
        "destination_not_allowed",
        "endpoint_forbidden",
      ]);
    },
    RUN_MS_MAX,
  );
});

// Not the built-in sandbox: the service must be there, and no vault key can make one.
describe("a Twilio product with a host of its own", () => {
  const open = useMessengers();

  test.each<Format>(["mjs", "cjs"])(
    "is redirected for a .%s too, which verifies a number under the real token",
    async (format) => {
      const { server, key, twilio: vendor } = open();
      const itself = twilio(ACCOUNT_SID, TWILIO_SECRET);
      itself.verify.baseUrl = `${vendor.url}/verify`;
      const service = await itself.verify.v2.services.create({ friendlyName: "crew" });
      const { vaultKey, rows } = await key("twilio", { allowed_endpoints: ["POST /verify/**"] });
      const env = {
        ...baseUrls(server.dataUrl),
        TWILIO_ACCOUNT_SID: ACCOUNT_SID,
        TWILIO_AUTH_TOKEN: vaultKey,
        VERIFY_SERVICE: service.sid,
      };
      const made = await run({ source: VERIFY, preload: "--import", format, env });
      expect(made).toEqual({ sid: expect.stringMatching(/^VE[0-9a-f]{32}$/), status: "approved" });
      expect((await rows()).map(({ verdict, path }) => `${verdict} ${path}`)).toEqual([
        `allow /verify/v2/Services/${service.sid}/Verifications`,
        `allow /verify/v2/Services/${service.sid}/VerificationCheck`,
      ]);
      const basic = Buffer.from(`${ACCOUNT_SID}:${TWILIO_SECRET}`).toString("base64");
      for (const { headers } of vendor.requests.slice(-2))
        expect(headers["authorization"]).toBe(`Basic ${basic}`);
    },
    RUN_MS_MAX,
  );
});
