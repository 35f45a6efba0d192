import { describe, test } from "vitest";
import { BILLING, CANARIES, type LaunchOptions, type Stage } from "./stage.ts";

const PRINT: LaunchOptions["command"] = ["environment.mjs"];
const JSON_CREW = {
  "pyproject.toml": '[tool.crewai]\ntype = "crew"\ndefinition = "crew.jsonc"\n',
  "crew.jsonc": '{ "agents": ["billing_agent"], "tasks": [], /* not the manager */ }',
  "agents/billing_agent.jsonc": '{ "role": "Billing Agent", "goal": "Bill" }',
};
const REAL_SECRETS = Object.values(CANARIES);

/** What is wrong is said before anything starts, all of it, and without a value. */
export function describeStarts(open: () => Stage): void {
  describe("does not start", () => {
    const refused = async (options: Partial<LaunchOptions>) => {
      const launched = open().launch({ command: PRINT, ...options });
      const { code, stdout, stderr } = await launched.finished;
      const statuses = await open().statuses(launched.crewRunId);
      return { code, stdout, stderr, statuses, lines: stderr.trimEnd().split("\n") };
    };
    const NOTHING = { code: 2, stdout: "", statuses: [] };

    test("with agents that the crew does not have", async ({ expect }) => {
      const agents = { ...BILLING, biling_agent: BILLING["billing_agent"] ?? {}, ops: {} };
      const result = await refused({ agents });
      expect(result).toMatchObject(NOTHING);
      const known = "which the crew does not have: the crew's agents are `billing_agent`, `planner`";
      expect(result.lines).toEqual([
        `keybrake: \`keybrake.yaml\` names \`biling_agent\`, ${known}`,
        `keybrake: \`keybrake.yaml\` names \`ops\`, ${known}`,
      ]);
    });

    test("with a manifest that is wrong, and says everything that is", async ({ expect }) => {
      const agents = { billing_agent: { stripe: { secret: "A" }, paypal: {} } } as never;
      const result = await refused({ agents });
      expect(result).toMatchObject(NOTHING);
      expect(result.lines.length).toBe(3);
    });

    test("with agents of which one would find another's key", async ({ expect }) => {
      const files = { "src/demo/config/agents.yaml": "billing_agent:\n  role: A\nbilling:\n  role: B\n" };
      const result = await refused({ files });
      expect(result).toMatchObject(NOTHING);
      expect(result.stderr).toContain(
        "`billing` would find the key of `billing_agent` in `BILLING_VAULT_KEY`",
      );
    });

    test("with an id of which no header can be made", async ({ expect }) => {
      const result = await refused({ env: { CREW_RUN_ID: "läuft" } });
      expect(result).toMatchObject({ code: 2, stdout: "" });
    });

    test("when a data plane does not know its keys, and leaves none behind", async ({ expect }) => {
      const result = await refused({ env: { KEYBRAKE_DATA_URL: open().server.adminUrl } });
      expect(result).toMatchObject({ code: 2, stdout: "", statuses: ["revoked"] });
      expect(result.stderr).toContain("KEYBRAKE_DATA_URL");
    });

    test("when one of its keys cannot be issued, and leaves none behind", async ({ expect }) => {
      const stripe = BILLING["billing_agent"]?.stripe;
      const mail = { secret: "no-such-secret", policy: { total_usd_cap: 1 } };
      const result = await refused({
        agents: { billing_agent: { ...(stripe && { stripe }), resend: mail } },
      });
      expect(result).toMatchObject({ code: 2, stdout: "", statuses: ["revoked"] });
      expect(result.stderr).toContain("there is no secret named `no-such-secret`");
    });

    // A definition, of a crew or of a flow, is run with `.env` loaded last: that would undo what the run has set.
    test.for([
      ["a crew of JSON files", JSON_CREW],
      ["a flow", { "pyproject.toml": '[tool.crewai]\ntype = "flow"\ndefinition = "flow.yaml"\n' }],
    ] as const)("with a `.env` that %s would let win", async ([, files], { expect }) => {
      const dotenv =
        "# of the vendor\nMODEL=gpt-5\nexport STRIPE_BASE_URL = https://api.stripe.com\n'CREW_RUN_ID'=mine\n";
      const result = await refused({ files: { ...files, ".env": dotenv } });
      expect(result).toMatchObject(NOTHING);
      expect(result.lines).toEqual([
        expect.stringMatching(/^keybrake: `\.env` line 3: `STRIPE_BASE_URL` would win/),
        expect.stringMatching(/^keybrake: `\.env` line 4: `CREW_RUN_ID` would win/),
      ]);
      expect(result.stderr).not.toMatch(/api\.stripe\.com|mine/);
    });

    test.for([
      ["classic", {}],
      ["JSON", JSON_CREW],
    ] as const)(
      "with real credentials in the `.env` of a %s crew, and tells none of them",
      async ([, files], { expect }) => {
        const lines = Object.entries(CANARIES).map(([name, value]) => `${name}="${value}" # ours`);
        // The last of a name is the one that is loaded, but the file holds both.
        const dotenv = [...lines, "STRIPE_SECRET_KEY=", "PLANNER_VAULT_KEY=x", "KEYBRAKE_ADMIN_TOKEN=y"].join(
          "\n",
        );
        const result = await refused({ files: { ...files, ".env": dotenv } });
        expect(result).toMatchObject(NOTHING);
        for (const number of [1, 2, 3, 4, 5, 6, 8, 9]) expect(result.stderr).toContain(`line ${number}: `);
        for (const secret of REAL_SECRETS) expect(result.stderr).not.toContain(secret);
      },
    );
  });

  describe("starts", () => {
    test("with a classic crew's `.env`, and says which of its lines have no effect", async ({ expect }) => {
      const dotenv = "MODEL=gpt-5\nSTRIPE_API_KEY=\nBILLING_VAULT_KEY=vault_old\n";
      const launched = open().launch({ files: { ".env": dotenv }, command: PRINT });
      const { code, stderr } = await launched.finished;
      expect(code).toBe(0);
      expect(stderr).toContain("`.env` line 2: `STRIPE_API_KEY` has no effect");
      expect(stderr).toContain("`.env` line 3: `BILLING_VAULT_KEY` has no effect");
      expect(stderr).not.toContain("line 1");
    });

    test("with a crew of JSON files", async ({ expect }) => {
      const launched = open().launch({ files: JSON_CREW, command: ["bill.mjs", "1000"] });
      expect(await launched.finished).toMatchObject({
        code: 0,
        stdout: expect.stringContaining("succeeded"),
      });
    });

    test("where there is no crew at all", async ({ expect }) => {
      const files = { "src/demo/config/agents.yaml": "", "src/demo/config/agents.txt": "" };
      const launched = open().launch({
        files,
        command: PRINT,
        agents: { crew_manager: BILLING["billing_agent"] ?? {} },
      });
      expect(await launched.finished).toMatchObject({
        code: 0,
        stdout: expect.stringContaining("CREW_MANAGER_VAULT_KEY"),
      });
    });

    test("under the id that the environment has, unless it is given one, and says whose keys end with it", async ({
      expect,
    }) => {
      const crewRunId = `nightly ${process.pid}`;
      const lasting = await open().server.admin.vaultKeys.create({
        agent_id: "planner",
        secret: "stripe-sandbox",
        policy: { vendor: "stripe" },
        crew_run_id: crewRunId,
      });
      const nightly = open().launch({ env: { CREW_RUN_ID: crewRunId }, command: PRINT });
      expect(JSON.parse((await nightly.finished).stdout)).toMatchObject({ CREW_RUN_ID: crewRunId });
      expect(nightly.output().stderr).toContain(`run ${crewRunId} has 1 vault keys already`);
      expect((await open().server.admin.vaultKeys.get(lasting.id)).status).toBe("revoked");
      const given = open().launch({
        env: { CREW_RUN_ID: crewRunId },
        options: ["--run-id", `${crewRunId}-2`],
        command: PRINT,
      });
      expect(JSON.parse((await given.finished).stdout)).toMatchObject({ CREW_RUN_ID: `${crewRunId}-2` });
    });
  });
}
