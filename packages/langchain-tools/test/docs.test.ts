import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ToolMessage } from "@langchain/core/messages";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { scriptedModel } from "./support/scripted-model.ts";
import { createTestAgent, type TestAgent } from "./support/stage.ts";

const ROOT = join(import.meta.dirname, "../../..");
const PAGE = readFileSync(join(ROOT, "docs/langchain.md"), "utf8");
/** Inside of the package, so that a snippet finds it by its name, as it is built. */
const FOLDER = join(import.meta.dirname, "../dist/.docs");

interface World {
  readonly model?: ReturnType<typeof scriptedModel>;
  readonly keysOfRuns?: ReadonlyMap<string, string>;
}

/** Runs a snippet of docs/langchain.md as a module, with names from the world around it, and gives what it makes. */
async function runSnippet(name: string, world: World, result: string): Promise<unknown> {
  const code = new RegExp(`^\`\`\`ts ${name}\\n(.*?)^\`\`\`$`, "ms").exec(PAGE)?.[1];
  if (code === undefined) throw new Error(`docs/langchain.md has no snippet \`${name}\``);
  const file = join(FOLDER, `${name}.mjs`);
  Object.assign(globalThis, { docsWorld: world });
  writeFileSync(
    file,
    `const { model, keysOfRuns } = globalThis.docsWorld;\n${code}\nexport { ${result} as result };\n`,
  );
  return ((await import(file)) as { result: unknown }).result;
}

interface Invokable {
  invoke(input: object, config?: object): Promise<{ messages: readonly unknown[] }>;
}

const CHARGE = { amount: 1_050, currency: "usd", payment_method: "pm_card_visa", confirm: true };
const pay = { name: "stripe_create_payment_intent", args: CHARGE };

describe("the snippets of docs/langchain.md run as they stand there", () => {
  let agent: TestAgent;
  beforeAll(async () => {
    mkdirSync(FOLDER, { recursive: true });
    agent = await createTestAgent("billing_agent", { isExact: true });
    Object.assign(process.env, agent.environment);
  });
  afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

  const lastRow = async () => (await agent.rows()).at(-1);

  it("toolkit", async () => {
    await runSnippet("toolkit", { model: scriptedModel([pay], "done") }, "billing");
    expect(await lastRow()).toMatchObject({
      crew_run_id: "run-7",
      cost_usd: "10.50",
      claimed_agent_id: null,
    });
  });

  it("middleware", async () => {
    const model = scriptedModel([{ name: "charge", args: { cents: 700 } }], "done");
    const billing = (await runSnippet("middleware", { model }, "billing")) as Invokable;
    const { messages } = await billing.invoke({ messages: [{ role: "user", content: "go" }] });
    expect(messages.find((message) => ToolMessage.isInstance(message))?.text).toMatch(/^charged, pi_/);
    expect(await lastRow()).toMatchObject({ cost_usd: "7.00" });
  });

  it("endpoint", async () => {
    expect(await runSnippet("endpoint", {}, "accept")).toMatchObject({ name: "stripe_quotes_accept" });
  });

  it("runs", async () => {
    const keysOfRuns = new Map([["run-8", agent.vaultKeys.stripe ?? ""]]);
    const toolkit = (await runSnippet("runs", { keysOfRuns }, "toolkit")) as { tools: readonly Invokable[] };
    const [create] = toolkit.tools;
    await create?.invoke({ amount: 900, currency: "usd" }, { configurable: { crew_run_id: "run-8" } });
    expect(await lastRow()).toMatchObject({ crew_run_id: "run-8", endpoint: "POST /v1/payment_intents" });
  });
});
