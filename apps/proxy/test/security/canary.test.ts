import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createAdminClient } from "@keybrake/client";
import { type FakeStripe, type FaultKind, openFakeStripe } from "@keybrake/sandbox";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { requestText, sendRaw } from "../http/raw-client.ts";
import { CANARY_SECRET, stripeClient } from "../support/crew.ts";
import { createEmptyDatabase, type EmptyDatabase, POSTGRES_URL } from "../support/empty-database.ts";
import { type ServerOptions, startTestServer, type TestServer } from "../support/server.ts";
import { formsOf, SecretScanner } from "./secret-forms.ts";

const FORM = "Content-Type: application/x-www-form-urlencoded";
const JSON_TYPE = "Content-Type: application/json";
/** Taken by a server that trusts its own machine, and never to be seen again all the same. */
const DATABASE_PASSWORD = "canaryPasswordB4hT9wKq2Xz";
const ROTATED_SECRET = "sk_test_canaryRotatedP8dF3kLm7QwZx5VnB2cR";
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
class Outputs {
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
interface Canaries {
  readonly masterKey: string;
  readonly adminToken: string;
}

const newCanaries = (): Canaries => ({
  masterKey: randomBytes(32).toString("base64"),
  adminToken: `canary-admin-${randomBytes(24).toString("hex")}`,
});

function secretsOf({ masterKey, adminToken }: Canaries): Record<string, Buffer> {
  return {
    "the real secret": Buffer.from(CANARY_SECRET),
    "the rotated secret": Buffer.from(ROTATED_SECRET),
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
async function work(server: TestServer, fake: FakeStripe, outputs: Outputs): Promise<Record<string, Buffer>> {
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
async function failToStart(options: ServerOptions, outputs: Outputs): Promise<void> {
  const started = await startTestServer(options).catch((error: unknown) => error);
  if (!(started instanceof Error)) {
    await (started as TestServer).stop();
    throw new Error("a server started that must not");
  }
  outputs.add("a failed start", started.message);
}

describe("the scanner", () => {
  const secret = Buffer.from(CANARY_SECRET);
  const scanner = new SecretScanner({ canary: secret });

  test.each(formsOf(secret))("finds a canary: $name", ({ needle, ignoresCase }) => {
    expect(scanner.find("here", `before ${needle} after`)).not.toEqual([]);
    if (ignoresCase) expect(scanner.find("here", `before ${needle.toUpperCase()} after`)).not.toEqual([]);
  });

  test("finds it in encodings of a longer text that programs make", () => {
    for (const before of ["", "a", "ab", "abc", "Bearer "]) {
      const text = Buffer.from(`${before}${CANARY_SECRET}:more`);
      const forms = [text.toString("base64"), text.toString("base64url"), text.toString("hex")];
      for (const form of [
        ...forms,
        JSON.stringify({ text: text.toString() }),
        encodeURIComponent(text.toString()),
      ])
        expect(scanner.find("here", form)).not.toEqual([]);
    }
  });

  test("finds nothing where there is nothing", () => {
    expect(
      scanner.find("here", `${CANARY_SECRET.slice(0, -1)} ${randomBytes(10_000).toString("latin1")}`),
    ).toEqual([]);
  });
});

describe("D1: after everything, embedded", () => {
  const canaries = newCanaries();
  const outputs = new Outputs();
  let vaultKeys: Record<string, Buffer>;
  let dataDir: string;

  beforeAll(async () => {
    const fake = await openFakeStripe({ secretKeys: [CANARY_SECRET] });
    dataDir = mkdtempSync(path.join(tmpdir(), "keybrake-canary-"));
    const options = { ...canaries, dataDir, stripeUrl: fake.url };
    let server = await startTestServer(options);
    vaultKeys = await work(server, fake, outputs);
    // Once as a crash, so that the journal is read back, and once in order.
    await server.kill();
    outputs.add("log", server.output());
    server = await startTestServer(options);
    await server.stop({ keepData: true });
    outputs.add("log", server.output());
    const other = randomBytes(32).toString("base64");
    await failToStart({ ...options, masterKey: other }, outputs);
    await failToStart({ ...options, masterKey: `${canaries.masterKey.slice(0, -6)}!` }, outputs);
    await failToStart({ ...options, env: { KEYBRAKE_PORT: "x", KEYBRAKE_NONSENSE: CANARY_SECRET } }, outputs);
    for (const entry of readdirSync(dataDir, { recursive: true, withFileTypes: true })) {
      const file = path.join(entry.parentPath, entry.name);
      const isKeyFile = entry.name === "master-key" || entry.name === "admin-token";
      if (entry.isFile() && !isKeyFile) outputs.add(`file ${file}`, readFileSync(file));
    }
    await fake.close();
  }, 180_000);
  afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

  test("D1: nothing that was written holds a secret", () => {
    expect(outputs.bytes).toBeGreaterThan(1_000_000);
    expect(outputs.scan(secretsOf(canaries))).toEqual([]);
  });

  test("D1: a vault key stands in the answer to its creation, and nowhere else", () => {
    expect(outputs.scan(vaultKeys)).toHaveLength(Object.keys(vaultKeys).length * 3);
    expect(outputs.scan(vaultKeys, "creation of a key")).toEqual([]);
  });
});

describe.skipIf(POSTGRES_URL === undefined)("D1: after everything, on PostgreSQL", () => {
  const canaries = newCanaries();
  const outputs = new Outputs();
  let vaultKeys: Record<string, Buffer>;
  let database: EmptyDatabase;

  beforeAll(async () => {
    const fake = await openFakeStripe({ secretKeys: [CANARY_SECRET] });
    database = await createEmptyDatabase();
    const url = new URL(database.url);
    // A server that asks for no password ignores it; one that asks has its own, which serves as well.
    if (url.password === "") url.password = DATABASE_PASSWORD;
    const options = { ...canaries, databaseUrl: url.href, stripeUrl: fake.url };
    const server = await startTestServer(options);
    vaultKeys = await work(server, fake, outputs);
    await server.stop();
    outputs.add("log", server.output());
    await failToStart({ ...options, masterKey: randomBytes(32).toString("base64") }, outputs);
    await failToStart(
      { ...options, databaseUrl: url.href.replace(/\/[^/]*$/, "/no_such_database") },
      outputs,
    );
    await failToStart({ ...options, databaseUrl: url.href.replace("postgres://", "mysql://") }, outputs);
    url.port = "1";
    await failToStart({ ...options, databaseUrl: url.href }, outputs);
    const tables = await database.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'");
    for (const { tablename } of tables) {
      const rows = await database.query(`SELECT row_to_json(t)::text AS row FROM "${String(tablename)}" t`);
      outputs.add(`table ${String(tablename)}`, rows.map(({ row }) => String(row)).join("\n"));
    }
    await fake.close();
  }, 180_000);
  afterAll(() => database.drop());

  test("D1: nothing that was written holds a secret, in any table", () => {
    expect(outputs.bytes).toBeGreaterThan(100_000);
    expect(outputs.scan(secretsOf(canaries))).toEqual([]);
  });

  test("D1: a vault key stands in the answer to its creation, and nowhere else", () => {
    expect(outputs.scan(vaultKeys, "creation of a key")).toEqual([]);
  });
});
