import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { generateAdminToken } from "@keybrake/core";

/** The admin token and where a person finds it. */
export interface AdminToken {
  readonly token: string;
  readonly isNew: boolean;
  /** Null when the operator gave the token: then only the operator knows where it is. */
  readonly file: string | null;
}

/** Takes the operator's token, else the one generated at an earlier start, else makes one (0600 in the data directory). */
export function openAdminToken(given: string | null, dataDir: string): AdminToken {
  if (given !== null) return { token: given, isNew: false, file: null };
  const file = path.join(dataDir, "admin-token");
  try {
    const token = readFileSync(file, "utf8").trim();
    if (token !== "") return { token, isNew: false, file };
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const token = generateAdminToken("admin");
  writeFileSync(file, `${token}\n`, { mode: 0o600 });
  return { token, isNew: true, file };
}
