import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import { CrewError, type CrewErrorCode } from "./crew-error.ts";

const FILE_BYTES_MAX = 1_048_576;

/** Reads a file of the project and understands its text, or throws a CrewError that names the file. */
export function understandFile<Result>(
  directory: string,
  file: string,
  read: (text: string) => Result,
  code: CrewErrorCode = "crew_unreadable",
): Result {
  try {
    if (statSync(file).size > FILE_BYTES_MAX) throw new RangeError("it is larger than a mebibyte");
    return read(readFileSync(file, "utf8"));
  } catch (error) {
    const [reason] = (error instanceof Error ? error.message : String(error)).split("\n");
    throw new CrewError(code, [`cannot understand \`${path.relative(directory, file)}\`: ${reason}`], error);
  }
}

/** Tells a mapping apart from everything else that a document can hold. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
