import { request } from "node:http";
import { inspect } from "node:util";
import type { FaultKind } from "@keybrake/sandbox";
import Stripe from "stripe";
import { describe, expect, test } from "vitest";
import { type Agent, pathsOf, type Stage, until } from "../stage.ts";
import { errorOf, expectRefusal } from "./refusals.ts";

const CHARGE = { amount: 1500, currency: "usd", payment_method: "pm_card_visa", confirm: true } as const;
const CREATE = "POST /v1/payment_intents";
const READ_CHARGE = "GET /v1/charges/{charge}";
const SAME_KEY = { idempotencyKey: "order-7" } as const;

/** What the agent sees of a fault, and how the row ends. */
interface Case {
  readonly kind: Exclude<FaultKind, "delay">;
  /** The vendor's own answer, or the code of ours. */
  readonly status: number | undefined;
  readonly code?: string;
  readonly state: "released" | "unknown";
  readonly isExecuted: boolean;
}

const CASES: readonly Case[] = [
  { kind: "conflict_409", status: 409, code: "lock_timeout", state: "released", isExecuted: false },
  { kind: "rate_limited_429", status: 429, code: "rate_limit", state: "released", isExecuted: false },
  { kind: "error_500_before", status: 500, state: "unknown", isExecuted: false },
  { kind: "reset_before", status: 502, code: "vendor_unreachable", state: "unknown", isExecuted: false },
  {
    kind: "reset_after_headers",
    status: 502,
    code: "vendor_unreachable",
    state: "unknown",
    isExecuted: true,
  },
  { kind: "truncated_body", status: 502, code: "vendor_unreachable", state: "unknown", isExecuted: true },
  { kind: "invalid_json_200", status: undefined, state: "unknown", isExecuted: true },
  {
    kind: "echo_authorization",
    status: 502,
    code: "vendor_answer_withheld",
    state: "unknown",
    isExecuted: false,
  },
];

