import {
  type Denial,
  isDenial,
  KeybrakeError,
  type KeyIdentity,
  type OwnIdentity,
  type Reserved,
} from "@keybrake/core";
import type { DataPlane } from "./data-plane.ts";
import type { Sent, Upstream, UpstreamRequest } from "./upstream.ts";

const TRIES_MAX = 10;

/** Why a call was released whose right could not be renewed. */
export const NOT_AFFIRMED = "its right to be sent could not be affirmed in time, so it was not sent";

/** Not the vendor has failed, and nothing went out: the agent may simply ask again. */
export function rightEnded(): KeybrakeError {
  return new KeybrakeError("ledger_unavailable", { detail: `${NOT_AFFIRMED}: try again` });
}

/**
 * A held call's right to be sent, as it is asked for at the last instant. The decision is a few milliseconds old then;
 * when it is older, because a connection took long, or when a key has changed since, the ledger is asked once more: so
 * nothing goes out more than a moment after its key was revoked, whoever heard of it.
 */
export class SendRight {
  readonly #plane: DataPlane;
  readonly #identity: KeyIdentity | OwnIdentity;
  #reserved: Reserved;

  constructor(plane: DataPlane, identity: KeyIdentity | OwnIdentity, reserved: Reserved) {
    this.#plane = plane;
    this.#identity = identity;
    this.#reserved = reserved;
  }

  /** Whether the first byte may go out now; `unsure` = renew it first. */
  look(): "yes" | "unsure" | "no" {
    const { ledger } = this.#plane;
    if (!ledger.maySend(this.#reserved)) return "no";
    return ledger.isRecent(this.#reserved) ? "yes" : "unsure";
  }

  /** Asks the ledger again; a denial when the key may no longer act. Rejects with `ledger_unavailable`. */
  async renew(): Promise<Denial | null> {
    const renewed = await this.#plane.ledger.reaffirm(this.#reserved, this.#identity);
    if (isDenial(renewed)) return renewed;
    this.#reserved = renewed;
    return null;
  }

  /** How long the call may wait for a connection. */
  waitMs(): number {
    return this.#reserved.sendBeforeMs - this.#plane.clock.monotonicMs();
  }
}

/**
 * Sends a request at most once, by the right that it has when its first byte goes out. A denial, or `not_sent`, proves
 * that nothing went out. Rejects with `ledger_unavailable`, also when the right had ended, and then nothing went out either.
 */
export async function sendByRight(
  upstream: Upstream,
  request: UpstreamRequest,
  right: SendRight,
): Promise<Sent | Denial> {
  for (let tries = 0; ; tries++) {
    if (right.look() !== "unsure") {
      let seen = null as ReturnType<SendRight["look"]> | null;
      const mayBegin = () => {
        seen = right.look();
        return seen === "yes";
      };
      const sent = await upstream.send(request, mayBegin, right.waitMs());
      if (sent.kind !== "not_sent" || seen === null || seen === "yes") return sent;
      if (seen === "no" || tries >= TRIES_MAX) throw rightEnded();
    }
    const denial = await right.renew();
    if (denial !== null) return denial;
  }
}
