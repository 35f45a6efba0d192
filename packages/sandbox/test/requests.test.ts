import { describe, expect, it } from "vitest";
import { errorOf, openSandbox, post, SECRET_KEY, sdkFor } from "./sdk.ts";

async function problem(answer: Response): Promise<{ status: number } & Record<string, unknown>> {
  const { error } = (await answer.json()) as { error: Record<string, unknown> };
  return { status: answer.status, ...error };
}

describe("a credential", () => {
  it("is refused with Stripe's 401, which shows the ends of the key", async () => {
    const { sandbox } = await openSandbox({ secretKeys: ["sk_test_right"] });
    const stripe = sdkFor(sandbox.url, "sk_test_wrong00001234");
    const error = await errorOf(stripe.balance.retrieve());
    expect(error).toMatchObject({
      statusCode: 401,
      rawType: "invalid_request_error",
      message: "Invalid API Key provided: sk_test_*********1234",
    });
    expect(error.requestId).toMatch(/^req_\w{14}$/);
    await sdkFor(sandbox.url, "sk_test_right").balance.retrieve();
    expect(sandbox.requests.map(({ status }) => status)).toEqual([401, 200]);
  });

  it("is by default any test key and no live one", async () => {
    const { sandbox } = await openSandbox();
    await sdkFor(sandbox.url, "rk_test_restricted").balance.retrieve();
    for (const key of ["sk_live_something123", "vault_billing_abcdefghijkl", "sk_test_"]) {
      expect(await errorOf(sdkFor(sandbox.url, key).balance.retrieve())).toMatchObject({ statusCode: 401 });
    }
  });

  it("may be the user name of Basic, and may not be absent", async () => {
    const { sandbox } = await openSandbox();
    const authorization = `Basic ${Buffer.from(`${SECRET_KEY}:`).toString("base64")}`;
    expect((await fetch(`${sandbox.url}/v1/balance`, { headers: { authorization } })).status).toBe(200);
    const without = await problem(await fetch(`${sandbox.url}/v1/balance`));
    expect(without).toMatchObject({
      status: 401,
      message: expect.stringContaining("did not provide an API key"),
    });
  });
});

describe("parameters", () => {
  it.each([
    ["amount=500&currency=usd&foo=1", { code: "parameter_unknown", param: "foo" }],
    ["amount=500&currency=usd&amount[x]=1", { status: 400 }],
    ["currency=usd", { code: "parameter_missing", param: "amount" }],
    ["amount=500", { code: "parameter_missing", param: "currency" }],
    ["amount=5.00&currency=usd", { code: "parameter_invalid_integer", param: "amount" }],
    ["amount=1e3&currency=usd", { code: "parameter_invalid_integer", param: "amount" }],
    ["amount=+500&currency=usd", { code: "parameter_invalid_integer", param: "amount" }],
    ["amount=-500&currency=usd", { code: "parameter_invalid_integer", param: "amount" }],
    ["amount=0&currency=usd", { code: "parameter_invalid_integer", param: "amount" }],
    ["amount=&currency=usd", { code: "parameter_invalid_empty", param: "amount" }],
    ["amount=500&currency=", { code: "parameter_invalid_empty", param: "currency" }],
    ["amount=500&currency=xyz", { param: "currency" }],
    ["amount=49&currency=usd", { code: "amount_too_small", param: "amount" }],
    ["amount=100000000&currency=usd", { code: "amount_too_large", param: "amount" }],
    ["amount=500&currency=usd&confirm=yes", { param: "confirm" }],
    ["amount=500&currency=usd&capture_method=later", { param: "capture_method" }],
    ["amount=500&currency[]=usd", { param: "currency" }],
    [
      "amount=500&currency=usd&automatic_payment_methods[enabled]=1",
      { param: "automatic_payment_methods[enabled]" },
    ],
    [
      "amount=500&currency=usd&automatic_payment_methods[on]=true",
      { code: "parameter_unknown", param: "automatic_payment_methods[on]" },
    ],
    [
      "amount=500&currency=usd&automatic_payment_methods[allow_redirects]=never",
      { code: "parameter_missing", param: "automatic_payment_methods[enabled]" },
    ],
    [
      "amount=500&currency=usd&payment_method=pm_nothing",
      { code: "resource_missing", param: "payment_method" },
    ],
    ["amount=500&currency=usd&application_fee_amount=501", { param: "application_fee_amount" }],
    ["amount=500&currency=usd&expand[]=nothing", { param: "expand" }],
    ["amount=500&currency=%", { message: expect.stringContaining("percent-encoding") }],
    ["amount=500&currency=usd&metadata=text", { param: "metadata" }],
    [`amount=500&currency=usd&metadata[${"k".repeat(41)}]=v`, { param: "metadata" }],
    [`amount=500&currency=usd&metadata[k]=${"v".repeat(501)}`, { param: "metadata[k]" }],
    [
      `amount=500&currency=usd&${Array.from({ length: 51 }, (_, n) => `metadata[k${n}]=v`).join("&")}`,
      { param: "metadata" },
    ],
  ])("%s are refused and change nothing", async (body, expected) => {
    const { sandbox } = await openSandbox();
    const answer = await problem(await post(sandbox.url, "/v1/payment_intents", body));
    expect(answer).toMatchObject({ status: 400, type: "invalid_request_error", ...expected });
    expect(sandbox.requests[0]).toMatchObject({ executed: false, status: 400 });
  });

  it("are read in every bracketed form, encoded or not", async () => {
    const { sandbox } = await openSandbox();
    const body =
      "amount=500&currency=usd&metadata%5Ba%5D=1&metadata[b]=2+3&metadata[__proto__]=4&expand[]=customer" +
      "&expand[1]=latest_charge&shipping[name]=Ada&shipping[address][line1]=1%20R%C3%B6ad";
    const answer = await post(sandbox.url, "/v1/payment_intents", body);
    const text = await answer.text();
    expect(answer.status).toBe(200);
    expect(text).toContain('"metadata":{"a":"1","b":"2 3","__proto__":"4"}');
    expect(JSON.parse(text)).toMatchObject({ shipping: { name: "Ada", address: { line1: "1 Röad" } } });
  });

  // The two ways in which a proxy and Stripe can read one request differently.
  it("repeated count once, the last; those in the query of a POST count too", async () => {
    const { sandbox } = await openSandbox();
    const repeated = await post(sandbox.url, "/v1/payment_intents", "amount=500&amount=900&currency=usd");
    expect(await repeated.json()).toMatchObject({ amount: 900 });
    const inQuery = await post(sandbox.url, "/v1/payment_intents?amount=700", "currency=usd");
    expect(await inQuery.json()).toMatchObject({ amount: 700 });
  });

  it("are taken from a form only", async () => {
    const { sandbox } = await openSandbox();
    const answer = await post(sandbox.url, "/v1/payment_intents", '{"amount":500}', {
      "content-type": "application/json",
    });
    expect(await problem(answer)).toMatchObject({
      status: 400,
      message: expect.stringContaining("check that your POST content type"),
    });
  });

  it("of an older API version are taken from whoever sends that version", async () => {
    const { sandbox } = await openSandbox();
    const body = "amount=500&currency=usd&payment_method_types[]=card";
    const now = await post(sandbox.url, "/v1/payment_intents", body);
    expect(await problem(now)).toMatchObject({ code: "parameter_unknown" });
    const then = await post(sandbox.url, "/v1/payment_intents", body, { "stripe-version": "2024-06-20" });
    expect(then.headers.get("stripe-version")).toBe("2024-06-20");
    expect(await then.json()).toMatchObject({
      payment_method_types: ["card"],
      automatic_payment_methods: null,
    });
  });
});

