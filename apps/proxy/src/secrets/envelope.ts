import { createHash, randomBytes } from "node:crypto";
import { decryptAesGcm, encryptAesGcm, KEY_LENGTH, NONCE_LENGTH, TAG_LENGTH } from "./aes-gcm.ts";

/**
 * An envelope is what the database keeps of a secret:
 *
 *   v1 (1 byte) | key id (4) | nonce (12) wrapped data key (32) tag (16) | nonce (12) ciphertext tag (16)
 *
 * A random data key encrypts one version of one secret and nothing else; the master key encrypts only data keys, so
 * that changing the master key means rewriting the 60 bytes in the middle. Both layers are bound to the row they stand
 * in: an envelope copied into another row, or another version of the same row, does not open.
 */
const FORMAT = 1;
const KEY_ID_LENGTH = 4;
const WRAPPED_LENGTH = NONCE_LENGTH + KEY_LENGTH + TAG_LENGTH;
const HEADER_LENGTH = 1 + KEY_ID_LENGTH;
const LENGTH_MIN = HEADER_LENGTH + WRAPPED_LENGTH + NONCE_LENGTH + TAG_LENGTH;

/** The key that wraps data keys, and the public id by which envelopes name it. */
export interface MasterKey {
  /** Eight hexadecimal digits of the key's SHA-256. */
  readonly id: string;
  readonly key: Buffer;
  /** True when it is kept wrapped by somebody else, and unwrapped only for a while. */
  readonly isLent: boolean;
}

/** Where an envelope belongs. The same values are needed to open it. */
export interface EnvelopePlace {
  readonly installationId: string;
  readonly table: string;
  readonly rowId: string;
  readonly vendor: string;
  readonly version: number;
}

/** `wrong_master_key`: sealed under another one. `damaged`: cut, altered, or moved from another row. */
export type EnvelopeErrorCode = "wrong_master_key" | "damaged";

/** An envelope cannot be opened. The message holds no part of any key or secret. */
export class EnvelopeError extends Error {
  override readonly name = "EnvelopeError";
  readonly code: EnvelopeErrorCode;

  constructor(code: EnvelopeErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Makes a master key of 32 bytes. The bytes are shared, not copied. */
export function createMasterKey(key: Buffer, isLent = false): MasterKey {
  if (key.length !== KEY_LENGTH) throw new RangeError(`a master key has ${KEY_LENGTH} bytes`);
  return {
    key,
    isLent,
    id: createHash("sha256")
      .update(key)
      .digest("hex")
      .slice(0, KEY_ID_LENGTH * 2),
  };
}

/** Seals a secret for one place. The plaintext is left as it is: wiping it is the caller's business. */
export function sealEnvelope(masterKey: MasterKey, place: EnvelopePlace, plaintext: Uint8Array): Buffer {
  const dataKey = randomBytes(KEY_LENGTH);
  const nonce = randomBytes(NONCE_LENGTH);
  try {
    return Buffer.concat([
      wrapDataKey(masterKey, place, dataKey),
      nonce,
      encryptAesGcm(dataKey, nonce, bindingOf(place, "value", ""), plaintext),
    ]);
  } finally {
    dataKey.fill(0);
  }
}

/** The id of the master key that an envelope names; empty for what is no envelope. */
export function readKeyId(stored: Uint8Array): string {
  return Buffer.from(stored).subarray(1, HEADER_LENGTH).toString("hex");
}

/**
 * Opens an envelope at its place; the caller wipes the returned bytes. Throws an `EnvelopeError` otherwise, which
 * tells another master key (nothing is lost, the right one opens it) from damage.
 */
export function openEnvelope(masterKey: MasterKey, place: EnvelopePlace, stored: Uint8Array): Buffer {
  const envelope = checkEnvelope(masterKey, place, stored);
  let dataKey: Buffer | undefined;
  try {
    dataKey = openDataKey(masterKey, place, envelope);
    return openPart(dataKey, bindingOf(place, "value", ""), envelope, HEADER_LENGTH + WRAPPED_LENGTH);
  } catch {
    throw damaged(place);
  } finally {
    dataKey?.fill(0);
  }
}

/** The same envelope with its data key wrapped by another master key. Throws as `openEnvelope` does. */
export function rewrapEnvelope(
  from: MasterKey,
  to: MasterKey,
  place: EnvelopePlace,
  stored: Uint8Array,
): Buffer {
  const envelope = checkEnvelope(from, place, stored);
  let dataKey: Buffer | undefined;
  try {
    dataKey = openDataKey(from, place, envelope);
    return Buffer.concat([
      wrapDataKey(to, place, dataKey),
      envelope.subarray(HEADER_LENGTH + WRAPPED_LENGTH),
    ]);
  } catch {
    throw damaged(place);
  } finally {
    dataKey?.fill(0);
  }
}

/** Format, key id and wrapped data key: all of an envelope that depends on the master key. */
function wrapDataKey(masterKey: MasterKey, place: EnvelopePlace, dataKey: Buffer): Buffer {
  const nonce = randomBytes(NONCE_LENGTH);
  return Buffer.concat([
    Buffer.of(FORMAT),
    Buffer.from(masterKey.id, "hex"),
    nonce,
    encryptAesGcm(masterKey.key, nonce, bindingOf(place, "key", masterKey.id), dataKey),
  ]);
}

function openDataKey(masterKey: MasterKey, place: EnvelopePlace, envelope: Buffer): Buffer {
  return openPart(
    masterKey.key,
    bindingOf(place, "key", masterKey.id),
    envelope,
    HEADER_LENGTH,
    WRAPPED_LENGTH,
  );
}

function checkEnvelope(masterKey: MasterKey, place: EnvelopePlace, stored: Uint8Array): Buffer {
  const envelope = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  if (envelope.length < LENGTH_MIN || envelope[0] !== FORMAT)
    throw new EnvelopeError("damaged", `the stored ${nameOf(place)} is no envelope of format v${FORMAT}`);
  const keyId = readKeyId(envelope);
  if (keyId === masterKey.id) return envelope;
  const message = `the stored ${nameOf(place)} was sealed with master key \`${keyId}\`, but the configured one is \`${masterKey.id}\``;
  throw new EnvelopeError("wrong_master_key", message);
}

function damaged(place: EnvelopePlace): EnvelopeError {
  return new EnvelopeError("damaged", `the stored ${nameOf(place)} was altered or belongs to another row`);
}

function openPart(key: Buffer, aad: Buffer, envelope: Buffer, start: number, length?: number): Buffer {
  const end = length === undefined ? envelope.length : start + length;
  const nonceEnd = start + NONCE_LENGTH;
  return decryptAesGcm(key, envelope.subarray(start, nonceEnd), aad, envelope.subarray(nonceEnd, end));
}

/** JSON of a list is canonical: its order is fixed, and no value can be mistaken for two. */
function bindingOf(place: EnvelopePlace, part: "key" | "value", keyId: string): Buffer {
  const { installationId, table, rowId, vendor, version } = place;
  const fields = ["keybrake", FORMAT, installationId, table, rowId, vendor, version, part, keyId];
  return Buffer.from(JSON.stringify(fields), "utf8");
}

const NAMES: Readonly<Record<string, string>> = {
  install_keys: "installation key",
  alert_channels: "address of alert channel",
};

function nameOf({ table, rowId }: EnvelopePlace): string {
  return `${NAMES[table] ?? "secret"} \`${rowId}\``;
}
