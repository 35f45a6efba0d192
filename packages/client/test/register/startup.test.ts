import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AgentProject, createAgentProject } from "./agent-project.ts";

const FUNCTIONS = `
import http from "node:http"; import https from "node:https"; import tls from "node:tls";
console.log([http.request, https.request, http.get, tls.connect, fetch].map(String).join("\\n"));`;

describe("the preload at a process's start", { timeout: 60_000 }, () => {
  let project: AgentProject;
  beforeAll(async () => {
    project = await createAgentProject();
  }, 60_000);
  afterAll(() => project.remove());

  it("changes nothing when neither base URL is set", async () => {
    const without = await project.run({ source: FUNCTIONS, preload: "none" });
    const env = { CREW_RUN_ID: "run-1", RESEND_BASE_URL: "http://127.0.0.1:9" };
    expect(await project.run({ source: FUNCTIONS, env })).toEqual(without);
    const changed = await project.run({ source: FUNCTIONS, env: { STRIPE_BASE_URL: "http://127.0.0.1:9" } });
    expect(changed.stdout).not.toBe(without.stdout);
  });

  it.each([
    ["STRIPE_BASE_URL", "", "is empty"],
    ["STRIPE_BASE_URL", " ", "is empty"],
    ["STRIPE_BASE_URL", "127.0.0.1:8787/stripe", "is no http or https URL"],
    ["STRIPE_BASE_URL", "localhost:8787", "is no http or https URL"],
    ["STRIPE_BASE_URL", "ftp://127.0.0.1/stripe", "is no http or https URL"],
    ["STRIPE_BASE_URL", "http://127.0.0.1:99999", "is no http or https URL"],
    ["STRIPE_BASE_URL", "http://kb_live_canary@127.0.0.1:8787", "must not have a user or a password"],
    ["STRIPE_BASE_URL", "http://127.0.0.1:8787/?", "must not have a query or a fragment"],
    ["STRIPE_BASE_URL", "https://api.stripe.com", "names the vendor itself, `api.stripe.com`"],
    ["TWILIO_BASE_URL", "kb_live_canary", "is no http or https URL"],
    ["TWILIO_BASE_URL", "https://verify.twilio.com/", "names the vendor itself, `verify.twilio.com`"],
  ])("ends the process when %s is %j", async (variable, value, reason) => {
    const ended = await project.run({ source: "console.log('ran')", env: { [variable]: value } });
    expect(ended).toMatchObject({ exitCode: 1, stdout: "" });
    expect(ended.stderr).toMatch(/^keybrake: [^\n]+\n$/);
    expect(ended.stderr).toContain(`${variable} ${reason}`);
    expect(ended.stderr).not.toContain("canary");
  });

  it("ends the process when the run cannot be named in a header, and also through --require", async () => {
    const env = { STRIPE_BASE_URL: "http://127.0.0.1:9", CREW_RUN_ID: "Läufer" };
    const ended = await project.run({ source: "console.log('ran')", env, preload: "--require" });
    expect(ended).toMatchObject({ exitCode: 1, stdout: "" });
    expect(ended.stderr).toContain("CREW_RUN_ID cannot be sent as a header");
  });

  it("redirects once when it is loaded twice", async () => {
    const ended = await project.run({
      source: `${FUNCTIONS} const before = fetch;
        await import("./node_modules/@keybrake/client/dist/register.js?again");
        if (before !== fetch) process.exit(3);`,
      env: { STRIPE_BASE_URL: "http://127.0.0.1:9" },
    });
    expect(ended).toMatchObject({ exitCode: 0, stderr: "" });
  });
});
