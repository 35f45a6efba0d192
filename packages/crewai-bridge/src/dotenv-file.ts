import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "dotenv";
import { CrewError } from "./crew-error.ts";
import { isOperatorSecret, isRealSecret, isVaultKeyName } from "./real-secret.ts";

/** What is to be compared with the project's `.env`. */
export interface DotenvOptions {
  readonly directory: string;
  /** Whether it wins over the environment. */
  readonly wins: boolean;
  /** The names that the run sets. */
  readonly variables: readonly string[];
}

interface Line {
  readonly number: number;
  readonly name: string;
  readonly text: string;
}

const ASSIGNMENT = /^\s*(?:export\s+)?(["']?)([\w.-]+)\1\s*[=:]\s*(.*)$/;

/**
 * Looks for what the project's `.env` would undo. Throws a CrewError when it holds a real credential, when it would win
 * over a variable that the run sets, or when it gives an agent a vault key that the run does not; returns a remark for
 * each line that has no effect. Line numbers and names are told, values never.
 */
export function checkDotenv({ directory, wins, variables }: DotenvOptions): readonly string[] {
  const file = path.join(directory, ".env");
  if (!existsSync(file)) return [];
  const text = readText(file);
  const values = parse(text);
  const set = new Set(variables);
  const problems: string[] = [];
  const remarks: string[] = [];
  for (const { number, name, text: rest } of readLines(text)) {
    const where = `\`.env\` line ${number}: \`${name}\``;
    if (isRealSecret(name, values[name] ?? rest) || isRealSecret(name, rest))
      problems.push(
        `${where} holds a real credential: store it by \`keybrake secrets add\` and remove it here`,
      );
    else if (isOperatorSecret(name))
      problems.push(`${where} opens Keybrake itself: a crew must not be able to read it`);
    else if (set.has(name) && wins)
      problems.push(
        `${where} would win over what this run sets, because CrewAI loads \`.env\` last: remove it`,
      );
    else if (set.has(name)) remarks.push(`${where} has no effect: this run sets it`);
    else if (isVaultKeyName(name))
      problems.push(`${where} would give an agent a key that does not belong to this run: remove it`);
  }
  if (problems.length > 0) throw new CrewError("dotenv_conflict", problems);
  return remarks;
}

/** Every assignment, also those that a later one of the same name replaces: each is a line that a person can remove. */
function readLines(text: string): readonly Line[] {
  return text.split(/\r?\n/).flatMap((line, index) => {
    const [, , name, rest = ""] = ASSIGNMENT.exec(line) ?? [];
    return name === undefined ? [] : [{ number: index + 1, name, text: unquote(rest.trim()) }];
  });
}

function unquote(text: string): string {
  return text.replace(/^(["'`])(.*)\1$/, "$2");
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unknown";
    throw new CrewError(
      "dotenv_conflict",
      [`cannot read \`.env\` (${reason}), and the crew may: make it readable`],
      error,
    );
  }
}
