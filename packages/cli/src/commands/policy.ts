import type { DryRunPolicy, DryRunSample } from "@keybrake/client";
import { isMethod, type KeyFacts, parsePolicy } from "@keybrake/core";
import type { Command } from "commander";
import type { Context, Run } from "../context.ts";
import { CliError, EXIT } from "../exit.ts";
import { readDocument, readInput } from "../input.ts";
import { type ProbedBudget, type ProbedRequest, probePolicy } from "../policy-test.ts";
import type { Column, Terminal } from "../terminal.ts";
import { given } from "./page.ts";

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const FORM = "application/x-www-form-urlencoded";

/** `keybrake policy test`: would this call pass? `keybrake policy dry-run`: what would it have refused? */
export function addPolicy(program: Command, run: Run, terminal: Terminal): void {
  const policy = program.command("policy").description("try a policy out");
  addDryRun(policy, run, terminal);
  policy
    .command("test <source>")
    .description("say whether a call would pass, and why; exits 1 when it would be refused")
    .requiredOption("--path <path>", "such as /v1/refunds, with its query")
    .option("--method <method>", "the HTTP method", "POST")
    .option("--body <text>", "the body as it would be sent", "")
    .option("--body-file <file>", "a file that holds the body; `-` reads stdin")
    .option("--content-type <type>", "of the body", FORM)
    .option("--account <id>", "the `Stripe-Account` header")
    .option("--account-id <sid>", "the account of the key's secret, as Twilio's AccountSid")
    .addHelpText("after", "\n<source> is a policy in JSON or YAML, `-` for stdin, or the id of a vault key.")
    .action(
      run(async (context, options, source = "") => {
        const request = await readRequest(terminal, options);
        const { key, budgets } = UUID.test(source)
          ? await fetchKey(context, source)
          : await readPolicyFile(terminal, source);
        const result = probePolicy(key, budgets, request, new Date());
        if (context.isJson) context.json(result);
        else {
          context.line(`${result.verdict}${result.code === null ? "" : `: ${result.code}`}`);
          const facts = {
            why: result.reason,
            endpoint: result.endpoint ?? "unknown",
            price: result.price ?? "unknown",
          };
          context.show(result, facts);
          for (const note of result.notes) context.line(`note: ${note}`);
        }
        if (result.verdict === "deny") process.exitCode = EXIT.failed;
      }),
    );
}

const SAMPLE_COLUMNS: readonly Column<DryRunSample>[] = [
  { name: "REQUESTED", value: ({ requested_at: at }) => at },
  { name: "CALL", value: ({ call_id: id }) => id },
  { name: "AGENT", value: ({ agent_id: agent }) => agent },
  { name: "WHAT", value: ({ endpoint, method, path }) => endpoint ?? `${method} ${path}` },
  { name: "COST", value: ({ cost_usd: cost }) => cost },
  { name: "WAS", value: ({ was }) => was.code ?? was.verdict },
  { name: "WOULD BE", value: ({ would_be: judged }) => judged.code ?? judged.verdict },
];

function addDryRun(policy: Command, run: Run, terminal: Terminal): void {
  policy
    .command("dry-run <file>")
    .description("judge recorded calls by a policy that is not in force; changes nothing")
    .option("--key <id>", "the calls of this vault key")
    .option("--agent <agent-id>", "or of this agent")
    .option("--run <crew-run-id>", "or of this run")
    .option("--from <instant>", "7 days before the end when absent")
    .option("--to <instant>", "now when absent")
    .action(
      run(async (context, options, file = "") => {
        const { key, agent, run: crewRunId, from, to } = options;
        const document = (await readDocument(terminal, file)) as DryRunPolicy["policy"];
        const whose = given({ vault_key_id: key, agent_id: agent, crew_run_id: crewRunId, from, to });
        const result = await context.admin.policies.dryRun({ policy: document, ...whose });
        const { by_reason, samples, notes, ...counts } = result;
        context.show(result, counts);
        if (context.isJson) return;
        for (const { code, calls } of by_reason) context.line(`${code}: ${calls}`);
        if (samples.length > 0) {
          context.line("");
          context.list({ data: samples, next_cursor: null }, SAMPLE_COLUMNS, samples);
        }
        for (const note of notes) context.line(`note: ${note}`);
      }),
    );
}

async function readRequest(
  terminal: Terminal,
  options: Readonly<Record<string, string | undefined>>,
): Promise<ProbedRequest> {
  const {
    method = "POST",
    path: target = "",
    body = "",
    bodyFile,
    contentType = FORM,
    account = null,
    accountId = null,
  } = options;
  if (!isMethod(method)) throw new CliError(EXIT.usage, `\`${method}\` is no method that a vendor knows`);
  const text = bodyFile === undefined ? body : await readInput(terminal, bodyFile);
  return { method, target, body: text, contentType, account, accountId };
}

interface Probed {
  readonly key: KeyFacts;
  readonly budgets: readonly ProbedBudget[];
}

async function readPolicyFile(terminal: Terminal, file: string): Promise<Probed> {
  const parsed = parsePolicy(await readDocument(terminal, file));
  if ("problems" in parsed)
    throw new CliError(EXIT.usage, `\`${file}\` is no policy: ${parsed.problems.join("; ")}`);
  const { policy } = parsed;
  // Of a policy alone nothing is spent yet: its caps are whole.
  const budgets = policy.budgets.map(({ window, unit, limit }) => ({
    scope: "vault_key",
    window,
    unit,
    remaining:
      unit === "usd"
        ? `${limit / 1_000_000n}.${(limit % 1_000_000n).toString().padStart(6, "0")}`
        : limit.toString(),
  }));
  return { key: { status: "active", expiresAt: null, policy }, budgets };
}

async function fetchKey(context: Context, id: string): Promise<Probed> {
  const key = await context.admin.vaultKeys.get(id);
  const parsed = parsePolicy(key.policy);
  if ("problems" in parsed)
    throw new CliError(EXIT.failed, `the policy of \`${id}\` is not understood by this version`);
  const status = key.status === "expired" ? "active" : key.status;
  const expiresAt = key.expires_at === null ? null : new Date(key.expires_at);
  // The budgets of a child are those above it, too; their policies are asked for one by one.
  const parent = key.parent_id === null ? null : (await fetchKey(context, key.parent_id)).key;
  return { key: { status, expiresAt, policy: parsed.policy, parent }, budgets: key.budgets };
}
