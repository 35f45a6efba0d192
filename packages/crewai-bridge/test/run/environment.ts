import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { isVaultKey } from "@keybrake/core";
import { describe, test } from "vitest";
import { SecretScanner } from "../../../../apps/proxy/test/security/secret-forms.ts";
import { BILLING, CANARIES, type Stage } from "./stage.ts";

const BESIDE = fileURLToPath(new URL("../../python/src/keybrake_crewai/preload", import.meta.url));
const CLI = fileURLToPath(new URL("../../../cli/bin/keybrake.js", import.meta.url));

/** What a crew's program gets, and what it must never get. */
export function describeEnvironment(open: () => Stage): void {
  describe("gives its program", () => {
    const print = async (options: Partial<Parameters<Stage["launch"]>[0]> = {}) => {
      const launched = open().launch({ command: ["environment.mjs"], ...options });
      const { code, stdout, stderr } = await launched.finished;
      const variables = (code === 0 ? JSON.parse(stdout) : {}) as Record<string, string>;
      return { launched, code, stdout, stderr, variables };
    };

    test("a key an agent and vendor, each in its variable, and the proxy's addresses", async ({ expect }) => {
      const policy = { total_usd_cap: 1 };
      const { launched, variables, stderr } = await print({
        agents: {
          ...BILLING,
          planner: {
            twilio: { secret: "twilio-sandbox", policy },
            resend: { secret: "resend-sandbox", policy: { ...policy, expires_in: "30m" } },
          },
        },
      });
      const { dataUrl } = open().server;
      expect(variables).toMatchObject({
        CREW_RUN_ID: launched.crewRunId,
        STRIPE_BASE_URL: `${dataUrl}/stripe`,
        TWILIO_BASE_URL: `${dataUrl}/twilio`,
        RESEND_BASE_URL: `${dataUrl}/resend`,
        RESEND_API_URL: `${dataUrl}/resend`,
        TWILIO_ACCOUNT_SID: "AC00000000000000000000000000000001",
      });
      const names = Object.keys(variables).filter((name) => name.endsWith("_VAULT_KEY"));
      expect(names.sort()).toEqual([
        "BILLING_VAULT_KEY",
        "PLANNER_RESEND_VAULT_KEY",
        "PLANNER_TWILIO_VAULT_KEY",
      ]);
      for (const name of names) {
        expect(isVaultKey(variables[name] ?? "")).toBe(true);
        expect(stderr).toContain(name);
        expect(stderr).not.toContain(variables[name]);
      }
      const keys = await open().keys(launched.crewRunId);
      const lifetimes = keys.map(({ agent_id: agent, vendor, created_at: from, expires_at: to }) => [
        `${agent} ${vendor}`,
        Math.round((Date.parse(to ?? "") - Date.parse(from)) / 60_000),
      ]);
      expect(Object.fromEntries(lifetimes)).toEqual({
        "billing_agent stripe": 60,
        "planner twilio": 720,
        "planner resend": 30,
      });
    });

    // Of the person's own credentials nothing arrives, in no form, under no name.
    test("no real credential, no key of another run and nothing of Keybrake's own", async ({ expect }) => {
      const { server } = open();
      const env = {
        PLANNER_VAULT_KEY: "vault_of_another_run",
        KEYBRAKE_MASTER_KEY: Buffer.alloc(32, 7).toString("base64"),
        KEYBRAKE_DATA_DIR: server.dataDir,
        KEYBRAKE_AGENT_ID: "somebody",
        STRIPE_PUBLISHABLE_KEY: "pk_live_shownOnEveryPage",
        STRIPE_WEBHOOK_SECRET: "whsec_signsNoCall",
      };
      const { variables, stdout, stderr } = await print({ env });
      const secrets = { ...CANARIES, admin: server.adminToken, master: env.KEYBRAKE_MASTER_KEY };
      const scanner = new SecretScanner(
        Object.fromEntries(Object.entries(secrets).map(([name, text]) => [name, Buffer.from(text)])),
      );
      expect([...scanner.find("environment", stdout), ...scanner.find("stderr", stderr)]).toEqual([]);
      expect(stdout).not.toContain("vault_of_another_run");
      expect(Object.keys(variables).filter((name) => name.startsWith("KEYBRAKE_"))).toEqual([]);
      expect(variables).toMatchObject({
        STRIPE_PUBLISHABLE_KEY: "pk_live_shownOnEveryPage",
        STRIPE_WEBHOOK_SECRET: "whsec_signsNoCall",
      });
      for (const name of [...Object.keys(CANARIES), "PLANNER_VAULT_KEY", "KEYBRAKE_MASTER_KEY"])
        expect(stderr).toMatch(new RegExp(`withheld from the crew: .*\\b${name}\\b`));
    });

    test("the name of its one agent, if that is one of the run's", async ({ expect }) => {
      const { variables } = await print({ env: { KEYBRAKE_AGENT_ID: "billing_agent" } });
      expect(variables["KEYBRAKE_AGENT_ID"]).toBe("billing_agent");
    });

    test("where one key is wanted for all agents, a word that opens nothing", async ({ expect }) => {
      const { variables } = await print();
      for (const name of ["STRIPE_API_KEY", "STRIPE_SECRET_KEY", "TWILIO_AUTH_TOKEN", "RESEND_API_KEY"])
        expect(variables[name]).toBe("vault_set_by_keybrake_run");
      const answer = await fetch(`${open().server.dataUrl}/v1/payment_intents`, {
        headers: { authorization: `Bearer ${variables["STRIPE_API_KEY"]}` },
      });
      expect(answer.status).toBe(401);
      expect(await answer.text()).toContain("use the agent's own variable");
    });

    test("the preload for Node beside the options that it had", async ({ expect }) => {
      const { variables } = await print({ env: { NODE_OPTIONS: "--no-warnings --trace-uncaught" } });
      expect(variables["NODE_OPTIONS"]).toMatch(
        /^--no-warnings --trace-uncaught --import=file:\/\/\/.*\/client\/dist\/register\.js$/,
      );
    });

    test("the preload for Python, which the project's own Python names", async ({ expect }) => {
      // A program that answers as `python -m keybrake_crewai --preload-path` does.
      const folder = open().project({ "preload/sitecustomize.py": "" });
      const bin = path.join(folder, ".venv/bin");
      mkdirSync(bin, { recursive: true });
      const answer = `#!/bin/sh\n[ "$*" = "-m keybrake_crewai --preload-path" ] && echo "${folder}/preload"\n`;
      writeFileSync(path.join(bin, "python"), answer, { mode: 0o755 });
      const env = { VIRTUAL_ENV: path.join(folder, ".venv"), PYTHONPATH: "/opt/mine" };
      const found = await print({ env });
      expect(found.variables["PYTHONPATH"]).toBe(`${folder}/preload${path.delimiter}/opt/mine`);
      expect(found.stderr).not.toContain("pip install");
      const other = await print();
      expect(other.variables["PYTHONPATH"]).toBe(existsSync(BESIDE) ? BESIDE : undefined);
      expect(other.stderr.includes("pip install keybrake-crewai")).toBe(!existsSync(BESIDE));
    });
  });

  describe("lets its program", () => {
    test("use stripe-node as it is, and sums up what the audit log says", async ({ expect }) => {
      const launched = open().launch({ command: ["bill.mjs", "1000", "refund", "1200", "500"] });
      const { code, stdout, stderr } = await launched.finished;
      expect(code).toBe(0);
      const { crewRunId } = launched;
      expect(JSON.parse(stdout)).toMatchObject([
        { status: "succeeded", metadata: { agent_id: "billing_agent", crew_run_id: crewRunId } },
        { status: 403, code: "endpoint_not_allowed" },
        { status: "succeeded" },
        // The policy's total cap is the run's.
        { status: 403, code: "total_cap_exceeded" },
      ]);
      const { rows } = await open().server.admin.sql.query(
        `SELECT agent_id, vendor, count(*) FILTER (WHERE verdict = 'allow')::int AS calls,
           count(*) FILTER (WHERE verdict = 'deny')::int AS denied, sum(cost_usd)::numeric(9, 2)::text AS spent
         FROM calls WHERE crew_run_id = '${crewRunId}' GROUP BY 1, 2`,
      );
      expect(rows).toEqual([
        { agent_id: "billing_agent", vendor: "stripe", calls: 2, denied: 2, spent: "22.00" },
      ]);
      expect(stderr).toMatch(/^keybrake: billing_agent +stripe +2 +2 +22\.00 +0\.00 +25\.00$/m);
    });

    test("begin each run with the whole cap", async ({ expect }) => {
      for (const _ of [1, 2]) {
        const launched = open().launch({ command: ["bill.mjs", "2000"] });
        expect((await launched.finished).stdout).toContain("succeeded");
      }
    });

    test("be started by the keybrake command as well", async ({ expect }) => {
      const launched = open().launch({ command: ["bill.mjs", "100"], program: CLI });
      expect(await launched.finished).toMatchObject({
        code: 0,
        stdout: expect.stringContaining("succeeded"),
      });
      expect(await open().statuses(launched.crewRunId)).toEqual(["revoked"]);
    });
  });
}
