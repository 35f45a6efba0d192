import type { ReconcileReport } from "@keybrake/client/contract";
import { VENDOR_NAMES, type VendorName } from "@keybrake/core";
import { Gauge, type Registry } from "prom-client";
import type { Database } from "../ledger/database.ts";
import type { Replica } from "../ledger/replica.ts";
import { RecordsUnreadable } from "./read-records.ts";
import type { Reconciler } from "./reconciler.ts";

const DAY_MS = 86_400_000;
const FINDINGS = ["lost", "bypass", "differences", "unknown"] as const;

/** Where a report is told, as counts. */
export interface ReconcileLogger {
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
}

const VENDORS_IN_USE = "SELECT DISTINCT vendor FROM secrets WHERE deleted_at IS NULL";

/** What the daily comparison works with. */
export interface DailyParts {
  readonly reconciler: Reconciler;
  readonly database: Database;
  readonly replica: Pick<Replica, "isEldest">;
  readonly registry: Registry;
  readonly logger: ReconcileLogger;
  /** The hour (UTC) from which yesterday is compared; null = never. */
  readonly hour: number | null;
}

/** Compares yesterday once a day, for every vendor of which there is a secret. It reports and settles nothing. */
export class DailyReconciliation {
  readonly #parts: DailyParts;
  readonly #findings: Gauge<"vendor" | "kind">;
  #doneDay = "";

  constructor(parts: DailyParts) {
    this.#parts = parts;
    this.#findings = new Gauge({
      name: "keybrake_reconcile_findings",
      help: "What the latest daily comparison with a vendor's records found",
      labelNames: ["vendor", "kind"],
      registers: [parts.registry],
    });
  }

  /** Compares when it is due; returns how many vendors were compared. Rejects when the database cannot be read. */
  async runDue(): Promise<number> {
    const { reconciler, replica, hour } = this.#parts;
    const now = reconciler.now();
    const day = new Date(now.getTime() - DAY_MS).toISOString().slice(0, 10);
    if (hour === null || now.getUTCHours() < hour || this.#doneDay === day) return 0;
    if (!(await replica.isEldest())) return 0;
    const vendors = await this.#vendorsInUse();
    for (const vendor of vendors) await this.#compare(vendor, day);
    // Without a secret there was nothing to compare; one may be added today.
    if (vendors.length > 0) this.#doneDay = day;
    return vendors.length;
  }

  async #vendorsInUse(): Promise<readonly VendorName[]> {
    const rows = await this.#parts.database.query(VENDORS_IN_USE);
    const used = new Set(rows.map((row) => row["vendor"]));
    return VENDOR_NAMES.filter((name) => used.has(name));
  }

  async #compare(vendor: VendorName, day: string): Promise<void> {
    const { reconciler, logger } = this.#parts;
    try {
      const report = await reconciler.run({ vendor, day });
      if (report !== null) this.#tell(report);
    } catch (error) {
      if (!(error instanceof RecordsUnreadable)) throw error;
      logger.warn({ vendor, day, code: "records_unreadable" }, "the vendor's records could not be read");
    }
  }

  #tell(report: ReconcileReport): void {
    const { vendor, day, clean, complete, calls, records, pages } = report;
    const counts = Object.fromEntries(FINDINGS.map((kind) => [kind, report[kind].count]));
    for (const kind of FINDINGS) this.#findings.set({ vendor, kind }, report[kind].count);
    const fields = { vendor, day, complete, calls, records, pages, ...counts };
    if (clean && complete) this.#parts.logger.info(fields, "the vendor's records fit the audit log");
    else this.#parts.logger.warn(fields, "the vendor's records do not fit the audit log");
  }
}
