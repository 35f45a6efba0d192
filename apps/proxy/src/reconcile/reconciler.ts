import type { Reconcile, ReconcileReport } from "@keybrake/client/contract";
import { KeybrakeError, type SettleRequest, VENDOR_RECORDS, type VendorName } from "@keybrake/core";
import { type DataPlane, pricingOf } from "../data-plane/data-plane.ts";
import { costOf, ended } from "../data-plane/settle.ts";
import type { Database } from "../ledger/database.ts";
import { withUnavailable } from "../secrets/available-database.ts";
import { Comparison } from "./comparison.ts";
import type { Findings, Judged } from "./findings.ts";
import { findExposures, readLedgerCalls } from "./ledger-rows.ts";
import { type ComparedSecret, type ReadRecords, readRecords } from "./read-records.ts";
import { RELEASED_REASON, ReportBuilder, SETTLED_REASON } from "./report.ts";

const DAY_MS = 86_400_000;
/** A call of the day's last seconds, and its record, may stand on either side of midnight. */
const BEFORE_MS = 5 * 60_000;
const AFTER_MS = 3_600_000;

const SECRETS = `
  SELECT id, name, account_id FROM secrets
  WHERE vendor = $1 AND deleted_at IS NULL AND ($2::text IS NULL OR name = $2) ORDER BY name`;

const APPLY_SIZE = 200;
const APPLIED = "SELECT id FROM calls WHERE id = ANY ($1::uuid[]) AND outcome_reason = ANY ($2::text[])";

/** Compares the audit log with what vendors themselves say happened. One comparison at a time. */
export class Reconciler {
  readonly #plane: DataPlane;
  readonly #database: Database;
  #isRunning = false;

  /** `database` should have no statement timeout: a day's rows are read in pages. */
  constructor(plane: DataPlane, database: Database) {
    this.#plane = plane;
    this.#database = withUnavailable(database);
  }

  /** The database's time. */
  now(): Date {
    return this.#plane.clock.now();
  }

  /**
   * Compares one UTC day; null when there is no such secret. Rejects with a RecordsUnreadable when the vendor does not
   * give its records, and with `overloaded` while another comparison runs.
   */
  async run({ vendor, day, secret, apply = false }: Reconcile): Promise<ReconcileReport | null> {
    if (this.#isRunning)
      throw new KeybrakeError("overloaded", { detail: "another reconciliation is running" });
    this.#isRunning = true;
    try {
      const secrets = await this.#findSecrets(vendor, secret ?? null);
      if (secret !== undefined && secrets.length === 0) return null;
      const report = new ReportBuilder(
        vendor,
        day,
        this.#plane.routes[vendor].vendor,
        pricingOf(this.#plane),
      );
      for (const one of secrets) {
        const { findings, read } = await this.#compare(vendor, one, day);
        if (apply) await this.#apply(vendor, one, findings.decided);
        report.add(one.name, findings, read);
      }
      return report.build();
    } finally {
      this.#isRunning = false;
    }
  }

  async #findSecrets(vendor: VendorName, name: string | null): Promise<readonly ComparedSecret[]> {
    const rows = await this.#database.query(SECRETS, [vendor, name]);
    return rows.map((row) => ({
      id: row["id"] as string,
      name: row["name"] as string,
      accountId: row["account_id"] as string | null,
    }));
  }

  async #compare(
    vendor: VendorName,
    secret: ComparedSecret,
    day: string,
  ): Promise<{ readonly findings: Findings; readonly read: ReadRecords }> {
    const from = new Date(`${day}T00:00:00Z`);
    const until = new Date(from.getTime() + DAY_MS);
    const wide = { from: new Date(from.getTime() - BEFORE_MS), until: new Date(until.getTime() + AFTER_MS) };
    const span = { ...wide, accountId: secret.accountId };
    // Rows are read after the records, so that each record's row is there already.
    const read = await readRecords(this.#plane, vendor, secret, span, { from, until });
    const { traceOf } = VENDOR_RECORDS[vendor];
    const { records, isComplete } = read;
    const now = this.#plane.clock.now();
    const comparison = new Comparison({
      records,
      isComplete,
      traceOf,
      secretId: secret.id,
      from,
      until,
      now,
    });
    // A call that began an hour before may have taken effect within the day.
    const earliest = new Date(from.getTime() - AFTER_MS);
    for await (const call of readLedgerCalls(this.#database, vendor, earliest, wide.until))
      comparison.add(call);
    const counted = await findExposures(this.#database, secret.id, comparison.objectsToLookUp());
    return { findings: comparison.finish(counted), read };
  }

  /** Settles what is decided, many at once, and notes what the ledger then says: somebody else may have been first. */
  async #apply(vendor: VendorName, secret: ComparedSecret, decided: readonly Judged[]): Promise<void> {
    for (let start = 0; start < decided.length; start += APPLY_SIZE) {
      const part = decided.slice(start, start + APPLY_SIZE);
      const settlements = part.flatMap((judged) => this.#settlementOf(vendor, secret, judged) ?? []);
      await Promise.all(
        settlements.map((one) => this.#plane.ledger.settle({ ...one, latencyMs: null, upstreamMs: null })),
      );
      const ids = settlements.map(({ callId }) => callId);
      const rows = await this.#database.query(APPLIED, [ids, [SETTLED_REASON, RELEASED_REASON]]);
      const applied = new Set(rows.map((row) => row["id"]));
      for (const judged of part) judged.isApplied = applied.has(judged.call.id);
    }
  }

  /** Null when the amount is in a currency without a rate. */
  #settlementOf(vendor: VendorName, secret: ComparedSecret, { call, verdict }: Judged): SettleRequest | null {
    const settling = { callId: call.id, secretId: secret.id, latencyMs: 0 };
    if (verdict.kind === "release") return ended(settling, "released", { reason: RELEASED_REASON });
    if (verdict.kind !== "settle" || verdict.record.outcome.kind !== "settled") return null;
    const { outcome, requestId } = verdict.record;
    const costMicros = costOf(outcome, this.#plane.routes[vendor].vendor, pricingOf(this.#plane));
    if (costMicros === null) return null;
    const { amount, currency, exposure, objectId, customerId } = outcome;
    return ended(settling, "settled", {
      // A repetition shares the reservation of the call that it repeated, which is settled, too.
      costMicros: call.isReplay ? 0n : costMicros,
      exposure: call.isReplay || exposure === null ? null : exposure,
      amount,
      currency,
      customerId,
      vendorRequestId: call.requestId ?? requestId,
      vendorObjectId: objectId,
      reason: SETTLED_REASON,
    });
  }
}
