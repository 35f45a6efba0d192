import { readFile } from "node:fs/promises";

/** The engine answers in milliseconds, and at the start somebody waits for it. */
const TIMEOUT_MS = 5_000;
const ANSWER_BYTES_MAX = 65_536;
/** What Vault and OpenBao make of a text that they have encrypted: the version of their key, and base64. */
const WRAPPED = /^vault:v[0-9]{1,9}:[A-Za-z0-9+/]{1,8192}={0,2}$/;

/** A transit engine of HashiCorp Vault or OpenBao, which keeps the key that wraps the master key. */
export interface Transit {
  /** Where it is mounted, as in `https://vault.example.com:8200/v1/transit`. */
  readonly url: string;
  readonly keyName: string;
  /** Read anew for each question: whoever renews the token writes it there. */
  readonly tokenFile: string;
}

/** `unreachable`: no answer, or none in time. `refused`: an answer without the key. `no_token`: its file is unreadable. */
export type TransitErrorCode = "unreachable" | "refused" | "no_token";

/** The engine did not unwrap. The message quotes nothing that it said, and no part of a key or token. */
export class TransitError extends Error {
  override readonly name = "TransitError";
  readonly code: TransitErrorCode;

  constructor(code: TransitErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Says whether a text is a key as a transit engine wraps it. */
export function isWrapped(text: string): boolean {
  return WRAPPED.test(text);
}

/** Unwraps what the engine has wrapped; the caller wipes the bytes. Rejects with a `TransitError`, in five seconds at most. */
export async function unwrapKey(transit: Transit, wrapped: string): Promise<Buffer> {
  const { host } = new URL(transit.url);
  const token = await readToken(transit.tokenFile);
  let status: number;
  let text: string;
  try {
    const response = await fetch(`${transit.url}/decrypt/${encodeURIComponent(transit.keyName)}`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-vault-request": "true", "x-vault-token": token },
      body: JSON.stringify({ ciphertext: wrapped }),
      // The token is for that address and no other.
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    status = response.status;
    text = await readBounded(response);
  } catch {
    throw new TransitError("unreachable", `the transit engine at \`${host}\` does not answer`);
  }
  const plaintext = status === 200 ? readPlaintext(text) : null;
  if (plaintext === null)
    throw new TransitError("refused", `the transit engine at \`${host}\` refused to unwrap (${status})`);
  return plaintext;
}

async function readToken(file: string): Promise<string> {
  const token = await readFile(file, "utf8").then(
    (text) => text.trim(),
    () => "",
  );
  if (!/^[\x21-\x7e]{1,4096}$/.test(token))
    throw new TransitError("no_token", `there is no token for the transit engine in \`${file}\``);
  return token;
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > ANSWER_BYTES_MAX) throw new RangeError("the answer is too long");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function readPlaintext(text: string): Buffer | null {
  try {
    const { data } = JSON.parse(text) as { data?: { plaintext?: unknown } };
    return typeof data?.plaintext === "string" ? Buffer.from(data.plaintext, "base64") : null;
  } catch {
    return null;
  }
}
