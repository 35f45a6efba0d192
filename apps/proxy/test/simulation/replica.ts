import { AsyncLocalStorage } from "node:async_hooks";
import type { KeyObject } from "node:crypto";
import {
  type DenialWritten,
  type DenyRequest,
  type HoldRequest,
  type KeyIdentity,
  type Ledger,
  type OwnIdentity,
  RESEND_PRICES,
  type Reserved,
  type ReserveResult,
  type SettleRequest,
  TWILIO_PRICES,
  USD_ONLY,
  VENDOR_NAMES,
  VENDORS,
  type VendorName,
} from "@keybrake/core";
import { pino } from "pino";
import type { DataPlane, VendorRoute } from "../../src/data-plane/data-plane.ts";
import { handleCall } from "../../src/data-plane/handle-call.ts";
import { ReadStream } from "../../src/data-plane/stream.ts";
import { Upstream } from "../../src/data-plane/upstream.ts";
import { listKeyBudgets } from "../../src/ledger/key-budgets.ts";
import { SqlKeyStore } from "../../src/ledger/key-store.ts";
import { InFlight } from "../../src/limits/in-flight.ts";
import { createRateLimiter } from "../../src/limits/rate-limiter.ts";
import { SlowAnswers } from "../../src/limits/slow-answers.ts";
import { VendorQuota } from "../../src/limits/vendor-quota.ts";
import type { KeyRing } from "../../src/secrets/key-ring.ts";
import { openSecretStore } from "../../src/secrets/secret-store.ts";
import { CallLog } from "../../src/telemetry/call-log.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { composeReplica, type ReplicaParts } from "../contract/replica-parts.ts";
import type { AgentCall } from "./agent-call.ts";
import type { SimulatedConnection } from "./connection.ts";
import type { SimulatedWire } from "./wire.ts";

const ORIGIN = "http://vendor.invalid";
const logger = pino({ level: "silent" });
const metrics = createMetrics({ inFlight: () => 0, queues: () => [] });
/** No pace, so that nobody waits: what is simulated is money. */
const PACE = { requestsPerSecond: null, isVendorsOwn: false };
const PACES = { stripe: PACE, twilio: PACE, resend: PACE };
/** Reads that are streamed go over real sockets, so no simulated agent makes one. */
const stream = new ReadStream(ORIGIN);
const callNow = new AsyncLocalStorage<AgentCall>();

/** The keys of the installation that all replicas share. */
export interface Installation {
  readonly id: string;
  readonly keyRing: KeyRing;
  readonly pepper: KeyObject;
  readonly idempotencySecret: KeyObject;
}

/** The id of the call that is being made on behalf of the present agent's request. */
export function callIdNow(): string {
  return callNow.getStore()?.callIds.at(-1) ?? "";
}

/** One replica: the server's own parts on a simulated network. */
export class SimulatedReplica {
  readonly name: string;
  readonly connection: SimulatedConnection;
  readonly #wire: SimulatedWire;
  readonly #parts: ReplicaParts;
  readonly #plane: DataPlane;
  isAlive = true;

  private constructor(
    name: string,
    connection: SimulatedConnection,
    wire: SimulatedWire,
    parts: ReplicaParts,
    plane: DataPlane,
  ) {
    this.name = name;
    this.connection = connection;
    this.#wire = wire;
    this.#parts = parts;
    this.#plane = plane;
  }

  /** Takes an epoch; rejects when the database cannot be reached, as a real start does. */
  static async start(
    name: string,
    connection: SimulatedConnection,
    wire: SimulatedWire,
    installation: Installation,
  ): Promise<SimulatedReplica> {
    const parts = await composeReplica(connection, connection, name, installation.keyRing.ids);
    const { clock } = parts;
    const plane: DataPlane = {
      ledger: new ListeningLedger(parts.ledger),
      keys: new SqlKeyStore(connection, () => clock.monotonicMs()),
      secrets: openSecretStore(connection, installation.keyRing, installation.id),
      clock,
      limiter: createRateLimiter(null, () => 1),
      inFlight: new InFlight(),
      slowAnswers: new SlowAnswers(),
      quota: openQuota(connection, () => clock.monotonicMs()),
      routes: openRoutes(wire),
      rates: USD_ONLY,
      prices: { twilio: TWILIO_PRICES, resend: RESEND_PRICES },
      pepper: installation.pepper,
      idempotencySecret: installation.idempotencySecret,
      log: new CallLog(logger, metrics),
      describeBudgets: (vaultKeyId) => listKeyBudgets(connection, vaultKeyId),
    };
    return new SimulatedReplica(name, connection, wire, parts, plane);
  }

  get epoch(): bigint {
    return this.#parts.replica.epoch;
  }

  /** Serves one request; resolves when it has been answered. */
  serve(call: AgentCall): Promise<void> {
    return callNow.run(call, () => handleCall(this.#plane, call.incoming, call.response));
  }

  /** A key changed, so whatever is remembered of keys may be old. */
  forgetKeys(): void {
    this.#plane.keys.forget();
  }

  /** The process is gone, with everything that it had in memory. */
  async crash(): Promise<void> {
    this.isAlive = false;
    this.#wire.cut();
    await this.connection.close();
    // Ends its timers. The connection is cut, so that nothing of it is heard.
    void this.#parts.replica.stop();
    void this.#parts.batcher.close(0);
  }
}

function openQuota(database: SimulatedConnection, monotonicMs: () => number): VendorQuota {
  const ignore = () => undefined;
  return new VendorQuota(
    { database, redis: null, livingReplicas: () => 1, paces: PACES, monotonicMs },
    { onWaited: ignore, onRefused: ignore, onThrottled: ignore, onError: ignore, announce: ignore },
  );
}

function openRoutes(wire: SimulatedWire): Readonly<Record<VendorName, VendorRoute>> {
  const host = { upstream: new Upstream(ORIGIN, wire), stream, prefix: "" };
  const routes: Partial<Record<VendorName, VendorRoute>> = {};
  for (const name of VENDOR_NAMES) {
    const vendor = VENDORS[name];
    routes[name] = { vendor, hosts: new Map(Object.keys(vendor.hosts).map((at) => [at, host])) };
  }
  return routes as Record<VendorName, VendorRoute>;
}

/** Notes for which request each call is reserved; changes nothing. */
class ListeningLedger implements Ledger {
  readonly #ledger: Ledger;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  reserve(request: HoldRequest): Promise<ReserveResult> {
    callNow.getStore()?.callIds.push(request.callId);
    return this.#ledger.reserve(request);
  }

  deny(request: DenyRequest): Promise<DenialWritten> {
    return this.#ledger.deny(request);
  }

  settle(request: SettleRequest): Promise<void> {
    return this.#ledger.settle(request);
  }

  maySend(reserved: Reserved): boolean {
    return this.#ledger.maySend(reserved);
  }

  isRecent(reserved: Reserved): boolean {
    return this.#ledger.isRecent(reserved);
  }

  reaffirm(reserved: Reserved, identity: KeyIdentity | OwnIdentity) {
    return this.#ledger.reaffirm(reserved, identity);
  }

  findExposure(secretId: string, objectId: string) {
    return this.#ledger.findExposure(secretId, objectId);
  }
}
