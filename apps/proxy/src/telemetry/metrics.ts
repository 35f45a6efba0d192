import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** The process's Prometheus metrics; labels have few values and never name a key, an agent or a secret. */
export interface Metrics {
  readonly registry: Registry;
  readonly calls: Counter<"vendor" | "verdict" | "result">;
  readonly faults: Counter<"code">;
  readonly leaks: Counter;
  readonly latency: Histogram;
  readonly flushSize: Histogram;
  readonly flushSeconds: Histogram;
  readonly swept: Counter;
  readonly backgroundErrors: Counter<"what">;
}

/** Registers every metric; `inFlight` is asked when metrics are read. */
export function createMetrics(inFlight: () => number): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: "keybrake_calls_in_flight",
    help: "Calls that are running or waiting",
    registers,
    collect() {
      this.set(inFlight());
    },
  });
  return {
    registry,
    calls: new Counter({
      name: "keybrake_calls_total",
      help: "Calls by verdict and result (a denial code or a final state)",
      labelNames: ["vendor", "verdict", "result"],
      registers,
    }),
    faults: new Counter({
      name: "keybrake_faults_total",
      help: "Calls ended by a fault",
      labelNames: ["code"],
      registers,
    }),
    leaks: new Counter({
      name: "keybrake_leaks_withheld_total",
      help: "Vendor answers withheld because they contained a real credential",
      registers,
    }),
    latency: new Histogram({
      name: "keybrake_call_seconds",
      help: "Time from a request's head to its settled answer",
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 80],
      registers,
    }),
    flushSize: new Histogram({
      name: "keybrake_ledger_flush_operations",
      help: "Operations that shared one commit",
      buckets: [1, 2, 5, 10, 20, 50, 100, 200],
      registers,
    }),
    flushSeconds: new Histogram({
      name: "keybrake_ledger_flush_seconds",
      help: "Time of one ledger commit",
      buckets: [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1],
      registers,
    }),
    swept: new Counter({
      name: "keybrake_calls_swept_total",
      help: "Open calls of dead replicas, or past their deadline, that became unknown",
      registers,
    }),
    backgroundErrors: new Counter({
      name: "keybrake_background_errors_total",
      help: "Failures of background work",
      labelNames: ["what"],
      registers,
    }),
  };
}
