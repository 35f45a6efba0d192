import { DENIALS, type DenialCode } from "@keybrake/core";
import {
  type FakeResend,
  type FakeStripe,
  type FakeTwilio,
  openFakeResend,
  openFakeStripe,
  openFakeTwilio,
} from "@keybrake/sandbox";
import Stripe from "stripe";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CANARY_SECRET, stripeClient } from "../support/crew.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { ACCOUNT_SID, RESEND_SECRET, resendClient, TWILIO_SECRET, twilioClient } from "./crew-of-three.ts";

const UNKNOWN_KEY = "vault_nobody_00000000000000000000000000000000000000";
/** Nothing can listen there without the machine's administrator, and nothing does. */
const CLOSED_URL = "http://127.0.0.1:1";
/** Over every limit of a body, and of a form. */
const FORM_BYTES = 70_000;
const JSON_BYTES = 1_100_000;
/** Its escape makes a path that can be read in two ways. */
const UNREADABLE_ID = "a b";

type VendorName = "stripe" | "twilio" | "resend";
type Action = "pay" | "forbidden" | "malformed" | "unreadable" | "tooLarge";

/** What an SDK made of an answer, whatever its way of failing is. */
interface Surfaced {
  /** The SDK's own name of the kind of error: a class, a number or a name. */
  readonly kind: unknown;
  readonly status: unknown;
  readonly message: string;
}

/** One official SDK with its own defaults. `attempt` gives what surfaced, or fails when that was a success. */
interface Sdk {
  readonly attempt: (dataUrl: string, vaultKey: string, action: Action) => Promise<Surfaced>;
  /** A call that every cap of these tests can afford once. */
  readonly succeed: (dataUrl: string, vaultKey: string) => Promise<unknown>;
  /** More than one of these calls costs, and less than two. */
  readonly dailyCap: string;
  /** Allows something else than `pay`. */
  readonly elsewhere: string;
}

/** Fails for every promise that is kept. */
async function thrownBy(call: Promise<unknown>): Promise<unknown> {
  const outcome = await call.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ("value" in outcome) expect.fail(`the SDK took it for a success: ${JSON.stringify(outcome.value)}`);
  return outcome.error;
}

const CHARGE = { amount: 1000, currency: "usd", payment_method: "pm_card_visa", confirm: true } as const;
const STRIPE_CALLS: Readonly<Record<Action, (stripe: Stripe) => Promise<unknown>>> = {
  pay: (stripe) => stripe.paymentIntents.create(CHARGE),
  forbidden: (stripe) =>
    stripe.webhookEndpoints.create({ url: "https://example.com", enabled_events: ["charge.failed"] }),
  malformed: (stripe) => stripe.paymentIntents.create({ ...CHARGE, amount: 10.5 }),
  unreadable: (stripe) => stripe.customers.retrieve(UNREADABLE_ID),
  tooLarge: (stripe) => stripe.customers.create({ description: "x".repeat(FORM_BYTES) }),
};

const stripeSdk: Sdk = {
  attempt: async (dataUrl, vaultKey, action) => {
    const error = await thrownBy(STRIPE_CALLS[action](stripeClient(dataUrl, vaultKey)));
    expect(error).toBeInstanceOf(Stripe.errors.StripeError);
    const { type, statusCode, code, message } = error as InstanceType<typeof Stripe.errors.StripeError>;
    return { kind: type, status: statusCode, message: `${code}: ${message}` };
  },
  succeed: (dataUrl, vaultKey) => STRIPE_CALLS.pay(stripeClient(dataUrl, vaultKey)),
  dailyCap: "15",
  elsewhere: "POST /v1/refunds",
};

const TEXT = { from: "+15005550006", to: "+14155550100", body: "hello" };
type Twilio = ReturnType<typeof twilioClient>;
const TWILIO_CALLS: Readonly<Record<Action, (twilio: Twilio) => Promise<unknown>>> = {
  pay: ({ messages }) => messages.create(TEXT),
  forbidden: ({ api }) => api.v2010.accounts(ACCOUNT_SID).fetch(),
  malformed: ({ messages }) => messages.create({ ...TEXT, to: "nobody" }),
  unreadable: ({ messages }) => messages(UNREADABLE_ID).fetch(),
  tooLarge: ({ messages }) => messages.create({ ...TEXT, body: "x".repeat(FORM_BYTES) }),
};

const twilioSdk: Sdk = {
  attempt: async (dataUrl, vaultKey, action) => {
    const error = await thrownBy(TWILIO_CALLS[action](twilioClient(dataUrl, vaultKey)));
    expect((error as Error).constructor.name).toBe("RestException");
    const { code, status, message } = error as { code: number; status: number; message: string };
    return { kind: code, status, message };
  },
  succeed: (dataUrl, vaultKey) => TWILIO_CALLS.pay(twilioClient(dataUrl, vaultKey)),
  dailyCap: "0.02",
  elsewhere: "GET /2010-04-01/Accounts/*/Messages.json",
};

