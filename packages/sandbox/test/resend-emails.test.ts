import { describe, expect, it } from "vitest";
import { dataOf, EMAIL, openResend, rawPost, resendFor } from "./resend-sdk.ts";

const HOUR_MS = 3_600_000;

describe("a Resend email", () => {
  it("is sent, kept, and counts every recipient", async () => {
    const { sandbox, resend } = await openResend();
    const tags = [{ name: "run_id", value: "r-1" }];
    const email = {
      ...EMAIL,
      to: ["a@example.org", "b@example.org"],
      cc: "c@example.org",
      bcc: ["d@example.org"],
    };
    const { id } = await dataOf(resend.emails.send({ ...email, tags }));
    expect(sandbox.money()).toEqual({ emails: 1, recipients: 4, broadcastRecipients: 0 });
    expect(sandbox.objects().emails).toMatchObject([{ id, subject: "Hi", tags, lastEvent: "sent" }]);
    expect(await dataOf(resend.emails.get(id))).toMatchObject({
      id,
      object: "email",
      last_event: "delivered",
    });
  });

  it.each(["bounced", "complained", "suppressed"])("to %s@resend.dev is %s", async (fate) => {
    const { resend } = await openResend();
    const { id } = await dataOf(resend.emails.send({ ...EMAIL, to: `${fate}+label@resend.dev` }));
    expect((await dataOf(resend.emails.get(id))).last_event).toBe(fate);
  });

  it("that is scheduled can be moved and canceled until its time, and not afterwards", async () => {
    let now = Date.now();
    const { resend } = await openResend({ now: () => now });
    const at = (ms: number) => new Date(now + ms).toISOString();
    const { id } = await dataOf(resend.emails.send({ ...EMAIL, scheduledAt: at(HOUR_MS) }));
    expect((await dataOf(resend.emails.get(id))).last_event).toBe("scheduled");
    await dataOf(resend.emails.update({ id, scheduledAt: at(2 * HOUR_MS) }));
    await dataOf(resend.emails.cancel(id));
    expect((await dataOf(resend.emails.get(id))).last_event).toBe("canceled");
    const other = await dataOf(resend.emails.send({ ...EMAIL, scheduledAt: at(HOUR_MS) }));
    now += HOUR_MS;
    expect((await resend.emails.cancel(other.id)).error).toMatchObject({ statusCode: 422 });
  });

  it.each([
    [422, "missing_required_field", { to: [] }],
    [422, "missing_required_field", { text: undefined }],
    [422, "validation_error", { to: "nobody" }],
    [422, "validation_error", { to: Array.from({ length: 51 }, (_, index) => `u${index}@example.org`) }],
    [422, "validation_error", { tags: [{ name: "a b", value: "c" }] }],
    [422, "validation_error", { tags: [{ name: "a", value: "c".repeat(257) }] }],
    [422, "validation_error", { scheduledAt: "2001-01-01T00:00:00Z" }],
    [403, "validation_error", { from: "shop@unverified.example" }],
  ])("is refused with %i %s for %o", async (statusCode, name, change) => {
    const { sandbox, resend } = await openResend({ verifiedDomains: ["example.com"] });
    const { error } = await resend.emails.send({ ...EMAIL, ...change } as typeof EMAIL);
    expect(error).toMatchObject({ statusCode, name, message: expect.any(String) });
    expect(sandbox.money().emails).toBe(0);
  });

  it("may go to 50 recipients", async () => {
    const { resend } = await openResend();
    const to = Array.from({ length: 50 }, (_, index) => `u${index}@example.org`);
    await dataOf(resend.emails.send({ ...EMAIL, to }));
  });

  it("is in the list, newest first, in pages", async () => {
    const { resend } = await openResend();
    const ids: string[] = [];
    for (let sent = 0; sent < 3; sent += 1) ids.unshift((await dataOf(resend.emails.send(EMAIL))).id);
    const first = await dataOf(resend.emails.list({ limit: 2 }));
    expect([first.has_more, first.data.map(({ id }) => id)]).toEqual([true, ids.slice(0, 2)]);
    const rest = await dataOf(resend.emails.list({ limit: 2, after: ids[1] ?? "" }));
    expect([rest.has_more, rest.data.map(({ id }) => id)]).toEqual([false, ids.slice(2)]);
  });
});

