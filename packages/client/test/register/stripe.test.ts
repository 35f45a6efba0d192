import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { findVendorHost } from "../../src/register/vendor-host.ts";
import { type AgentProject, type AgentScript, createAgentProject } from "./agent-project.ts";
import { openVendorRecorder, type VendorRecorder } from "./vendor-recorder.ts";

const KEY = "kb_live_stripe_canary";
const ESM = 'import Stripe from "stripe";\n';
const CJS = 'const Stripe = require("stripe");\n';
const REFUND = `await new Stripe("${KEY}").refunds.create({ charge: "ch_1" });\n`;

describe("stripe-node with the preload", { timeout: 60_000 }, () => {
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
  async function run(script: AgentScript): Promise<string> {
    const ended = await project.run({
      ...script,
      env: { STRIPE_BASE_URL: `${proxy.url}/stripe`, ...script.env },
    });
    expect(ended).toMatchObject({ exitCode: 0, stderr: "", escaped: [] });
    return ended.stdout;
  }

  it.each([
    ["", "/v1/refunds"],
    ["/", "/v1/refunds"],
    ["/v1", "/v1/refunds"],
    ["/stripe", "/stripe/v1/refunds"],
    ["/stripe/", "/stripe/v1/refunds"],
    ["/stripe/v1", "/stripe/v1/refunds"],
    ["/stripe/v1//", "/stripe/v1/refunds"],
    ["/behind/stripe", "/behind/stripe/v1/refunds"],
  ])("takes a base URL that ends in %j", async (ending, path) => {
    await run({ source: ESM + REFUND, env: { STRIPE_BASE_URL: proxy.url + ending } });
    expect(proxy.requests[0]).toMatchObject({
      headers: { authorization: `Bearer ${KEY}`, host: new URL(proxy.url).host },
      body: "charge=ch_1",
    });
    expect(proxy.takeLines()).toEqual([`POST ${path}`]);
  });

  it.each(["--import", "--require"] as const)(
    "redirects ESM and CommonJS agents through %s",
    async (preload) => {
      await run({ source: ESM + REFUND, preload });
      await run({ source: `${CJS}(async () => { ${REFUND} })();`, format: "cjs", preload });
      expect(proxy.takeLines()).toEqual(Array(2).fill("POST /stripe/v1/refunds"));
    },
  );

  it("redirects every kind of call: files, OAuth, meter events, v2, several clients, both HTTP clients", async () => {
    await run({
      source: `${ESM}
        const first = new Stripe("${KEY}");
        const second = new Stripe("${KEY}", { httpClient: Stripe.createFetchHttpClient(), stripeAccount: "acct_1" });
        const { Agent } = await import("node:https");
        const third = new Stripe("${KEY}", { httpAgent: new Agent({ maxSockets: 1 }) });
        for (const stripe of [first, second, third]) {
          await stripe.refunds.retrieve("re_1", { expand: ["charge"] });
          await stripe.files.create({ purpose: "dispute_evidence", file: { data: Buffer.from("x"), name: "x.txt" } });
          await stripe.oauth.token({ grant_type: "authorization_code", code: "c" });
          await stripe.v2.billing.meterEventStream.create({ events: [] });
        }`,
    });
    const calls = [
      "GET /stripe/v1/refunds/re_1?expand[0]=charge",
      "POST /stripe/v1/files",
      "POST /stripe/oauth/token",
      "POST /stripe/v2/billing/meter_event_stream",
    ];
    expect(proxy.requests[4]?.headers["stripe-account"]).toBe("acct_1");
    expect(proxy.takeLines().map(decodeURIComponent)).toEqual([...calls, ...calls, ...calls]);
  });

  it("redirects in worker threads and in child processes", async () => {
    await run({
      source: `import { Worker } from "node:worker_threads";
        import { fork } from "node:child_process";
        import { once } from "node:events";
        import { writeFileSync } from "node:fs";
        writeFileSync("inner.mjs", ${JSON.stringify(ESM + REFUND)});
        await once(new Worker("./inner.mjs"), "exit");
        await once(fork("./inner.mjs"), "exit");`,
    });
    expect(proxy.takeLines()).toEqual(Array(2).fill("POST /stripe/v1/refunds"));
  });

  it("redirects every way of asking node:http, node:https and fetch", async () => {
    const stdout = await run({
      source: `import https, { get, request } from "node:https";
        import http from "node:http";
        import { once } from "node:events";
        const at = (path) => "https://API.stripe.com./v1/" + path;
        const done = async (sent) => { sent.end(); (await once(sent, "response"))[0].resume(); };
        await done(request(at("a?b=1"), { method: "PUT", headers: ["X-Own", "1", "Host", "api.stripe.com"] }));
        await done(https.request(new URL(at("b")), () => console.log("answered")));
        await done(https.request({ hostname: "api.stripe.com", host: "ignored", path: "/v1/c", port: 443 }));
        await done(http.request({ host: "proxy.invalid", path: at("d"), headers: { "Proxy-Authorization": "Basic x" } }));
        await done(http.request("http://api.stripe.com/v1/e"));
        await done(get(at("f")));
        await fetch(new URL(at("g")));
        await fetch(new Request(at("h"), { method: "POST", body: "one", headers: { "x-own": "2" } }));
        await fetch(new Request(at("i"), { method: "POST", body: "lost" }), { method: "PATCH", body: "two" });`,
    });
    expect(stdout).toBe("answered\n");
    expect(proxy.requests[0]?.headers).toMatchObject({ "x-own": "1", host: new URL(proxy.url).host });
    expect(proxy.requests[3]?.headers).not.toHaveProperty("proxy-authorization");
    expect(proxy.requests[7]).toMatchObject({ body: "one", headers: { "x-own": "2" } });
    expect(proxy.requests[8]?.body).toBe("two");
    expect(proxy.takeLines()).toEqual([
      "PUT /stripe/v1/a?b=1",
      ..."bcdefg".split("").map((name) => `GET /stripe/v1/${name}`),
      "POST /stripe/v1/h",
      "PATCH /stripe/v1/i",
    ]);
  });

  it("refuses what it cannot redirect", async () => {
    const stdout = await run({
      source: `import http from "node:http";
        import https from "node:https";
        import http2 from "node:http2";
        import { connect } from "node:tls";
        import { fetch as undiciFetch } from "undici";
        const ways = [
          () => http2.connect("https://api.stripe.com"),
          () => connect(443, "api.stripe.com"),
          () => connect({ port: 443, host: "10.0.0.1", servername: "api.stripe.com" }),
          () => new http.ClientRequest({ protocol: "https:", host: "api.stripe.com", agent: https.globalAgent }),
          () => undiciFetch("https://api.stripe.com/v1/refunds"),
        ];
        for (const way of ways) {
          try { await way(); console.log("passed"); } catch (error) { console.log((error.cause ?? error).message); }
        }`,
    });
    expect(stdout.trim().split("\n")).toEqual(
      Array(5).fill(expect.stringContaining("keybrake refused a connection to `api.stripe.com`")),
    );
    expect(proxy.takeLines()).toEqual([]);
  });

  it("leaves alone a host that the code names itself, and every other host", async () => {
    await run({
      source: `${ESM}
        const { hostname: host, port } = new URL("${proxy.url}");
        await new Stripe("${KEY}", { host, port, protocol: "http" }).refunds.retrieve("re_1");
        await fetch("${proxy.url}/api.stripe.com");`,
      env: { STRIPE_BASE_URL: "http://127.0.0.1:9/stripe", CREW_RUN_ID: "run-1" },
    });
    expect(proxy.requests[0]?.headers).not.toHaveProperty("keybrake-run-id");
    expect(proxy.takeLines()).toEqual(["GET /v1/refunds/re_1", "GET /api.stripe.com"]);
  });

  it("says which run and agent a request is of, unless the code does", async () => {
    const env = { CREW_RUN_ID: "run 7/a", KEYBRAKE_AGENT_ID: "billing_agent" };
    await run({
      source: `${ESM}${REFUND}
        await fetch("https://api.stripe.com/v1/refunds", { headers: { "keybrake-run-id": "own" } });`,
      env,
    });
    expect(
      proxy.requests.map(({ headers }) => [headers["keybrake-run-id"], headers["keybrake-agent-id"]]),
    ).toEqual([
      ["run 7/a", "billing_agent"],
      ["own", "billing_agent"],
    ]);
    proxy.takeLines();
    await run({ source: ESM + REFUND });
    expect(
      Object.keys(proxy.requests[0]?.headers ?? {}).filter((name) => name.startsWith("keybrake")),
    ).toEqual([]);
  });

  it("knows every host that the installed SDK has", async () => {
    const root = join(import.meta.dirname, "../../node_modules/stripe/esm");
    const source = await readFile(join(root, "Types.js"), "utf8");
    const hosts = [...source.matchAll(/'([a-z0-9-]+\.stripe\.com)'/g)].map(([, host]) => host ?? "");
    expect(hosts).toContain("meter-events.stripe.com");
    expect(hosts.filter((host) => findVendorHost(host)?.vendor !== "stripe")).toEqual([]);
  });
});
