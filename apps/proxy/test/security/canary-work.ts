import { randomBytes } from "node:crypto";
import { createAdminClient } from "@keybrake/client";
import type { FakeResend, FakeStripe, FakeTwilio, FaultKind } from "@keybrake/sandbox";
import { ACCOUNT_SID, RESEND_SECRET, TWILIO_SECRET } from "../e2e/crew-of-three.ts";
import { requestText, sendRaw } from "../http/raw-client.ts";
import { CANARY_SECRET, stripeClient } from "../support/crew.ts";
import { type ServerOptions, startTestServer, type TestServer } from "../support/server.ts";
import { SecretScanner } from "./secret-forms.ts";

const FORM = "Content-Type: application/x-www-form-urlencoded";
const JSON_TYPE = "Content-Type: application/json";
/** Taken by a server that trusts its own machine, and never to be seen again all the same. */
export const DATABASE_PASSWORD = "canaryPasswordB4hT9wKq2Xz";
const ROTATED_SECRET = "sk_test_canaryRotatedP8dF3kLm7QwZx5VnB2cR";
const ROTATED_TOKEN = "r0t4t3dr0t4t3dr0t4t3dr0t4t3d2024";
const ROTATED_RESEND_SECRET = "re_canaryRotated_8tW3nLq6Xv2Zk";
const FAULTS: readonly FaultKind[] = [
  "declined",
  "error_500_before",
  "error_500_after",
  "reset_after_headers",
  "truncated_body",
  "invalid_json_200",
  "conflict_409",
  "rate_limited_429",
  "echo_authorization",
];

/** Everything that was written, by where it went. */
export class Outputs {
  readonly #texts: [where: string, text: string | Buffer][] = [];

  add(where: string, text: string | Buffer): void {
    this.#texts.push([where, text]);
  }

  /** Where a secret was found; `except` leaves places out by the start of their name. */
  scan(secrets: Readonly<Record<string, Buffer>>, except?: string): string[] {
    const scanner = new SecretScanner(secrets);
    const leaks = this.#texts
      .filter(([where]) => except === undefined || !where.startsWith(except))
      .flatMap(([where, text]) => scanner.find(where, text));
    return leaks.map(({ secret, form, where }) => `${secret} as ${form} in ${where}`);
  }

  get bytes(): number {
    return this.#texts.reduce((sum, [, text]) => sum + text.length, 0);
  }
}

/** What must not be written, and where a fixed value is needed to start with. */
export interface Canaries {
  readonly masterKey: string;
  readonly adminToken: string;
}

export const newCanaries = (): Canaries => ({
  masterKey: randomBytes(32).toString("base64"),
  adminToken: `canary-admin-${randomBytes(24).toString("hex")}`,
});

export function secretsOf({ masterKey, adminToken }: Canaries): Record<string, Buffer> {
  return {
    "the real secret": Buffer.from(CANARY_SECRET),
    "the rotated secret": Buffer.from(ROTATED_SECRET),
    "Twilio's token": Buffer.from(TWILIO_SECRET),
    "Twilio's rotated token": Buffer.from(ROTATED_TOKEN),
    "Resend's secret": Buffer.from(RESEND_SECRET),
    "Resend's rotated secret": Buffer.from(ROTATED_RESEND_SECRET),
    "the master key as text": Buffer.from(masterKey),
    "the master key's bytes": Buffer.from(masterKey, "base64"),
    "the admin token": Buffer.from(adminToken),
    "the database password": Buffer.from(DATABASE_PASSWORD),
  };
}

/** An admin client whose every answer, head and body, is kept. */
function watchedAdmin(server: TestServer, outputs: Outputs) {
  const watchedFetch: typeof fetch = async (input, init) => {
    const answer = await fetch(input, init);
    const text = await answer.text();
    const address = String(input instanceof Request ? input.url : input);
    const kind =
      address.endsWith("/vault-keys") && init?.method === "POST" ? "creation of a key" : "operators";
    outputs.add(`${kind}: ${address}`, `${JSON.stringify([...answer.headers])}\n${text}`);
    const isEmpty = answer.status === 204;
    return new Response(isEmpty ? null : text, { status: answer.status, headers: answer.headers });
  };
  return createAdminClient({ baseUrl: server.adminUrl, token: server.adminToken, fetch: watchedFetch });
}

