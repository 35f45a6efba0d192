import { type CredentialMode, type Throttle, VENDORS, type VendorName } from "@keybrake/core";
import { answerInTime } from "../ledger/answer-in-time.ts";
import type { Database } from "../ledger/database.ts";
import type { HelpfulRedis } from "./helpful-redis.ts";
import { Pace } from "./pace.ts";
import { SharedSlots } from "./slots.ts";
import { type Turn, VendorQueue } from "./vendor-queue.ts";

const WINDOW_MS = 1_000;
const AGENTS_MAX = 20;
/** An attribution is read for all refusals of so short a time at once. */
const READ_AGAIN_MS = 250;
const KEYBRAKE_ITSELF = "keybrake";
const OWN_WEIGHT = 0.25;

/** A credential as far as its pace is concerned. */
export interface PacedSecret {
  readonly secretId: string;
  readonly vendor: VendorName;
}

/** What is known of a vendor's limit before any secret says more. */
export interface VendorPace {
  /** The operator's setting for all secrets of the vendor; null = none. */
  readonly requestsPerSecond: number | null;
  /** Whether calls go to the vendor's own address, for which its documented limit holds. */
  readonly isVendorsOwn: boolean;
}

/** Told about what happens in the queues. */
export interface VendorQuotaEvents {
  readonly onWaited: (vendor: VendorName, ms: number) => void;
  readonly onRefused: (vendor: VendorName) => void;
  readonly onThrottled: (vendor: VendorName, agentId: string) => void;
  readonly onError: (error: unknown) => void;
  /** Tells the other replicas that a vendor slowed this one down. */
  readonly announce: (secretId: string, retryAfterMs: number | null) => void;
}

/** One credential's queue: how many calls wait, how many are with the vendor, and how many a second are let through. */
export interface QueueState {
  readonly waiting: number;
  readonly inFlight: number;
  readonly perSecond: number | null;
}

interface Entry {
  readonly secret: PacedSecret;
  readonly queue: VendorQueue;
  isStale: boolean;
  throttle: { readonly readAtMs: number; readonly calls: Promise<Usage> } | null;
}

type Usage = Pick<Throttle, "calls" | "otherCalls">;

/** The queues of all real credentials: who may send when, and who had sent when a vendor said that it was too much. */
export class VendorQuota {
  readonly #database: Database;
  readonly #redis: HelpfulRedis | null;
  readonly #livingReplicas: () => number;
  readonly #paces: Readonly<Record<VendorName, VendorPace>>;
  readonly #monotonicMs: () => number;
  readonly #events: VendorQuotaEvents;
  readonly #entries = new Map<string, Entry>();
  readonly #opening = new Map<string, Promise<Entry>>();

  constructor(
    parts: {
      readonly database: Database;
      readonly redis: HelpfulRedis | null;
      readonly livingReplicas: () => number;
      readonly paces: Readonly<Record<VendorName, VendorPace>>;
      readonly monotonicMs: () => number;
    },
    events: VendorQuotaEvents,
  ) {
    this.#database = parts.database;
    this.#redis = parts.redis;
    this.#livingReplicas = parts.livingReplicas;
    this.#paces = parts.paces;
    this.#monotonicMs = parts.monotonicMs;
    this.#events = events;
  }

  /** Resolves when the agent may send one request with the credential. Rejects with `overloaded`, or `ledger_unavailable`. */
  async enter(secret: PacedSecret, agentId: string): Promise<Turn> {
    const entry = this.#entries.get(secret.secretId) ?? (await this.#open(secret));
    if (entry.isStale) this.#refresh(entry);
    return entry.queue.enter(agentId, agentId === KEYBRAKE_ITSELF ? OWN_WEIGHT : 1);
  }

  /** The vendor refused a request of the agent's as one too many: slows down, and says who had used the quota up. */
  async throttled(
    { secretId, vendor }: PacedSecret,
    agentId: string,
    answer: { readonly retryAfter: string | null; readonly upstreamMs: number },
  ): Promise<Throttle> {
    this.#events.onThrottled(vendor, agentId);
    const entry = this.#entries.get(secretId);
    const requestsPerSecond = entry?.queue.perSecond ?? null;
    const retryAfterSeconds = readRetryAfter(answer.retryAfter);
    const retryAfterMs = retryAfterSeconds === null ? null : retryAfterSeconds * 1_000;
    if (entry?.queue.slowDown(retryAfterMs) === true) this.#events.announce(secretId, retryAfterMs);
    const windowMs = WINDOW_MS + answer.upstreamMs;
    const usage = await this.#usage(entry ?? null, secretId, vendor, windowMs);
    return { windowMs, ...usage, requestsPerSecond, retryAfterSeconds };
  }

  /** Another replica was slowed down. */
  slowDown(secretId: string, retryAfterMs: number | null): void {
    this.#entries.get(secretId)?.queue.slowDown(retryAfterMs);
  }

  /** The limits may have changed: each is read again when it is next needed, and at once where calls wait. */
  forget(): void {
    for (const entry of this.#entries.values()) {
      entry.isStale = true;
      if (entry.queue.length > 0) this.#refresh(entry);
    }
  }

