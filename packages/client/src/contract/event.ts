import type { Alert } from "./alert.ts";
import type { Call } from "./call.ts";

/** A change of keys or of the kill switch, as it is announced to all replicas. */
export interface ChangeEvent {
  /** `key.created`, `key.updated`, `key.revoked`, `key.suspended`, `kill_switch`, `vendor.throttled`, or `unknown` after a gap. */
  readonly type: string;
  readonly [detail: string]: unknown;
}

/**
 * What the live tail tells. `call` comes when a call was decided and again when its outcome was written; `alert` when
 * one was raised, before it was sent anywhere; `skipped` when there were more calls than the tail carries, with how many
 * batches were left out.
 */
export type KeybrakeEvent =
  | { readonly event: "call"; readonly data: Call }
  | { readonly event: "change"; readonly data: ChangeEvent }
  | { readonly event: "alert"; readonly data: Alert }
  | { readonly event: "skipped"; readonly data: { readonly links: number } };
