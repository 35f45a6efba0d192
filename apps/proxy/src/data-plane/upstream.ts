import type { OutgoingHttpHeaders } from "node:http";
import { type Dispatcher, Pool } from "undici";
import { RUNNING_MAX } from "../limits/vendor-queue.ts";

const CONNECT_TIMEOUT_MS = 5_000;
const TOTAL_TIMEOUT_MS = 80_000;
/** Four secrets of a vendor may have as many calls under way as each of them may. */
const CONNECTIONS_MAX = 4 * RUNNING_MAX;
const ANSWER_BYTES_MAX = 10 * 1_048_576;

/** A request built from scratch, ready for the wire. */
export interface UpstreamRequest {
  readonly method: string;
  /** Canonical path and query, byte for byte. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | null;
}

/** A complete answer of the vendor. */
export interface UpstreamAnswer {
  readonly kind: "answered";
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
  readonly upstreamMs: number;
}

/**
 * What became of a request. `not_sent` is proven: no byte of it was written. Everything that is neither complete nor
 * proven unsent is `unknown`.
 */
export type Sent =
  | UpstreamAnswer
  | { readonly kind: "not_sent"; readonly reason: string }
  | {
      readonly kind: "unknown";
      readonly isTimeout: boolean;
      readonly reason: string;
      readonly upstreamMs: number;
    };

/** One vendor's host: keep-alive connections, no redirects, no retries, no upgrades. */
export class Upstream {
  readonly origin: string;
  readonly #dispatcher: Dispatcher;

  /** `dispatcher` carries the requests; a pool of connections to `origin` when left out. */
  constructor(origin: string, dispatcher: Dispatcher = openPool(origin)) {
    this.origin = origin;
    this.#dispatcher = dispatcher;
  }

  /**
   * Sends a request at most once and waits for its complete answer; never rejects. `maySend` is asked at the last
   * instant before the first byte is written, when a connection is there; false means `not_sent`, and so does a wait of
   * more than `waitMsMax` for a connection.
   */
  send(request: UpstreamRequest, maySend: () => boolean, waitMsMax: number): Promise<Sent> {
    return new Promise((resolve) => {
      const exchange = new Exchange(maySend, resolve, waitMsMax);
      this.#dispatcher.dispatch(
        {
          method: request.method as Dispatcher.HttpMethod,
          path: request.path,
          headers: request.headers,
          body: request.body,
          idempotent: false,
        },
        exchange,
      );
    });
  }

  async close(): Promise<void> {
    await this.#dispatcher.destroy();
  }
}

function openPool(origin: string): Pool {
  return new Pool(origin, {
    connections: CONNECTIONS_MAX,
    pipelining: 1,
    allowH2: false,
    connect: { timeout: CONNECT_TIMEOUT_MS },
    headersTimeout: TOTAL_TIMEOUT_MS,
    bodyTimeout: TOTAL_TIMEOUT_MS,
    maxResponseSize: ANSWER_BYTES_MAX,
  });
}

class NotSentError extends Error {
  override readonly name = "NotSentError";
}

/** One request on the wire, as undici tells of it. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #maySend: () => boolean;
  readonly #resolve: (sent: Sent) => void;
  readonly #startedAtMs = performance.now();
  readonly #chunks: Buffer[] = [];
  #isWritten = false;
  #isGivenUp = false;
  #status = 0;
  #headers: OutgoingHttpHeaders = {};
  #timer: NodeJS.Timeout | undefined;

  constructor(maySend: () => boolean, resolve: (sent: Sent) => void, waitMsMax: number) {
    this.#maySend = maySend;
    this.#resolve = resolve;
    // What waits for a connection cannot be taken back from undici: it is given up here, and ends when it is begun.
    this.#timer = setTimeout(
      () => {
        this.#isGivenUp = true;
        resolve({ kind: "not_sent", reason: "there was no connection to the vendor in time" });
      },
      Math.max(0, waitMsMax),
    );
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // INVARIANT: called right before the head is written, and again only if undici wanted to write it twice.
    if (this.#isWritten) return controller.abort(new Error("the request was about to be sent twice"));
    if (this.#isGivenUp || !this.#maySend())
      return controller.abort(new NotSentError("the right to send had ended"));
    this.#isWritten = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => controller.abort(new Error("timeout")), TOTAL_TIMEOUT_MS);
  }

  onRequestUpgrade(controller: Dispatcher.DispatchController): void {
    controller.abort(new Error("the vendor switched protocols unasked"));
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: OutgoingHttpHeaders,
  ): void {
    if (status < 100 || status > 599) return controller.abort(new Error("a status that does not exist"));
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    clearTimeout(this.#timer);
    this.#resolve({
      kind: "answered",
      status: this.#status,
      headers: this.#headers,
      body: Buffer.concat(this.#chunks),
      upstreamMs: this.#elapsedMs(),
    });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    clearTimeout(this.#timer);
    if (!this.#isWritten) {
      const reason =
        error instanceof NotSentError ? error.message : `no connection to the vendor (${codeOf(error)})`;
      return this.#resolve({ kind: "not_sent", reason });
    }
    const isTimeout = /timeout/i.test(`${codeOf(error)} ${error.message}`);
    const reason = isTimeout
      ? "the vendor did not answer in time"
      : `the connection broke (${codeOf(error)})`;
    this.#resolve({ kind: "unknown", isTimeout, reason, upstreamMs: this.#elapsedMs() });
  }

  #elapsedMs(): number {
    return Math.round(performance.now() - this.#startedAtMs);
  }
}

/** An error's code only: its message may quote what was on the wire. */
function codeOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
