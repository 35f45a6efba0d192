import { createHmac, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** An alert as its receiver got it. */
export interface ReceivedAlert {
  readonly body: string;
  /** Whether the signature is the one that this secret makes, as a receiver checks it. */
  isSignedWith(secret: string): boolean;
}

/** A webhook's receiver on this machine, which answers 200 to everything. */
export async function openReceiver(): Promise<{
  readonly url: string;
  readonly received: readonly ReceivedAlert[];
  close(): Promise<void>;
}> {
  const received: ReceivedAlert[] = [];
  const server = createServer(async (request, response) => {
    const body = await text(request);
    const header = String(request.headers["keybrake-signature"]);
    received.push({ body, isSignedWith: (secret) => isSigned(header, body, secret) });
    response.writeHead(200).end("ok");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    close: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function isSigned(header: string, body: string, secret: string): boolean {
  const [, time, signature] = /^t=([0-9]+),v1=([0-9a-f]{64})$/.exec(header) ?? [];
  if (time === undefined || signature === undefined) return false;
  const expected = createHmac("sha256", secret).update(`${time}.${body}`).digest();
  return timingSafeEqual(expected, Buffer.from(signature, "hex"));
}