const MAIL = { from: "crew@crew.example", to: ["ada@example.com"], subject: "Invoice", text: "Hello" };
type Mailer = ReturnType<typeof resendClient>;
type Answered = Promise<{ readonly data: unknown; readonly error: unknown }>;
const RESEND_CALLS: Readonly<Record<Action, (resend: Mailer) => Answered>> = {
  pay: ({ emails }) => emails.send(MAIL),
  forbidden: ({ apiKeys }) => apiKeys.create({ name: "mine" }),
  malformed: ({ emails }) => emails.send({ ...MAIL, to: 7 as never }),
  unreadable: ({ suppressions }) => suppressions.get(UNREADABLE_ID),
  tooLarge: ({ emails }) => emails.send({ ...MAIL, text: "x".repeat(JSON_BYTES) }),
};

// This one never throws: it gives `data` or `error`.
const resendSdk: Sdk = {
  attempt: async (dataUrl, vaultKey, action) => {
    const { data, error } = await RESEND_CALLS[action](resendClient(dataUrl, vaultKey));
    expect(data).toBeNull();
    expect(error).not.toBeNull();
    const { name, statusCode, message } = error as { name: string; statusCode: number; message: string };
    return { kind: name, status: statusCode, message };
  },
  succeed: async (dataUrl, vaultKey) => {
    const { error } = await RESEND_CALLS.pay(resendClient(dataUrl, vaultKey));
    expect(error).toBeNull();
  },
  dailyCap: "0.001",
  elsewhere: "GET /emails/*",
};

const SDKS: Readonly<Record<VendorName, Sdk>> = {
  stripe: stripeSdk,
  twilio: twilioSdk,
  resend: resendSdk,
};
const VENDORS = Object.keys(SDKS) as readonly VendorName[];

interface Key {
  readonly id: string;
  readonly vaultKey: string;
}

/** A server that can reach the vendors, one that cannot, and what arrived at the vendors. */
interface Stage {
  readonly server: TestServer;
  readonly stranded: TestServer;
  readonly fakes: { readonly stripe: FakeStripe; readonly twilio: FakeTwilio; readonly resend: FakeResend };
}

function useStage(): () => Stage {
  let stage: Stage | undefined;
  beforeAll(async () => {
    const fakes = {
      stripe: await openFakeStripe({ secretKeys: [CANARY_SECRET] }),
      twilio: await openFakeTwilio({ accountSid: ACCOUNT_SID, authToken: TWILIO_SECRET }),
      resend: await openFakeResend({ apiKey: RESEND_SECRET }),
    };
    const server = await startServer((name) => fakes[name].url);
    const stranded = await startServer(() => CLOSED_URL);
    stage = { server, stranded, fakes };
  }, 180_000);
  afterAll(async () => {
    await stage?.server.stop();
    await stage?.stranded.stop();
    for (const fake of Object.values(stage?.fakes ?? {})) await fake.close();
  });
  return () => {
    if (stage === undefined) throw new Error("the servers are not up");
    return stage;
  };
}

async function startServer(urlOf: (vendor: VendorName) => string): Promise<TestServer> {
  const upstreams = VENDORS.map((name) => [`KEYBRAKE_${name.toUpperCase()}_UPSTREAM_URL`, urlOf(name)]);
  const server = await startTestServer({
    env: { KEYBRAKE_SANDBOX: "0", ...Object.fromEntries(upstreams) },
  });
  const { secrets } = server.admin;
  await secrets.create({ name: "stripe", vendor: "stripe", value: CANARY_SECRET });
  await secrets.create({ name: "twilio", vendor: "twilio", value: TWILIO_SECRET, account_id: ACCOUNT_SID });
  await secrets.create({ name: "resend", vendor: "resend", value: RESEND_SECRET });
  return server;
}

async function issueKey(
  server: TestServer,
  vendor: VendorName,
  policy: Readonly<Record<string, unknown>> = {},
): Promise<Key> {
  const { id, vault_key } = await server.admin.vaultKeys.create({
    agent_id: `${vendor}_agent`,
    secret: vendor,
    policy: { vendor, daily_usd_cap: 100, allowed_endpoints: ["* /**"], ...policy } as never,
  });
  return { id, vaultKey: vault_key };
}

/** What each SDK calls the answers of one status, in the vendor's own terms. */
const KINDS: Readonly<Record<number, Readonly<Record<VendorName, unknown>>>> = {
  400: { stripe: "StripeInvalidRequestError", twilio: 20001, resend: "validation_error" },
  401: { stripe: "StripeAuthenticationError", twilio: 20003, resend: "invalid_api_key" },
  403: { stripe: "StripePermissionError", twilio: 20403, resend: "invalid_access" },
  413: { stripe: "StripeAPIError", twilio: 20413, resend: "validation_error" },
  429: { stripe: "StripeRateLimitError", twilio: 20429, resend: "daily_quota_exceeded" },
  502: { stripe: "StripeAPIError", twilio: 20502, resend: "application_error" },
  503: { stripe: "StripeAPIError", twilio: 20503, resend: "application_error" },
};

