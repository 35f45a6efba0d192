import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

/** One request as it arrived. */
export interface RecordedRequest {
  readonly line: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Stands where the proxy would, and answers what the vendors' SDKs can read. */
export interface VendorRecorder {
  /** Without a slash at its end. */
  readonly url: string;
  readonly requests: RecordedRequest[];
  /** Method and path of what came since the last call. */
  takeLines(): string[];
  close(): Promise<void>;
}

const ANSWER = JSON.stringify({
  id: "obj_1",
  object: "refund",
  sid: "SM1",
  status: "pending",
  date_created: null,
  date_updated: null,
  date_sent: null,
});

/** Opens a recorder on a free loopback port. */
export async function openVendorRecorder(): Promise<VendorRecorder> {
  const requests: RecordedRequest[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    requests.push({ line: `${request.method} ${request.url}`, headers: request.headers, body });
    response.writeHead(request.method === "POST" ? 201 : 200, { "content-type": "application/json" });
    response.end(ANSWER);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    takeLines: () => requests.splice(0).map(({ line }) => line),
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
