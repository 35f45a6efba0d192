import { isDenial, KeybrakeError, type Outcome, type SettleRequest, type VendorName } from "@keybrake/core";
import { type DataPlane, pricingOf } from "../data-plane/data-plane.ts";
import { costOf, ended } from "../data-plane/settle.ts";
import { readVendorAsOwner } from "../data-plane/vendor-read.ts";
import type { Database, Row } from "../ledger/database.ts";
import type { Replica } from "../ledger/replica.ts";

const PAGE = 200;
/** After this long the worst case, which is held all the time, becomes the price. */
const GIVE_UP_HOURS = 72;
/** Asked again after a tenth of its age, so that a price that comes late costs few reads. */
const AGE_SHARE = 0.1;

/** Calls that took effect and wait for their price: what must be known to ask the vendor for it. Ids are in time's order. */
const FIND_PENDING = `
  SELECT c.id, c.vendor, c.endpoint, c.vendor_object_id, r.secret_id, r.hold_micros, s.account_id,
    extract(epoch FROM clock_timestamp() - c.requested_at) AS age_seconds
  FROM reservations r JOIN calls c ON c.id = r.call_id AND c.requested_at = r.requested_at
  JOIN secrets s ON s.id = r.secret_id AND s.deleted_at IS NULL
  WHERE r.state = 'unknown' AND c.vendor_object_id IS NOT NULL AND c.status_code BETWEEN 200 AND 299
    AND ($2::uuid IS NULL OR r.call_id > $2)
  ORDER BY r.call_id LIMIT $1`;

/**
 * Asks vendors for the prices that they state late (a text message's comes minutes after it was sent) and settles the
 * calls that wait for them. One round at a time; a round that fails leaves everything as it was.
 *
 * A round goes through the waiting calls from where the last one stopped, a page at a time, until a page had one that
 * was due; at the end of the list the next round begins anew. So calls that never get a price delay no others.
 */
export class PendingPrices {
  readonly #plane: DataPlane;
  readonly #database: Database;
  readonly #replica: Pick<Replica, "isEldest">;
  /** Where the next page begins; null = with the oldest call. */
  #after: string | null = null;
  /** When each call is asked about again, of those that were waiting when the list was last gone through. */
  #nextAtMs: ReadonlyMap<string, number> = new Map();
  /** The same of those that were met since the list was begun. */
  #met = new Map<string, number>();

  constructor(plane: DataPlane, database: Database, replica: Pick<Replica, "isEldest">) {
    this.#replica = replica;
    this.#plane = plane;
    this.#database = database;
  }

  /** One round; returns how many calls it settled. Rejects when the database cannot be read. */
  async settleDue(): Promise<number> {
    if (!(await this.#replica.isEldest())) return 0;
    let settled = 0;
    let due: readonly Row[];
    do {
      due = await this.#nextPage();
      for (const row of due) if (await this.#settle(row)) settled++;
    } while (due.length === 0 && this.#after !== null);
    return settled;
  }

  /** The calls of the next page that are due. */
  async #nextPage(): Promise<readonly Row[]> {
    const rows = await this.#database.query(FIND_PENDING, [PAGE, this.#after]);
    const nowMs = this.#plane.clock.monotonicMs();
    const due = rows.filter((row) => (this.#nextAtMs.get(row["id"] as string) ?? 0) <= nowMs);
    for (const row of rows) this.#met.set(row["id"] as string, this.#nextAtMs.get(row["id"] as string) ?? 0);
    for (const row of due) this.#met.set(row["id"] as string, nowMs + ageMsOf(row) * AGE_SHARE);
    this.#after = rows.length < PAGE ? null : (rows.at(-1)?.["id"] as string);
    if (this.#after === null) {
      this.#nextAtMs = this.#met;
      this.#met = new Map();
    }
    return due;
  }

  async #settle(row: Row): Promise<boolean> {
    const outcome = await this.#ask(row);
    const settling = { callId: row["id"] as string, secretId: row["secret_id"] as string, latencyMs: 0 };
    const settlement = this.#settlementOf(settling, row, outcome, ageMsOf(row));
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
}

function ageMsOf(row: Row): number {
  return Number(row["age_seconds"]) * 1_000;
}

/** How long the call itself took is known already. */
function withoutTimes(settlement: SettleRequest): SettleRequest {
  return { ...settlement, latencyMs: null, upstreamMs: null };
}