function expectTyped(surfaced: Surfaced, vendor: VendorName, code: string, status: number): void {
  expect(surfaced).toMatchObject({ kind: KINDS[status]?.[vendor], status });
  // The code first, and then a sentence: an agent, or a person, can act on it.
  expect(surfaced.message).toMatch(new RegExp(`\\b${code}: (keybrake: )?\\S+ \\S+ `));
}

interface Refusal {
  readonly code: DenialCode;
  readonly action: Action;
  readonly policy?: (sdk: Sdk) => Readonly<Record<string, unknown>>;
  readonly before?: (stage: Stage, key: Key, sdk: Sdk) => Promise<unknown>;
  readonly after?: (stage: Stage) => Promise<unknown>;
}

const REFUSALS: readonly Refusal[] = [
  {
    code: "vault_key_revoked",
    action: "pay",
    before: ({ server }, { id }) => server.admin.vaultKeys.revoke(id),
  },
  {
    code: "endpoint_not_allowed",
    action: "pay",
    policy: ({ elsewhere }) => ({ allowed_endpoints: [elsewhere] }),
  },
  { code: "endpoint_forbidden", action: "forbidden" },
  {
    code: "daily_cap_exceeded",
    action: "pay",
    policy: ({ dailyCap }) => ({ daily_usd_cap: dailyCap }),
    before: ({ server }, { vaultKey }, sdk) => sdk.succeed(server.dataUrl, vaultKey),
  },
  { code: "request_malformed", action: "malformed" },
  { code: "payload_too_large", action: "tooLarge" },
  {
    code: "kill_switch_engaged",
    action: "pay",
    before: ({ server }) => server.admin.killSwitch.set({ engaged: true, reason: "drill" }),
    after: ({ server }) => server.admin.killSwitch.set({ engaged: false, reason: "over" }),
  },
];

describe("what Keybrake refuses is the SDK's own typed error", () => {
  const open = useStage();
  const cases = REFUSALS.flatMap((refusal) => VENDORS.map((vendor) => ({ ...refusal, vendor })));

  test.each(cases)(
    "$code through $vendor-node, which asks once and reaches no vendor",
    async ({ vendor, code, action, policy, before, after }) => {
      const stage = open();
      const { server, fakes } = stage;
      const sdk = SDKS[vendor];
      const key = await issueKey(server, vendor, policy?.(sdk));
      await before?.(stage, key, sdk);
      const rows = async () => (await server.admin.calls.list({ vault_key_id: key.id })).data.toReversed();
      const rowsBefore = (await rows()).length;
      const sentBefore = fakes[vendor].requests.length;
      const surfaced = await sdk.attempt(server.dataUrl, key.vaultKey, action).finally(() => after?.(stage));
      expectTyped(surfaced, vendor, code, DENIALS[code].status);
      // One row is one request: the SDK has not tried again by itself.
      expect((await rows()).slice(rowsBefore)).toEqual([
        expect.objectContaining({
          verdict: "deny",
          denial_code: code,
          status_code: DENIALS[code].status,
          cost_usd: "0.00",
        }),
      ]);
      expect(fakes[vendor].requests.length).toBe(sentBefore);
    },
  );

  test.each(VENDORS)("a path that cannot be read is told to %s-node in its own terms", async (vendor) => {
    const { server } = open();
    const { vaultKey } = await issueKey(server, vendor);
    const surfaced = await SDKS[vendor].attempt(server.dataUrl, vaultKey, "unreadable");
    expectTyped(surfaced, vendor, "request_malformed", 400);
  });

  test.each(VENDORS)("vault_key_invalid through %s-node, which asks once", async (vendor) => {
    const { server, fakes } = open();
    const rows = async () =>
      (await server.admin.calls.list({ state: "denied", limit: 1000 })).data.filter(
        ({ denial_code }) => denial_code === "vault_key_invalid",
      );
    const { length: rowsBefore } = await rows();
    const { length: sentBefore } = fakes[vendor].requests;
    const surfaced = await SDKS[vendor].attempt(server.dataUrl, UNKNOWN_KEY, "pay");
    expectTyped(surfaced, vendor, "vault_key_invalid", 401);
    expect((await rows()).length - rowsBefore).toBe(1);
    expect(fakes[vendor].requests.length).toBe(sentBefore);
  });

  // Here an SDK may try again: nothing was sent, and that is certain.
  test.each(VENDORS)("vendor_unreachable through %s-node, and nothing is counted", async (vendor) => {
    const { stranded } = open();
    const key = await issueKey(stranded, vendor);
    const surfaced = await SDKS[vendor].attempt(stranded.dataUrl, key.vaultKey, "pay");
    expectTyped(surfaced, vendor, "vendor_unreachable", 502);
    const { data } = await stranded.admin.calls.list({ vault_key_id: key.id });
    expect(data.length).toBeGreaterThanOrEqual(1);
    for (const row of data) expect(row).toMatchObject({ state: "released", cost_usd: "0.00" });
  });
});
