import type { ReconcileReport } from "@keybrake/client";
import { describe, expect, test, vi } from "vitest";
import {
  RESEND_SECRET,
  resendClient,
  TWILIO_SECRET,
  twilioClient,
  useMessengers,
} from "../e2e/crew-of-three.ts";

const MAIL = {
  from: "Billing <billing@crew.example>",
  to: ["ada@example.com"],
  subject: "Invoice",
  text: "Hello",
};
const FROM = "+15005550006";
const TO = "+14155550100";
const SETTLED_WITHIN_MS = 20_000;

const today = () => new Date().toISOString().slice(0, 10);

describe("reconciliation with Twilio and Resend", () => {
  const open = useMessengers();
  const reconcile = (vendor: "twilio" | "resend", apply = false): Promise<ReconcileReport> =>
    open().server.admin.reconcile({ vendor, day: today(), apply });

  test("Resend: mails and batches that went through Keybrake explain each other; nothing is found", async () => {
    const { server, key } = open();
    const client = resendClient(server.dataUrl, (await key("resend")).vaultKey);
    await client.emails.send({ ...MAIL, cc: "eve@example.com" });
    await client.batch.send([MAIL, { ...MAIL, to: ["bob@example.com", "eve@example.com"] }]);
    const report = await reconcile("resend");
    // Nothing older is listed, so Resend may have dropped some of the day: no absence is judged.
    expect(report).toMatchObject({
      clean: true,
      complete: false,
      calls: 2,
      records: 3,
      ledger_total_usd: "0.0045",
    });
  });

  test("Resend: a mail that was sent with the real key is a bypass", async () => {
    const { resend } = open();
    const direct = await fetch(`${resend.url}/emails`, {
      method: "POST",
      headers: { authorization: `Bearer ${RESEND_SECRET}`, "content-type": "application/json" },
      body: JSON.stringify({ ...MAIL, subject: "Past it" }),
    });
    const { id } = (await direct.json()) as { id: string };
    const { bypass, lost, differences } = await reconcile("resend");
    expect(lost.count + differences.count).toBe(0);
    expect(bypass).toMatchObject({
      count: 1,
      entries: [{ vendor_object_id: id, what: "email", secret: "resend" }],
    });
  });

  test("Resend: a mail whose answer was lost is told as one that cannot be decided", async () => {
    const { server, key, resend } = open();
    const { vaultKey } = await key("resend");
    resend.failNext({ kind: "reset_after_headers" });
    const { error } = await resendClient(server.dataUrl, vaultKey).emails.send(MAIL);
    expect(error).not.toBeNull();
    const { unknown } = await reconcile("resend", true);
    expect(unknown).toMatchObject({ count: 1, entries: [{ verdict: "undecided", applied: false }] });
  });

  test("Twilio: a priced message fits, its day's total is told, and one sent past Keybrake is a bypass", async () => {
    const { server, key, twilio } = open();
    const { vaultKey, rows } = await key("twilio");
    const sent = await twilioClient(server.dataUrl, vaultKey).messages.create({
      from: FROM,
      to: TO,
      body: "hello",
    });
    await vi.waitFor(async () => expect((await rows())[0]?.state).toBe("settled"), {
      timeout: SETTLED_WITHIN_MS,
      interval: 250,
    });
    const [row] = await rows();
    const report = await reconcile("twilio");
    expect(report).toMatchObject({ clean: true, calls: 1, records: 1, ledger_total_usd: row?.cost_usd });
    expect(report.vendor_total_usd).toBe("0.0083");
    const direct = twilioClient("http://unused.invalid", TWILIO_SECRET);
    direct.api.baseUrl = twilio.url;
    const { sid } = await direct.messages.create({ from: FROM, to: TO, body: "past it" });
    expect(sid).not.toBe(sent.sid);
    // Twilio lists a message by when it went out, which a read of it brings about at the sandbox.
    const isPriced = async () => expect((await direct.messages(sid).fetch()).price).not.toBeNull();
    await vi.waitFor(isPriced, { timeout: SETTLED_WITHIN_MS, interval: 100 });
    const { bypass } = await reconcile("twilio");
    expect(bypass).toMatchObject({ count: 1, entries: [{ vendor_object_id: sid, secret: "twilio" }] });
  }, 40_000);
});