describe("a URL", () => {
  it.each([
    ["GET", "/v1/nothing"],
    ["GET", "/v1/payment_intents/"],
    ["GET", "/v1/payment_intents/pi_1/capture"],
    ["DELETE", "/v1/payment_intents/pi_1"],
    ["GET", "/v2/core/events"],
    ["GET", "/__sandbox/money"],
  ])("that is not served, %s %s, is Stripe's 404", async (method, path) => {
    const { sandbox } = await openSandbox();
    const answer = await fetch(`${sandbox.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${SECRET_KEY}` },
    });
    expect(await problem(answer)).toMatchObject({
      status: 404,
      type: "invalid_request_error",
      message: expect.stringContaining(`Unrecognized request URL (${method}: ${path})`),
    });
  });

  it("with doubled slashes is served, as Stripe does", async () => {
    const { sandbox } = await openSandbox();
    expect((await post(sandbox.url, "//v1//payment_intents", "amount=500&currency=usd")).status).toBe(200);
  });

  it("with the id of another object is resource_missing", async () => {
    const { stripe } = await openSandbox();
    const intent = await stripe.paymentIntents.create({ amount: 500, currency: "usd" });
    await stripe.customers.create();
    expect(await errorOf(stripe.customers.retrieve(intent.id))).toMatchObject({ code: "resource_missing" });
  });

  it.each(["payment_intents", "charges", "refunds", "transfers", "payouts", "customers", "events"])(
    "of %s with an unknown id is resource_missing",
    async (family) => {
      const { sandbox } = await openSandbox();
      const answer = await fetch(`${sandbox.url}/v1/${family}/xx_missing`, {
        headers: { authorization: `Bearer ${SECRET_KEY}` },
      });
      expect(await problem(answer)).toMatchObject({ status: 404, code: "resource_missing" });
    },
  );
});

describe("every answer", () => {
  it("is JSON that names the request and echoes what the SDK looks for", async () => {
    const { sandbox } = await openSandbox();
    const answer = await post(sandbox.url, "/v1/payment_intents", "amount=500&currency=usd", {
      "idempotency-key": "key-1",
      "stripe-account": "acct_1",
    });
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "content-type": "application/json",
      "request-id": expect.stringMatching(/^req_\w{14}$/),
      "stripe-version": "2026-10-28.endive",
      "idempotency-key": "key-1",
      "stripe-account": "acct_1",
    });
    expect(sandbox.requests[0]?.requestId).toBe(answer.headers.get("request-id"));
  });
});