/** The state table: a refusal of the vendor releases, everything that proves nothing keeps the worst case. */
export function describeFaults(open: () => Stage): void {
  describe("faults of the vendor", () => {
    test.each(CASES)("$kind ends $state; the same key again costs 15.00 once", async (fault) => {
      const stage = open();
      const agent = await stage.agent();
      const capturedBefore = stage.captured;
      stage.fake.failNext({ kind: fault.kind });
      const error = await errorOf(agent.once.paymentIntents.create(CHARGE, SAME_KEY));
      expect(error.statusCode).toBe(fault.status);
      expect(error.code).toBe(fault.code);
      expect(stage.captured - capturedBefore).toBe(fault.isExecuted ? 1500 : 0);
      await expectFirstCall(agent, fault.state);
      const intent = await agent.once.paymentIntents.create(CHARGE, SAME_KEY);
      expect(intent.status).toBe("succeeded");
      expect(stage.captured - capturedBefore).toBe(1500);
      await expectRepeatedCall(agent, fault.state, intent.id);
    });

    // Unlike the others, the answer of a vendor that stored its 500 never becomes an evidence.
    test("error_500_after stays unknown, however often it is repeated, and its worst case stays charged", async () => {
      const stage = open();
      const agent = await stage.agent();
      const capturedBefore = stage.captured;
      stage.fake.failNext({ kind: "error_500_after" });
      for (const _ of [1, 2]) {
        const error = await errorOf(agent.once.paymentIntents.create(CHARGE, SAME_KEY));
        expect(error.statusCode).toBe(500);
        expect(await agent.used()).toBe("15.00");
      }
      expect(stage.captured - capturedBefore).toBe(1500);
      expect(await agent.books()).toEqual([
        [CREATE, "unknown", "15.00", "0.00"],
        [CREATE, "unknown", "0.00", "0.00"],
      ]);
    });

    // The server's one timer for the vendor runs fast here; the code that it runs is the product's own.
    test("A7: a vendor that hangs: 504, unknown, and the next call has less budget; the same key again settles it", async () => {
      const stage = open();
      const capturedBefore = stage.captured;
      const kinds = ["hang_before", "hang_after"] as const;
      const agents = await Promise.all(kinds.map(() => stage.agent({ policy: { daily_usd_cap: 29 } })));
      for (const kind of kinds) stage.fake.failNext({ kind });
      await Promise.all(
        agents.map(async (agent) => {
          const error = await errorOf(agent.once.paymentIntents.create(CHARGE, SAME_KEY));
          expectRefusal(error, "StripeAPIError", "vendor_timeout");
          await expectFirstCall(agent, "unknown");
          await expect(agent.once.paymentIntents.create(CHARGE)).rejects.toMatchObject({
            code: "daily_cap_exceeded",
          });
        }),
      );
      expect(stage.captured - capturedBefore).toBe(1500);
      for (const agent of agents) {
        await expect(agent.once.paymentIntents.create(CHARGE, SAME_KEY)).resolves.toMatchObject({
          status: "succeeded",
        });
        expect(await agent.used()).toBe("15.00");
        expect((await agent.books())[0]).toEqual([CREATE, "settled", "15.00", "15.00"]);
      }
      expect(stage.captured - capturedBefore).toBe(3000);
    });

    test.each(["error_500_before", "rate_limited_429", "reset_before", "truncated_body"] as const)(
      "%s on the look-up of a refund: nothing of the refund is sent or held",
      async (kind) => {
        const stage = open();
        const { latest_charge } = await stage.direct.paymentIntents.create(CHARGE);
        const agent = await stage.agent();
        const sent = stage.watch();
        stage.fake.failNext({ kind, match: { method: "GET" } });
        const error = await errorOf(agent.once.refunds.create({ charge: latest_charge as string }));
        expectRefusal(error, "StripeAPIError", "vendor_unreachable");
        expect(pathsOf(sent())).toEqual([`GET /v1/charges/${latest_charge}`]);
        expect(await agent.used()).toBe("0.00");
        const [lookup] = await agent.rows();
        expect(lookup).toMatchObject({
          endpoint: READ_CHARGE,
          cost_usd: "0.00",
          metadata: { keybrake_price_of: error.headers?.["keybrake-call-id"] },
        });
      },
    );

    test("a read that breaks is an error to the SDK, and costs nothing", async () => {
      const stage = open();
      const agent = await stage.agent();
      stage.fake.failNext({ kind: "reset_before" });
      expectRefusal(await errorOf(agent.once.customers.list()), "StripeAPIError", "vendor_unreachable");
      stage.fake.failNext({ kind: "error_500_before" });
      expect(await errorOf(agent.once.customers.list())).toMatchObject({ statusCode: 500 });
      // Twice, because the SDK repeats a read whose connection was cut.
      stage.fake.failNext({ kind: "echo_authorization", count: 2 });
      const withheld = await errorOf(agent.once.customers.list());
      expect(withheld).toBeInstanceOf(Stripe.errors.StripeConnectionError);
      expect(inspect(withheld, { depth: 9 })).not.toContain("sk_test");
      expect(
        (await agent.rows()).every(
          ({ cost_usd, reserved_usd }) => cost_usd === "0.00" && reserved_usd === "0.00",
        ),
      ).toBe(true);
    });

    test("an agent that leaves in the middle of a call is charged for it all the same", async () => {
      const stage = open();
      const agent = await stage.agent();
      const sent = stage.watch();
      const capturedBefore = stage.captured;
      stage.fake.failNext({ kind: "delay", ms: 300 });
      const leaving = request(`${stage.server.dataUrl}/v1/payment_intents`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${agent.vaultKey}`,
          "content-type": "application/x-www-form-urlencoded",
        },
      });
      leaving.on("error", () => undefined);
      leaving.end("amount=1500&currency=usd&payment_method=pm_card_visa&confirm=true");
      await until("the vendor has the call", () => sent().length === 1);
      leaving.destroy();
      expect(await agent.books()).toEqual([[CREATE, "settled", "15.00", "15.00"]]);
      expect((await agent.rows())[0]?.vendor_object_id).toMatch(/^pi_/);
      expect(stage.captured - capturedBefore).toBe(1500);
    });
  });
}

async function expectFirstCall(agent: Agent, state: "released" | "unknown"): Promise<void> {
  expect(await agent.books()).toEqual([[CREATE, state, "15.00", "0.00"]]);
  expect(await agent.used()).toBe(state === "unknown" ? "15.00" : "0.00");
}

/** After a release the repetition is a call of its own; after an unknown one it is the evidence about the first. */
async function expectRepeatedCall(
  agent: Agent,
  state: "released" | "unknown",
  objectId: string,
): Promise<void> {
  const [first, second, ...others] = await agent.rows();
  expect(others).toEqual([]);
  const settled = { state: "settled", cost_usd: "15.00", reserved_usd: "15.00", vendor_object_id: objectId };
  if (state === "released") {
    expect(first).toMatchObject({ state: "released", cost_usd: "0.00" });
    expect(second).toMatchObject({ ...settled, replay_of: null });
  } else {
    expect(first).toMatchObject(settled);
    expect(second).toMatchObject({
      state: "settled",
      cost_usd: "0.00",
      reserved_usd: "0.00",
      replay_of: first?.id,
    });
  }
  expect(await agent.used()).toBe("15.00");
}
