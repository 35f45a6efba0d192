import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import { type Stage, until } from "../stage.ts";
import { errorOf, expectRefusal } from "./refusals.ts";

const CHARGE = { amount: 1500, currency: "usd", payment_method: "pm_card_visa", confirm: true } as const;
/** Long enough for the crowd to gather; the server waits longer than that for a vendor. */
const SLOW = { ...CHARGE, metadata: { sandbox_fault: "delay", sandbox_fault_ms: "3000" } } as const;
/** What one key may have running, and waiting behind it. */
const RUNNING_MAX = 32;
const WAITING_MAX = 1_000;

/** One agent that asks for too much at once. */
export function describeOverload(open: () => Stage): void {
  describe("overload", () => {
    test("more calls of one key than may run and wait are turned away at once, and other keys go on", async () => {
      const stage = open();
      const crowd = await stage.agent({ policy: { allowed_endpoints: ["POST /v1/payment_intents"] } });
      const other = await stage.agent();
      const sent = stage.watch();
      const running = Promise.allSettled(
        Array.from({ length: RUNNING_MAX }, () => crowd.once.paymentIntents.create(SLOW)),
      );
      await until("the vendor has all calls that may run", () => sent().length === RUNNING_MAX);
      const queue = sendPipelined(stage, crowd.vaultKey);
      await until("the queue is full", async () => (await readInFlight(stage)) >= RUNNING_MAX + WAITING_MAX);
      const error = await errorOf(crowd.once.paymentIntents.create(CHARGE));
      expectRefusal(error, "StripeAPIError", "overloaded");
      await expect(other.stripe.paymentIntents.create(CHARGE)).resolves.toMatchObject({
        status: "succeeded",
      });
      expect((await running).every(({ status }) => status === "fulfilled")).toBe(true);
      await until("everybody who waited has had a turn", () => queue.statuses().length === WAITING_MAX);
      queue.close();
      expect(new Set(queue.statuses())).toEqual(new Set(["403"]));
      expect(sent()).toHaveLength(RUNNING_MAX + 1);
    });
  });
}

/** Sends reads that the policy refuses once it is their turn, all on one connection: they wait like any other call. */
function sendPipelined(stage: Stage, vaultKey: string): { statuses: () => string[]; close: () => void } {
  const { hostname, port } = new URL(stage.server.dataUrl);
  const socket = connect(Number(port), hostname);
  let received = "";
  socket.setEncoding("latin1").on("data", (text: string) => {
    received += text;
  });
  const read = `GET /v1/customers HTTP/1.1\r\nHost: keybrake\r\nAuthorization: Bearer ${vaultKey}\r\n\r\n`;
  socket.write(read.repeat(WAITING_MAX));
  return {
    statuses: () => [...received.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status ?? ""),
    close: () => socket.destroy(),
  };
}

async function readInFlight(stage: Stage): Promise<number> {
  const { adminUrl, adminToken } = stage.server;
  const answer = await fetch(`${adminUrl}/metrics`, { headers: { authorization: `Bearer ${adminToken}` } });
  return Number(/^keybrake_calls_in_flight (\d+)$/m.exec(await answer.text())?.[1] ?? Number.NaN);
}
