/** One request as it arrived, and what became of it. */
export interface RecordedRequest {
  /** Counts every request from 1, over {@link Recorder.clear} as well. */
  readonly sequence: number;
  /** Empty when the bytes were no HTTP request; `body` then holds them. */
  readonly method: string;
  /** The request target, exactly as received. */
  readonly url: string;
  /** Lower-cased names; values of a repeated header joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  /** Names and values in turn, exactly as received. */
  readonly rawHeaders: readonly string[];
  /** One character per byte (latin1); `Buffer.from(body, "latin1")` gives the bytes. */
  readonly body: string;
  /** Whether it changed the vendor's state. A declined payment does: it leaves a failed charge. */
  readonly executed: boolean;
  /** Whether the answer was a stored one, for an idempotency key seen before. */
  readonly replayed: boolean;
  /** The vendor's name for the request; empty when it never got one. */
  readonly requestId: string;
  /** Milliseconds since 1970. */
  readonly receivedAt: number;
  /** The status sent, 0 while there is none (pending, hanging, reset). */
  readonly status: number;
}

/** A recorded request while it is being handled. */
export class RecordedExchange implements RecordedRequest {
  body = "";
  executed = false;
  replayed = false;
  requestId = "";
  status = 0;
  readonly sequence: number;
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: readonly string[];
  readonly receivedAt: number;

  constructor(
    sequence: number,
    head: { method: string; url: string; rawHeaders: readonly string[] },
    receivedAt: number,
  ) {
    this.sequence = sequence;
    this.method = head.method;
    this.url = head.url;
    this.rawHeaders = head.rawHeaders;
    this.receivedAt = receivedAt;
  }

  get headers(): Readonly<Record<string, string>> {
    const headers: Record<string, string> = Object.create(null) as Record<string, string>;
    for (let index = 0; index < this.rawHeaders.length; index += 2) {
      const name = (this.rawHeaders[index] ?? "").toLowerCase();
      const value = this.rawHeaders[index + 1] ?? "";
      headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
    }
    return headers;
  }

  toJSON(): RecordedRequest {
    const { sequence, method, url, headers, rawHeaders, body } = this;
    const { executed, replayed, requestId, receivedAt, status } = this;
    return {
      sequence,
      method,
      url,
      headers,
      rawHeaders,
      body,
      executed,
      replayed,
      requestId,
      receivedAt,
      status,
    };
  }
}

/** The last `keptMax` requests, oldest first. */
export class Recorder {
  #kept: RecordedExchange[] = [];
  #sequence = 0;
  readonly #keptMax: number;
  readonly #now: () => number;
  #lastHeaders: readonly string[] = [];

  constructor(keptMax: number, now: () => number) {
    this.#keptMax = keptMax;
    this.#now = now;
  }

  /** Records a request whose head has arrived; the caller fills in the rest. */
  begin(method: string, url: string, rawHeaders: readonly string[]): RecordedExchange {
    this.#sequence += 1;
    // Under load nearly every header is as in the request before; sharing the text keeps the record small.
    const last = this.#lastHeaders;
    this.#lastHeaders = rawHeaders.map((text, index) => (text === last[index] ? last[index] : text));
    const head = { method, url, rawHeaders: this.#lastHeaders };
    const exchange = new RecordedExchange(this.#sequence, head, this.#now());
    this.#kept.push(exchange);
    // Dropped in blocks, so that keeping the limit costs O(1) a request.
    if (this.#kept.length >= this.#keptMax * 1.25 + 16) this.#kept = this.#kept.slice(-this.#keptMax);
    return exchange;
  }

  /** A copy of the list, oldest first, at most `keptMax` long. */
  list(): readonly RecordedRequest[] {
    return this.#kept.slice(-this.#keptMax);
  }

  /** Up to `limit` requests with a sequence number above `since`, and whether there are more. */
  page(since: number, limit: number): { data: readonly RecordedRequest[]; has_more: boolean } {
    const all = this.list();
    const first = all[0]?.sequence ?? 0;
    const start = Math.max(0, since + 1 - first);
    return { data: all.slice(start, start + limit), has_more: all.length > start + limit };
  }

  clear(): void {
    this.#kept = [];
  }
}
