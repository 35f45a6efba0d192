import type { Call } from "@keybrake/client";
import { VENDORS } from "@keybrake/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  ACCOUNT_SID,
  type MessengerServer,
  RESEND_SECRET,
  resendClient,
  startMessengers,
  TWILIO_SECRET,
  twilioClient,
} from "../e2e/crew-of-three.ts";
import { until } from "../e2e/stage.ts";
import { inBatches } from "../support/in-batches.ts";
import {
  type ArrivedRequest,
  anonymous,
  type DescribedVendor,
  NO_PRISM,
  openPrism,
  type Prism,
} from "./prism.ts";
import { RESEND_CALLS } from "./resend-calls.ts";
import { callTwilio, TWILIO_CALLS } from "./twilio-calls.ts";

const POLICIES = {
  twilio: {
    on_unpriced: "allow",
    per_call_usd_cap: 50,
    twilio: { callback_hosts: ["crew.example.com"], max_call_seconds: 120 },
  },
  resend: { on_unpriced: "allow", per_call_usd_cap: 50, resend: { broadcasts: true } },
} as const;
const RUN_ID = "run-prism";

/**
 * Where Resend's SDK sends what Resend's own description does not have: a time, a list in place of an object, an
 * identifier a second time. It goes through as it is, and Prism refuses it.
 */
const DISAGREEMENTS = new Set(["emails.update", "contacts.topics.update", "topics.update"]);
const UNPROCESSABLE = 422;

/** What came of a call: what the SDK thought of it, and the rows of its key. */
interface Ended {
  readonly error: unknown;
  readonly rows: readonly Call[];
}

/** A call as a program writes it. */
interface NamedCall {
  readonly name: string;
  make(dataUrl: string, vaultKey: string): Promise<unknown>;
}

const CALLS: Readonly<Record<DescribedVendor, readonly NamedCall[]>> = {
  twilio: TWILIO_CALLS.map(twilioCall),
  resend: RESEND_CALLS.map(resendCall),
};

let messengers: MessengerServer;
let prisms: Readonly<Record<DescribedVendor, Prism>>;
let ended: Readonly<Record<DescribedVendor, readonly Ended[]>>;
let arrived: Readonly<Record<DescribedVendor, readonly ArrivedRequest[]>>;

function twilioCall(call: (typeof TWILIO_CALLS)[number]): NamedCall {
  const { resource, verb, parameters } = call;
  const name = `${resource}.${verb} ${Object.keys(parameters ?? {}).join(" ")}`.trim();
  return { name, make: (dataUrl, vaultKey) => callTwilio(twilioClient(dataUrl, vaultKey), call) };
}

function resendCall([name, call]: (typeof RESEND_CALLS)[number]): NamedCall {
  const make: NamedCall["make"] = async (dataUrl, vaultKey) => {
    const { error } = await call(resendClient(dataUrl, vaultKey));
    if (error !== null) throw new Error(JSON.stringify(error));
  };
  return { name, make };
}

/** What each call came to, and that none was forgotten. */
function describeCalls(vendor: DescribedVendor): void {
  describe(`${vendor}-node through a server`, () => {
    test.each(CALLS[vendor].map(({ name }, index) => [name, index] as const))(
      "%s is what the description says, and one row",
      (name, index) => {
        const { error, rows } = ended[vendor][index] ?? expect.fail("it was not called");
        expect(rows).toHaveLength(1);
        expect(rows[0]).toMatchObject({ verdict: "allow", crew_run_id: RUN_ID, denial_code: null });
        if (DISAGREEMENTS.has(name)) return expect(rows[0]?.status_code).toBe(UNPROCESSABLE);
        expect(error).toBeNull();
        expect(rows[0]?.status_code).toBeOneOf([200, 201, 202, 204]);
      },
    );

    test("every described endpoint that a key can be allowed was called", () => {
      const called = new Set(ended[vendor].flatMap(({ rows }) => rows.map(({ endpoint }) => endpoint)));
      const missing = VENDORS[vendor].endpoints
        .filter(({ forbidden }) => !forbidden)
        .map(({ method, template }) => `${method} ${template.text}`)
        .filter((endpoint) => prisms[vendor].operations.has(anonymous(endpoint)) && !called.has(endpoint));
      expect(missing).toEqual([]);
    });
  });
}

/** Makes all calls, a few at a time, each with a key of its own. */
async function makeAll(vendor: DescribedVendor): Promise<readonly Ended[]> {
  const { server, key } = messengers;
  const keys = await inBatches(CALLS[vendor], () => key(vendor, POLICIES[vendor], RUN_ID));
  const errors = await inBatches(CALLS[vendor], ({ make }, index) =>
    make(server.dataUrl, keys[index]?.vaultKey ?? "").then(
      () => null,
      (thrown: unknown) => thrown,
    ),
  );
  let data: readonly Call[] = [];
  // A read is settled after its answer has been streamed.
  await until("no call is open any more", async () => {
    ({ data } = await server.admin.calls.list({ vendor, limit: 1000 }));
    return data.every(({ state }) => state !== "reserved");
  });
  return keys.map(({ id }, index) => ({
    error: errors[index],
    rows: data.filter((row) => row.vault_key_id === id),
  }));
}

