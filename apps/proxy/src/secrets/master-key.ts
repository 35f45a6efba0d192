import { randomBytes } from "node:crypto";
import { mkdir, open, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { KEY_LENGTH } from "./aes-gcm.ts";
import { createMasterKey, type MasterKey } from "./envelope.ts";
import { KeyRing } from "./key-ring.ts";
import { isWrapped, type Transit, TransitError, unwrapKey } from "./transit.ts";

/** Where the master key may come from; the first that is set wins, and more than one of the first two is an error. */
export interface MasterKeySource {
  /** `KEYBRAKE_MASTER_KEY`: base64 of 32 bytes, or those wrapped by a transit engine. */
  readonly value: string | null;
  /** `KEYBRAKE_MASTER_KEY_FILE`: a file that only its owner can read. */
  readonly file: string | null;
  /** Where a key is generated when neither is set; null = an external database, for which one must be given. */
  readonly generateIn: string | null;
  /** Who unwraps a wrapped key; null = nobody. */
  readonly transit: Transit | null;
}

/** The key that was in use before, while the master key is being changed. */
export type PreviousKeySource = Pick<MasterKeySource, "value" | "file">;

const FILE_NAME = "master-key";
const OTHERS_MAY = 0o077;

/** Reads, or for an embedded database generates, the master key; else returns a sentence that says what to do. */
export async function loadMasterKey(source: MasterKeySource): Promise<MasterKey | string> {
  if (source.value !== null && source.file !== null)
    return "set `KEYBRAKE_MASTER_KEY` or `KEYBRAKE_MASTER_KEY_FILE`, not both";
  if (source.value !== null) return readKey(source.value, "`KEYBRAKE_MASTER_KEY`", source.transit);
  if (source.file !== null) return readKeyFile(source.file, source.transit);
  if (source.generateIn === null) {
    return "with an external database set `KEYBRAKE_MASTER_KEY` or `KEYBRAKE_MASTER_KEY_FILE`: 32 bytes in base64, from `openssl rand -base64 32`";
  }
  return (await generate(source.generateIn)) ?? readKeyFile(join(source.generateIn, FILE_NAME), null);
}

/** Reads the configured key and the one before it, if there is one; else returns a sentence that says what to do. */
export async function loadKeyRing(
  source: MasterKeySource,
  previous: PreviousKeySource,
): Promise<KeyRing | string> {
  const current = await loadMasterKey(source);
  if (typeof current === "string") return current;
  const before = await loadPreviousKey(previous, source.transit);
  if (typeof before === "string") return before;
  const keyRing = new KeyRing(current, before);
  if (source.transit !== null && !keyRing.isLent)
    return "`KEYBRAKE_MASTER_KEY_TRANSIT_URL` is set, but no master key is wrapped: give what `vault write transit/encrypt/…` made of it";
  return keyRing;
}

async function loadPreviousKey(
  { value, file }: PreviousKeySource,
  transit: Transit | null,
): Promise<MasterKey | null | string> {
  if (file !== null) return readKeyFile(file, transit);
  return value === null ? null : readKey(value, "`KEYBRAKE_MASTER_KEY_PREVIOUS`", transit);
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

async function readKeyFile(path: string, transit: Transit | null): Promise<MasterKey | string> {
  try {
    const { mode } = await stat(path);
    if ((mode & OTHERS_MAY) !== 0)
      return `\`${path}\` can be read by others than its owner: run \`chmod 600 ${path}\``;
    return await readKey(await readFile(path, "utf8"), `\`${path}\``, transit);
  } catch (error) {
    return `cannot read the master key file \`${path}\`: ${codeOf(error)}`;
  }
}

async function readKey(text: string, where: string, transit: Transit | null): Promise<MasterKey | string> {
  const trimmed = text.trim();
  if (isWrapped(trimmed)) return unwrap(trimmed, where, transit);
  const key = Buffer.from(trimmed, "base64");
  // Node skips what is not base64, so only the way back shows whether the text was the whole of a key.
  if (key.length !== KEY_LENGTH || key.toString("base64") !== trimmed)
    return `${where} must hold ${KEY_LENGTH} bytes in base64 (44 characters), from \`openssl rand -base64 32\``;
  return createMasterKey(key);
}

async function unwrap(wrapped: string, where: string, transit: Transit | null): Promise<MasterKey | string> {
  if (transit === null)
    return `${where} is wrapped: set \`KEYBRAKE_MASTER_KEY_TRANSIT_URL\` to the engine that unwraps it`;
  try {
    const key = await unwrapKey(transit, wrapped);
    return key.length === KEY_LENGTH
      ? createMasterKey(key, true)
      : `${where} is wrapped, but what is in it is not ${KEY_LENGTH} bytes`;
  } catch (error) {
    if (error instanceof TransitError)
      return `${where} cannot be unwrapped (${error.code}): ${error.message}`;
    throw error;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown error";
}
