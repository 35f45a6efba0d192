import { openFakeResend, openFakeStripe, openFakeTwilio } from "@keybrake/sandbox";
import type { TestProject } from "vitest/node";
import { startTestServer } from "../../../../apps/proxy/test/support/server.ts";
import type { Addresses } from "./stage.ts";

const TWILIO = { accountSid: `AC${"7".repeat(32)}`, authToken: "langchain4tools".padEnd(32, "0") };

/** Vitest calls it once for the package's test files, and at the end what it returns. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { addresses, close } = await openKeybrakeServer();
  project.provide("keybrake", addresses);
  return close;
}

/** Starts a real server with fake vendors behind it. */
export async function openKeybrakeServer(): Promise<{ addresses: Addresses; close: () => Promise<void> }> {
  const [stripe, twilio, resend] = await Promise.all([
    openFakeStripe(),
    openFakeTwilio(TWILIO),
    openFakeResend(),
  ]);
  const server = await startTestServer({
    env: {
      KEYBRAKE_SANDBOX: "0",
      KEYBRAKE_STRIPE_UPSTREAM_URL: stripe.url,
      KEYBRAKE_TWILIO_UPSTREAM_URL: twilio.url,
      KEYBRAKE_RESEND_UPSTREAM_URL: resend.url,
    },
  });
  const { accountSid: twilioAccount, authToken: value } = TWILIO;
  const { secrets } = server.admin;
  await secrets.create({ name: "stripe", vendor: "stripe", value: "sk_test_langchainTools" });
  await secrets.create({ name: "twilio", vendor: "twilio", value, account_id: twilioAccount });
  await secrets.create({ name: "resend", vendor: "resend", value: "re_langchainTools" });
  const { dataUrl, adminUrl, adminToken } = server;
  const verifyService = await createVerifyService(twilio.url);
  return {
    addresses: { dataUrl, adminUrl, adminToken, twilioAccount, verifyService },
    close: async () => {
      await server.stop();
      await Promise.all([stripe.close(), twilio.close(), resend.close()]);
    },
  };
}

async function createVerifyService(url: string): Promise<string> {
  const answer = await fetch(`${url}/verify/v2/Services`, {
    method: "POST",
    headers: { authorization: `Basic ${btoa(`${TWILIO.accountSid}:${TWILIO.authToken}`)}` },
    body: new URLSearchParams({ FriendlyName: "sign-in" }),
  });
  const { sid } = (await answer.json()) as { sid: string };
  return sid;
}