/** Everything that agents and operators do to a server, right and wrong; gives the vault keys that were issued. */
export async function work(
  server: TestServer,
  fake: FakeStripe,
  outputs: Outputs,
): Promise<Record<string, Buffer>> {
  const admin = watchedAdmin(server, outputs);
  const swallow = (promise: Promise<unknown>) => promise.catch(() => undefined);
  await admin.secrets.create({ name: "stripe-test", vendor: "stripe", value: CANARY_SECRET });
  await swallow(admin.secrets.create({ name: "stripe-test", vendor: "stripe", value: CANARY_SECRET }));
  const policy = {
    vendor: "stripe",
    daily_usd_cap: 500,
    allowed_endpoints: ["* /v1/**"],
    expires_in: "1h",
  } as const;
  const key = await admin.vaultKeys.create({ agent_id: "canary_agent", secret: "stripe-test", policy });
  const narrow = await admin.vaultKeys.create({
    agent_id: "narrow_agent",
    secret: "stripe-test",
    crew_run_id: "run_1",
    policy: {
      ...policy,
      daily_usd_cap: 1,
      allowed_endpoints: ["POST /v1/payment_intents"],
      requests_per_minute: 5,
    },
  });
  const agent = async (text: string) => outputs.add("agents", (await sendRaw(server.dataUrl, text)).text);
  const headers = [`Authorization: Bearer ${key.vault_key}`, FORM];
  const charge = "amount=1000&currency=usd&payment_method=pm_card_visa&confirm=true";
  const pay = requestText("POST /v1/payment_intents", headers, charge);
  for (let count = 0; count < 3; count++) await agent(pay);
  for (const kind of FAULTS) {
    fake.failNext(kind === "delay" ? { kind, ms: 10 } : { kind });
    await agent(pay);
    fake.failNext(kind === "delay" ? { kind, ms: 10 } : { kind });
    await swallow(agent(requestText("GET /v1/customers", headers)));
  }
  const { id } = await stripeClient(fake.url, CANARY_SECRET).charges.create({
    amount: 500,
    currency: "usd",
    source: "tok_visa",
  });
  await agent(requestText("POST /v1/refunds", [...headers, "Idempotency-Key: k1"], `charge=${id}`));
  await agent(requestText("POST /v1/refunds", [...headers, "Idempotency-Key: k1"], `charge=${id}&amount=1`));
  // The agent itself says the secret, as one that has got hold of it elsewhere would.
  await agent(requestText("GET /v1/balance", [`Authorization: Bearer ${CANARY_SECRET}`]));
  await agent(requestText("GET /v1/balance", headers.concat(`Proxy-Authorization: Bearer ${CANARY_SECRET}`)));
  await agent(requestText("POST /v1/payment_intents", headers, `amount=1&${CANARY_SECRET}`));
  await agent(
    requestText("POST /v1/payment_intents", [headers[0] ?? "", JSON_TYPE], `{"amount":"${CANARY_SECRET}`),
  );
  await agent(requestText(`GET /v1/customers?key=${CANARY_SECRET}`, headers));
  await agent(`GARBAGE ${CANARY_SECRET} ${key.vault_key}\r\n\r\n`);
  for (const line of [
    "GET /keybrake/v1/me",
    "GET /v1/balance",
    "POST /v1/transfers",
    "TRACE /",
    "GET /v1/%2e%2e",
  ])
    await agent(requestText(line, headers));
  for (let count = 0; count < 7; count++)
    await agent(
      requestText("POST /v1/payment_intents", [`Authorization: Bearer ${narrow.vault_key}`, FORM], charge),
    );
  await operate(server, admin, outputs, key.id);
  await agent(requestText("GET /keybrake/v1/me", headers));
  await agent(pay);
  outputs.add("metrics", await (await fetch(`${server.adminUrl}/metrics`)).text());
  return { "a vault key": Buffer.from(key.vault_key), "another vault key": Buffer.from(narrow.vault_key) };
}

/** What an operator does, with mistakes in it that carry the secret to where it does not belong. */
async function operate(
  server: TestServer,
  admin: ReturnType<typeof watchedAdmin>,
  outputs: Outputs,
  keyId: string,
): Promise<void> {
  const token = `Authorization: Bearer ${server.adminToken}`;
  const raw = async (line: string, headers: readonly string[], body: string) =>
    outputs.add(
      `operators: ${line}`,
      (await sendRaw(server.adminUrl, requestText(line, headers, body))).text,
    );
  await raw(
    "POST /api/v1/secrets",
    [token, JSON_TYPE],
    `{"name":"x","vendor":"stripe","value":"${CANARY_SECRET}"`,
  );
  await raw(
    "POST /api/v1/secrets",
    [token, JSON_TYPE],
    JSON.stringify({ name: "x", value: CANARY_SECRET, y: 1 }),
  );
  await raw(
    "POST /api/v1/secrets",
    [token, JSON_TYPE],
    JSON.stringify({ name: CANARY_SECRET, vendor: "x", value: "" }),
  );
  await raw("POST /api/v1/secrets", [token, JSON_TYPE], JSON.stringify([CANARY_SECRET]));
  await raw("POST /api/v1/secrets", [token, FORM], `value=${CANARY_SECRET}`);
  await raw("POST /api/v1/secrets", [`Authorization: Bearer ${server.adminToken}x`, JSON_TYPE], "{}");
  await raw("POST /api/v1/secrets/none/rotate", [token, JSON_TYPE], JSON.stringify({ value: CANARY_SECRET }));
  await raw("POST /api/v1/secrets/stripe-test/rotate", [token, JSON_TYPE], `{"value":"${ROTATED_SECRET} "}`);
  await raw("GET /api/v1/calls?from=2020-01-01", [token], "");
  await raw("GET /api/v1/calls?format=csv", [token], "");
  await raw("GET /api/v1/spend?group_by=agent_id", [token], "");
  await raw("GET /api/v1/openapi.json", [], "");
  for (const query of [
    "SELECT * FROM secrets",
    "SELECT * FROM vault_keys",
    "SELECT * FROM install_keys",
    "SELECT nothing",
  ])
    await admin.sql.query(query).catch(() => undefined);
  await Promise.all([
    admin.secrets.list(),
    admin.vaultKeys.list(),
    admin.vaultKeys.get(keyId),
    admin.audit.verify(),
  ]);
  await admin.killSwitch.set({ engaged: true, reason: "canary" });
  await admin.killSwitch.set({ engaged: false });
  await admin.secrets.rotate("stripe-test", { value: ROTATED_SECRET });
  await admin.secrets.rotate("stripe-test", { value: CANARY_SECRET });
}