describe("a batch", () => {
  it("takes all or nothing unless it is permissive", async () => {
    const { sandbox, resend } = await openResend();
    const wrong = { ...EMAIL, to: "nobody" };
    expect((await resend.batch.send([EMAIL, wrong])).error).toMatchObject({ statusCode: 422 });
    expect(sandbox.money().emails).toBe(0);
    const sent = await dataOf(resend.batch.send([EMAIL, wrong, EMAIL], { batchValidation: "permissive" }));
    expect(sent.data).toHaveLength(2);
    expect(sent.errors).toMatchObject([{ index: 1, message: expect.stringContaining("`to`") }]);
    expect(sandbox.money().emails).toBe(2);
  });

  it("has at most 100 emails", async () => {
    const { resend } = await openResend();
    const emails = Array.from({ length: 101 }, () => EMAIL);
    expect((await resend.batch.send(emails)).error).toMatchObject({ statusCode: 422 });
    expect((await dataOf(resend.batch.send(emails.slice(1)))).data).toHaveLength(100);
  });
});

describe("an idempotency key", () => {
  it("gives the same ids for 24 hours and executes once", async () => {
    let now = Date.now();
    const { sandbox, resend } = await openResend({ now: () => now });
    const send = async () => (await dataOf(resend.emails.send(EMAIL, { idempotencyKey: "k1" }))).id;
    const batch = async () =>
      (await dataOf(resend.batch.send([EMAIL, EMAIL], { idempotencyKey: "k2" }))).data;
    const [id, ids] = [await send(), await batch()];
    expect([await send(), await batch()]).toEqual([id, ids]);
    expect(sandbox.money().emails).toBe(3);
    expect(sandbox.requests.map(({ replayed }) => replayed)).toEqual([false, false, true, true]);
    now += 24 * HOUR_MS;
    expect(await send()).not.toBe(id);
  });

  it("with another payload is 409 invalid_idempotent_request", async () => {
    const { resend } = await openResend();
    await dataOf(resend.emails.send(EMAIL, { idempotencyKey: "k1" }));
    const { error } = await resend.emails.send({ ...EMAIL, subject: "Other" }, { idempotencyKey: "k1" });
    expect(error).toMatchObject({ statusCode: 409, name: "invalid_idempotent_request" });
  });

  it("of a call under way is 409 concurrent_idempotent_requests, and free again when that is given up", async () => {
    const { sandbox, resend } = await openResend();
    sandbox.failNext({ kind: "hang_before" });
    const abort = new AbortController();
    const headers = { authorization: "Bearer re_sandbox_0001", "idempotency-key": "k1" };
    const body = JSON.stringify(EMAIL);
    const hanging = fetch(`${sandbox.url}/emails`, { method: "POST", headers, body, signal: abort.signal });
    hanging.catch(() => undefined);
    await expect.poll(() => sandbox.requests[0]?.requestId ?? "").not.toBe("");
    const send = () => resend.emails.send(EMAIL, { idempotencyKey: "k1" });
    expect((await send()).error).toMatchObject({ statusCode: 409, name: "concurrent_idempotent_requests" });
    abort.abort();
    await expect(hanging).rejects.toThrow();
    await expect.poll(async () => (await send()).error).toBeNull();
    expect(sandbox.money().emails).toBe(1);
  });

  it("has at most 256 characters", async () => {
    const { resend } = await openResend();
    const { error } = await resend.emails.send(EMAIL, { idempotencyKey: "k".repeat(257) });
    expect(error).toMatchObject({ statusCode: 400, name: "invalid_idempotency_key" });
  });
});

describe("the credential", () => {
  it("is refused when it is wrong or absent", async () => {
    const { sandbox } = await openResend({ apiKey: "re_only" });
    const wrong = await resendFor(sandbox.url).emails.send(EMAIL);
    expect(wrong.error).toMatchObject({ statusCode: 403, name: "invalid_api_key" });
    const absent = await rawPost(sandbox.url, "/emails", "{}", { authorization: "" });
    expect([absent.status, await absent.json()]).toMatchObject([401, { name: "missing_api_key" }]);
    await dataOf(resendFor(sandbox.url, "re_only").emails.send(EMAIL));
    expect(sandbox.requests.at(-1)?.headers["authorization"]).toBe("Bearer re_only");
  });

  it("that was minted works, and a sending key only sends", async () => {
    const { sandbox } = await openResend({ apiKey: "re_only" });
    const full = resendFor(sandbox.url, "re_only");
    const { id, token } = await dataOf(full.apiKeys.create({ name: "agent", permission: "sending_access" }));
    const minted = resendFor(sandbox.url, token);
    await dataOf(minted.emails.send(EMAIL));
    expect((await minted.domains.list()).error).toMatchObject({ name: "restricted_api_key" });
    await dataOf(full.apiKeys.remove(id));
    expect((await minted.emails.send(EMAIL)).error).toMatchObject({ name: "invalid_api_key" });
  });
});
