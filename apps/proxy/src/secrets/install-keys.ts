import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import type { Database } from "../ledger/database.ts";
import { EnvelopeError, type EnvelopePlace } from "./envelope.ts";
import type { KeyRing } from "./key-ring.ts";
import { claimMasterKey } from "./master-key-store.ts";

/** The keys that an installation makes for itself, once, and keeps under the master key. */
export interface InstallKeys {
  readonly installationId: string;
  /** Keys the hash under which vault keys are stored. 32 bytes. */
  readonly pepper: Buffer;
  /** Derives the idempotency keys that go upstream. 32 bytes. */
  readonly idempotencySecret: Buffer;
  /** Ed25519 private key that signs checkpoints and tombstones of the audit log. */
  readonly checkpointKey: KeyObject;
}

const SECRET_LENGTH = 32;

/**
 * Opens the installation's keys and makes those that do not exist yet; of two that start at once both get the same.
 * Rejects with an `EnvelopeError` when the master key is not this installation's: nothing may be served then.
 */
export async function openInstallKeys(database: Database, keyRing: KeyRing): Promise<InstallKeys> {
  const activeId = await claimMasterKey(database, keyRing.configuredId);
  if (!keyRing.has(activeId)) {
    const message = `the installation's master key is \`${activeId}\`, but the configured one is \`${keyRing.configuredId}\``;
    throw new EnvelopeError("wrong_master_key", message);
  }
  const [row] = await database.query("SELECT id FROM installation");
  const installationId = row?.["id"] as string;
  const open = (name: string, make: () => Buffer) =>
    openKey(database, keyRing, activeId, installationId, name, make);
  const pepper = await open("pepper", () => randomBytes(SECRET_LENGTH));
  const idempotencySecret = await open("idempotency", () => randomBytes(SECRET_LENGTH));
  const pkcs8 = await open("checkpoint", makeSigningKey);
  const checkpointKey = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
  pkcs8.fill(0);
  return { installationId, pepper, idempotencySecret, checkpointKey };
}

async function openKey(
  database: Database,
  keyRing: KeyRing,
  activeId: string,
  installationId: string,
  name: string,
  make: () => Buffer,
): Promise<Buffer> {
  const place: EnvelopePlace = { installationId, table: "install_keys", rowId: name, vendor: "", version: 1 };
  const stored = await findEnvelope(database, name);
  if (stored !== null) return keyRing.open(place, stored);
  const fresh = make();
  try {
    await insertEnvelope(database, name, keyRing.seal(activeId, place, fresh));
  } finally {
    fresh.fill(0);
  }
  // Read back in any case: another starter's key may have been first.
  const kept = await findEnvelope(database, name);
  if (kept === null) throw new TypeError(`installation key \`${name}\` was not stored`);
  return keyRing.open(place, kept);
}

async function findEnvelope(database: Database, name: string): Promise<Uint8Array | null> {
  const [row] = await database.query("SELECT envelope FROM install_keys WHERE name = $1", [name]);
  return row === undefined ? null : (row["envelope"] as Uint8Array);
}

async function insertEnvelope(database: Database, name: string, envelope: Buffer): Promise<void> {
  await database.query(
    "INSERT INTO install_keys (name, envelope) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
    [name, envelope],
  );
}

function makeSigningKey(): Buffer {
  return generateKeyPairSync("ed25519").privateKey.export({ format: "der", type: "pkcs8" });
}
