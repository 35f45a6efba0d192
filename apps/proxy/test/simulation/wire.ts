import { Dispatcher } from "undici";
import type { Scheduler } from "./scheduler.ts";
import { ENCOUNTERS, type Received, type SimulatedVendor, type VendorAnswer } from "./vendor.ts";

/** What becomes of a request whose first byte left, and of its answer. */
const WAYS = { whole: 82, reset_before: 4, reset_after: 5, truncated: 4, silent: 5 } as const;
const NO_CONNECTION = 0.06;

/** What the wire asks of those who know the calls. */
export interface Caller {
  /** Whose request is being dispatched now. */
  readonly callIdNow: () => string;
  /** Looks whether the call may be sent at this instant; the function that it returns is called when it was. */
  readonly judgeSend: (callId: string) => Promise<() => { readonly payerId: string }>;
}

/** The connections of one replica to the vendor, in place of undici's pool. */
export class SimulatedWire extends Dispatcher {
  readonly #name: string;
  readonly #scheduler: Scheduler;
  readonly #vendor: SimulatedVendor;
  readonly #caller: Caller;
  #isCut = false;

  constructor(name: string, scheduler: Scheduler, vendor: SimulatedVendor, caller: Caller) {
    super();
    this.#name = name;
    this.#scheduler = scheduler;
    this.#vendor = vendor;
    this.#caller = caller;
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const callId = this.#caller.callIdNow();
    const exchange = new Exchange(handler);
    this.#scheduler.add(`${this.#name}: connects for ${options.method} ${options.path}`, async () => {
      if (this.#isCut) return;
      if (this.#scheduler.random.chance(NO_CONNECTION)) return exchange.fail("ECONNREFUSED");
      await this.#write(callId, options, exchange);
    });
    return true;
  }

  /** The process is gone: what it wrote is at the vendor, and nobody hears an answer. */
  cut(): void {
    this.#isCut = true;
  }

  override async destroy(): Promise<void> {
    this.cut();
  }

  async #write(callId: string, options: Dispatcher.DispatchOptions, exchange: Exchange): Promise<void> {
    const onSent = await this.#caller.judgeSend(callId);
    exchange.start();
    if (exchange.isOver) return this.#scheduler.note("  … not sent, its right had ended");
    const { payerId } = onSent();
    const headers = options.headers as Readonly<Record<string, string>>;
    const request: Received = {
      callId,
      payerId,
      method: options.method,
      path: options.path,
      body: options.body === null ? "" : String(options.body),
      idempotencyKey: headers["idempotency-key"] ?? null,
      credential: headers["authorization"] ?? "",
      atMs: Date.now(),
    };
    const { random } = this.#scheduler;
    const way = random.weighted(WAYS);
    const what = `vendor: ${request.method} ${request.path} ${request.body.slice(0, 60)}`;
    if (way === "reset_before") {
      this.#scheduler.add(`${what} is lost`, () => this.#hear(() => exchange.fail("ECONNRESET")));
      return;
    }
    const encounter = random.weighted(ENCOUNTERS);
    const execute = this.#vendor.receive(request, encounter);
    this.#scheduler.add(`${what} (${encounter})`, () => {
      const answer = execute();
      if (way !== "silent")
        this.#scheduler.add(`vendor: ${answer.status} comes back (${way})`, () =>
          this.#hear(() => bringBack(way, answer, exchange)),
        );
    });
  }

  #hear(tell: () => void): void {
    if (!this.#isCut) tell();
  }
}

function bringBack(way: keyof typeof WAYS, answer: VendorAnswer, exchange: Exchange): void {
  if (way === "reset_after") return exchange.fail("ECONNRESET");
  exchange.answer(answer, way === "truncated");
}

/** One request, as undici would tell of it. */
class Exchange implements Dispatcher.DispatchController {
  readonly #handler: Dispatcher.DispatchHandler;
  readonly paused = false;
  aborted = false;
  reason: Error | null = null;
  isOver = false;

  constructor(handler: Dispatcher.DispatchHandler) {
    this.#handler = handler;
  }

  start(): void {
    this.#handler.onRequestStart?.(this, {});
  }

  abort(reason: Error): void {
    this.aborted = true;
    this.reason = reason;
    this.#end(reason);
  }

  fail(code: string): void {
    this.#end(Object.assign(new Error(`simulated: ${code}`), { code }));
  }

  answer({ status, headers, body }: VendorAnswer, isTruncated: boolean): void {
    if (this.isOver) return;
    this.#handler.onResponseStart?.(this, status, { ...headers });
    if (!isTruncated) {
      this.#handler.onResponseData?.(this, Buffer.from(body));
      this.isOver = true;
      return this.#handler.onResponseEnd?.(this, {});
    }
    this.#handler.onResponseData?.(this, Buffer.from(body.slice(0, body.length / 2)));
    this.fail("UND_ERR_SOCKET");
  }

  pause(): void {
    // Every answer is small.
  }

  resume(): void {
    // Nothing is ever paused.
  }

  #end(error: Error): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#handler.onResponseError?.(this, error);
  }
}
