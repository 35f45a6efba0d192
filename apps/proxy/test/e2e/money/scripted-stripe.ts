import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A request as the vendor saw it. */
export interface ScriptedRequest {
  readonly call: string;
  readonly body: string;
}

/** A Stripe that says only what a test has written down for it: one script for each secret key. */
export interface ScriptedStripe {
  readonly url: string;
  /** Sets the answers to the requests of a secret key, in their order. */
  script(secretKey: string, answers: readonly object[]): void;
  /** What has been asked with a secret key, in its order. */
  requestsOf(secretKey: string): readonly ScriptedRequest[];
  close(): Promise<void>;
}

/** Opens it on a free loopback port. What no script says is answered with 500, which settles nothing. */
export async function openScriptedStripe(): Promise<ScriptedStripe> {
  const scripts = new Map<string, { answers: readonly object[]; requests: ScriptedRequest[] }>();
  const server = createServer(async (request, response) => {
    const script = scripts.get(request.headers.authorization?.replace("Bearer ", "") ?? "");
    const body = Buffer.concat(await request.toArray()).toString();
    const answer = script?.answers[script.requests.length];
    script?.requests.push({ call: `${request.method} ${request.url?.split("?")[0]}`, body });
    const head = { "content-type": "application/json", "request-id": "req_scripted" };
    response.writeHead(answer === undefined ? 500 : 200, head);
    response.end(JSON.stringify(answer ?? { error: { type: "api_error", message: "not in the script" } }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    script: (secretKey, answers) => void scripts.set(secretKey, { answers, requests: [] }),
    requestsOf: (secretKey) => scripts.get(secretKey)?.requests ?? [],
    close: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
