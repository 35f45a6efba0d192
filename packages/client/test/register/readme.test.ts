import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type AgentProject, createAgentProject } from "./agent-project.ts";
import { openVendorRecorder, type VendorRecorder } from "./vendor-recorder.ts";

const ACCOUNT = "AC00000000000000000000000000000001";
const EMAIL =
  'await resend.emails.send({ from: "a@example.com", to: "b@example.com", subject: "s", text: "t" });';

describe("what the README says", { timeout: 60_000 }, () => {
  let project: AgentProject;
  let proxy: VendorRecorder;
  let readme: string;
  beforeAll(async () => {
    project = await createAgentProject();
    proxy = await openVendorRecorder();
    readme = await readFile(join(import.meta.dirname, "../../README.md"), "utf8");
  }, 60_000);
  beforeEach(() => void proxy.takeLines());
  afterAll(async () => {
    await proxy.close();
    await project.remove();
  });

  const environment = (): Record<string, string> => ({
    STRIPE_BASE_URL: `${proxy.url}/stripe`,
    STRIPE_SECRET_KEY: "kb_live_stripe_canary",
    TWILIO_BASE_URL: `${proxy.url}/twilio`,
    TWILIO_ACCOUNT_SID: ACCOUNT,
    TWILIO_AUTH_TOKEN: "kb_live_twilio_canary",
    RESEND_BASE_URL: `${proxy.url}/resend`,
    RESEND_API_KEY: "kb_live_resend_canary",
  });

  /** The README's own code for one SDK. */
  function excerpt(name: string): string {
    const code = readme.match(new RegExp(`^\`\`\`js ${name}\\n(.*?)^\`\`\`$`, "ms"))?.[1];
    if (code === undefined) throw new Error(`the README has no \`${name}\``);
    return code;
  }

  it.each([
    {
      name: "stripe",
      load: 'import Stripe from "stripe";',
      use: 'await stripe.refunds.create({ charge: "ch_1" });',
      lines: ["POST /v1/refunds"],
    },
    {
      name: "twilio",
      load: 'import twilio from "twilio";',
      use: `await client.messages.create({ to: "+15550001", from: "+15550002", body: "hi" });
        await client.verify.v2.services("VA1").verifications.create({ to: "+15550001", channel: "sms" });`,
      lines: [
        `POST /twilio/2010-04-01/Accounts/${ACCOUNT}/Messages.json`,
        "POST /twilio/verify/v2/Services/VA1/Verifications",
      ],
    },
    {
      name: "resend",
      load: 'import { Resend } from "resend";',
      use: EMAIL,
      lines: ["POST /resend/emails"],
    },
  ])("holds for $name without the preload", async ({ name, load, use, lines }) => {
    const source = `${load}\n${excerpt(name)}\n${use}`;
    const ended = await project.run({ source, preload: "none", env: environment() });
    expect(ended).toMatchObject({ exitCode: 0, stderr: "", escaped: [] });
    for (const { headers } of proxy.requests) expect(headers.authorization).toMatch(/^(Bearer|Basic) ./);
    expect(proxy.takeLines()).toEqual(lines);
  });

  it.each([
    ["mjs", 'import { Resend } from "resend";', "none"],
    ["cjs", 'const { Resend } = require("resend");', "none"],
    ["mjs", 'import { Resend } from "resend";', "--import"],
  ] as const)(
    "holds for Resend, which needs its variables only (%s, %s, %s)",
    async (format, load, preload) => {
      const source = `${load} (async () => { const resend = new Resend(); ${EMAIL} })();`;
      const ended = await project.run({ source, format, preload, env: environment() });
      expect(ended).toMatchObject({ exitCode: 0, stderr: "", escaped: [] });
      expect(proxy.requests[0]?.headers.authorization).toBe("Bearer kb_live_resend_canary");
      expect(proxy.takeLines()).toEqual(["POST /resend/emails"]);
    },
  );

  it("holds for the preload's own line", async () => {
    const options = readme.match(/^export NODE_OPTIONS="(.*)"$/m)?.[1];
    expect(options).toBe("--import @keybrake/client/register");
    const source = `import Stripe from "stripe"; import twilio from "twilio";
      await new Stripe(process.env.STRIPE_SECRET_KEY).refunds.list();
      await twilio().messages("SM1").fetch();`;
    const ended = await project.run({ source, env: environment() });
    expect(ended).toMatchObject({ exitCode: 0, stderr: "", escaped: [] });
    expect(proxy.takeLines()).toEqual([
      "GET /stripe/v1/refunds",
      `GET /twilio/2010-04-01/Accounts/${ACCOUNT}/Messages/SM1.json`,
    ]);
  });
});
