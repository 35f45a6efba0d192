import type { VendorRecord } from "@keybrake/core";
import type { LedgerCall } from "./ledger-rows.ts";

/** How far the clocks of vendor and database may be apart. */
const CLOCK_MS = 5_000;

interface Claim {
  readonly fromMs: number;
  readonly untilMs: number;
  leftMicros: bigint;
}

/**
 * Calls that made many objects of which their rows hold no ids: what came about while such a call ran is its own, up to
 * what it cost.
 */
export class BatchClaims {
  readonly #claims: Claim[] = [];

  add(call: LedgerCall): void {
    if (call.state === "released" || call.isReplay) return;
    this.#claims.push({
      fromMs: call.requestedAt.getTime() - CLOCK_MS,
      untilMs: (call.completedAt ?? call.requestedAt).getTime() + CLOCK_MS,
      leftMicros: call.state === "settled" ? call.costMicros : call.heldMicros,
    });
  }

  /** Says whether one of those calls made these objects, and takes them off what it may have made. */
  take(records: readonly VendorRecord[]): boolean {
    const [record] = records;
    if (record?.outcome.kind !== "settled" || record.outcome.costMicros === undefined) return false;
    const { costMicros } = record.outcome;
    const atMs = record.at.getTime();
    const claim = this.#claims.find(
      ({ fromMs, untilMs, leftMicros }) => fromMs <= atMs && atMs <= untilMs && leftMicros >= costMicros,
    );
    if (claim === undefined) return false;
    claim.leftMicros -= costMicros;
    return true;
  }
}
