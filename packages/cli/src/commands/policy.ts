import { isMethod, type KeyFacts, parsePolicy } from "@keybrake/core";
import type { Command } from "commander";
import type { Context, Run } from "../context.ts";
import { CliError, EXIT } from "../exit.ts";
import { readDocument, readInput } from "../input.ts";
import { type ProbedBudget, type ProbedRequest, probePolicy } from "../policy-test.ts";
import type { Terminal } from "../terminal.ts";

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const FORM = "application/x-www-form-urlencoded";

/** `keybrake policy test`: would this call pass? */
export function addPolicy(program: Command, run: Run, terminal: Terminal): void {
  program
    .command("policy")
    .description("try a policy out")
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
  return { key: { status, expiresAt, policy: parsed.policy }, budgets: key.budgets };
}
