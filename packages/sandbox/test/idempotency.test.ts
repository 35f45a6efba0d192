import { describe, expect, it } from "vitest";
import { errorOf, openSandbox, post, sdkFor } from "./sdk.ts";

const BODY = "amount=500&currency=usd&confirm=true&payment_method=pm_card_visa";

describe("an idempotency key", () => {
  it("replays the first answer and executes nothing", async () => {
    const { sandbox, stripe } = await openSandbox();
    const create = () =>
      stripe.paymentIntents.create(
        { amount: 500, currency: "usd", confirm: true, payment_method: "pm_card_visa" },
        { idempotencyKey: "key-1" },
      );
    const first = await create();
    const second = await create();
    expect({ ...second, lastResponse: null }).toEqual({ ...first, lastResponse: null });
    expect(second.lastResponse.requestId).not.toBe(first.lastResponse.requestId);
    expect(second.lastResponse.headers).toMatchObject({
      "idempotent-replayed": "true",
      "original-request": first.lastResponse.requestId,
    });
    expect(first.lastResponse.headers["idempotent-replayed"]).toBeUndefined();
    expect(sandbox.money()["usd"]?.captured).toBe(500);
    expect(sandbox.requests.map(({ executed, replayed }) => ({ executed, replayed }))).toEqual([
      { executed: true, replayed: false },
      { executed: false, replayed: true },
    ]);
  });

  it("replays the answer as it was, not the object as it has become", async () => {
    const { sandbox, stripe } = await openSandbox();
    const send = async () =>
      (await (
        await post(sandbox.url, "/v1/payment_intents", "amount=500&currency=usd", {
          "idempotency-key": "key-1",
        })
      ).json()) as { id: string; status: string };
    const first = await send();
    await stripe.paymentIntents.cancel(first.id);
    expect(await send()).toEqual(first);
  });

  it("used again with other parameters or another path is an error, in another order it is a replay", async () => {
    const { sandbox, stripe } = await openSandbox();
    const headers = { "idempotency-key": "key-1" };
    await post(sandbox.url, "/v1/payment_intents", "amount=500&currency=usd", headers);
    const reordered = await post(sandbox.url, "/v1/payment_intents", "currency=usd&amount=500", headers);
    expect(reordered.headers.get("idempotent-replayed")).toBe("true");
    const other = await errorOf(
      stripe.paymentIntents.create({ amount: 501, currency: "usd" }, { idempotencyKey: "key-1" }),
    );
    expect(other).toMatchObject({ statusCode: 400, rawType: "idempotency_error" });
    expect(other.message).toContain("same parameters");
    const elsewhere = await errorOf(stripe.customers.create({}, { idempotencyKey: "key-1" }));
    expect(elsewhere).toMatchObject({ statusCode: 400, rawType: "idempotency_error" });
    expect(elsewhere.message).toContain("same endpoint");
  });

  it("belongs to one secret key", async () => {
    const { sandbox } = await openSandbox();
    for (const key of ["sk_test_one", "sk_test_two"]) {
      await sdkFor(sandbox.url, key).customers.create({}, { idempotencyKey: "key-1" });
    }
    expect(sandbox.requests.map(({ executed }) => executed)).toEqual([true, true]);
  });

  it("lives for 24 hours", async () => {
    let now = Date.UTC(2026, 10, 20);
    const { sandbox, stripe } = await openSandbox({ now: () => now });
    const create = () => stripe.customers.create({}, { idempotencyKey: "key-1" });
    const first = await create();
    now += 24 * 3_600_000 - 1;
    expect((await create()).id).toBe(first.id);
    now += 1;
    expect((await create()).id).not.toBe(first.id);
    expect(sandbox.requests.map(({ replayed }) => replayed)).toEqual([false, true, false]);
  });

  it("in use by a call that still runs is a 409", async () => {
    const { sandbox, stripe } = await openSandbox();
    sandbox.failNext({ kind: "delay", ms: 1_000 });
    const headers = { "idempotency-key": "key-1" };
    const slow = post(sandbox.url, "/v1/payment_intents", BODY, headers);
    await expect.poll(() => sandbox.requests.length).toBe(1);
    const call = stripe.paymentIntents.create(
      { amount: 500, currency: "usd", confirm: true, payment_method: "pm_card_visa" },
      { idempotencyKey: "key-1" },
    );
    expect(await errorOf(call)).toMatchObject({ statusCode: 409, code: "idempotency_key_in_use" });
    expect((await slow).status).toBe(200);
    const again = await post(sandbox.url, "/v1/payment_intents", BODY, headers);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
  });

  it("keeps a decline and a 500 after execution, and no refusal before it", async () => {
    const { sandbox } = await openSandbox();
    const send = (body: string, key: string) =>
      post(sandbox.url, "/v1/payment_intents", body, { "idempotency-key": key });
    const declined = BODY.replace("pm_card_visa", "pm_card_chargeDeclined");
    expect((await send(declined, "declined")).status).toBe(402);
    const replayed = await send(declined, "declined");
    expect([replayed.status, replayed.headers.get("idempotent-replayed")]).toEqual([402, "true"]);
    sandbox.failNext({ kind: "error_500_after" });
    expect((await send(BODY, "broken")).status).toBe(500);
    const broken = await send(BODY, "broken");
    expect([broken.status, broken.headers.get("idempotent-replayed")]).toEqual([500, "true"]);
    expect(sandbox.money()["usd"]?.captured).toBe(500);
    expect((await send("amount=500", "invalid")).status).toBe(400);
    expect((await send(BODY, "invalid")).status).toBe(200);
    for (const kind of ["conflict_409", "rate_limited_429", "error_500_before"] as const) {
      sandbox.failNext({ kind });
      expect((await send(BODY, kind)).status).toBe(Number(/\d{3}/.exec(kind)?.[0]));
      const retried = await send(BODY, kind);
      expect([retried.status, retried.headers.get("idempotent-replayed")]).toEqual([200, null]);
    }
  });

  it("of more than 255 characters is refused", async () => {
    const { stripe } = await openSandbox();
    const call = (length: number) => stripe.customers.create({}, { idempotencyKey: "k".repeat(length) });
    expect(await errorOf(call(256))).toMatchObject({ statusCode: 400 });
    expect((await call(255)).object).toBe("customer");
  });
});
