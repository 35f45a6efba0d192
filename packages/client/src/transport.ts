import { KeybrakeConnectionError, readApiError } from "./api-error.ts";
import { CSRF_HEADER } from "./operations.ts";

/** Where a client sends its requests, and how long it waits. */
export interface TransportOptions {
  /** Such as `http://127.0.0.1:8788`; a path is kept as a prefix. */
  readonly baseUrl: string;
  /** Sent as a bearer token, and to no other origin: redirects are refused. Null = the browser's cookie proves who asks. */
  readonly credential: string | null;
  /** With a cookie: the value of `X-Keybrake-CSRF` for the next change; null before anybody is logged in. */
  readonly csrf?: (() => string | null) | undefined;
  /** For another `fetch`, such as one with its own connection pool. */
  readonly fetch?: typeof fetch | undefined;
  /** Until the whole answer of one request is there; 30 s by default. */
  readonly timeoutMs?: number | undefined;
}

/** One request. `query` values that are undefined are left out. */
export interface TransportRequest {
  readonly method: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>> | undefined;
  readonly body?: unknown;
  readonly accept?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Sends requests and turns everything but a success into an error. */
export interface Transport {
  /** The parsed JSON of the answer; undefined when it has no body. */
  json(request: TransportRequest): Promise<unknown>;
  /** The bytes of the answer as they come; `timeoutMs` bounds each wait for more. Stopping early frees the connection. */
  stream(request: TransportRequest): AsyncGenerator<Uint8Array, void, undefined>;
}

const TIMEOUT_MS = 30_000;

/** Makes a transport. Throws at once when the base URL is none, or the credential cannot stand in a header. */
export function createTransport(options: TransportOptions): Transport {
  const base = readBaseUrl(options.baseUrl);
  if (options.credential !== null && !/^[\x21-\x7e]+$/.test(options.credential))
    throw new TypeError("the token must be printable ASCII without spaces");
  const send = options.fetch ?? fetch;
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;

  async function open(request: TransportRequest, signal: AbortSignal): Promise<Response> {
    const url = new URL(base + request.path);
    for (const [name, value] of Object.entries(request.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const hasBody = request.body !== undefined;
    const response = await send(url, {
      method: request.method,
      redirect: "error",
      signal,
      headers: {
        ...proofOf(options, request.method),
        accept: request.accept ?? "application/json",
        ...(hasBody ? { "content-type": "application/json" } : {}),
      },
      ...(hasBody ? { body: JSON.stringify(request.body) } : {}),
    });
    if (!response.ok) throw readApiError(response.status, await response.text());
    return response;
  }

  return {
    async json(request) {
      const wait = new Wait(request.timeoutMs ?? timeoutMs, request.signal);
      try {
        const response = await open(request, wait.signal);
        const text = await response.text();
        return text === "" ? undefined : JSON.parse(text);
      } catch (error) {
        throw explain(error, base, wait);
      } finally {
        wait.end();
      }
    },
    async *stream(request) {
      const wait = new Wait(request.timeoutMs ?? timeoutMs, request.signal);
      try {
        const response = await open(request, wait.signal);
        if (response.body === null) return;
        const reader = response.body.getReader();
        for (let part = await reader.read(); !part.done; part = await reader.read()) {
          wait.pause();
          yield part.value;
          wait.resume();
        }
      } catch (error) {
        throw explain(error, base, wait);
      } finally {
        wait.end();
      }
    },
  };
}

function proofOf({ credential, csrf }: TransportOptions, method: string): Record<string, string> {
  if (credential !== null) return { authorization: `Bearer ${credential}` };
  const value = method === "GET" ? null : (csrf?.() ?? null);
  return value === null ? {} : { [CSRF_HEADER]: value };
}

/** A deadline that can be put off while the reader, not the server, takes its time. */
class Wait {
  readonly #controller = new AbortController();
  readonly #timeoutMs: number;
  readonly #outer: AbortSignal | undefined;
  readonly #onOuterAbort = () => this.#controller.abort();
  #timer: ReturnType<typeof setTimeout> | undefined;
  isOver = false;

  constructor(timeoutMs: number, outer?: AbortSignal) {
    this.#timeoutMs = timeoutMs;
    this.#outer = outer;
    outer?.addEventListener("abort", this.#onOuterAbort);
    if (outer?.aborted) this.#controller.abort();
    this.resume();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get isStopped(): boolean {
    return this.#outer?.aborted ?? false;
  }

  pause(): void {
    clearTimeout(this.#timer);
  }

  resume(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.isOver = true;
      this.#controller.abort();
    }, this.#timeoutMs);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener("abort", this.#onOuterAbort);
    this.#controller.abort();
  }
}

function readBaseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !["http:", "https:"].includes(url.protocol) || url.search !== "" || url.hash !== "")
    throw new TypeError(`\`${text}\` is no base URL: write one such as \`http://127.0.0.1:8788\``);
  if (url.username !== "" || url.password !== "")
    throw new TypeError("the base URL must hold no user name or password");
  return url.href.replace(/\/+$/, "");
}

/** Answers of the server pass as they are; everything else means that there was none, or not all of it. */
function explain(error: unknown, base: string, wait: Wait): unknown {
  if (error instanceof Error && error.name === "KeybrakeApiError") return error;
  if (wait.isOver)
    return new KeybrakeConnectionError("timed_out", `no answer from \`${base}\` in time`, error);
  if (wait.isStopped) return new KeybrakeConnectionError("interrupted", "stopped by the caller", error);
  if (error instanceof SyntaxError)
    return new KeybrakeConnectionError("interrupted", `\`${base}\` did not answer with JSON`, error);
  return new KeybrakeConnectionError("unreachable", `cannot reach \`${base}\``, error);
}
