import { performance } from "node:perf_hooks";
import {
  DRY_RUN_CALLS_MAX,
  DRY_RUN_DAYS_MAX,
  DRY_RUN_SAMPLES_MAX,
  type DryRun,
  type DryRunPolicy,
  type DryRunSample,
} from "@keybrake/client/contract";
import { formatUsd, KeybrakeError, PolicyReplay, parsePolicy, type ReplaySample } from "@keybrake/core";
import { type DataPlane, pricingOf } from "../data-plane/data-plane.ts";
import type { Database } from "../ledger/database.ts";
import { toInstant } from "./call-store.ts";
import { type AdminApi, mount, reply } from "./operation-handler.ts";
import { invalidField } from "./problem.ts";
import { type RecordedRange, readOpeningUse, readRecordedCalls } from "./recorded-calls.ts";

const DAY_MS = 86_400_000;
const DAYS = 7;
/** Reading stops here, and the answer says so. */
const READ_FOR_MS = 20_000;
/** Each reads as fast as it can: more of them would only take the database from everybody else. */
const RUNNING_MAX = 2;

/** The operation that tries a policy on recorded calls. `longDatabase` serves it; it only reads. */
export function mountDryRun(api: AdminApi, longDatabase: Database, plane: DataPlane): void {
  let running = 0;
  mount(api, "dryRunPolicy", async ({ body }) => {
    if (running >= RUNNING_MAX)
      throw new KeybrakeError("overloaded", { detail: "other policies are being tried on the audit log" });
    running++;
    try {
      return reply(200, await dryRun(longDatabase, plane, body));
    } finally {
      running--;
    }
  });
}

async function dryRun(database: Database, plane: DataPlane, body: DryRunPolicy): Promise<DryRun> {
  const untilMs = performance.now() + READ_FOR_MS;
  const parsed = parsePolicy(body.policy);
  // The contract has accepted it already.
  if ("problems" in parsed) throw new TypeError(parsed.problems.join("; "));
  const { policy } = parsed;
  const range: RecordedRange = {
    ...whoseOf(body),
    vendor: policy.vendor,
    ...spanOf(body, plane.clock.now()),
  };
  const opening = await readOpeningUse(database, range, policy);
  const replay = new PolicyReplay(policy, {
    pricing: pricingOf(plane),
    from: range.from,
    opening,
    samplesMax: DRY_RUN_SAMPLES_MAX,
  });
  let read = 0;
  let stoppedAt: Date | null = null;
  for await (const batch of readRecordedCalls(database, range)) {
    const isOver = read >= DRY_RUN_CALLS_MAX || performance.now() > untilMs;
    if (isOver) {
      stoppedAt = batch[0]?.requestedAt ?? range.to;
      break;
    }
    for (const call of batch) replay.add(call);
    read += batch.length;
  }
  const result = replay.finish();
  return {
    from: range.from.toISOString(),
    to: (stoppedAt ?? range.to).toISOString(),
    truncated: stoppedAt !== null,
    calls: result.calls,
    would_deny: result.wouldDeny,
    would_allow: result.wouldAllow,
    unchanged: result.unchanged,
    undecidable: result.undecidable,
    by_reason: [...result.byReason],
    samples: result.samples.map(showSample),
    notes: [...result.notes],
  };
}

function whoseOf({
  vault_key_id,
  agent_id,
  crew_run_id,
}: DryRunPolicy): Pick<RecordedRange, "column" | "value"> {
  if (vault_key_id !== undefined) return { column: "vault_key_id", value: vault_key_id };
  if (agent_id !== undefined) return { column: "agent_id", value: agent_id };
  return { column: "crew_run_id", value: crew_run_id ?? "" };
}

function spanOf(body: DryRunPolicy, now: Date): { readonly from: Date; readonly to: Date } {
  // `to` is exclusive, and calls are timed to the millisecond.
  const to = body.to === undefined ? new Date(now.getTime() + 1) : new Date(toInstant(body.to));
  const from =
    body.from === undefined ? new Date(to.getTime() - DAYS * DAY_MS) : new Date(toInstant(body.from));
  if (from > to) throw invalidField("from", "must not be after `to`");
  if (to.getTime() - from.getTime() > DRY_RUN_DAYS_MAX * DAY_MS)
    throw invalidField("from", `must be at most ${DRY_RUN_DAYS_MAX} days before \`to\``);
  return { from, to };
}

function showSample({ call, micros, wouldBe, reason }: ReplaySample): DryRunSample {
  const judged = (code: string | null) => ({
    verdict: code === null ? ("allow" as const) : ("deny" as const),
    code,
  });
  return {
    call_id: call.id,
    requested_at: call.requestedAt.toISOString(),
    method: call.method,
    path: call.path,
    endpoint: call.endpoint,
    agent_id: call.agentId,
    cost_usd: micros === null ? null : formatUsd(micros),
    was: judged(call.denialCode),
    would_be: judged(wouldBe),
    reason,
  };
}
