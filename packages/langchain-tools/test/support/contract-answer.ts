import { readFileSync } from "node:fs";

interface Sample {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly means: { readonly code: string } | null;
}

const CONTRACT = new URL("../../../client/agent-contract.json", import.meta.url);
const { answers } = JSON.parse(readFileSync(CONTRACT, "utf8")) as { answers: readonly Sample[] };

/** An answer of the proxy as the shared contract has it, for what a real one gives only after a minute. */
export function contractAnswer(code: string, headers: Readonly<Record<string, string>> = {}): Response {
  const sample = answers.find(({ means }) => means?.code === code);
  if (sample === undefined) throw new Error(`the contract has no answer with \`${code}\``);
  return new Response(sample.body, { status: sample.status, headers: { ...sample.headers, ...headers } });
}