/** Tries to start a server that cannot start, and keeps what it said. */
export async function failToStart(options: ServerOptions, outputs: Outputs): Promise<void> {
  const started = await startTestServer(options).catch((error: unknown) => error);
  if (!(started instanceof Error)) {
    await (started as TestServer).stop();
    throw new Error("a server started that must not");
  }
  outputs.add("a failed start", started.message);
}

/** The messengers, and keys for them. */
export interface Messengers {
  readonly twilio: FakeTwilio;
  readonly resend: FakeResend;
}

/** The same for the vendors that send messages; gives the vault keys that were issued. */
export async function workWithMessengers(
  server: TestServer,
  { twilio, resend }: Messengers,
  outputs: Outputs,
): Promise<Record<string, Buffer>> {
  const admin = watchedAdmin(server, outputs);
  await admin.secrets.create({
    name: "twilio",
    vendor: "twilio",
    value: TWILIO_SECRET,
    account_id: ACCOUNT_SID,
  });
  await admin.secrets.create({ name: "resend", vendor: "resend", value: RESEND_SECRET });
  const issue = async (vendor: "twilio" | "resend") => {
    const policy = { vendor, daily_usd_cap: 50, allowed_endpoints: ["* /**"], expires_in: "1h" } as const;
    return (await admin.vaultKeys.create({ agent_id: "canary_messenger", secret: vendor, policy })).vault_key;
  };
  const [texter, mailer] = [await issue("twilio"), await issue("resend")];
  const basic = (token: string) =>
    `Authorization: Basic ${Buffer.from(`${ACCOUNT_SID}:${token}`).toString("base64")}`;
  const messages = `/twilio/2010-04-01/Accounts/${ACCOUNT_SID}/Messages.json`;
  const mail = '{"from":"a@crew.example","to":["b@example.com"],"subject":"x","text":"y"}';
  const text = "To=%2B15005550006&From=%2B15005550006&Body=Hello";
  const agent = async (bytes: string) => outputs.add("agents", (await sendRaw(server.dataUrl, bytes)).text);
  const sendText = () => agent(requestText(`POST ${messages}`, [basic(texter), FORM], text));
  const sendMail = () =>
    agent(requestText("POST /resend/emails", [`Authorization: Bearer ${mailer}`, JSON_TYPE], mail));
  const tryBoth = async () => {
    await sendText();
    await sendMail();
    await agent(requestText(`GET ${messages}`, [basic(texter)]));
    await agent(requestText("GET /resend/emails", [`Authorization: Bearer ${mailer}`]));
  };
  await tryBoth();
  for (const kind of FAULTS) {
    // Both of a vendor's calls meet it.
    for (const vendor of [twilio, resend] as const)
      vendor.failNext(kind === "delay" ? { kind, ms: 10, count: 2 } : { kind, count: 2 });
    await tryBoth();
  }
  // The agent itself says what it should not know.
  await agent(requestText(`POST ${messages}`, [basic(TWILIO_SECRET), FORM], text));
  await agent(requestText(`POST ${messages}`, [basic(texter), FORM], `Token=${TWILIO_SECRET}`));
  await agent(
    requestText("POST /resend/emails", [`Authorization: Bearer ${RESEND_SECRET}`, JSON_TYPE], mail),
  );
  await agent(
    requestText("POST /resend/emails", [`Authorization: Bearer ${mailer}`, JSON_TYPE], `{"${RESEND_SECRET}`),
  );
  await admin.secrets.rotate("twilio", { value: ROTATED_TOKEN });
  await admin.secrets.rotate("resend", { value: ROTATED_RESEND_SECRET });
  // The vendors do not know the new ones: their refusals quote what they were given.
  await tryBoth();
  await admin.secrets.rotate("twilio", { value: TWILIO_SECRET });
  await admin.secrets.rotate("resend", { value: RESEND_SECRET });
  await tryBoth();
  outputs.add("metrics", await (await fetch(`${server.adminUrl}/metrics`)).text());
  return { "a texter's key": Buffer.from(texter), "a mailer's key": Buffer.from(mailer) };
}
