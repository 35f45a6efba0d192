import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createSelfSigned } from "../e2e/self-signed.ts";

/** A vendor whose connections take as long as a test wants: TLS begins when it is let. */
export interface SlowVendor {
  readonly url: string;
  /** The file of its certificate, for NODE_EXTRA_CA_CERTS: nobody else vouches for it. */
  readonly certificateFile: string;
  /** Connections that wait for their TLS to begin. */
  readonly waiting: () => number;
  /** `METHOD /path` of every request that arrived. */
  readonly requests: string[];
  /** Keeps the connections that come from now on. */
  hold(): void;
  /** Lets those that wait, and all that come, go on. */
  release(): void;
  close(): Promise<void>;
}

/** Opens it; it answers every request with a payment intent of ten dollars. */
export async function openSlowVendor(): Promise<SlowVendor> {
  const requests: string[] = [];
  const certificate = createSelfSigned();
  const directory = mkdtempSync(path.join(tmpdir(), "keybrake-test-"));
  const certificateFile = path.join(directory, "vendor.pem");
  writeFileSync(certificateFile, certificate.cert);
  const https = createHttpsServer(certificate, (request, response) => {
    request.resume();
    requests.push(`${request.method} ${request.url}`);
    // Each call needs a connection of its own.
    response.writeHead(200, { "content-type": "application/json", connection: "close" });
    response.end(
      '{"id":"pi_1","object":"payment_intent","amount":1000,"amount_received":1000,"currency":"usd","status":"succeeded"}',
    );
  });
  const sockets = new Set<Socket>();
  let held: Socket[] | null = null;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
    if (held === null) https.emit("connection", socket);
    else held.push(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    certificateFile,
    waiting: () => held?.length ?? 0,
    requests,
    hold: () => {
      held = [];
    },
    release: () => {
      for (const socket of held ?? []) https.emit("connection", socket);
      held = null;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
      rmSync(directory, { recursive: true });
    },
  };
}
