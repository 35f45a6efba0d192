import type { Readable, Writable } from "node:stream";

export { type Column, renderTable, showText } from "@keybrake/client/command-line";

/** What a command talks to: the process itself, or a test. */
export interface Terminal {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly env: Readonly<Record<string, string | undefined>>;
}
