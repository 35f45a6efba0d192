import { createServer, type Socket } from "node:net";

/** A request as its bytes arrived at the vendor. */
export interface SeenRequest {
  readonly line: string;
  /** Lower-case names, in the order of the wire. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
  /** The whole of it, one character a byte. */
  readonly text: string;
}

/** What the vendor does with a request: bytes to write back, or anything at all with its socket. */
export type Reply = string | Buffer | ((request: SeenRequest, socket: Socket) => void);

/** A vendor on bare TCP: it records every byte, and answers with whatever a test gives it. */
export interface RawVendor {
  readonly url: string;
  /** The requests so far, in the order of their ends. */
  readonly requests: readonly SeenRequest[];
  /** How many connections are open now. */
  readonly openSockets: number;
  /** Bytes received that belong to none of `requests`; empty unless something was smuggled or is half-sent. */
  readonly strayBytes: () => string;
  /** Replies to every request from now on. */
  answerWith(reply: Reply): void;
  close(): Promise<void>;
}

/** What Stripe says to most things, in this vendor's opinion. */
export const CUSTOMER = JSON.stringify({ id: "cus_1", object: "customer" });

/** A complete answer; header lines without their ends. */
export function answerText(status: number, body: string, headers: readonly string[] = []): string {
  const lines = [`HTTP/1.1 ${status} Said`, "Content-Type: application/json", ...headers];
  return `${lines.join("\r\n")}\r\nContent-Length: ${Buffer.byteLength(body, "latin1")}\r\n\r\n${body}`;
}

/**
 * Opens it on a free loopback port. It reads framing in the plainest way (one Content-Length, or no body), so that
 * anything else that the proxy might let through shows as stray bytes or as a request that nobody asked for.
 */
export function openRawVendor(): Promise<RawVendor> {
  const requests: SeenRequest[] = [];
  const buffers = new Map<Socket, string>();
  let reply: Reply = answerText(200, CUSTOMER);
  const server = createServer((socket) => {
    buffers.set(socket, "");
    socket.on("error", () => undefined);
    socket.on("close", () => {
      if (buffers.get(socket) === "") buffers.delete(socket);
    });
    socket.on("data", (chunk) => {
      let text = (buffers.get(socket) ?? "") + chunk.toString("latin1");
      for (let request = takeRequest(text); request !== null; request = takeRequest(text)) {
        text = text.slice(request.text.length);
        buffers.set(socket, text);
        requests.push(request);
        if (typeof reply === "function") reply(request, socket);
        else socket.write(reply);
      }
      buffers.set(socket, text);
    });
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      resolve({
        url: `http://127.0.0.1:${port}`,
        requests,
        get openSockets() {
          return [...buffers.keys()].filter((socket) => !socket.destroyed).length;
        },
        strayBytes: () => [...buffers.values()].join(""),
        answerWith: (next) => {
          reply = next;
        },
        close: () => {
          for (const socket of buffers.keys()) socket.destroy();
          return new Promise((done) => server.close(() => done()));
        },
      });
    });
  });
}

/** The first complete request of a text, or null. */
function takeRequest(text: string): SeenRequest | null {
  const headEnd = text.indexOf("\r\n\r\n");
  if (headEnd === -1) return null;
  const [line = "", ...lines] = text.slice(0, headEnd).split("\r\n");
  const headers = lines.map((entry) => {
    const colon = entry.indexOf(":");
    return [entry.slice(0, colon).toLowerCase(), entry.slice(colon + 1).trim()] as const;
  });
  const length = Number(headers.find(([name]) => name === "content-length")?.[1] ?? 0);
  const start = headEnd + 4;
  if (text.length < start + length) return null;
  return { line, headers, body: text.slice(start, start + length), text: text.slice(0, start + length) };
}
