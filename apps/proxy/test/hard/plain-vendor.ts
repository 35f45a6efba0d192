import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A request as it arrived. */
export interface Arrival {
  readonly atMs: number;
  readonly line: string;
  readonly body: string;
}

/** A vendor that does as little as possible, so that what is measured is the proxy. */
export interface PlainVendor {
  readonly url: string;
  /** Every request so far, in order. */
  readonly arrivals: Arrival[];
  /** Requests that were not answered yet. */
  readonly open: () => number;
  /** From now on nothing is answered. */
  hang(): void;
  /** Answers what hangs, and everything from now on. */
  recover(): void;
  close(): Promise<void>;
}

const AMOUNT = /(?:^|&)amount=(\d+)/;
let intents = 0;

/**
 * What Stripe says to a new payment intent. Each is an object of its own: what happens to one object is written one
 * after the other, which is not what is to be measured.
 */
export function answerIntent({ body }: Pick<Arrival, "body">): string {
  intents++;
  const amount = AMOUNT.exec(body)?.[1] ?? "1000";
  return `{"id":"pi_${intents}","object":"payment_intent","amount":${amount},"amount_received":0,"currency":"usd","status":"requires_confirmation"}`;
}

/** Opens it on a free port. `answer` is what it says to each request. */
export async function openPlainVendor(
  answer: (arrival: Arrival) => string = answerIntent,
): Promise<PlainVendor> {
  const arrivals: Arrival[] = [];
  const waiting = new Map<ServerResponse, Arrival>();
  let isHanging = false;
  const reply = (response: ServerResponse, arrival: Arrival) => {
    waiting.delete(response);
    const text = answer(arrival);
    response.writeHead(200, { "content-type": "application/json", "content-length": text.length });
    response.end(text);
  };
  const server = createServer((request, response) => {
    const atMs = performance.now();
    let body = "";
    request.setEncoding("latin1").on("data", (chunk: string) => {
      body += chunk;
    });
    request.on("end", () => {
      const arrival = { atMs, line: `${request.method} ${request.url}`, body };
      arrivals.push(arrival);
      waiting.set(response, arrival);
      if (!isHanging) reply(response, arrival);
    });
  });
  // It never closes a connection by itself: what breaks under a call is not what is to be measured.
  server.keepAliveTimeout = 0;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    arrivals,
    open: () => waiting.size,
    hang: () => {
      isHanging = true;
    },
    recover: () => {
      isHanging = false;
      for (const [response, arrival] of waiting) reply(response, arrival);
    },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
