import type { KeyObject } from "node:crypto";
import type {
  Clock,
  KeyStore,
  Ledger,
  RateLimiter,
  RateTable,
  SecretStore,
  Vendor,
  VendorName,
} from "@keybrake/core";
import type { KeyBudget } from "../ledger/key-budgets.ts";
import type { InFlight } from "../limits/in-flight.ts";
import type { CallLog } from "../telemetry/call-log.ts";
import type { ReadStream } from "./stream.ts";
import type { Upstream } from "./upstream.ts";

/** A vendor and where its requests go. */
export interface VendorRoute {
  readonly vendor: Vendor;
  readonly upstream: Upstream;
  readonly stream: ReadStream;
}

/** Everything the pipeline works with. */
export interface DataPlane {
  readonly ledger: Ledger;
  readonly keys: KeyStore;
  readonly secrets: SecretStore;
  readonly clock: Clock;
  readonly limiter: RateLimiter;
  readonly inFlight: InFlight;
  readonly routes: Readonly<Record<VendorName, VendorRoute>>;
  readonly rates: RateTable;
  /** Keys of the installation: for hashing vault keys, and for deriving upstream idempotency keys. */
  readonly pepper: KeyObject;
  readonly idempotencySecret: KeyObject;
  readonly log: CallLog;
  /** What `GET /keybrake/v1/me` tells of a key's budgets. */
  readonly describeBudgets: (vaultKeyId: string) => Promise<readonly KeyBudget[]>;
}
