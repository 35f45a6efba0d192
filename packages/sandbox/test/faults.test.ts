import { Stripe } from "stripe";
import { describe, expect, it } from "vitest";
import { FAULTS, type FaultKind } from "../src/index.ts";
import { errorOf, openSandbox, post, SECRET_KEY, sdkFor } from "./sdk.ts";

const PAYMENT = { amount: 500, currency: "usd", confirm: true, payment_method: "pm_card_visa" } as const;

/** How each fault looks through the SDK, and whether money moved. */
const SEEN: readonly [Exclude<FaultKind, "delay">, object, captured: number][] = [
  ["conflict_409", { statusCode: 409, code: "lock_timeout" }, 0],
  ["rate_limited_429", { statusCode: 429, type: "StripeRateLimitError", code: "rate_limit" }, 0],
  ["error_500_before", { statusCode: 500, type: "StripeAPIError" }, 0],
  ["error_500_after", { statusCode: 500, type: "StripeAPIError" }, 500],
  ["declined", { statusCode: 402, type: "StripeCardError", code: "card_declined" }, 0],
  ["invalid_json_200", { type: "StripeAPIError" }, 500],
];

describe("the fault", () => {
  it.each(SEEN)("%s reaches the SDK as its error, and money moves or not as documented", async (...row) => {
    const [kind, expected, captured] = row;
    const { sandbox, stripe } = await openSandbox();
    sandbox.failNext({ kind });
    expect(await errorOf(stripe.paymentIntents.create(PAYMENT))).toMatchObject(expected);
    expect(sandbox.money()["usd"]?.captured ?? 0).toBe(captured);
    expect(sandbox.requests.at(-1)?.executed).toBe(FAULTS[kind].isExecuted);
    // One fault strikes one call.
    expect((await stripe.paymentIntents.create(PAYMENT)).status).toBe("succeeded");
  });

  // stripe-node sends a call whose connection was closed once more, even with retries switched off.
  it("reset_before closes the connection without an answer", async () => {
    const { sandbox, stripe } = await openSandbox();
    sandbox.failNext({ kind: "reset_before", count: 2 });
    expect(await errorOf(stripe.paymentIntents.create(PAYMENT))).toMatchObject({
      type: "StripeConnectionError",
    });
    expect(sandbox.requests.map(({ executed, status }) => [executed, status])).toEqual([
      [false, 0],
      [false, 0],
    ]);
    expect(sandbox.money()).toEqual({});
  });

  it.each(["hang_before", "hang_after"] as const)(
    "%s gives no answer until the caller gives up",
    async (kind) => {
      const { sandbox } = await openSandbox();
      sandbox.failNext({ kind });
      const abort = new AbortController();
      const headers = { authorization: `Bearer ${SECRET_KEY}`, "idempotency-key": "key-1" };
      const body = new URLSearchParams({
        amount: "500",
        currency: "usd",
        confirm: "true",
        payment_method: "pm_card_visa",
      });
      const send = (signal?: AbortSignal) =>
        fetch(`${sandbox.url}/v1/payment_intents`, {
          method: "POST",
          headers,
          body,
          ...(signal ? { signal } : {}),
        });
      const hanging = send(abort.signal);
      await expect.poll(() => sandbox.requests[0]?.requestId).toMatch(/^req_/);
      const isExecuted = kind === "hang_after";
      expect(sandbox.requests[0]).toMatchObject({ executed: isExecuted, status: 0 });
      if (!isExecuted) expect((await send()).status).toBe(409);
      abort.abort();
      await expect(hanging).rejects.toThrow();
      // The retry executes exactly when the first call did not.
      const isReplayed = async () => (await send()).headers.get("idempotent-replayed");
      await expect.poll(isReplayed, { timeout: 5_000 }).toBe("true");
      expect(sandbox.money()["usd"]?.captured).toBe(500);
    },
  );

  it("hang_before ends with the server", async () => {
    const { sandbox } = await openSandbox();
    sandbox.failNext({ kind: "hang_before" });
    const hanging = post(sandbox.url, "/v1/customers", "").then(
      () => "answered",
      () => "dropped",
    );
    await expect.poll(() => sandbox.requests.length).toBe(1);
    await sandbox.close();
    expect(await hanging).toBe("dropped");
  });

  it("reset_after_headers sends the head of the answer and then closes", async () => {
    const { sandbox } = await openSandbox();
    sandbox.failNext({ kind: "reset_after_headers" });
    const answer = await post(sandbox.url, "/v1/customers", "");
    expect([answer.status, answer.headers.get("request-id")]).toEqual([200, sandbox.requests[0]?.requestId]);
    await expect(answer.text()).rejects.toThrow();
    expect(sandbox.requests[0]).toMatchObject({ executed: true, status: 200 });
  });

  it("truncated_body promises more than it sends", async () => {
    const { sandbox } = await openSandbox();
    sandbox.failNext({ kind: "truncated_body" });
    const answer = await post(sandbox.url, "/v1/customers", "");
    expect(Number(answer.headers.get("content-length"))).toBeGreaterThan(100);
    const received: Uint8Array[] = [];
    const reading = async () => {
      for await (const chunk of answer.body ?? []) received.push(chunk as Uint8Array);
    };
    await expect(reading()).rejects.toThrow();
    expect(Buffer.concat(received).length).toBeGreaterThan(0);
    expect(sandbox.requests[0]?.executed).toBe(true);
  });

  it("echo_authorization answers with the credential that arrived", async () => {
    const { sandbox } = await openSandbox();
    sandbox.failNext({ kind: "echo_authorization" });
    const answer = await post(sandbox.url, "/v1/customers", "");
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain(`Bearer ${SECRET_KEY}`);
    expect(sandbox.requests[0]?.executed).toBe(false);
  });

  it("delay executes even when the caller does not wait", async () => {
    const { sandbox } = await openSandbox();
    sandbox.failNext({ kind: "delay", ms: 1_000 });
    const abort = new AbortController();
    const call = fetch(`${sandbox.url}/v1/customers`, {
      method: "POST",
      headers: { authorization: `Bearer ${SECRET_KEY}` },
      signal: abort.signal,
    });
    await expect.poll(() => sandbox.requests.length).toBe(1);
    abort.abort();
    await expect(call).rejects.toThrow();
    expect(sandbox.requests[0]?.executed).toBe(false);
    await expect.poll(() => sandbox.requests[0]?.executed, { timeout: 5_000 }).toBe(true);
  });

  it("strikes only what it matches, as often as it says", async () => {
    const { sandbox, stripe } = await openSandbox();
    sandbox.failNext({
      kind: "error_500_before",
      match: { method: "POST", pathPrefix: "/v1/refunds" },
      count: 2,
    });
    const intent = await stripe.paymentIntents.create(PAYMENT);
    await stripe.refunds.list();
    const refund = () => stripe.refunds.create({ payment_intent: intent.id, amount: 100 });
    expect(await errorOf(refund())).toMatchObject({ statusCode: 500 });
    expect(await errorOf(refund())).toMatchObject({ statusCode: 500 });
    expect((await refund()).status).toBe("succeeded");
  });

  it("is not spent on a call that is wrong in itself", async () => {
    const { sandbox } = await openSandbox();
    sandbox.failNext({ kind: "rate_limited_429" });
    expect((await post(sandbox.url, "/v1/customers", "foo=1")).status).toBe(400);
    expect((await post(sandbox.url, "/v1/customers", "", { authorization: "Bearer wrong" })).status).toBe(
      401,
    );
    expect((await post(sandbox.url, "/v1/customers", "")).status).toBe(429);
  });

  it("is refused when it is malformed", async () => {
    const { sandbox } = await openSandbox();
    const malformed: readonly unknown[] = [
      null,
      { kind: "explode" },
      { kind: "delay" },
      { kind: "delay", ms: -1 },
      { kind: "declined", ms: 5 },
      { kind: "declined", count: 0 },
      { kind: "declined", match: { path: "/v1" } },
      { kind: "declined", times: 3 },
    ];
    for (const fault of malformed) expect(() => sandbox.failNext(fault as never)).toThrow(/`/);
  });
});

describe("metadata[sandbox_fault]", () => {
  it("asks for a fault, on each attempt or on the first few", async () => {
    const { sandbox, stripe } = await openSandbox();
    const always = { ...PAYMENT, metadata: { sandbox_fault: "rate_limited_429" } };
    expect(await errorOf(stripe.paymentIntents.create(always))).toMatchObject({ statusCode: 429 });
    // The SDK retries a 500 with the same key: the first attempt fails, the second one is let through.
    const retrying = sdkFor(sandbox.url, SECRET_KEY, 1);
    const once = { ...PAYMENT, metadata: { sandbox_fault: "error_500_before", sandbox_fault_times: "1" } };
    expect((await retrying.paymentIntents.create(once)).status).toBe("succeeded");
    expect(sandbox.requests.map(({ status }) => status)).toEqual([429, 500, 200]);
    expect(sandbox.money()["usd"]?.captured).toBe(500);
  });

  it("must name a fault, and a delay its length", async () => {
    const { stripe } = await openSandbox();
    const create = (metadata: Record<string, string>) => stripe.customers.create({ metadata });
    for (const metadata of [{ sandbox_fault: "explode" }, { sandbox_fault: "delay" }]) {
      expect(await errorOf(create(metadata))).toMatchObject({
        statusCode: 400,
        param: "metadata[sandbox_fault]",
      });
    }
    expect((await create({ sandbox_fault: "delay", sandbox_fault_ms: "5" })).object).toBe("customer");
  });
});

describe("a declined payment", () => {
  it.each([
    ["pm_card_chargeDeclined", "card_declined", "generic_decline"],
    ["pm_card_visa_chargeDeclined", "card_declined", "generic_decline"],
    ["pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"],
    ["pm_card_chargeDeclinedExpiredCard", "expired_card", ""],
  ])("with %s is Stripe's card error and leaves the intent to be paid otherwise", async (...row) => {
    const [payment_method, code, decline_code] = row;
    const { sandbox, stripe } = await openSandbox();
    const error = await errorOf(stripe.paymentIntents.create({ ...PAYMENT, payment_method }));
    expect(error).toBeInstanceOf(Stripe.errors.StripeCardError);
    expect(error).toMatchObject({
      statusCode: 402,
      code,
      decline_code,
      charge: expect.stringMatching(/^ch_/),
    });
    const intent = error.payment_intent;
    expect(intent).toMatchObject({
      status: "requires_payment_method",
      latest_charge: error.charge,
      last_payment_error: { type: "card_error", code },
    });
    expect(sandbox.money()).toEqual({});
    expect(await stripe.charges.retrieve(error.charge ?? "")).toMatchObject({
      status: "failed",
      paid: false,
      failure_code: code,
    });
    const paid = await stripe.paymentIntents.confirm(intent?.id ?? "", { payment_method: "pm_card_visa" });
    expect(paid).toMatchObject({ status: "succeeded", last_payment_error: null });
  });

  it("with tok_chargeDeclined names the failed charge", async () => {
    const { sandbox, stripe } = await openSandbox();
    const call = stripe.charges.create({ amount: 500, currency: "usd", source: "tok_chargeDeclined" });
    const error = await errorOf(call);
    expect(error).toMatchObject({ statusCode: 402, code: "card_declined", decline_code: "generic_decline" });
    expect(await stripe.charges.retrieve(error.charge ?? "")).toMatchObject({ paid: false });
    expect(sandbox.money()).toEqual({});
  });

  it("can be asked for on a call that charges nothing, which then does nothing", async () => {
    const { sandbox, stripe } = await openSandbox();
    sandbox.failNext({ kind: "declined" });
    const call = stripe.payouts.create({ amount: 500, currency: "usd" });
    expect(await errorOf(call)).toMatchObject({ statusCode: 402, code: "card_declined" });
    expect(sandbox.requests[0]?.executed).toBe(false);
  });
});
