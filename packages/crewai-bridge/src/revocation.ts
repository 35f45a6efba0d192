import { setTimeout as delay } from "node:timers/promises";
import type { AdminClient } from "@keybrake/client";
import type { IssuedKey } from "./issued-key.ts";

/** Waited before each try: a server that restarts is back within seconds, and nobody may wait for ever. */
const WAITS_MS = [0, 250, 1_000, 3_000];

/** Which run ends. */
export interface RevokeRunOptions {
  readonly admin: AdminClient;
  readonly crewRunId: string;
  /** The keys that are known of it, to be told of when they cannot be revoked. */
  readonly keys?: readonly IssuedKey[];
  /** Kept with the keys. */
  readonly reason?: string;
}

/** What came of it. */
export interface RunRevocation {
  /** Whether no key of the run opens anything any more. */
  readonly isDone: boolean;
  /** How many keys were ended now; those that had ended before are not among them. */
  readonly revoked: number;
  /** The given keys that may still be open. */
  readonly unrevoked: readonly IssuedKey[];
  /** Why it could not be done. */
  readonly problem: string | null;
}

/**
 * Revokes every vault key of a run, and tries again a few times while the server does not answer: four times within
 * five seconds, and each time for as long as the client waits. Never rejects.
 */
export async function revokeRun(options: RevokeRunOptions): Promise<RunRevocation> {
  const { admin, crewRunId, keys = [], reason = "the run has ended" } = options;
  let problem = "";
  for (const waitMs of WAITS_MS) {
    await delay(waitMs);
    try {
      const { revoked } = await admin.runs.revoke(crewRunId, { reason });
      return { isDone: true, revoked, unrevoked: [], problem: null };
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
      if (!isWorthRetrying(error)) break;
    }
  }
  return { isDone: false, revoked: 0, unrevoked: keys, problem };
}

/** A refusal of the request stays one; silence and trouble on the server's side may pass. */
function isWorthRetrying(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error.name !== "KeybrakeApiError") return error.name === "KeybrakeConnectionError";
  const status = Number(Reflect.get(error, "status"));
  return status === 429 || status >= 500;
}
