import { KeybrakeError } from "@keybrake/core";
import { FairQueue } from "./fair-queue.ts";
import type { Pace } from "./pace.ts";
import type { SlotSource } from "./slots.ts";

/** Vendors bound how much runs at once, too, and a vendor that hangs must not collect calls without end. */
export const RUNNING_MAX = 128;
const WAITING_MAX = 1_000;
const WAIT_MS_MAX = 10_000;
/** A slot that nobody used when it was due may be used this much later: then its second is over. */
const SLOT_LIFE_MS = 1_000;
/** After a claim that gave nothing. */
const RETRY_MS = 250;
const RETRY_AFTER_SECONDS_MAX = 30;

/** The right to send one request to a vendor. */
export interface Turn {
  /** The request goes out: the slot is spent. */
  readonly use: () => void;
  /** The request has ended, or was not sent; then another one may have the slot. */
  readonly leave: () => void;
}

interface Waiter {
  readonly agentId: string;
  readonly sinceMs: number;
  readonly timer: NodeJS.Timeout;
  readonly resolve: (turn: Turn) => void;
  readonly reject: (error: KeybrakeError) => void;
}

/** Told about every call that had to wait. */
export interface VendorQueueEvents {
  readonly onWaited: (ms: number) => void;
  readonly onRefused: () => void;
}

/**
 * The calls that want to go out with one real credential: at the vendor's pace, at most 128 at a time, and in turns
 * between agents, so that one agent's burst delays another's call by one turn and not by the burst. Waiting is bounded
 * in number and time; past that a call is refused as `overloaded`. It comes before the reservation: no money is held
 * for a call that waits.
 */
export class VendorQueue {
  readonly #pace: Pace;
  readonly #source: SlotSource;
  readonly #monotonicMs: () => number;
  readonly #events: VendorQueueEvents;
  readonly #waiting = new FairQueue<Waiter>();
  #slots: number[] = [];
  #running = 0;
  #isClaiming = false;
  #timer: NodeJS.Timeout | undefined;
  #second = { startMs: 0, begun: 0, before: 0 };

  constructor(pace: Pace, source: SlotSource, monotonicMs: () => number, events: VendorQueueEvents) {
    this.#pace = pace;
    this.#source = source;
    this.#monotonicMs = monotonicMs;
    this.#events = events;
  }

  /** How many calls wait. */
  get length(): number {
    return this.#waiting.length;
  }

  /** How many have their turn: they are at the vendor, or about to be. */
  get running(): number {
    return this.#running;
  }

  /** Which part of its full speed is used now. */
  get paceShare(): number {
    return this.#pace.share;
  }

