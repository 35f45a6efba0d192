import { execFile } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, it } from "vitest";
import { parse } from "yaml";
import { createTestAgent } from "./support/stage.ts";

const ROOT = join(import.meta.dirname, "../../..");
const PACKAGES = ["core", "client", "langchain-tools"];
const INSTALL_MS_MAX = 180_000;
const mayInstall = ["1", "true"].includes(process.env["CI"] ?? process.env["KEYBRAKE_TEST_INSTALL"] ?? "");

const run = promisify(execFile);
const project = realpathSync(mkdtempSync(join(tmpdir(), "keybrake-packed-")));
afterAll(() => rmSync(project, { recursive: true, force: true }));

/** Packs a package as it would be published, and tells where. */
async function pack(name: string): Promise<readonly [string, string]> {
  const folder = join(project, "packed", name);
  mkdirSync(folder, { recursive: true });
  const options = { cwd: join(ROOT, "packages", name), timeout: INSTALL_MS_MAX };
  await run("pnpm", ["pack", "--pack-destination", folder], options);
  const [file = ""] = readdirSync(folder);
  return [`@keybrake/${name}`, `file:packed/${name}/${file}`];
}

/** A model that charges once; the prelude of the README's snippet. */
const PRELUDE = `
import { AIMessage } from "@langchain/core/messages";
import { fakeModel } from "@langchain/core/testing";
const args = { amount: 1050, currency: "usd", payment_method: "pm_card_visa", confirm: true };
const call = { id: "call_1", name: "stripe_create_payment_intent", args, type: "tool_call" };
const model = fakeModel()
  .respond(() => new AIMessage({ content: "", tool_calls: [call] }))
  .respond(() => new AIMessage("charged"));
`;

it(
  "the packed packages install into an empty project, and the README's first snippet runs there",
  async (context) => {
    if (!mayInstall) context.skip("set KEYBRAKE_TEST_INSTALL=1: it installs from the npm registry");
    const keybrake = Object.fromEntries(await Promise.all(PACKAGES.map(pack)));
    const { catalog } = parse(readFileSync(join(ROOT, "pnpm-workspace.yaml"), "utf8")) as {
      catalog: Readonly<Record<string, string>>;
    };
    const third = ["@langchain/core", "langchain"].map((name) => [name, catalog[name]]);
    const manifest = {
      private: true,
      type: "module",
      dependencies: {
        ...Object.fromEntries(third),
        "@keybrake/langchain-tools": keybrake["@keybrake/langchain-tools"],
      },
      // What is not published yet comes from beside it.
      pnpm: { overrides: keybrake },
    };
    writeFileSync(join(project, "package.json"), JSON.stringify(manifest));
    const install = ["install", "--prefer-offline", "--ignore-workspace", "--no-frozen-lockfile"];
    await run("pnpm", install, { cwd: project, timeout: INSTALL_MS_MAX });

    const readme = readFileSync(join(ROOT, "packages/langchain-tools/README.md"), "utf8");
    const snippet = /^```js agent\n(.*?)^```$/ms.exec(readme)?.[1] ?? "throw new Error('no snippet');";
    writeFileSync(join(project, "agent.mjs"), PRELUDE + snippet);
    const agent = await createTestAgent("billing_agent", { isExact: true });
    const env = { PATH: process.env["PATH"], ...agent.environment };
    const { stdout, stderr } = await run(process.execPath, ["agent.mjs"], {
      cwd: project,
      env,
      timeout: 60_000,
    });
    expect({ stdout, stderr }).toEqual({ stdout: "charged\n", stderr: "" });
    expect((await agent.rows()).at(-1)).toMatchObject({ cost_usd: "10.50", crew_run_id: "run-7" });
    // The vendors' SDKs and their clients are optional, and the core asks for no framework.
    const core = `import { TOOL_NAMES } from "@keybrake/langchain-tools/core"; console.log(TOOL_NAMES.length > 20);`;
    const bare = await run(process.execPath, ["--input-type=module", "-e", core], { cwd: project, env });
    expect(bare.stdout).toBe("true\n");
  },
  INSTALL_MS_MAX * 2,
);
