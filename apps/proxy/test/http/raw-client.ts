import { connect, type Socket } from "node:net";

/** One answer as it stood on the wire. Header names are lower case; a repeated one keeps its last value. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** Everything that came back on one connection. */
export interface RawExchange {
  readonly answers: readonly RawAnswer[];
  /** Every byte, one character each. */
  readonly text: string;
  /** True when the server closed the connection, false when it was left open after the awaited answers. */
  readonly isClosed: boolean;
}

export interface RawOptions {
  /** How many complete answers to wait for; 1 unless given. */
  readonly answers?: number;
  /** Ends our half of the connection behind the last byte. */
  readonly half?: boolean;
}

const WAIT_MS_MAX = 20_000;

/**
 * Writes bytes to a server just as they are (one character a byte), and reads until the awaited answers are complete
 * or the connection is closed. Rejects after twenty seconds without either.
 */
export function sendRaw(
  url: string,
  parts: string | Buffer | readonly (string | Buffer)[],
  { answers: wanted = 1, half = false }: RawOptions = {},
): Promise<RawExchange> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    let text = "";
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`no complete answer in time, only: ${text.slice(0, 500)}`));
    }, WAIT_MS_MAX);
    const end = (isClosed: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ answers: parseAnswers(text), text, isClosed });
    };
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      if (parseAnswers(text).length >= wanted) end(false);
    });
    socket.on("close", () => end(true));
    // The server may have closed while we were still writing: then what it said is what counts.
    socket.on("error", () => undefined);
    writeAll(socket, Array.isArray(parts) ? parts : [parts as string | Buffer], half);
  });
}

function writeAll(socket: Socket, parts: readonly (string | Buffer)[], half: boolean): void {
  for (const part of parts) socket.write(typeof part === "string" ? Buffer.from(part, "latin1") : part);
  if (half) socket.end();
}

/** A request with a length, as a well-behaved client writes it. Extra headers are whole lines without their end. */
export function requestText(
  line: string,
  headers: readonly string[],
  body = "",
  host = "keybrake.test",
): string {
  const length =
    body === "" && line.startsWith("GET") ? [] : [`Content-Length: ${Buffer.byteLength(body, "latin1")}`];
  return `${[`${line} HTTP/1.1`, `Host: ${host}`, ...headers, ...length].join("\r\n")}\r\n\r\n${body}`;
}

/** The complete answers at the start of a text; informational ones are skipped. */
function parseAnswers(text: string): RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = text;
  while (true) {
    const found = parseAnswer(rest);
    if (found === null) return answers;
    if (found.answer.status >= 200) answers.push(found.answer);
    rest = rest.slice(found.length);
  }
}

function parseAnswer(text: string): { answer: RawAnswer; length: number } | null {
  const headEnd = text.indexOf("\r\n\r\n");
  if (headEnd === -1) return null;
  const [statusLine = "", ...lines] = text.slice(0, headEnd).split("\r\n");
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1] ?? Number.NaN);
  const start = headEnd + 4;
  const hasBody = status >= 200 && status !== 204 && status !== 304;
  const body = hasBody ? readBody(text.slice(start), headers) : { body: "", length: 0 };
  return body === null ? null : { answer: { status, headers, body: body.body }, length: start + body.length };
}

function readBody(
  text: string,
  headers: ReadonlyMap<string, string>,
): { body: string; length: number } | null {
  if (headers.get("transfer-encoding") === "chunked") return readChunks(text);
  const length = Number(headers.get("content-length") ?? 0);
  return text.length < length ? null : { body: text.slice(0, length), length };
}

function readChunks(text: string): { body: string; length: number } | null {
  let body = "";
  let at = 0;
  while (true) {
    const lineEnd = text.indexOf("\r\n", at);
    if (lineEnd === -1) return null;
    const size = Number.parseInt(text.slice(at, lineEnd), 16);
    const start = lineEnd + 2;
    if (text.length < start + size + 2) return null;
    if (size === 0) return { body, length: start + 2 };
    body += text.slice(start, start + size);
    at = start + size + 2;
  }
}
