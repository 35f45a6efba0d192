import { isDenial, KeybrakeError, type Outcome, type SettleRequest, type VendorName } from "@keybrake/core";
import { type DataPlane, pricingOf } from "../data-plane/data-plane.ts";
import { costOf, ended } from "../data-plane/settle.ts";
import { readVendorAsOwner } from "../data-plane/vendor-read.ts";
import type { Database, Row } from "../ledger/database.ts";

const CALLS_MOST = 200;
/** After this long the worst case, which is held all the time, becomes the price. */
const GIVE_UP_HOURS = 72;
/** Asked again after a tenth of its age, so that a price that comes late costs few reads. */
const AGE_SHARE = 0.1;

/** Calls that took effect and wait for their price: what must be known to ask the vendor for it. */
const FIND_PENDING = `
  SELECT c.id, c.vendor, c.endpoint, c.vendor_object_id, r.secret_id, r.hold_micros, s.account_id,
    extract(epoch FROM clock_timestamp() - c.requested_at) AS age_seconds
  FROM reservations r JOIN calls c ON c.id = r.call_id AND c.requested_at = r.requested_at
  JOIN secrets s ON s.id = r.secret_id AND s.deleted_at IS NULL
  -- The oldest living replica asks; a second one that also does costs reads and no money.
  WHERE (SELECT min(epoch) FROM replicas WHERE stopped_at IS NULL AND lease_until > clock_timestamp()) = $2
    AND r.state = 'unknown' AND c.vendor_object_id IS NOT NULL AND c.status_code BETWEEN 200 AND 299
  ORDER BY r.requested_at LIMIT $1`;

/**
 * Asks vendors for the prices that they state late (a text message's comes minutes after it was sent) and settles the
 * calls that wait for them. One round at a time; a round that fails leaves everything as it was.
 */
export class PendingPrices {
  readonly #plane: DataPlane;
  readonly #database: Database;
  readonly #replica: { readonly epoch: bigint };
  readonly #nextAtMs = new Map<string, number>();

  constructor(plane: DataPlane, database: Database, replica: { readonly epoch: bigint }) {
    this.#replica = replica;
    this.#plane = plane;
    this.#database = database;
  }

  /** One round; returns how many calls it settled. Rejects when the database cannot be read. */
  async settleDue(): Promise<number> {
    const rows = await this.#database.query(FIND_PENDING, [CALLS_MOST, this.#replica.epoch]);
    this.#forgetOthers(rows);
    let settled = 0;
    for (const row of rows) if (await this.#settle(row)) settled++;
    return settled;
  }

  async #settle(row: Row): Promise<boolean> {
    const callId = row["id"] as string;
    const nowMs = this.#plane.clock.monotonicMs();
    if ((this.#nextAtMs.get(callId) ?? 0) > nowMs) return false;
    const ageMs = Number(row["age_seconds"]) * 1_000;
    this.#nextAtMs.set(callId, nowMs + ageMs * AGE_SHARE);
    const outcome = await this.#ask(row);
    const settling = { callId, secretId: row["secret_id"] as string, latencyMs: 0 };
    const settlement = this.#settlementOf(settling, row, outcome, ageMs);
    if (settlement === null) return false;
    await this.#plane.ledger.settle(settlement);
    return true;
  }

  #settlementOf(
    settling: { callId: string; secretId: string; latencyMs: number },
    row: Row,
    outcome: Outcome | null,
    ageMs: number,
  ): SettleRequest | null {
    const { vendor } = this.#plane.routes[row["vendor"] as VendorName];
    const costMicros = outcome?.kind === "settled" ? costOf(outcome, vendor, pricingOf(this.#plane)) : null;
    if (outcome?.kind === "settled" && costMicros !== null) {
      const { amount, currency } = outcome;
      return withoutTimes(
        ended(settling, "settled", { costMicros, amount, currency, reason: "priced later" }),
      );
    }
    if (ageMs < GIVE_UP_HOURS * 3_600_000) return null;
    return withoutTimes(
      ended(settling, "settled", {
        costMicros: BigInt(row["hold_micros"] as bigint),
        reason: "the vendor never stated a price, so the worst case stands",
      }),
    );
  }

  /** Null when the vendor could not be asked. */
  async #ask(row: Row): Promise<Outcome | null> {
    const route = this.#plane.routes[row["vendor"] as VendorName];
    const endpoint = row["endpoint"] as string;
    const accountId = row["account_id"] as string | null;
    const read = route.vendor.followUp(endpoint, row["vendor_object_id"] as string, accountId);
    if (read === null) return null;
    try {
      const answer = await readVendorAsOwner(
        this.#plane,
        {
          route,
          secretId: row["secret_id"] as string,
          accountId,
          priceOf: row["id"] as string,
          purpose: "read to learn a call's price",
        },
        read,
      );
      if (answer === "stale" || isDenial(answer)) return null;
      return route.vendor.readFollowUp(endpoint, answer, pricingOf(this.#plane));
    } catch (error) {
      if (error instanceof KeybrakeError) return null;
      throw error;
    }
  }

  #forgetOthers(rows: readonly Row[]): void {
    const open = new Set(rows.map((row) => row["id"]));
    for (const id of this.#nextAtMs.keys()) if (!open.has(id)) this.#nextAtMs.delete(id);
  }
}

/** How long the call itself took is known already. */
function withoutTimes(settlement: SettleRequest): SettleRequest {
  return { ...settlement, latencyMs: null, upstreamMs: null };
}
