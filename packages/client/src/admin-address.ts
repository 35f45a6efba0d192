import { readFileSync } from "node:fs";
import path from "node:path";

/** Where the control plane is, and the token that it asks for. */
export interface AdminAddress {
  readonly baseUrl: string;
  readonly token: string;
}

/** What a command line was given; it comes before the environment. */
export interface GivenAddress {
  readonly url?: string | undefined;
  readonly tokenFile?: string | undefined;
}

const URL_DEFAULT = "http://127.0.0.1:8788";
const DATA_DIR_DEFAULT = ".keybrake";

/**
 * Finds the control plane and its token as every command of ours does: what was given, then `KEYBRAKE_URL`,
 * `KEYBRAKE_ADMIN_TOKEN` or `KEYBRAKE_ADMIN_TOKEN_FILE`, then the file that the server keeps in its data directory.
 * Throws a TypeError that says what to set when there is no token.
 */
export function findAdminAddress(
  environment: Readonly<Record<string, string | undefined>>,
  given: GivenAddress = {},
): AdminAddress {
  const baseUrl = given.url ?? environment["KEYBRAKE_URL"] ?? URL_DEFAULT;
  return { baseUrl, token: findToken(environment, given.tokenFile) };
}

function findToken(
  environment: Readonly<Record<string, string | undefined>>,
  tokenFile: string | undefined,
): string {
  const {
    KEYBRAKE_ADMIN_TOKEN: token,
    KEYBRAKE_ADMIN_TOKEN_FILE: file,
    KEYBRAKE_DATA_DIR: dataDir,
  } = environment;
  if (tokenFile !== undefined) return readToken(tokenFile);
  if (token !== undefined) return token;
  if (file !== undefined) return readToken(file);
  const generated = path.join(dataDir ?? DATA_DIR_DEFAULT, "admin-token");
  try {
    return readFileSync(generated, "utf8").trim();
  } catch {
    throw new TypeError(
      `no admin token: set \`KEYBRAKE_ADMIN_TOKEN\`, pass \`--token-file\`, or go where \`${generated}\` is`,
    );
  }
}

function readToken(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    throw new TypeError(`cannot read the admin token from \`${file}\``);
  }
}
