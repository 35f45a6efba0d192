import http, { type ClientRequest, type IncomingMessage, type ServerResponse } from "node:http";
import https from "node:https";
import { Transform, type TransformCallback } from "node:stream";
import { type Denial, isKeybrakeError, KeybrakeError, type Operation, type Throttle } from "@keybrake/core";
import { createProxyMiddleware } from "http-proxy-middleware";
import { RUNNING_MAX } from "../limits/vendor-queue.ts";
import { renderDenial, renderFault, writeAnswer } from "./answer.ts";
import type { Call } from "./call.ts";
import { handOverConnected } from "./connected-agent.ts";
import type { Credential } from "./credential.ts";
import type { DataPlane } from "./data-plane.ts";
import { answerHeaders, isSearchable, sealedHeaders } from "./forward.ts";
import { LeakGuard } from "./leak-guard.ts";
import { NOT_AFFIRMED, rightEnded, type SendRight } from "./send-right.ts";
import { ended, vendorRequestIdOf } from "./settle.ts";

const TIMEOUT_MS = 80_000;
/** Four secrets of a vendor may have as many calls under way as each of them may. */
const CONNECTIONS_MAX = 4 * RUNNING_MAX;

/** A free read that is held and may be sent. */
export interface Read {
  readonly plane: DataPlane;
  readonly call: Call;
  readonly operation: Operation;
  /** The path and query as they stand on the wire. */
  readonly target: string;
  readonly secretId: string;
  readonly credential: Credential;
  readonly right: SendRight;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/**
 * Streams reads that cost nothing, however large. The request is sealed before the middleware sees it: its target and
 * its headers are replaced whole, because the middleware's own hook does not run on every request (`Expect`).
 */
export class ReadStream {
  readonly #exchanges = new WeakMap<IncomingMessage, Exchange>();
  readonly #agent: http.Agent;
  readonly #proxy: ReturnType<typeof createProxyMiddleware>;

  constructor(origin: string) {
    const options = { keepAlive: true, maxSockets: CONNECTIONS_MAX };
    this.#agent = origin.startsWith("https:") ? new https.Agent(options) : new http.Agent(options);
    handOverConnected(this.#agent, origin.startsWith("https:") ? "secureConnect" : "connect");
    this.#proxy = createProxyMiddleware({
      target: origin,
      changeOrigin: true,
      agent: this.#agent,
      selfHandleResponse: true,
      proxyTimeout: TIMEOUT_MS,
      on: {
        proxyReq: (sent, request) => this.#exchanges.get(request)?.begin(sent),
        proxyRes: (answer, request) => this.#exchanges.get(request)?.pass(answer),
        error: (error, request) => this.#exchanges.get(request)?.fail(error),
      },
    });
  }

  /** Resolves when the answer has ended, however it did, and the call is settled. Never rejects. */
  async forward(read: Read): Promise<void> {
    const exchange = new Exchange(read);
    const { request, response, operation } = read;
    // Its `close` has been told already, so nothing would ever end this exchange.
    if (response.destroyed) return exchange.leave();
    if (read.right.look() === "no") return exchange.fail(rightEnded());
    const { vendor } = read.plane.routes[operation.vendor];
    const headers = sealedHeaders(vendor, operation, read.call.head, read.credential);
    this.#exchanges.set(request, exchange);
    request.headers = headers;
    request.url = read.target;
    await Promise.race([
      this.#proxy(request, response, () => exchange.fail(new Error("not forwarded"))),
      exchange.ended,
    ]);
    await exchange.ended;
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** One read on its way back to the agent. */
class Exchange {
  readonly ended: Promise<void>;
  readonly #read: Read;
  readonly #guard: LeakGuard;
  readonly #startedAtMs = performance.now();
  #resolve: () => void = () => undefined;
  #isEnded = false;
  #status: number | null = null;
  #vendorRequestId: string | null = null;
  #throttle: Promise<Throttle> | null = null;

  constructor(read: Read) {
    this.#read = read;
    this.#guard = LeakGuard.of(read.credential.value);
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    read.response.on(
      "close",
      () => void this.#end(read.response.writableFinished ? null : "the agent left before the end"),
    );
  }

  /**
   * The request has its connection: it may have waited for one, so the right to send is asked for once more. It is
   * written when its end is, because a read has no body.
   */
  begin(sent: ClientRequest): void {
    const end = sent.end.bind(sent);
    sent.end = () => {
      void this.#endByRight(sent, end);
      return sent;
    };
    // A connection that ends in another way than by an answer or an error (an unasked 101) tells nothing else.
    sent.once("close", () => {
      if (this.#status === null && !this.#read.response.headersSent) this.fail(new Error("no answer"));
    });
  }

  async #endByRight(sent: ClientRequest, end: () => void): Promise<void> {
    const { right } = this.#read;
    try {
      let seen = right.look();
      for (; seen === "unsure"; seen = right.look()) {
        const denial = await right.renew();
        if (denial !== null) throw new NotSentError(denial);
      }
      if (seen === "no") throw rightEnded();
      if (!sent.destroyed) end();
    } catch (error) {
      sent.destroy(error as Error);
    }
  }

  pass(answer: IncomingMessage): void {
    try {
      this.#pass(answer);
    } catch (error) {
      // Thrown on it would end the process: Node refuses to write some of what it has read.
      answer.destroy();
      this.fail(error as Error);
    }
  }

  #pass(answer: IncomingMessage): void {
    const { call, operation, response, plane } = this.#read;
    const status = answer.statusCode ?? 0;
    if (status < 200 || status > 599) throw new RangeError("a status that ends no answer");
    this.#status = status;
    this.#throttle = this.#findThrottle(status, answer);
    if (this.#status === 401 || this.#status === 403) {
      answer.destroy();
      return this.#withhold(
        `the vendor refused the configured credential (status ${this.#status}): tell the operator`,
      );
    }
    if (!isSearchable(answer.headers)) {
      answer.destroy();
      return this.#withhold("the vendor's answer was encoded, so it could not be searched for a credential");
    }
    const headers = answerHeaders(plane.routes[operation.vendor].vendor, operation, answer.headers);
    if (this.#guard.finds(Buffer.from(JSON.stringify(headers)))) {
      answer.destroy();
      plane.log.leak(call);
      return this.#withhold("the vendor's answer contained a credential");
    }
    this.#vendorRequestId = vendorRequestIdOf(plane.routes[operation.vendor].vendor, answer.headers);
    const length = answer.headers["content-length"];
    response.writeHead(this.#status, {
      ...headers,
      ...(length === undefined ? {} : { "content-length": length }),
      "cache-control": "no-store",
      "keybrake-call-id": call.id,
    });
    const search = new LeakSearch(this.#guard, () => plane.log.leak(call));
    search.on("error", () => response.destroy());
    answer.on("aborted", () => response.destroy());
    answer.pipe(search).pipe(response);
  }

