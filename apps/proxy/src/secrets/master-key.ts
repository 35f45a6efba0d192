import { randomBytes } from "node:crypto";
import { mkdir, open, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { KEY_LENGTH } from "./aes-gcm.ts";
import { createMasterKey, type MasterKey } from "./envelope.ts";
import { KeyRing } from "./key-ring.ts";

/** Where the master key may come from; the first that is set wins, and more than one of the first two is an error. */
export interface MasterKeySource {
  /** `KEYBRAKE_MASTER_KEY`: base64 of 32 bytes. */
  readonly value: string | null;
  /** `KEYBRAKE_MASTER_KEY_FILE`: a file that only its owner can read. */
  readonly file: string | null;
  /** Where a key is generated when neither is set; null = an external database, for which one must be given. */
  readonly generateIn: string | null;
}

/** The key that was in use before, while the master key is being changed. */
export type PreviousKeySource = Pick<MasterKeySource, "value" | "file">;

const FILE_NAME = "master-key";
const OTHERS_MAY = 0o077;

/** Reads, or for an embedded database generates, the master key; else returns a sentence that says what to do. */
export async function loadMasterKey(source: MasterKeySource): Promise<MasterKey | string> {
  if (source.value !== null && source.file !== null)
    return "set `KEYBRAKE_MASTER_KEY` or `KEYBRAKE_MASTER_KEY_FILE`, not both";
  if (source.value !== null) return readKey(source.value, "`KEYBRAKE_MASTER_KEY`");
  if (source.file !== null) return readKeyFile(source.file);
  if (source.generateIn === null) {
    return "with an external database set `KEYBRAKE_MASTER_KEY` or `KEYBRAKE_MASTER_KEY_FILE`: 32 bytes in base64, from `openssl rand -base64 32`";
  }
  return (await generate(source.generateIn)) ?? readKeyFile(join(source.generateIn, FILE_NAME));
}

/** Reads the configured key and the one before it, if there is one; else returns a sentence that says what to do. */
export async function loadKeyRing(
  source: MasterKeySource,
  previous: PreviousKeySource,
): Promise<KeyRing | string> {
  const current = await loadMasterKey(source);
  if (typeof current === "string") return current;
  if (previous.value === null && previous.file === null) return new KeyRing(current);
  const before =
    previous.file === null
      ? readKey(previous.value ?? "", "`KEYBRAKE_MASTER_KEY_PREVIOUS`")
      : await readKeyFile(previous.file);
  return typeof before === "string" ? before : new KeyRing(current, before);
}

/** Null when there is one already; of two that start at once, the second finds the first's. */
async function generate(directory: string): Promise<null | string> {
  const path = join(directory, FILE_NAME);
  const key = randomBytes(KEY_LENGTH);
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const file = await open(path, "wx", 0o600);
    try {
      await file.writeFile(`${key.toString("base64")}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    return null;
  } catch (error) {
    return codeOf(error) === "EEXIST" ? null : `cannot write a master key to \`${path}\`: ${codeOf(error)}`;
  } finally {
    key.fill(0);
  }
}

async function readKeyFile(path: string): Promise<MasterKey | string> {
  try {
    const { mode } = await stat(path);
    if ((mode & OTHERS_MAY) !== 0)
      return `\`${path}\` can be read by others than its owner: run \`chmod 600 ${path}\``;
    return readKey(await readFile(path, "utf8"), `\`${path}\``);
  } catch (error) {
    return `cannot read the master key file \`${path}\`: ${codeOf(error)}`;
  }
}

function readKey(text: string, where: string): MasterKey | string {
  const trimmed = text.trim();
  const key = Buffer.from(trimmed, "base64");
  // Node skips what is not base64, so only the way back shows whether the text was the whole of a key.
  if (key.length !== KEY_LENGTH || key.toString("base64") !== trimmed)
    return `${where} must hold ${KEY_LENGTH} bytes in base64 (44 characters), from \`openssl rand -base64 32\``;
  return createMasterKey(key);
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown error";
}
