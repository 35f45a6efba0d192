import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { answerControl, CONTROL_PREFIX } from "./control.ts";
import { Exchange } from "./exchange.ts";
import { type Fault, FaultQueue } from "./faults.ts";
import { type RecordedExchange, type RecordedRequest, Recorder } from "./recorder.ts";
import type { FakeVendor } from "./vendor.ts";

/** Where a sandbox vendor listens and what it keeps. */
export interface SandboxOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: a free one. */
  readonly port?: number;
  /** Serve `/__sandbox/…` on the same port, for tests that run in another process. Default false. */
  readonly control?: boolean;
  /** How many of the last requests are kept. Default 100,000. */
  readonly requestsMax?: number;
  /** The clock, in milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number;
}

/** A running sandbox vendor. */
export interface SandboxServer {
  /** `http://host:port`, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  /** What has arrived, oldest first: a copy, bounded by `requestsMax`. */
  readonly requests: readonly RecordedRequest[];
  clearRequests(): void;
  /** Commits the fault on the next call (or the next `count`) that it matches. Throws when it is malformed. */
  failNext(fault: Fault): void;
  /** Destroys every connection, hanging ones too, and stops listening. Can be called again. */
  close(): Promise<void>;
}

const BODY_BYTES_MAX = 1_048_576;
const REQUEST_TIMEOUT_MS = 30_000;
// Longer than any client's pool keeps a connection, so that it is the client who closes: no reset races in tests.
const KEEP_ALIVE_MS = 75_000;

/** Starts `vendor` on a port of its own. Rejects when the port cannot be had. */
export async function openSandboxServer(vendor: FakeVendor, options: SandboxOptions): Promise<SandboxServer> {
  const now = options.now ?? Date.now;
  const recorder = new Recorder(options.requestsMax ?? 100_000, now);
  const faults = new FaultQueue();
  const open = new Set<Exchange>();
  const reset = (): void => {
    for (const exchange of open) exchange.drop();
    faults.clear();
    recorder.clear();
    vendor.reset();
  };
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_MS },
    (request, response) => {
      if (options.control === true && request.url?.startsWith(CONTROL_PREFIX)) {
        readBody(request, null, (body) => {
          const answer = answerControl(
            { method: request.method ?? "", url: request.url ?? "", body },
            {
              recorder,
              faults,
              vendor,
              reset,
            },
          );
          send(response, answer.status, answer.body);
        });
        return;
      }
      const record = recorder.begin(request.method ?? "", request.url ?? "", request.rawHeaders);
      readBody(request, record, (body) => {
        new Exchange({ request, response, record, vendor, faults, open }).handle(body);
      });
    },
  );
  recordOddities(server, recorder, vendor);
  const address = await listen(server, options.host ?? "127.0.0.1", options.port ?? 0);
  const host = address.family === "IPv6" ? `[${address.address}]` : address.address;
  return {
    url: `http://${host}:${address.port}`,
    port: address.port,
    get requests() {
      return recorder.list();
    },
    clearRequests: () => recorder.clear(),
    failNext: (fault) => faults.add(fault),
    close: async () => {
      vendor.close?.();
      await closeServer(server, open);
    },
  };
}

/** Calls `done` with the whole body, as latin1; with null when it is too large. Never calls it after an abort. */
function readBody(
  request: IncomingMessage,
  record: RecordedExchange | null,
  done: (body: string | null) => void,
): void {
  let body = "";
  let isTooLarge = false;
  request.on("data", (chunk: Buffer) => {
    if (isTooLarge) return;
    body += chunk.toString("latin1");
    if (record !== null) record.body = body;
    if (body.length <= BODY_BYTES_MAX) return;
    isTooLarge = true;
    done(null);
  });
  request.on("end", () => {
    if (!isTooLarge) done(body);
  });
}

/** Records what node:http would otherwise answer by itself, so that no byte arrives unseen. */
function recordOddities(server: Server, recorder: Recorder, vendor: FakeVendor): void {
  server.on("clientError", (error: Error & { rawPacket?: Buffer }, socket: Socket) => {
    if (error.rawPacket !== undefined) {
      const record = recorder.begin("", "", []);
      record.body = error.rawPacket.toString("latin1");
      record.status = 400;
    }
    if (!socket.writable) {
      socket.destroy();
      return;
    }
    const { body } = vendor.unreadable(400, "the request is no valid HTTP");
    socket.end(
      `HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  });
  server.on("checkExpectation", (request: IncomingMessage, response: ServerResponse) => {
    const record = recorder.begin(request.method ?? "", request.url ?? "", request.rawHeaders);
    record.status = 417;
    response.writeHead(417).end();
  });
  server.on("connect", (request: IncomingMessage, socket: Socket) => {
    recorder.begin(request.method ?? "", request.url ?? "", request.rawHeaders);
    socket.destroy();
  });
}

function send(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, [
    "content-type",
    "application/json",
    "content-length",
    `${Buffer.byteLength(body)}`,
  ]);
  response.end(body);
}

function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      const address = server.address();
      if (address === null || typeof address === "string") reject(new Error("the server has no port"));
      else resolve(address);
    });
  });
}

async function closeServer(server: Server, open: ReadonlySet<Exchange>): Promise<void> {
  if (!server.listening) return;
  await new Promise<void>((resolve, reject) => {
    server.close((error) => (error === undefined ? resolve() : reject(error)));
    for (const exchange of open) exchange.drop();
    server.closeAllConnections();
  });
}
