import { type AdminClient, createAdminClient } from "@keybrake/client";
import { findAdminAddress } from "@keybrake/client/command-line";
import type { Command } from "commander";
import { CliError, EXIT } from "./exit.ts";
import { type Column, renderTable, showText, type Terminal } from "./terminal.ts";

interface GlobalOptions {
  readonly url?: string;
  readonly tokenFile?: string;
  readonly json?: boolean;
}

/** What a running command works with: the API, and how to answer a person or a program. */
export class Context {
  readonly terminal: Terminal;
  readonly isJson: boolean;
  readonly #options: GlobalOptions;
  #admin: AdminClient | null = null;

  constructor(terminal: Terminal, command: Command) {
    this.terminal = terminal;
    this.#options = command.optsWithGlobals<GlobalOptions>();
    this.isJson = this.#options.json === true;
  }

  /** The admin API; throws a usage error when there is no token to be found. */
  get admin(): AdminClient {
    this.#admin ??= this.connect();
    return this.#admin;
  }

  /** The same, with another limit to how long one answer may take. */
  connect(limit: { readonly timeoutMs?: number } = {}): AdminClient {
    try {
      return createAdminClient({ ...findAdminAddress(this.terminal.env, this.#options), ...limit });
    } catch (error) {
      if (error instanceof TypeError) throw new CliError(EXIT.usage, error.message);
      throw error;
    }
  }

  /** The control plane's address, without a slash at its end. */
  get baseUrl(): string {
    return findAdminAddress(this.terminal.env, this.#options).baseUrl.replace(/\/+$/, "");
  }

  /** Prints the API's own JSON for programs, or a table for people. */
  list<Row>(answer: unknown, columns: readonly Column<Row>[], rows: readonly Row[]): void {
    if (this.isJson) this.json(answer);
    else this.line(rows.length === 0 ? "nothing found" : renderTable(columns, rows));
  }

  /** Prints JSON for programs, or names and values line by line for people. */
  show(answer: object, fields: Readonly<Record<string, unknown>>): void {
    if (this.isJson) return this.json(answer);
    const columns = [
      { name: "", value: ([name]: [string, unknown]) => name },
      { name: "", value: ([, value]: [string, unknown]) => value },
    ];
    this.line(renderTable(columns, Object.entries(fields)).split("\n").slice(1).join("\n"));
  }

  json(value: unknown): void {
    this.line(JSON.stringify(value, null, 2));
  }

  line(text: string): void {
    this.terminal.stdout.write(`${text}\n`);
  }

  /** A remark for people, which no program has to skip. */
  note(text: string): void {
    if (!this.isJson) this.terminal.stderr.write(`${showText(text)}\n`);
  }
}

/** Runs a command's action with its context; commander hands the command itself over last. */
export type Run = (
  action: (context: Context, options: Record<string, string | undefined>, ...args: string[]) => Promise<void>,
) => (...input: unknown[]) => Promise<void>;

/** Makes that for one terminal. */
export function createRun(terminal: Terminal): Run {
  return (action) =>
    async (...input) => {
      const command = input.at(-1) as Command;
      // The words of a variadic argument come as one list.
      const args = input.slice(0, -2).flat() as string[];
      await action(new Context(terminal, command), command.opts(), ...args);
    };
}
