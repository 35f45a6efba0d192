import { createAgentClient } from "@keybrake/client";
import type { VendorName } from "@keybrake/core";
import { CrewError } from "./crew-error.ts";
import { type CrewKeys, type CrewKeysOptions, issueCrewKeys } from "./crew-keys.ts";
import { describeUnrevoked, type IssuedKey } from "./issued-key.ts";
import { type RunRevocation, revokeRun } from "./revocation.ts";
import { type KeySpend, readSpend } from "./spend.ts";

/** A run that is going on. */
export interface CrewRun extends CrewKeys {
  /** An agent's key for a vendor. Throws a RangeError when the run has none. */
  vaultKey(agentId: string, vendor: VendorName): string;
  /** What each key did so far. */
  spend(): Promise<KeySpend[]>;
}

/**
 * Issues a crew's keys, runs `job` with them, and revokes them when it is done or has thrown. Resolves with what the
 * job gave, and rejects with what it threw. When the keys cannot be revoked, it rejects with a CrewError
 * (`keys_not_revoked`) that says when each of them expires, and has the job's own error as its cause.
 */
export async function withCrewRun<Result>(
  options: CrewKeysOptions,
  job: (run: CrewRun) => Promise<Result> | Result,
): Promise<Result> {
  const { run, end } = await openCrewRun(options);
  let result: Result;
  try {
    result = await job(run);
  } catch (error) {
    await endOrThrow(end, error);
    throw error;
  }
  await endOrThrow(end);
  return result;
}

/** A run, and how to end it; whoever opens one must end it. */
export interface OpenCrewRun {
  readonly run: CrewRun;
  /** Revokes its keys; a second call tries again only what the first could not do. Never rejects. */
  end(): Promise<RunRevocation>;
}

/** Issues a crew's keys and asks the data plane for one of them, so that no key goes to whoever else listens there. */
export async function openCrewRun(options: CrewKeysOptions): Promise<OpenCrewRun> {
  const { admin } = options;
  const issued = await issueCrewKeys(options);
  const { crewRunId, keys } = issued;
  let ended: Promise<RunRevocation> | null = null;
  const end = async () => {
    const before = ended === null ? null : await ended;
    if (before?.isDone) return before;
    ended = revokeRun({ admin, crewRunId, keys });
    return ended;
  };
  try {
    await checkDataPlane(options.dataUrl, keys);
  } catch (error) {
    await endOrThrow(end, error);
    throw error;
  }
  const run = {
    ...issued,
    vaultKey: (agentId: string, vendor: VendorName) => findKey(keys, agentId, vendor),
    spend: () => readSpend(admin, keys),
  };
  return { run, end };
}

function findKey(keys: readonly IssuedKey[], agentId: string, vendor: VendorName): string {
  const found = keys.find((key) => key.agentId === agentId && key.vendor === vendor);
  if (found === undefined) throw new RangeError(`this run has no ${vendor} key for \`${agentId}\``);
  return found.vaultKey;
}

async function checkDataPlane(dataUrl: string, keys: readonly IssuedKey[]): Promise<void> {
  const [key] = keys;
  if (key === undefined) return;
  try {
    await createAgentClient({ baseUrl: dataUrl, vaultKey: key.vaultKey, timeoutMs: 10_000 }).me();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const hint =
      "the address of the data plane (`KEYBRAKE_DATA_URL`) must belong to the server that issued the keys";
    throw new CrewError(
      "data_plane_mismatch",
      [`the keys do not work at \`${dataUrl}\`: ${reason}; ${hint}`],
      error,
    );
  }
}

async function endOrThrow(end: OpenCrewRun["end"], cause?: unknown): Promise<void> {
  const { isDone, unrevoked, problem } = await end();
  if (isDone || unrevoked.length === 0) return;
  throw new CrewError("keys_not_revoked", [...unrevoked.map(describeUnrevoked), problem ?? ""], cause);
}
