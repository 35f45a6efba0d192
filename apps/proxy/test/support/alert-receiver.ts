import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A request as it came, byte for byte. */
export interface ReceivedAlert {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly json: Readonly<Record<string, unknown>>;
}

/** Somebody else's webhook: notes what comes, and answers as it is told. */
export interface AlertReceiver {
  readonly url: string;
  readonly received: ReceivedAlert[];
  /** Answers a request; 204 when left alone. */
  answer: (response: ServerResponse) => void;
  close(): Promise<void>;
}

/** Opens one on a free port of the loopback. */
export async function openAlertReceiver(): Promise<AlertReceiver> {
  const receiver: Omit<AlertReceiver, "url" | "close"> = {
    received: [],
    answer: (response) => void response.writeHead(204).end(),
  };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString("utf8");
    receiver.received.push({
      path: request.url ?? "",
      headers: request.headers,
      body,
      json: JSON.parse(body) as Record<string, unknown>,
    });
    receiver.answer(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(receiver, {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}
