/** What scripts can trust: done; refused or failed; called wrongly; nobody answered. */
export const EXIT = { ok: 0, failed: 1, usage: 2, unreachable: 3 } as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends the command with one line on stderr and an exit code. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The line and the code for any error. Problems of single fields stand behind the sentence. */
export function explainError(error: unknown): { readonly line: string; readonly exitCode: ExitCode } {
  if (error instanceof CliError) return { line: error.message, exitCode: error.exitCode };
  if (!(error instanceof Error)) return { line: String(error), exitCode: EXIT.failed };
  if (error.name === "KeybrakeConnectionError") return { line: error.message, exitCode: EXIT.unreachable };
  if (error.name === "ManifestError") return { line: error.message, exitCode: EXIT.usage };
  if (error.name !== "KeybrakeApiError") return { line: error.message, exitCode: EXIT.failed };
  const { detail, code, problems } = error as Error & {
    detail: string;
    code: string;
    problems?: readonly { field: string; message: string }[];
  };
  const fields = (problems ?? []).map(({ field, message }) =>
    field === "" ? message : `${field}: ${message}`,
  );
  return { line: `${fields.length > 1 ? fields.join("; ") : detail} (${code})`, exitCode: EXIT.failed };
}