  /** Requests a second that are let through now; null = any number. */
  get perSecond(): number | null {
    return Number.isFinite(this.#pace.perSecond) ? this.#pace.perSecond : null;
  }

  setLimit(limit: number | null): void {
    if (this.#pace.limit === limit) return;
    this.#pace.limit = limit;
    this.#slots = [];
    this.#advance();
  }

  /** Resolves when the agent's call may go out. A background reader of Keybrake's own has less weight than an agent. */
  enter(agentId: string, weight: number): Promise<Turn> {
    if (this.#waiting.length === 0 && this.#running < RUNNING_MAX && this.#takeSlot())
      return Promise.resolve(this.#begin());
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        agentId,
        sinceMs: this.#monotonicMs(),
        timer: setTimeout(() => {
          this.#waiting.remove(agentId, waiter);
          this.#refuse(waiter);
        }, WAIT_MS_MAX),
        resolve,
        reject,
      };
      this.#waiting.push(agentId, weight, waiter);
      if (this.#waiting.length > WAITING_MAX) this.#refuse(this.#waiting.dropLatest());
      this.#advance();
    });
  }

  /** The vendor refused for too many requests; returns whether that was news. */
  slowDown(retryAfterMs: number | null): boolean {
    const isNews = this.#pace.slowDown(this.#sentLately(), retryAfterMs);
    // They were claimed at the old pace.
    if (isNews) this.#slots = [];
    return isNews;
  }

  #advance(): void {
    clearTimeout(this.#timer);
    while (this.#waiting.length > 0 && this.#running < RUNNING_MAX) {
      if (!this.#takeSlot()) return this.#waitForSlot();
      const waiter = this.#waiting.shift();
      if (waiter === undefined) return;
      clearTimeout(waiter.timer);
      this.#events.onWaited(this.#monotonicMs() - waiter.sinceMs);
      waiter.resolve(this.#begin());
    }
  }

  #waitForSlot(): void {
    const { pauseMs } = this.#pace;
    const [nextMs] = this.#slots;
    if (pauseMs > 0) return this.#advanceIn(pauseMs);
    if (nextMs !== undefined) return this.#advanceIn(nextMs - this.#monotonicMs());
    void this.#claim();
  }

  #advanceIn(ms: number): void {
    this.#timer = setTimeout(() => this.#advance(), Math.ceil(Math.max(1, ms)));
  }

  /** One slot for each agent that waits: so replicas, who claim from one line, share it by their agents. */
  async #claim(): Promise<void> {
    if (this.#isClaiming) return;
    this.#isClaiming = true;
    const { perSecond } = this.#pace;
    const count = Math.max(1, Math.min(this.#waiting.flows, Math.floor(perSecond)));
    const slots = await this.#source.claim(count, perSecond);
    this.#isClaiming = false;
    if (perSecond <= this.#pace.perSecond) this.#slots.push(...slots);
    if (slots.length > 0) this.#advance();
    else this.#advanceIn(RETRY_MS);
  }

  #takeSlot(): boolean {
    if (this.#pace.pauseMs > 0) return false;
    if (this.#pace.perSecond === Number.POSITIVE_INFINITY) return true;
    const nowMs = this.#monotonicMs();
    while ((this.#slots[0] ?? nowMs) < nowMs - SLOT_LIFE_MS) this.#slots.shift();
    if ((this.#slots[0] ?? Number.POSITIVE_INFINITY) > nowMs) return false;
    this.#slots.shift();
    return true;
  }

  #begin(): Turn {
    this.#running++;
    let isUsed = false;
    let hasLeft = false;
    return {
      use: () => {
        if (!isUsed) this.#count();
        isUsed = true;
      },
      leave: () => {
        if (hasLeft) return;
        hasLeft = true;
        this.#running--;
        if (!isUsed && this.perSecond !== null) this.#slots.unshift(this.#monotonicMs());
        this.#advance();
      },
    };
  }

  #refuse(waiter: Waiter | undefined): void {
    if (waiter === undefined) return;
    clearTimeout(waiter.timer);
    this.#events.onRefused();
    const ahead = (this.#waiting.lengthOf(waiter.agentId) + 1) * Math.max(1, this.#waiting.flows);
    const seconds = Math.ceil(Math.max(this.#pace.pauseMs / 1_000, ahead / this.#pace.perSecond));
    waiter.reject(
      new KeybrakeError("overloaded", {
        detail: "too many calls wait for their turn at the vendor: nothing was sent",
        retryAfterSeconds: Math.min(RETRY_AFTER_SECONDS_MAX, Math.max(1, seconds)),
      }),
    );
  }

  #count(): void {
    this.#turnSecond();
    this.#second.begun++;
  }

  /** How many were sent in about the last second. */
  #sentLately(): number {
    this.#turnSecond();
    return Math.max(this.#second.begun, this.#second.before);
  }

  #turnSecond(): void {
    const nowMs = this.#monotonicMs();
    const { startMs, begun } = this.#second;
    if (nowMs - startMs < 1_000) return;
    this.#second = { startMs: nowMs, begun: 0, before: nowMs - startMs < 2_000 ? begun : 0 };
  }
}