  fail(error: Error): void {
    const { call, operation, response, plane } = this.#read;
    const isTimeout =
      "code" in error &&
      error.code === "ECONNRESET" &&
      this.#status === null &&
      performance.now() - this.#startedAtMs >= TIMEOUT_MS;
    const { vendor } = plane.routes[operation.vendor];
    const notSent = error instanceof NotSentError ? error : null;
    const fault = isKeybrakeError(error)
      ? error
      : new KeybrakeError(isTimeout ? "vendor_timeout" : "vendor_unreachable", { cause: error });
    const answer =
      notSent === null ? renderFault(vendor, call.id, fault) : renderDenial(vendor, call.id, notSent.denial);
    if (response.headersSent) response.destroy();
    else writeAnswer(response, call.id, answer);
    const reason = isKeybrakeError(error) ? NOT_AFFIRMED : "the vendor could not be read";
    void this.#end(notSent === null ? reason : `${notSent.message}: not sent`);
  }

  /** The agent had gone before anything was sent. */
  leave(): void {
    void this.#end("the agent left before the call was sent");
  }

  /** Who had used the vendor's quota up, when that may be why it refused: the body passes by, so it is not known. */
  #findThrottle(status: number, { headers }: IncomingMessage): Promise<Throttle> | null {
    const { call, operation, plane, secretId } = this.#read;
    const { vendor } = plane.routes[operation.vendor];
    const header = (name: string) => {
      const value = headers[name];
      return typeof value === "string" ? value : null;
    };
    if (!vendor.isRateLimited({ status, header, body: "" })) return null;
    const upstreamMs = Math.round(performance.now() - this.#startedAtMs);
    return plane.quota.throttled({ secretId, vendor: vendor.name }, call.key?.agentId ?? "", {
      retryAfter: header("retry-after"),
      upstreamMs,
    });
  }

  #withhold(detail: string): void {
    const { call, operation, response, plane } = this.#read;
    const fault = new KeybrakeError("vendor_answer_withheld", { detail });
    writeAnswer(response, call.id, renderFault(plane.routes[operation.vendor].vendor, call.id, fault));
  }

  /** A read moves nothing, so without a complete answer it is released, not unknown. */
  async #end(reason: string | null): Promise<void> {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const { call, plane, secretId } = this.#read;
    const settling = { callId: call.id, secretId, latencyMs: plane.clock.monotonicMs() - call.startedAtMs };
    const upstreamMs = Math.round(performance.now() - this.#startedAtMs);
    const settlement = ended(settling, reason === null && this.#status !== null ? "settled" : "released", {
      statusCode: this.#status,
      vendorRequestId: this.#vendorRequestId,
      upstreamMs,
      reason,
      throttle: await this.#throttle,
    });
    await plane.ledger.settle(settlement);
    plane.log.read(call, settlement);
    this.#resolve();
  }
}

class NotSentError extends Error {
  override readonly name = "NotSentError";
  readonly denial: Denial;

  constructor(denial: Denial) {
    super(denial.reason);
    this.denial = denial;
  }
}

/** Passes bytes on, always holding back as many as could be the beginning of a credential. */
class LeakSearch extends Transform {
  readonly #guard: LeakGuard;
  readonly #onLeak: () => void;
  #held = Buffer.alloc(0);

  constructor(guard: LeakGuard, onLeak: () => void) {
    super();
    this.#guard = guard;
    this.#onLeak = onLeak;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const bytes = Buffer.concat([this.#held, chunk]);
    if (this.#guard.finds(bytes)) {
      this.#onLeak();
      return done(new Error("a credential in the answer"));
    }
    const passed = Math.max(0, bytes.length - this.#guard.overlapBytes);
    this.#held = bytes.subarray(passed);
    done(null, bytes.subarray(0, passed));
  }

  override _flush(done: TransformCallback): void {
    done(null, this.#held);
  }
}
