import type { IncomingMessage } from "node:http";
import { type CanonicalTarget, type Denial, deny, isMethod, type Method, readTarget } from "@keybrake/core";

/** A request's head, read strictly: everything that two readers could understand differently has been refused. */
export interface RequestHead {
  readonly method: Method;
  readonly target: CanonicalTarget;
  /** Lower-case names, each exactly once. */
  readonly headers: ReadonlyMap<string, string>;
}

const BODY_BYTES_MAX = 1_048_576;
const FORM_BYTES_MAX = 65_536;
const BODY_WAIT_MS_MAX = 10_000;
const HEADERS_MAX = 64;

/** Headers whose meaning would be lost by dropping them, so the request is refused instead. */
const REFUSED_HEADERS = new Set([
  "content-encoding",
  "proxy-authorization",
  "trailer",
  "upgrade",
  "x-http-method",
  "x-http-method-override",
  "x-method-override",
]);

/** Reads method, target and headers, or says what is wrong with them. */
export function readHead(request: IncomingMessage): RequestHead | Denial {
  const method = request.method ?? "";
  if (!isMethod(method)) return deny("request_malformed", "the method is not one that a vendor's API uses");
  if (request.httpVersion !== "1.1") return deny("request_malformed", "only HTTP/1.1 is spoken here");
  const headers = readHeaders(request.rawHeaders);
  if (!(headers instanceof Map)) return headers as Denial;
  const problem = findHeaderProblem(headers);
  if (problem !== null) return deny("request_malformed", problem);
  const target = readTarget(request.url ?? "");
  if (typeof target === "string") return deny("request_malformed", target);
  return { method, target, headers };
}

/** Node joins or drops repeated headers silently, so the raw list is what is judged. */
function readHeaders(raw: readonly string[]): Map<string, string> | Denial {
  if (raw.length > 2 * HEADERS_MAX) return deny("request_malformed", `more than ${HEADERS_MAX} headers`);
  const headers = new Map<string, string>();
  for (let index = 0; index < raw.length; index += 2) {
    const name = (raw[index] ?? "").toLowerCase();
    // `Stripe_Account` is `Stripe-Account` to any CGI-style reader behind us.
    if (name.includes("_")) return deny("request_ambiguous", "a header name with an underscore");
    if (headers.has(name)) return deny("request_ambiguous", `the header \`${name}\` is given twice`);
    headers.set(name, raw[index + 1] ?? "");
  }
  return headers;
}

function findHeaderProblem(headers: ReadonlyMap<string, string>): string | null {
  if (!headers.has("host")) return "the header `host` is missing";
  for (const name of REFUSED_HEADERS) {
    if (headers.has(name)) return `the header \`${name}\` is not accepted`;
  }
  const expect = headers.get("expect");
  if (expect !== undefined && expect.toLowerCase() !== "100-continue")
    return "the header `expect` is not accepted";
  const connection = headers.get("connection");
  if (connection !== undefined && !/^(?:close|keep-alive)$/i.test(connection)) {
    return "the header `connection` may say `close` or `keep-alive` only";
  }
  const encoding = headers.get("transfer-encoding");
  if (encoding !== undefined && encoding.toLowerCase() !== "chunked")
    return "`transfer-encoding` may be `chunked` only";
  if (encoding !== undefined && headers.has("content-length"))
    return "`content-length` beside `transfer-encoding`";
  const length = headers.get("content-length");
  return length !== undefined && !/^(?:0|[1-9][0-9]{0,9})$/.test(length)
    ? "`content-length` must be a plain number"
    : null;
}

/**
 * Buffers a request's body: at most 1 MiB, a form at most 64 KiB, within ten seconds. A form may not be longer than
 * any that a vendor accepts; everything shorter is forwarded byte for byte.
 */
export function readBody(request: IncomingMessage, head: RequestHead): Promise<Buffer | Denial> {
  const isForm = /^application\/x-www-form-urlencoded/i.test(head.headers.get("content-type") ?? "");
  const bytesMax = isForm ? FORM_BYTES_MAX : BODY_BYTES_MAX;
  const tooLarge = deny("payload_too_large", `the body is longer than ${bytesMax} bytes`);
  if (Number(head.headers.get("content-length") ?? 0) > bytesMax) return Promise.resolve(tooLarge);
  // Who left while the call waited tells so no more.
  if (request.destroyed) return Promise.resolve(deny("request_malformed", "the body broke off"));
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const end = (result: Buffer | Denial) => {
      clearTimeout(timer);
      request.off("data", onData).off("end", onEnd).off("error", onBroken).off("close", onBroken);
      resolve(result);
    };
    const onData = (chunk: Buffer) => {
      length += chunk.length;
      if (length > bytesMax) return end(tooLarge);
      chunks.push(chunk);
    };
    const onEnd = () => {
      if (request.rawTrailers.length > 0) return end(deny("request_malformed", "trailers are not accepted"));
      end(chunks.length === 1 ? (chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(chunks, length));
    };
    const onBroken = () => end(deny("request_malformed", "the body broke off"));
    const timer = setTimeout(
      () => end(deny("request_timeout", "the body did not arrive in time")),
      BODY_WAIT_MS_MAX,
    );
    request.on("data", onData).on("end", onEnd).on("error", onBroken).on("close", onBroken);
  });
}

/**
 * Makes sure that a read has no body, or only `tolerated`, which says nothing and is dropped. Where there is none it is
 * left alone, because the stream that forwards a read wants to see its end.
 */
export async function readNothing(
  request: IncomingMessage,
  head: RequestHead,
  tolerated: string | null,
): Promise<Buffer | Denial> {
  const length = Number(head.headers.get("content-length") ?? 0);
  const isChunked = head.headers.has("transfer-encoding");
  if (length === 0 && !isChunked) return Buffer.alloc(0);
  const refusal = deny("request_malformed", `a ${head.method} request has no body`);
  if (isChunked || length !== tolerated?.length) return refusal;
  const body = await readBody(request, head);
  if (!Buffer.isBuffer(body)) return body;
  return body.toString("latin1") === tolerated ? Buffer.alloc(0) : refusal;
}
