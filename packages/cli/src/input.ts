import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { CliError, EXIT } from "./exit.ts";
import type { Terminal } from "./terminal.ts";

const STDIN_BYTES_MAX = 1_048_576;

/** Reads a file's text, or stdin's when the name is `-`. */
export async function readInput(terminal: Terminal, file: string): Promise<string> {
  if (file === "-") return readStdin(terminal);
  try {
    return readFileSync(file, "utf8");
  } catch {
    throw new CliError(EXIT.usage, `cannot read \`${file}\``);
  }
}

/** Reads all of stdin, at most a mebibyte. */
async function readStdin({ stdin }: Terminal): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stdin) {
    const bytes = Buffer.from(chunk as Buffer);
    size += bytes.length;
    if (size > STDIN_BYTES_MAX) throw new CliError(EXIT.usage, "stdin holds more than a mebibyte");
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Reads a document in YAML or JSON, which is YAML too. */
export async function readDocument(terminal: Terminal, file: string): Promise<unknown> {
  const text = await readInput(terminal, file);
  try {
    return parse(text, { maxAliasCount: 100 });
  } catch (error) {
    const [reason] = (error instanceof Error ? error.message : "").split("\n");
    throw new CliError(EXIT.usage, `\`${file}\` is neither YAML nor JSON: ${reason}`);
  }
}

/**
 * Reads a real credential from a file or from stdin, without its line end. Never from an argument, where every
 * process of the machine can read it, and never typed at a terminal, which would show it.
 */
export async function readSecretValue(terminal: Terminal, file: string | undefined): Promise<string> {
  if (file === undefined && terminal.stdin.isTTY === true)
    throw new CliError(EXIT.usage, "pipe the value into stdin, or pass `--value-file`");
  const value = (await readInput(terminal, file ?? "-")).replace(/\r?\n$/, "");
  if (value === "") throw new CliError(EXIT.usage, "the value is empty");
  return value;
}

/** Reads a whole number of at least one. */
export function readCount(text: string, name: string): number {
  if (!/^[1-9][0-9]{0,9}$/.test(text)) throw new CliError(EXIT.usage, `\`${name}\` must be a whole number`);
  return Number(text);
}
