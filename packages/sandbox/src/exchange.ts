import type { IncomingMessage, ServerResponse } from "node:http";
import type { Fault, FaultQueue } from "./faults.ts";
import type { RecordedExchange } from "./recorder.ts";
import type { FakeVendor, VendorAnswer, VendorCall, VendorResult } from "./vendor.ts";

interface ExchangeParts {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly record: RecordedExchange;
  readonly vendor: FakeVendor;
  readonly faults: FaultQueue;
  /** Exchanges that wait or hang; the server drops them when it closes. */
  readonly open: Set<Exchange>;
}

/** One request on its way through a vendor, with at most one fault. */
export class Exchange {
  readonly #parts: ExchangeParts;
  #timer: NodeJS.Timeout | null = null;
  #abandon: (() => void) | null = null;

  constructor(parts: ExchangeParts) {
    this.#parts = parts;
  }

  /** Handles the request whose whole body (latin1) has arrived; null when it was too large. */
  handle(body: string | null): void {
    if (body === null) {
      this.#send(this.#parts.vendor.unreadable(413, "the request body is too large"));
      return;
    }
    try {
      this.#begin(body);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Ends the exchange without an answer. */
  drop(): void {
    this.#leave();
    this.#parts.request.socket.destroy();
  }

  #begin(body: string): void {
    const { request, record, vendor, faults } = this.#parts;
    const url = request.url ?? "";
    const mark = url.indexOf("?");
    const path = mark < 0 ? url : url.slice(0, mark);
    const query = mark < 0 ? "" : url.slice(mark + 1);
    const method = request.method ?? "";
    const call = vendor.begin({ method, path, query, rawHeaders: record.rawHeaders, body });
    record.requestId = call.requestId;
    if (call.refusal !== null) {
      this.#send(call.refusal);
      return;
    }
    this.#execute(call, faults.take(method, path) ?? call.requestedFault);
  }

  /** A bug of the sandbox itself: says so, and cannot be taken for an answer of the vendor. */
  #fail(error: unknown): void {
    const message = `bug in the sandbox: ${error instanceof Error ? error.stack : String(error)}`;
    this.#send({
      status: 500,
      headers: ["Content-Type", "application/json"],
      body: JSON.stringify({ error: { message } }),
    });
  }

  #execute(call: VendorCall, fault: Fault | null): void {
    switch (fault?.kind) {
      case "conflict_409":
      case "rate_limited_429":
      case "error_500_before":
      case "echo_authorization":
        this.#send(call.refuse(fault.kind));
        return;
      case "reset_before":
        this.#parts.request.socket.resetAndDestroy();
        return;
      case "hang_before": {
        // The key stays taken while the call hangs, as it would at the vendor; whoever gives up gives it back.
        if (call.claim() === null) this.#abandon = () => call.abandon();
        this.#hang();
        return;
      }
      case "delay": {
        const claimed = call.claim();
        // The caller may go away meanwhile: a vendor finishes what it has accepted.
        this.#later(fault.ms, () => this.#answer(claimed ?? call.run(null), null));
        if (claimed === null) this.#abandon = () => call.abandon();
        return;
      }
      default:
        this.#answer(call.claim() ?? call.run(fault), fault);
    }
  }

  /** Sends a result, or as much of it as the fault lets through. */
  #answer(result: VendorResult, fault: Fault | null): void {
    const { record } = this.#parts;
    record.executed = result.executed;
    record.replayed = result.replayed;
    const { answer } = result;
    switch (fault?.kind) {
      case "hang_after":
        this.#hang();
        return;
      case "reset_after_headers":
        this.#sendPart(answer, "");
        return;
      case "truncated_body":
        this.#sendPart(answer, answer.body.slice(0, Math.floor(answer.body.length / 2)));
        return;
      case "invalid_json_200":
        this.#send({
          ...answer,
          status: 200,
          body: answer.body.slice(0, Math.floor(answer.body.length / 2)),
        });
        return;
      default:
        this.#send(answer);
    }
  }

  #send(answer: VendorAnswer): void {
    const bytes = this.#head(answer);
    // Nearly every answer is ASCII, and node writes latin1 much faster than UTF-8.
    this.#parts.response.end(answer.body, bytes === answer.body.length ? "latin1" : "utf8");
  }

  /** Sends the head of the answer, a part of its body, and closes once the bytes are out. */
  #sendPart(answer: VendorAnswer, part: string): void {
    const { request, response } = this.#parts;
    this.#head(answer);
    response.flushHeaders();
    if (part !== "") response.write(part);
    request.socket.write("", () => request.socket.destroy());
  }

  /** Sends the head; returns the length of the whole body in bytes. */
  #head(answer: VendorAnswer): number {
    const { record, response } = this.#parts;
    const bytes = answer.isBinary === true ? answer.body.length : Buffer.byteLength(answer.body);
    record.status = answer.status;
    response.writeHead(answer.status, [...answer.headers, "Content-Length", String(bytes)]);
    return bytes;
  }

  #hang(): void {
    this.#parts.open.add(this);
    this.#parts.response.once("close", () => this.#leave());
  }

  #later(ms: number, work: () => void): void {
    this.#parts.open.add(this);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#abandon = null;
      this.#leave();
      try {
        work();
      } catch (error) {
        this.#fail(error);
      }
    }, ms);
  }

  #leave(): void {
    this.#parts.open.delete(this);
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#abandon?.();
    this.#abandon = null;
  }
}
