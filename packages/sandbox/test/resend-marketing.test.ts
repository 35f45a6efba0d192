import { describe, expect, it } from "vitest";
import { dataOf, EMAIL, openResend, rawPost } from "./resend-sdk.ts";

describe("the rest of Resend", () => {
  it("a domain may send once it is verified", async () => {
    const { resend } = await openResend({ verifiedDomains: [] });
    const domain = await dataOf(resend.domains.create({ name: "example.com" }));
    expect((await resend.emails.send(EMAIL)).error).toMatchObject({ statusCode: 403 });
    await dataOf(resend.domains.verify(domain.id));
    expect(await dataOf(resend.domains.get(domain.id))).toMatchObject({ status: "verified" });
    await dataOf(resend.emails.send(EMAIL));
    await dataOf(resend.domains.remove(domain.id));
    expect((await dataOf(resend.domains.list())).data).toEqual([]);
  });

  it("a webhook tells its signing secret", async () => {
    const { resend } = await openResend();
    const endpoint = "https://example.com/hook";
    const webhook = await dataOf(resend.webhooks.create({ endpoint, events: ["email.sent"] }));
    expect(webhook.signing_secret).toMatch(/^whsec_/);
    expect(await dataOf(resend.webhooks.get(webhook.id))).toMatchObject({ endpoint, status: "enabled" });
    await dataOf(resend.webhooks.remove(webhook.id));
    expect((await resend.webhooks.get(webhook.id)).error).toMatchObject({
      statusCode: 404,
      name: "not_found",
    });
  });

  it("a broadcast reaches the segment's contacts that have not unsubscribed, once", async () => {
    const { sandbox, resend } = await openResend();
    const segment = await dataOf(resend.segments.create({ name: "all" }));
    const segments = [{ id: segment.id }];
    for (const email of ["a@example.org", "b@example.org", "c@example.org"]) {
      await dataOf(resend.contacts.create({ email, segments }));
    }
    await dataOf(resend.contacts.update({ email: "c@example.org", unsubscribed: true }));
    await dataOf(resend.contacts.create({ email: "other@example.org" }));
    const made = await dataOf(
      resend.broadcasts.create({ segmentId: segment.id, from: EMAIL.from, subject: "News", text: "Hello" }),
    );
    expect((await dataOf(resend.broadcasts.get(made.id))).status).toBe("draft");
    expect(sandbox.money().broadcastRecipients).toBe(0);
    await dataOf(resend.broadcasts.send(made.id));
    expect((await dataOf(resend.broadcasts.get(made.id))).status).toBe("sent");
    expect((await resend.broadcasts.send(made.id)).error).toMatchObject({ statusCode: 422 });
    expect(sandbox.money().broadcastRecipients).toBe(2);
  });

  it("audiences are segments, and hold their contacts", async () => {
    const { sandbox, resend } = await openResend();
    const answer = await rawPost(sandbox.url, "/audiences", '{"name":"old"}');
    const { id } = (await answer.json()) as { id: string };
    await dataOf(resend.contacts.create({ email: "a@example.org", audienceId: id }));
    expect((await dataOf(resend.contacts.list({ audienceId: id }))).data).toMatchObject([
      { email: "a@example.org" },
    ]);
    expect((await dataOf(resend.segments.get(id))).name).toBe("old");
  });

  it("answers 404 for what is not there and 422 for what is no JSON, in Resend's shape", async () => {
    const { sandbox } = await openResend();
    const absent = await rawPost(sandbox.url, "/v1/emails", "{}");
    expect(await absent.json()).toMatchObject({ statusCode: 404, name: "not_found" });
    const broken = await rawPost(sandbox.url, "/emails", "{");
    expect(await broken.json()).toMatchObject({ statusCode: 422, name: "validation_error" });
  });
});
