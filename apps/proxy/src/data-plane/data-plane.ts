import type { KeyObject } from "node:crypto";
import type {
  Clock,
  KeyStore,
  Ledger,
  PriceTables,
  Pricing,
  RateLimiter,
  RateTable,
  SecretStore,
  Vendor,
  VendorName,
} from "@keybrake/core";
import type { KeyBudget } from "../ledger/key-budgets.ts";
import type { InFlight } from "../limits/in-flight.ts";
import type { SlowAnswers } from "../limits/slow-answers.ts";
import type { VendorQuota } from "../limits/vendor-quota.ts";
import type { CallLog } from "../telemetry/call-log.ts";
import type { ReadStream } from "./stream.ts";
import type { Upstream } from "./upstream.ts";

/** One host of a vendor. */
export interface HostRoute {
  readonly upstream: Upstream;
  readonly stream: ReadStream;
  /** A first path segment that is for us only, and taken off on the wire; else empty. */
  readonly prefix: string;
}

/** A vendor and where its requests go, by the names of its hosts. */
export interface VendorRoute {
  readonly vendor: Vendor;
  readonly hosts: ReadonlyMap<string, HostRoute>;
}

/** The host that serves an operation, and the target as it stands on its wire. */
export function routeOf(
  route: VendorRoute,
  operation: { readonly host: string; readonly path: string; readonly query: string | null },
): HostRoute & { readonly target: string } {
  const host = route.hosts.get(operation.host);
  if (host === undefined) throw new TypeError(`${route.vendor.name} has no host \`${operation.host}\``);
  if (!operation.path.startsWith(host.prefix))
    throw new TypeError("the path is not behind its host's prefix");
  const query = operation.query === null ? "" : `?${operation.query}`;
  return { ...host, target: operation.path.slice(host.prefix.length) + query };
}

/** What prices need of the plane: rates, price tables and the ledger's day. */
export function pricingOf(plane: DataPlane): Pricing {
  return { rates: plane.rates, prices: plane.prices, today: plane.clock.today() };
}

/** Everything the pipeline works with. */
export interface DataPlane {
  readonly ledger: Ledger;
  readonly keys: KeyStore;
  readonly secrets: SecretStore;
  readonly clock: Clock;
  readonly limiter: RateLimiter;
  readonly inFlight: InFlight;
  /** Where answers wait to keys that are refused without end. */
  readonly slowAnswers: SlowAnswers;
  readonly quota: VendorQuota;
  readonly routes: Readonly<Record<VendorName, VendorRoute>>;
  readonly rates: RateTable;
  readonly prices: PriceTables;
  /** Keys of the installation: for hashing vault keys, and for deriving upstream idempotency keys. */
  readonly pepper: KeyObject;
  readonly idempotencySecret: KeyObject;
  readonly log: CallLog;
  /** What `GET /keybrake/v1/me` tells of a key's budgets. */
  readonly describeBudgets: (vaultKeyId: string) => Promise<readonly KeyBudget[]>;
}
