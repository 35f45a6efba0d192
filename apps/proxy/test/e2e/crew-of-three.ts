import type { Call } from "@keybrake/client";
import { type FakeResend, type FakeTwilio, openFakeResend, openFakeTwilio } from "@keybrake/sandbox";
import { Resend } from "resend";
import twilio, { type Twilio } from "twilio";
import { afterAll, beforeAll } from "vitest";
import { type ServerOptions, startTestServer, type TestServer } from "../support/server.ts";

export const ACCOUNT_SID = "ACc0ffee00c0ffee00c0ffee00c0ffee00";
export const TWILIO_SECRET = "c4n4ryc4n4ryc4n4ryc4n4ryc4n4ry42";
export const RESEND_SECRET = "re_canary_4nQ8sWb2Lk7Zp3Rt";
const FOLLOW_UP_SECONDS = "1";

/** A server with a Twilio and a Resend behind it, and keys for both. */
export interface MessengerServer {
  readonly server: TestServer;
  /** Issues a key; the vendor decides which secret it stands for. */
  key(vendor: "twilio" | "resend", policy?: Readonly<Record<string, unknown>>, run?: string): Promise<Key>;
}

/** The same with the vendors' fakes. */
export interface Messengers extends MessengerServer {
  readonly twilio: FakeTwilio;
  readonly resend: FakeResend;
}

/** A vault key and its audit rows, oldest first, without those that only read. */
export interface Key {
  readonly id: string;
  readonly vaultKey: string;
  rows(): Promise<readonly Call[]>;
}

/** Starts one before vendors that are up already. */
export async function startMessengers(
  urls: { twilio: string; resend: string },
  options: ServerOptions = {},
): Promise<MessengerServer> {
  const server = await startTestServer({
    ...options,
    env: {
      KEYBRAKE_SANDBOX: "0",
      KEYBRAKE_TWILIO_UPSTREAM_URL: urls.twilio,
      KEYBRAKE_RESEND_UPSTREAM_URL: urls.resend,
      KEYBRAKE_FOLLOW_UP_SECONDS: FOLLOW_UP_SECONDS,
    },
  });
  const { secrets } = server.admin;
  await secrets.create({ name: "twilio", vendor: "twilio", value: TWILIO_SECRET, account_id: ACCOUNT_SID });
  await secrets.create({ name: "resend", vendor: "resend", value: RESEND_SECRET });
  return { server, key: (vendor, policy = {}, run) => issue(server, vendor, policy, run) };
}

/** Opens one with fakes for a suite. */
export function useMessengers(): () => Messengers {
  let open: Messengers | undefined;
  beforeAll(async () => {
    const twilio = await openFakeTwilio({ accountSid: ACCOUNT_SID, authToken: TWILIO_SECRET });
    const resend = await openFakeResend({ apiKey: RESEND_SECRET });
    const started = await startMessengers({ twilio: twilio.url, resend: resend.url });
    open = { ...started, twilio, resend };
  }, 120_000);
  afterAll(async () => {
    await open?.server.stop();
    await open?.twilio.close();
    await open?.resend.close();
  });
  return () => {
    if (open === undefined) throw new Error("the server is not up");
    return open;
  };
}

let agents = 0;

async function issue(
  server: TestServer,
  vendor: "twilio" | "resend",
  policy: Readonly<Record<string, unknown>>,
  run: string | undefined,
): Promise<Key> {
  const { id, vault_key: vaultKey } = await server.admin.vaultKeys.create({
    agent_id: `messenger_${++agents}`,
    secret: vendor,
    policy: { vendor, daily_usd_cap: 100, allowed_endpoints: ["* /**"], ...policy } as never,
    ...(run === undefined ? {} : { crew_run_id: run }),
  });
  const rows = async () => {
    const { data } = await server.admin.calls.list({ vault_key_id: id, limit: 100 });
    return data.toReversed();
  };
  return { id, vaultKey, rows };
}

/** twilio-node as its one-liner configures it: the real AccountSid, and the vault key for a token. */
export function twilioClient(dataUrl: string, vaultKey: string, accountSid = ACCOUNT_SID): Twilio {
  const client = twilio(accountSid, vaultKey);
  client.api.baseUrl = `${dataUrl}/twilio`;
  client.verify.baseUrl = `${dataUrl}/twilio/verify`;
  client.lookups.baseUrl = `${dataUrl}/twilio/lookups`;
  return client;
}

/** resend-node with its two variables' values. */
export function resendClient(dataUrl: string, vaultKey: string): Resend {
  return new Resend(vaultKey, { baseUrl: `${dataUrl}/resend` });
}