function describeAdditions(): void {
  describe("what the server adds", () => {
    test("a time limit stands in every phone call, at most the policy's", () => {
      const calls = arrived.twilio.filter(({ call }) => /^POST .*\/(?:Calls|Participants)\.json$/.test(call));
      const limits = calls.flatMap(({ body }) => new URLSearchParams(body as string).getAll("TimeLimit"));
      expect(limits.sort()).toEqual(["120", "120", "120", "60"]);
    });

    test("the labels stand in the tags of every mail, behind its own", () => {
      const sent = arrived.resend.filter(({ call }) => /^POST \/emails(?:\/batch)?$/.test(call));
      const mails = sent.flatMap(({ body }) => body as { tags: { name: string; value: string }[] }[]);
      expect(mails).toHaveLength(4);
      for (const { tags } of mails) {
        expect(tags.slice(-2)).toEqual([
          { name: "agent_id", value: expect.stringMatching(/^messenger_/) },
          { name: "crew_run_id", value: RUN_ID },
        ]);
      }
    });
  });
}

/** A request that somebody could make to Prism itself; by default with the vendor's credential, to send a message. */
interface JudgedRequest {
  readonly what: string;
  readonly vendor: DescribedVendor;
  readonly authorization?: string;
  readonly path?: string;
  /** A form as text, or what becomes JSON. */
  readonly body: string | object;
  readonly status: number;
}

const BASIC = `Basic ${Buffer.from(`${ACCOUNT_SID}:${TWILIO_SECRET}`).toString("base64")}`;
const BEARER = `Bearer ${RESEND_SECRET}`;
const TEXT = "To=%2B14155550100";
const MAIL = { from: "a@crew.example", to: "b@example.com", subject: "x" };
const BATCH = "/emails/batch";

const JUDGED: readonly JudgedRequest[] = [
  { what: "a form that fits", vendor: "twilio", body: TEXT, status: 201 },
  { what: "a form without what is required", vendor: "twilio", body: "Body=x", status: 422 },
  { what: "a number that is none", vendor: "twilio", body: `${TEXT}&ValidityPeriod=soon`, status: 422 },
  { what: "an unknown path", vendor: "twilio", path: "/2010-04-01/None.json", body: TEXT, status: 404 },
  { what: "another kind of credential", vendor: "twilio", authorization: BEARER, body: TEXT, status: 401 },
  { what: "a mail that fits", vendor: "resend", body: MAIL, status: 200 },
  { what: "tags that are no list", vendor: "resend", body: { ...MAIL, tags: "x" }, status: 422 },
  { what: "an unknown field", vendor: "resend", body: { ...MAIL, agent: "x" }, status: 422 },
  { what: "one in a batch", vendor: "resend", path: BATCH, body: [{ ...MAIL, agent: "x" }], status: 422 },
];

/** Without this the tests above would prove little. */
function describePrism(): void {
  const defaults = {
    twilio: { path: `/2010-04-01/Accounts/${ACCOUNT_SID}/Messages.json`, authorization: BASIC },
    resend: { path: "/emails", authorization: BEARER },
  };
  test.each(JUDGED)("Prism answers $status to $what at $vendor", async (request) => {
    const { vendor, body, status } = request;
    const { path, authorization } = { ...defaults[vendor], ...request };
    const isForm = typeof body === "string";
    const type = isForm ? "application/x-www-form-urlencoded" : "application/json";
    const answer = await fetch(`${prisms[vendor].url}${path}`, {
      method: "POST",
      headers: { authorization, "content-type": type },
      body: isForm ? body : JSON.stringify(body),
    });
    expect(answer.status).toBe(status);
    await answer.body?.cancel();
  });
}

if (NO_PRISM === null) {
  beforeAll(async () => {
    const [twilio, resend] = await Promise.all([openPrism("twilio"), openPrism("resend")]);
    prisms = { twilio, resend };
    messengers = await startMessengers({ twilio: twilio.url, resend: resend.url });
    ended = { twilio: await makeAll("twilio"), resend: await makeAll("resend") };
    arrived = { twilio: [...twilio.requests], resend: [...resend.requests] };
  }, 120_000);
  afterAll(async () => {
    await messengers?.server.stop();
    await Promise.all(Object.values(prisms ?? {}).map((prism) => prism.close()));
  });
  describeCalls("twilio");
  describeCalls("resend");
  describeAdditions();
  describePrism();
} else {
  const reason = NO_PRISM;
  test("what the official SDKs send fits the vendors' descriptions", (context) => {
    if (["1", "true"].includes(process.env["CI"] ?? "")) throw new Error(reason);
    context.skip(reason);
  });
}
