import type { AlertTest } from "@keybrake/client/contract";
import type { Database } from "../ledger/database.ts";
import type { AlertAddresses } from "./alert-addresses.ts";
import type { AlertChannels, OpenedAlertChannel } from "./alert-channels.ts";
import { type AlertFacts, writeSlackMessage, writeWebhookMessage } from "./alert-message.ts";
import { type Attempt, sendAlert } from "./alert-sender.ts";
import { selectAlert } from "./alert-store.ts";

/** Longer than an attempt can take: only who died still holds a claim then. */
const CLAIM_MS = 20_000;
/** Of one channel at once, by one replica: one that hangs keeps no other waiting. */
const PER_CHANNEL_MAX = 4;
const FIRST_WAIT_MS = 5_000;
const WAIT_MS_MAX = 3_600_000;

/** What deliveries are made of. */
export interface AlertDeliveryParts {
  readonly database: Database;
  readonly channels: AlertChannels;
  readonly addresses: AlertAddresses;
  /** The database's time. */
  readonly now: () => Date;
  readonly version: string;
  readonly onAttempt: (outcome: "delivered" | "failed") => void;
  readonly onError: (error: unknown) => void;
}

interface Claim {
  readonly alertId: string;
  readonly channelId: string;
  readonly attempts: number;
}

/**
 * Sends alerts to their channels: each at least once, and again after a failure for as long as it has not expired. Every
 * replica takes what is due and nobody else is at; what one takes and never finishes falls to the others.
 */
export class AlertDeliveries {
  readonly #parts: AlertDeliveryParts;
  readonly #stop = new AbortController();
  readonly #running = new Map<string, Promise<unknown>>();

  constructor(parts: AlertDeliveryParts) {
    this.#parts = parts;
  }

  /** Takes what is due of channels that are not being sent to, and does not wait until it is sent. */
  async sendDue(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    const rows = await this.#parts.database.query(
      "SELECT * FROM claim_alert_deliveries($1::uuid[], $2, $3) ORDER BY channel_id",
      [[...this.#running.keys()], PER_CHANNEL_MAX, CLAIM_MS],
    );
    const claims = rows.map((row) => ({
      alertId: row["alert_id"] as string,
      channelId: row["channel_id"] as string,
      attempts: row["attempts"] as number,
    }));
    for (const [channelId, due] of Map.groupBy(claims, (claim) => claim.channelId)) {
      const sending = Promise.all(
        due.map((claim) => this.#deliver(claim).catch(this.#parts.onError)),
      ).finally(() => this.#running.delete(channelId));
      this.#running.set(channelId, sending);
    }
  }

  /** Sends a test alert, which whoever raised it has claimed. */
  async sendTest(alertId: string, channelId: string): Promise<AlertTest> {
    const startedAtMs = performance.now();
    const { status, error } = await this.#deliver({ alertId, channelId, attempts: 1 });
    const took = Math.round(performance.now() - startedAtMs);
    return { alert_id: alertId, delivered: error === null, status, error, took_ms: took };
  }

  /** Breaks off what is being sent, and writes that down; nothing is taken any more. */
  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running.values());
  }

  async #deliver(claim: Claim): Promise<Attempt> {
    const attempt = await this.#attempt(claim);
    const waitMs = Math.max(attempt.retryAfterMs, waitAfter(claim.attempts));
    // Whoever has taken it after this claim ended knows better.
    await this.#parts.database.query(
      `UPDATE alert_deliveries SET last_status = $4, last_error = $5,
         state = CASE WHEN $5::text IS NULL THEN 'delivered'
           WHEN clock_timestamp() + $6 * interval '1 millisecond' >= expires_at THEN 'failed' ELSE 'pending' END,
         delivered_at = CASE WHEN $5::text IS NULL THEN date_trunc('milliseconds', clock_timestamp()) END,
         next_attempt_at = clock_timestamp() + $6 * interval '1 millisecond'
       WHERE alert_id = $1 AND channel_id = $2 AND attempts = $3 AND state = 'pending'`,
      [claim.alertId, claim.channelId, claim.attempts, attempt.status, attempt.error, waitMs],
    );
    this.#parts.onAttempt(attempt.error === null ? "delivered" : "failed");
    return attempt;
  }

  async #attempt({ alertId, channelId }: Claim): Promise<Attempt> {
    const { database, channels, addresses } = this.#parts;
    const found = await selectAlert(database, alertId);
    const channel = await channels.open(channelId);
    if (found === null || channel === null)
      return { status: null, error: "the channel was removed", retryAfterMs: WAIT_MS_MAX };
    const { deliveries: _, ...alert } = found;
    return await sendAlert(addresses, channel.url, this.#write(alert, channel), this.#stop.signal);
  }

  #write(alert: AlertFacts, { signingSecret }: OpenedAlertChannel) {
    const { version, now } = this.#parts;
    if (signingSecret === null) return writeSlackMessage(alert, version);
    return writeWebhookMessage(alert, signingSecret, Math.floor(now().getTime() / 1_000), version);
  }
}

/** Twice as long after each attempt, and by chance up to half less, so that many do not come back at once. */
function waitAfter(attempts: number): number {
  const waitMs = Math.min(FIRST_WAIT_MS * 2 ** (attempts - 1), WAIT_MS_MAX);
  return Math.round(waitMs * (0.5 + Math.random() / 2));
}
