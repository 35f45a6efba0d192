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

/** The lines and the code for any error. Problems of a request's fields stand behind the sentence. */
export function explainError(error: unknown): {
  readonly lines: readonly string[];
  readonly exitCode: ExitCode;
} {
  if (error instanceof CliError) return { lines: [error.message], exitCode: error.exitCode };
  if (!(error instanceof Error)) return { lines: [String(error)], exitCode: EXIT.failed };
  switch (error.name) {
    case "KeybrakeApiError":
      return { lines: [explainRefusal(error)], exitCode: EXIT.failed };
    case "KeybrakeConnectionError":
      return { lines: [error.message], exitCode: EXIT.unreachable };
    // What a person has written is wrong, in as many places as there are lines.
    case "ManifestError":
    case "CrewError":
      return { lines: (error as Error & { problems: readonly string[] }).problems, exitCode: EXIT.usage };
    default:
      return { lines: [error.message], exitCode: EXIT.failed };
  }
}

function explainRefusal(error: Error): string {
  const { detail, code, problems } = error as Error & {
    detail: string;
    code: string;
    problems?: readonly { field: string; message: string }[];
  };
  const fields = (problems ?? []).map(({ field, message }) =>
    field === "" ? message : `${field}: ${message}`,
  );
  return `${fields.length > 1 ? fields.join("; ") : detail} (${code})`;
}
