import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { openFakeStripe } from "@keybrake/sandbox";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CANARY_SECRET } from "../support/crew.ts";
import { createEmptyDatabase, type EmptyDatabase, POSTGRES_URL } from "../support/empty-database.ts";
import { startTestServer } from "../support/server.ts";
import { DATABASE_PASSWORD, failToStart, newCanaries, Outputs, secretsOf, work } from "./canary-work.ts";
import { formsOf, SecretScanner } from "./secret-forms.ts";

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