  /** For the metrics: how many calls of each vendor wait, and how slow its slowest credential is. */
  describe(): readonly {
    readonly vendor: VendorName;
    readonly waiting: number;
    readonly paceShare: number;
  }[] {
    return [...this.#entries.values()].map(({ secret, queue }) => ({
      vendor: secret.vendor,
      waiting: queue.length,
      paceShare: queue.paceShare,
    }));
  }

  /** What one credential's queue holds at this replica; null when nothing was sent with it yet. */
  queueOf(secretId: string): QueueState | null {
    const queue = this.#entries.get(secretId)?.queue;
    if (queue === undefined) return null;
    return { waiting: queue.length, inFlight: queue.running, perSecond: queue.perSecond };
  }

  /** Whether calls go to the vendor itself. */
  isVendorsOwn(vendor: VendorName): boolean {
    return this.#paces[vendor].isVendorsOwn;
  }

  /** Requests a second for a secret of a vendor, as configured and documented; null = nobody knows of a limit. */
  limitOf(vendor: VendorName, mode: CredentialMode, own: number | null): number | null {
    const { requestsPerSecond, isVendorsOwn } = this.#paces[vendor];
    if (own !== null || requestsPerSecond !== null) return own ?? requestsPerSecond;
    return isVendorsOwn ? VENDORS[vendor].requestsPerSecond(mode) : null;
  }

  #open(secret: PacedSecret): Promise<Entry> {
    const opening = this.#opening.get(secret.secretId);
    if (opening !== undefined) return opening;
    const { secretId, vendor } = secret;
    const opened = this.#readLimit(secret)
      .then((limit) => {
        const monotonicMs = this.#monotonicMs;
        const source = new SharedSlots(this.#redis, secretId, this.#livingReplicas, monotonicMs);
        const queue = new VendorQueue(new Pace(limit, monotonicMs), source, monotonicMs, {
          onWaited: (ms) => this.#events.onWaited(vendor, ms),
          onRefused: () => this.#events.onRefused(vendor),
        });
        const entry: Entry = { secret, queue, isStale: false, throttle: null };
        this.#entries.set(secretId, entry);
        return entry;
      })
      .finally(() => this.#opening.delete(secretId));
    this.#opening.set(secretId, opened);
    return opened;
  }

  #refresh(entry: Entry): void {
    entry.isStale = false;
    this.#readLimit(entry.secret).then(
      (limit) => entry.queue.setLimit(limit),
      (error: unknown) => {
        entry.isStale = true;
        this.#events.onError(error);
      },
    );
  }

  async #readLimit({ secretId, vendor }: PacedSecret): Promise<number | null> {
    const [row] = await answerInTime(
      this.#database.query("SELECT mode, requests_per_second::float8 AS own FROM secrets WHERE id = $1", [
        secretId,
      ]),
    );
    const { mode = "test", own = null } = (row ?? {}) as { mode?: CredentialMode; own?: number | null };
    return this.limitOf(vendor, mode, own);
  }

  /** Never rejects: a refusal's settlement waits for it. */
  #usage(entry: Entry | null, secretId: string, vendor: VendorName, windowMs: number): Promise<Usage> {
    const nowMs = this.#monotonicMs();
    const known = entry?.throttle ?? null;
    if (known !== null && nowMs - known.readAtMs < READ_AGAIN_MS) return known.calls;
    const calls = readUsage(this.#database, secretId, vendor, windowMs).catch((error: unknown): Usage => {
      this.#events.onError(error);
      return { calls: null, otherCalls: 0 };
    });
    if (entry !== null) entry.throttle = { readAtMs: nowMs, calls };
    return calls;
  }
}

/** Who sent how many calls with a credential in the window before now, at all replicas: the audit log knows. */
async function readUsage(
  database: Database,
  secretId: string,
  vendor: VendorName,
  windowMs: number,
): Promise<Usage> {
  const rows = await answerInTime(
    database.query(
      `SELECT c.agent_id, count(*)::integer AS calls FROM calls c
       WHERE c.requested_at > now() - $3 * interval '1 millisecond' AND c.verdict = 'allow' AND c.vendor = $2
         AND NOT (c.state = 'released' AND c.status_code IS NULL)
         AND (c.vault_key_id IS NULL OR (SELECT k.secret_id FROM vault_keys k WHERE k.id = c.vault_key_id) = $1)
       GROUP BY 1 ORDER BY 2 DESC, 1`,
      [secretId, vendor, windowMs],
    ),
  );
  const named = rows
    .slice(0, AGENTS_MAX)
    .map((row) => [row["agent_id"] as string, Number(row["calls"])] as const);
  const otherCalls = rows.slice(AGENTS_MAX).reduce((sum, row) => sum + Number(row["calls"]), 0);
  return { calls: Object.fromEntries(named), otherCalls };
}

/** Whole seconds, or the seconds until a date; null for anything else. */
function readRetryAfter(header: string | null): number | null {
  if (header === null) return null;
  if (/^[0-9]{1,9}$/.test(header)) return Number(header);
  const atMs = Date.parse(header);
  return Number.isNaN(atMs) ? null : Math.max(0, Math.ceil((atMs - Date.now()) / 1_000));
}
