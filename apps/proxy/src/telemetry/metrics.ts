import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** Beyond so many, agents share a label: the number of series must not grow with the number of agents. */
const AGENT_LABELS_MAX = 50;

/** The process's Prometheus metrics; labels have few values and never name a key or a secret. */
export interface Metrics {
  readonly registry: Registry;
  readonly calls: Counter<"vendor" | "verdict" | "result">;
  readonly faults: Counter<"code">;
  readonly leaks: Counter;
  readonly latency: Histogram;
  readonly flushSize: Histogram;
  readonly flushSeconds: Histogram;
  readonly swept: Counter;
  readonly queueSeconds: Histogram<"vendor">;
  readonly queueRefused: Counter<"vendor">;
  /** Refusals of vendors for too many requests, by whose call was refused. */
  readonly countThrottled: (vendor: string, agentId: string) => void;
  readonly historyLost: Gauge;
  readonly alertsRaised: Counter;
  readonly alertAttempts: Counter<"outcome">;
  readonly backgroundErrors: Counter<"what">;
}

/** What is asked when metrics are read. */
export interface MetricsSources {
  readonly inFlight: () => number;
  readonly queues: () => readonly { vendor: string; waiting: number; paceShare: number }[];
}

/** Registers every metric. */
export function createMetrics({ inFlight, queues }: MetricsSources): Metrics {
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
  addQueueGauges(registry, queues);
  const throttled = new Counter({
    name: "keybrake_vendor_throttled_total",
    help: "Calls that a vendor refused for too many requests, by the agent that made them",
    labelNames: ["vendor", "agent"],
    registers,
  });
  const agents = new Set<string>();
  return {
    registry,
    countThrottled: (vendor, agentId) => {
      if (agents.size < AGENT_LABELS_MAX) agents.add(agentId);
      throttled.inc({ vendor, agent: agents.has(agentId) ? agentId : "other" });
    },
    queueSeconds: new Histogram({
      name: "keybrake_vendor_queue_seconds",
      help: "How long calls waited for their turn at a vendor; those that did not wait are not counted",
      labelNames: ["vendor"],
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    }),
    queueRefused: new Counter({
      name: "keybrake_vendor_queue_refused_total",
      help: "Calls that were refused because too many waited for a vendor, or too long",
      labelNames: ["vendor"],
      registers,
    }),
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
    historyLost: new Gauge({
      name: "keybrake_history_lost",
      help: "1 while the database lacks history that was seen, and nothing is allowed",
      registers,
    }),
    alertsRaised: new Counter({
      name: "keybrake_alerts_raised_total",
      help: "Alerts that this replica raised",
      registers,
    }),
    alertAttempts: new Counter({
      name: "keybrake_alert_attempts_total",
      help: "Attempts of this replica to send an alert, by their outcome",
      labelNames: ["outcome"],
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

function addQueueGauges(registry: Registry, queues: MetricsSources["queues"]): void {
  const registers = [registry];
  new Gauge({
    name: "keybrake_vendor_queue_length",
    help: "Calls that wait for their turn at a vendor",
    labelNames: ["vendor"],
    registers,
    collect() {
      this.reset();
      for (const { vendor, waiting } of queues()) this.inc({ vendor }, waiting);
    },
  });
  new Gauge({
    name: "keybrake_vendor_pace_ratio",
    help: "Which part of its full speed a vendor's slowest credential is used at; below 1 the vendor has refused for too many requests",
    labelNames: ["vendor"],
    registers,
    collect() {
      this.reset();
      const shares = new Map<string, number>();
      for (const { vendor, paceShare } of queues())
        shares.set(vendor, Math.min(paceShare, shares.get(vendor) ?? 1));
      for (const [vendor, share] of shares) this.set({ vendor }, share);
    },
  });
}
