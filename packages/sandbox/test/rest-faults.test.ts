import { describe, expect, it, onTestFinished } from "vitest";
import type { Fault, FaultKind } from "../src/faults.ts";
import type { RecordedRequest } from "../src/recorder.ts";
import { openFakeResend } from "../src/resend/fake-resend.ts";
import { openFakeTwilio } from "../src/twilio/fake-twilio.ts";
import { API_KEY, EMAIL, openResend, rawPost } from "./resend-sdk.ts";
import { FROM, openTwilio, rawCall, TO } from "./twilio-sdk.ts";

interface Bench {
  readonly failNext: (fault: Fault) => void;
  readonly requests: () => readonly RecordedRequest[];
  /** Sends something that costs. */
  readonly send: (signal?: AbortSignal) => Promise<Response>;
  /** How many objects it left. */
  readonly sent: () => number;
  readonly authorization: string;
}

async function twilioBench(): Promise<Bench> {
  const sandbox = await openFakeTwilio();
  onTestFinished(() => sandbox.close());
  const path = `/2010-04-01/Accounts/${sandbox.accountSid}/Messages.json`;
  return {
    failNext: (fault) => sandbox.failNext(fault),
    requests: () => sandbox.requests,
    send: (signal) => rawCall(sandbox, path, { To: TO, From: FROM, Body: "hello" }, signal),
    sent: () => sandbox.objects().messages.length,
    authorization: "Basic ",
  };
}

async function resendBench(): Promise<Bench> {
  const sandbox = await openFakeResend();
  onTestFinished(() => sandbox.close());
  const headers = { authorization: `Bearer ${API_KEY}`, "content-type": "application/json" };
  const body = JSON.stringify(EMAIL);
  return {
    failNext: (fault) => sandbox.failNext(fault),
    requests: () => sandbox.requests,
    send: (signal) =>
      fetch(`${sandbox.url}/emails`, {
        method: "POST",
        headers,
        body,
        ...(signal === undefined ? {} : { signal }),
      }),
    sent: () => sandbox.objects().emails.length,
    authorization: `Bearer ${API_KEY}`,
  };
}

/** The answer to each fault that answers, and whether the call was executed. */
const ANSWERS: readonly [
  Exclude<FaultKind, "delay">,
  status: number,
  twilio: object,
  resend: object,
  executed: boolean,
][] = [
  ["conflict_409", 409, { code: 20409 }, { name: "concurrent_idempotent_requests" }, false],
  ["rate_limited_429", 429, { code: 20429 }, { name: "rate_limit_exceeded" }, false],
  ["error_500_before", 500, { code: 20500 }, { name: "application_error" }, false],
  ["error_500_after", 500, { code: 20500 }, { name: "application_error" }, true],
];

describe.each([
  ["Twilio", twilioBench],
  ["Resend", resendBench],
] as const)("a fault of %s", (vendor, open) => {
  it.each(ANSWERS)("%s answers %i in the vendor's shape", async (kind, status, twilio, resend, executed) => {
    const bench = await open();
    bench.failNext({ kind });
    const answer = await bench.send();
    expect(answer.status).toBe(status);
    const shape = vendor === "Twilio" ? { status, ...twilio } : { statusCode: status, ...resend };
    expect(await answer.json()).toMatchObject({ ...shape, message: expect.any(String) });
    expect([bench.sent(), bench.requests()[0]?.executed]).toEqual([executed ? 1 : 0, executed]);
    // One fault strikes one call.
    expect((await bench.send()).ok).toBe(true);
  });

  it("declined refuses and leaves nothing", async () => {
    const bench = await open();
    bench.failNext({ kind: "declined" });
    const answer = await bench.send();
    const expected = vendor === "Twilio" ? [400, { code: 21610 }] : [403, { name: "validation_error" }];
    expect([answer.status, await answer.json()]).toMatchObject(expected);
    expect([bench.sent(), bench.requests()[0]?.executed]).toEqual([0, false]);
  });

  it("echo_authorization shows the credential that arrived", async () => {
    const bench = await open();
    bench.failNext({ kind: "echo_authorization" });
    expect(await (await bench.send()).text()).toContain(bench.authorization);
    expect(bench.sent()).toBe(0);
  });

  it("reset_before closes without an answer and without effect", async () => {
    const bench = await open();
    bench.failNext({ kind: "reset_before", count: 2 });
    await expect(bench.send()).rejects.toThrow();
    expect([bench.sent(), bench.requests()[0]?.status]).toEqual([0, 0]);
  });

  it.each(["hang_before", "hang_after"] as const)("%s never answers", async (kind) => {
    const bench = await open();
    bench.failNext({ kind });
    const abort = new AbortController();
    const hanging = bench.send(abort.signal);
    hanging.catch(() => undefined);
    await expect.poll(() => bench.requests()[0]?.requestId ?? "").not.toBe("");
    expect([bench.sent(), bench.requests()[0]?.status]).toEqual([kind === "hang_after" ? 1 : 0, 0]);
    abort.abort();
    await expect(hanging).rejects.toThrow();
  });

  it.each(["reset_after_headers", "truncated_body"] as const)(
    "%s executes and breaks the body off",
    async (kind) => {
      const bench = await open();
      bench.failNext({ kind });
      const answer = await bench.send();
      expect(answer.ok).toBe(true);
      await expect(answer.text()).rejects.toThrow();
      expect(bench.sent()).toBe(1);
    },
  );

  it("invalid_json_200 executes and answers with half of the JSON", async () => {
    const bench = await open();
    bench.failNext({ kind: "invalid_json_200" });
    const answer = await bench.send();
    expect(answer.status).toBe(200);
    await expect(answer.json()).rejects.toThrow();
    expect(bench.sent()).toBe(1);
  });

  it("delay executes even when the caller has gone", async () => {
    const bench = await open();
    bench.failNext({ kind: "delay", ms: 200 });
    const abort = new AbortController();
    const call = bench.send(abort.signal);
    call.catch(() => undefined);
    await expect.poll(() => bench.requests()[0]?.requestId ?? "").not.toBe("");
    abort.abort();
    await expect.poll(() => bench.sent()).toBe(1);
  });
});

describe("a call that is wrong in itself", () => {
  it("spends no fault", async () => {
    const { sandbox, client } = await openTwilio();
    sandbox.failNext({ kind: "error_500_before" });
    const send = (to: string) => client.messages.create({ to, from: FROM, body: "hello" });
    await expect(send("12")).rejects.toMatchObject({ code: 21211 });
    await expect(send(TO)).rejects.toMatchObject({ status: 500 });
  });
});

describe("Resend's idempotency key", () => {
  it("gives the ids after an answer that was lost, and executes after a refusal", async () => {
    const { sandbox, resend } = await openResend();
    const send = () => resend.emails.send(EMAIL, { idempotencyKey: "k1" });
    sandbox.failNext({ kind: "declined" });
    sandbox.failNext({ kind: "error_500_before" });
    sandbox.failNext({ kind: "error_500_after" });
    for (const statusCode of [403, 500, 500]) expect((await send()).error).toMatchObject({ statusCode });
    const [email] = sandbox.objects().emails;
    expect((await send()).data?.id).toBe(email?.id);
    expect(sandbox.money().emails).toBe(1);
  });

  it("a tag may ask for a fault", async () => {
    const { sandbox } = await openResend();
    const tags = [{ name: "sandbox_fault", value: "rate_limited_429" }];
    const answer = await rawPost(sandbox.url, "/emails", JSON.stringify({ ...EMAIL, tags }));
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([429, "1"]);
  });
});
