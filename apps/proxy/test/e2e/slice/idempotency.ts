import type { FaultKind } from "@keybrake/sandbox";
import { describe, expect, test } from "vitest";
import { CANARY_SECRET } from "../../support/crew.ts";
import { type Stage, until } from "../stage.ts";

const CHARGE = { amount: 1500, currency: "usd", payment_method: "pm_card_visa", confirm: true } as const;
const CREATE = "POST /v1/payment_intents";
const AT_ONCE = 50;

/** Repetitions: those of the SDK, those of the agent, and those that are none. */
export function describeIdempotency(open: () => Stage): void {
  describe("idempotency", () => {
    test.each([
      { kind: "error_500_before", count: 1 },
      { kind: "error_500_before", count: 2 },
      { kind: "reset_after_headers", count: 1 },
      { kind: "conflict_409", count: 1 },
    ] satisfies { kind: FaultKind; count: number }[])(
      "$count × $kind: the SDK tries again by itself, under one key, and it costs once",
      async ({ kind, count }) => {
        const stage = open();
        const agent = await stage.agent();
        const sent = stage.watch();
        const capturedBefore = stage.captured;
        stage.fake.failNext({ kind, count });
        await expect(agent.stripe.paymentIntents.create(CHARGE)).resolves.toMatchObject({
          status: "succeeded",
        });
        expect(sent()).toHaveLength(count + 1);
        expect(new Set(sent().map(({ headers }) => headers["idempotency-key"])).size).toBe(1);
        expect(new Set(sent().map(({ body }) => body)).size).toBe(1);
        expect(stage.captured - capturedBefore).toBe(1500);
        const rows = await agent.rows();
        expect(rows).toHaveLength(count + 1);
        expect(rows.filter(({ cost_usd }) => cost_usd === "15.00")).toHaveLength(1);
        expect(rows.filter(({ cost_usd }) => cost_usd === "0.00")).toHaveLength(count);
        expect(await agent.used()).toBe("15.00");
      },
    );

    test("two agents with the same key do not meet in it, and each gets its own key back", async () => {
      const stage = open();
      const agents = [await stage.agent(), await stage.agent()];
      const sent = stage.watch();
      const ids: string[] = [];
      for (const agent of agents) {
        const intent = await agent.stripe.paymentIntents.create(CHARGE, { idempotencyKey: "order-1" });
        expect(intent.lastResponse.idempotencyKey).toBe("order-1");
        expect(intent.lastResponse.headers["idempotency-key"]).toBe("order-1");
        ids.push(intent.id);
        expect(await agent.books()).toEqual([[CREATE, "settled", "15.00", "15.00"]]);
      }
      expect(new Set(ids).size).toBe(2);
      expect(sent().filter(({ executed }) => executed)).toHaveLength(2);
      const upstreamKeys = sent().map(({ headers }) => headers["idempotency-key"] ?? "");
      expect(new Set(upstreamKeys).size).toBe(2);
      expect(upstreamKeys.every((key) => key.length >= 32 && !key.includes("order-1"))).toBe(true);
    });

    test("one agent's key on two endpoints is two keys", async () => {
      const stage = open();
      const agent = await stage.agent();
      const { id } = await agent.stripe.paymentIntents.create(CHARGE, { idempotencyKey: "order-2" });
      await agent.stripe.refunds.create({ payment_intent: id, amount: 500 }, { idempotencyKey: "order-2" });
      expect(await agent.used()).toBe("20.00");
    });

    test("a repetition is the vendor's stored answer, and free", async () => {
      const stage = open();
      const agent = await stage.agent();
      const first = await agent.stripe.paymentIntents.create(CHARGE, { idempotencyKey: "order-3" });
      const again = await agent.stripe.paymentIntents.create(CHARGE, { idempotencyKey: "order-3" });
      expect(again.id).toBe(first.id);
      expect(again.lastResponse.headers["idempotent-replayed"]).toBe("true");
      const [original, repetition] = await agent.rows();
      expect(repetition).toMatchObject({
        state: "settled",
        reserved_usd: "0.00",
        cost_usd: "0.00",
        replay_of: original?.id,
        idempotency_key_hash: original?.idempotency_key_hash,
      });
      expect(original?.idempotency_key_hash).not.toContain("order-3");
      expect(await agent.used()).toBe("15.00");
    });

    // A20.
    test("A20: fifty calls at once under one key are executed once and held once", async () => {
      const stage = open();
      const agent = await stage.agent({ policy: { daily_usd_cap: 15 } });
      const sent = stage.watch();
      stage.fake.failNext({ kind: "delay", ms: 400 });
      const outcomes = await Promise.allSettled(
        Array.from({ length: AT_ONCE }, () =>
          agent.once.paymentIntents.create(CHARGE, { idempotencyKey: "order-4" }),
        ),
      );
      const ids = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value.id] : []));
      expect(new Set(ids).size).toBe(1);
      for (const outcome of outcomes) {
        if (outcome.status === "rejected") {
          expect(outcome.reason).toMatchObject({ statusCode: 409, code: "idempotency_in_flight" });
        }
      }
      expect(sent().filter(({ executed }) => executed)).toHaveLength(1);
      const rows = await agent.rows();
      expect(rows).toHaveLength(AT_ONCE);
      expect(rows.filter(({ reserved_usd }) => reserved_usd === "15.00")).toHaveLength(1);
      expect(await agent.used()).toBe("15.00");
    });

    test("the SDK that finds its key in use tries again until it has the answer", async () => {
      const stage = open();
      const agent = await stage.agent();
      const sent = stage.watch();
      stage.fake.failNext({ kind: "delay", ms: 300 });
      const first = agent.stripe.paymentIntents.create(CHARGE, { idempotencyKey: "order-5" });
      await until("the vendor has the first call", () => sent().length === 1);
      const second = await agent.stripe.paymentIntents.create(CHARGE, { idempotencyKey: "order-5" });
      expect(second.id).toBe((await first).id);
      const codes = (await agent.rows()).map(({ denial_code }) => denial_code);
      expect(codes).toContain("idempotency_in_flight");
      expect(await agent.used()).toBe("15.00");
    });

    // A22.
    test("A22: the same key with another body is refused, and nothing reaches the vendor", async () => {
      const stage = open();
      const agent = await stage.agent();
      await agent.stripe.paymentIntents.create(CHARGE, { idempotencyKey: "order-6" });
      const sent = stage.watch();
      await expect(
        agent.stripe.paymentIntents.create({ ...CHARGE, amount: 1501 }, { idempotencyKey: "order-6" }),
      ).rejects.toMatchObject({ statusCode: 422, code: "idempotency_mismatch" });
      expect(sent()).toEqual([]);
      expect(await agent.used()).toBe("15.00");
    });

    test("a call that the cap refused leaves its key free for when there is room", async () => {
      const stage = open();
      const agent = await stage.agent({ policy: { daily_usd_cap: 10 } });
      const order = () => agent.stripe.paymentIntents.create(CHARGE, { idempotencyKey: "order-8" });
      await expect(order()).rejects.toMatchObject({ code: "daily_cap_exceeded" });
      await stage.server.admin.vaultKeys.update(agent.id, {
        policy: { vendor: "stripe", daily_usd_cap: 20, allowed_endpoints: ["POST /v1/payment_intents"] },
      });
      await expect(order()).resolves.toMatchObject({ status: "succeeded" });
      expect(await agent.used()).toBe("15.00");
    });

    test("the vendor sees the real credential, and of the agent's own nothing", async () => {
      const stage = open();
      const agent = await stage.agent();
      const sent = stage.watch();
      await agent.stripe.paymentIntents.create(CHARGE);
      await agent.stripe.customers.list();
      for (const request of sent()) {
        expect(request.headers["authorization"]).toBe(`Bearer ${CANARY_SECRET}`);
        expect(request.headers["user-agent"]).toBe("keybrake");
        expect(JSON.stringify(request)).not.toContain(agent.vaultKey.slice(-32));
      }
    });
  });
}
