import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { findVendorHost } from "../../src/register/vendor-host.ts";
import { type AgentProject, type AgentScript, createAgentProject } from "./agent-project.ts";
import { openVendorRecorder, type VendorRecorder } from "./vendor-recorder.ts";

const ACCOUNT = "AC00000000000000000000000000000001";
const AUTHORIZATION = `Basic ${Buffer.from(`${ACCOUNT}:kb_live_twilio_canary`).toString("base64")}`;
const ESM = 'import twilio from "twilio";\n';
const CJS = 'const twilio = require("twilio");\n';
const SEND = `await twilio().messages.create({ to: "+15550001", from: "+15550002", body: "hi" });\n`;

describe("twilio-node with the preload", { timeout: 60_000 }, () => {
  let project: AgentProject;
  let proxy: VendorRecorder;
  beforeAll(async () => {
    project = await createAgentProject();
    proxy = await openVendorRecorder();
  }, 60_000);
  beforeEach(() => void proxy.takeLines());
  afterAll(async () => {
    await proxy.close();
    await project.remove();
  });

  /** Runs an agent that must succeed and reach nothing but the proxy. */
  async function run(script: AgentScript): Promise<void> {
    const ended = await project.run({
      ...script,
      env: {
        TWILIO_BASE_URL: `${proxy.url}/twilio`,
        TWILIO_ACCOUNT_SID: ACCOUNT,
        TWILIO_AUTH_TOKEN: "kb_live_twilio_canary",
        ...script.env,
      },
    });
    expect(ended).toMatchObject({ exitCode: 0, stderr: "", escaped: [] });
  }

  it.each(["--import", "--require"] as const)(
    "redirects ESM and CommonJS agents through %s",
    async (preload) => {
      await run({ source: ESM + SEND, preload });
      await run({ source: `${CJS}(async () => { ${SEND} })();`, format: "cjs", preload });
      for (const { headers, body } of proxy.requests) {
        expect(headers.authorization).toBe(AUTHORIZATION);
        expect(body).toBe("To=%2B15550001&From=%2B15550002&Body=hi");
      }
      expect(proxy.takeLines()).toEqual(
        Array(2).fill(`POST /twilio/2010-04-01/Accounts/${ACCOUNT}/Messages.json`),
      );
    },
  );

  it.each([
    ["", ""],
    ["/", ""],
    ["/twilio/", "/twilio"],
    ["/twilio/2010-04-01", "/twilio"],
  ])("takes a base URL that ends in %j", async (ending, prefix) => {
    await run({
      source: `${ESM}${SEND}
        await twilio().verify.v2.services("VA1").verifications.create({ to: "+15550001", channel: "sms" });`,
      env: { TWILIO_BASE_URL: proxy.url + ending },
    });
    expect(proxy.takeLines()).toEqual([
      `POST ${prefix}/2010-04-01/Accounts/${ACCOUNT}/Messages.json`,
      `POST ${prefix}/verify/v2/Services/VA1/Verifications`,
    ]);
  });

  it("redirects with an edge and a region, and through a forward proxy's tunnel", async () => {
    await run({ source: ESM + SEND, env: { TWILIO_EDGE: "dublin", TWILIO_REGION: "ie1" } });
    await run({ source: ESM + SEND, env: { TWILIO_REGION: "au1", CREW_RUN_ID: "run-1" } });
    await run({ source: ESM + SEND, env: { HTTP_PROXY: "http://127.0.0.1:9" } });
    expect(proxy.requests[1]?.headers["keybrake-run-id"]).toBe("run-1");
    expect(proxy.takeLines()).toEqual(
      Array(3).fill(`POST /twilio/2010-04-01/Accounts/${ACCOUNT}/Messages.json`),
    );
  });

  it("redirects every product of the installed SDK", async () => {
    const root = join(import.meta.dirname, "../../node_modules/twilio/lib/rest");
    const products: string[] = [];
    for (const file of (await readdir(root)).filter((name) => name.endsWith("Base.js"))) {
      const source = await readFile(join(root, file), "utf8");
      const host = source.match(/super\(twilio, "https:\/\/([a-z0-9.-]+)"\)/)?.[1] ?? file;
      expect(findVendorHost(host)).toMatchObject({ vendor: "twilio" });
      products.push(host.replace(".twilio.com", ""));
    }
    expect(products.length).toBeGreaterThanOrEqual(38);
    await run({
      source: `${ESM}
        import { readdirSync } from "node:fs";
        import { createRequire } from "node:module";
        const require = createRequire(import.meta.url);
        const root = "./node_modules/twilio/lib/rest/";
        const client = twilio();
        for (const file of readdirSync(root).filter((name) => name.endsWith("Base.js"))) {
          const loaded = require(root + file);
          const Domain = loaded.default ?? loaded;
          await new Domain(client).request({ method: "get", uri: "/v1/Probe" });
        }`,
    });
    expect(proxy.takeLines().sort()).toEqual(
      products.map((product) => `GET /twilio${product === "api" ? "" : `/${product}`}/v1/Probe`).sort(),
    );
  });

  it("leaves Stripe alone when only Twilio has a base URL", async () => {
    const ended = await project.run({
      source: 'import Stripe from "stripe"; await new Stripe("k", { maxNetworkRetries: 0 }).refunds.list();',
      env: { TWILIO_BASE_URL: proxy.url },
    });
    expect(ended).toMatchObject({ exitCode: 1, escaped: expect.arrayContaining(["api.stripe.com"]) });
  });
});
