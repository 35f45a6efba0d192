import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { ConfigError, readConfig } from "../../src/config.ts";
import { skipSuite } from "../support/databases.ts";
import { createEmptyDatabase, POSTGRES_URL } from "../support/empty-database.ts";
import { startTestServer } from "../support/server.ts";
import { attemptStart } from "./start-attempt.ts";

/** The operator must act before another try can help. */
const CANNOT_START = 2;

const home = mkdtempSync(path.join(tmpdir(), "keybrake-start-"));
const PORTS = { KEYBRAKE_PORT: "0", KEYBRAKE_ADMIN_PORT: "0", KEYBRAKE_SANDBOX: "0" };
afterAll(() => rmSync(home, { recursive: true, force: true }));

function fileWith(name: string, text: string, mode = 0o600): string {
  const file = path.join(home, name);
  writeFileSync(file, text, { mode });
  chmodSync(file, mode);
  return file;
}

describe("a configuration that is wrong", () => {
  test("every problem is told at once, by the name of its variable, and nothing has been begun", async () => {
    const dataDir = path.join(home, "never-made");
    const wrong = {
      KEYBRAKE_PORT: "eighty",
      KEYBRAKE_ADMIN_PORT: "70000",
      KEYBRAKE_DATA_URL: "https://agents.example.com/a/path",
      KEYBRAKE_DATABASE_URL: "mysql://user:password-of-mine@host/db",
      KEYBRAKE_REDIS_URL: "http://host",
      KEYBRAKE_ADMIN_TOKEN: "too-short-token",
      KEYBRAKE_MASTER_KEY_FILE: path.join(home, "no-such-key"),
      KEYBRAKE_STRIPE_UPSTREAM_URL: "https://api.stripe.com/v1",
      KEYBRAKE_TWILIO_UPSTREAM_URL: "http://127.0.0.1:1/a/path",
      KEYBRAKE_SANDBOX: "yes",
      KEYBRAKE_RETENTION_DAYS: "0",
      KEYBRAKE_MONTHLY_REQUEST_LIMIT: "-1",
      KEYBRAKE_RATES_FILE: path.join(home, "no-such-table"),
      KEYBRAKE_LOG_LEVEL: "loud",
      KEYBRAKE_TYPO: "x",
    };
    const { code, stdout, stderr } = await attemptStart({ ...wrong, KEYBRAKE_DATA_DIR: dataDir });
    expect(code).toBe(CANNOT_START);
    const told = stderr.split("\n").filter((line) => line.startsWith("  - "));
    for (const name of Object.keys(wrong)) {
      if (name === "KEYBRAKE_ADMIN_TOKEN") expect(told.join("\n")).toContain("admin token");
      else expect(told.filter((line) => line.includes(name))).not.toEqual([]);
    }
    expect(stderr).not.toMatch(/password-of-mine|too-short-token|\bat .*\.js:\d+/);
    expect(stdout).toBe("");
    expect(existsSync(dataDir)).toBe(false);
  });

  test.each([
    ["an unknown variable", { KEYBRAKE_ADMIN_PROT: "1" }, /KEYBRAKE_ADMIN_PROT is not a setting/],
    ["one port for both listeners", { KEYBRAKE_PORT: "9191", KEYBRAKE_ADMIN_PORT: "9191" }, /must differ/],
    [
      "an external database without a master key",
      { KEYBRAKE_DATABASE_URL: "postgres://h/d" },
      /MASTER_KEY.* required/,
    ],
    ["a master key that is none", { KEYBRAKE_MASTER_KEY: "c2hvcnQ=" }, /KEYBRAKE_MASTER_KEY.*32 bytes/],
    [
      "a master key twice",
      {
        KEYBRAKE_MASTER_KEY: Buffer.alloc(32).toString("base64"),
        KEYBRAKE_MASTER_KEY_FILE: fileWith("twice", "x"),
      },
      /not both/,
    ],
  ])("%s is named, and nothing else", (_name, settings: Record<string, string>, sentence) => {
    const read = () => readConfig({ ...PORTS, KEYBRAKE_DATA_DIR: path.join(home, "unused"), ...settings });
    expect(read).toThrow(ConfigError);
    expect(read).toThrow(expect.objectContaining({ problems: [expect.stringMatching(sentence)] }));
  });

  test("files that others can read are refused, both of them at once", async () => {
    const { code, stderr } = await attemptStart({
      ...PORTS,
      KEYBRAKE_DATA_DIR: path.join(home, "unused"),
      KEYBRAKE_ADMIN_TOKEN_FILE: fileWith("token", "x".repeat(40), 0o644),
      KEYBRAKE_MASTER_KEY_FILE: fileWith("key", Buffer.alloc(32).toString("base64"), 0o640),
    });
    expect(code).toBe(CANNOT_START);
    expect(stderr).toMatch(/KEYBRAKE_ADMIN_TOKEN_FILE.*chmod 600/);
    expect(stderr).toMatch(/KEYBRAKE_MASTER_KEY_FILE.*chmod 600/);
  });
});

if (POSTGRES_URL === undefined) skipSuite("a start on PostgreSQL", "KEYBRAKE_TEST_DATABASE_URL");

describe("a database that is not there", () => {
  const external = {
    KEYBRAKE_MASTER_KEY: Buffer.alloc(32, 1).toString("base64"),
    KEYBRAKE_ADMIN_TOKEN: "x".repeat(40),
  };

  test("a refused connection is told, and the server ends", async () => {
    const settings = {
      ...PORTS,
      ...external,
      KEYBRAKE_DATABASE_URL: "postgres://u:secret-word@127.0.0.1:1/db",
    };
    const { code, stderr, stdout } = await attemptStart(settings);
    expect(code).toBe(CANNOT_START);
    expect(stderr).toMatch(/cannot start \(ECONNREFUSED\)/);
    expect(stderr + stdout).not.toMatch(/secret-word|\bat .*\.js:\d+/);
  });

  test.skipIf(POSTGRES_URL === undefined)("so is a database that does not exist", async () => {
    const url = new URL(POSTGRES_URL ?? "");
    url.pathname = "/keybrake_no_such_database";
    const { code, stderr } = await attemptStart({ ...PORTS, ...external, KEYBRAKE_DATABASE_URL: url.href });
    expect(code).toBe(CANNOT_START);
    expect(stderr).toContain("keybrake_no_such_database");
  });

  test.skipIf(POSTGRES_URL === undefined)(
    "a master key is changed with both keys there, and opens nothing before or after",
    async () => {
      const database = await createEmptyDatabase();
      onTestFinished(() => database.drop());
      const [old, next] = [1, 2].map((byte) => Buffer.alloc(32, byte).toString("base64")) as [string, string];
      const startWith = (masterKey: string, env = {}) =>
        startTestServer({ databaseUrl: database.url, masterKey, env });
      const refusalOf = async (masterKey: string) => {
        const settings = { ...PORTS, ...external, KEYBRAKE_DATABASE_URL: database.url };
        const { code, stderr } = await attemptStart({ ...settings, KEYBRAKE_MASTER_KEY: masterKey });
        expect([code, stderr.includes(masterKey)]).toEqual([CANNOT_START, false]);
        return stderr;
      };
      const first = await startWith(old);
      await first.admin.secrets.create({ name: "kept", vendor: "stripe", value: "sk_test_kept_value" });
      await first.stop();
      expect(await refusalOf(next)).toMatch(/installation's master key is `[0-9a-f]{8}`/);
      const both = await startWith(next, { KEYBRAKE_MASTER_KEY_PREVIOUS: old });
      onTestFinished(() => both.kill());
      const before = await both.admin.masterKey.get();
      expect(before).toMatchObject({ active_id: before.configured_ids[1], begun_at: null });
      const after = await both.admin.masterKey.rotate();
      expect(after).toMatchObject({ active_id: before.configured_ids[0], remaining: 0 });
      expect(after.finished_at).not.toBeNull();
      expect((await both.admin.adminEvents.list({ action: "master_key.rotate" })).data).toMatchObject([
        { target: after.active_id, outcome: "done" },
      ]);
      await both.stop();
      expect(await refusalOf(old)).toMatch(/master key/);
      const last = await startWith(next);
      onTestFinished(() => last.kill());
      expect((await last.admin.secrets.list()).data).toMatchObject([{ name: "kept" }]);
      expect(await last.stop()).toBe(0);
    },
    60_000,
  );
});

describe("one data directory, one server", () => {
  test("the second is refused with the first one's name, and changes nothing", async () => {
    const first = await startTestServer();
    onTestFinished(() => first.kill());
    const { code, stderr } = await attemptStart({ ...PORTS, KEYBRAKE_DATA_DIR: first.dataDir });
    expect(code).toBe(CANNOT_START);
    expect(stderr).toContain(first.dataDir);
    expect(stderr).toContain(String(first.process.pid));
    const { data } = await first.admin.secrets.list();
    expect(data.map(({ name }) => name)).toEqual(["resend-sandbox", "stripe-sandbox", "twilio-sandbox"]);
    // A port that is taken: the start fails, and the directory is free again afterwards.
    const dataDir = path.join(home, "port-taken");
    const taken = { ...PORTS, KEYBRAKE_DATA_DIR: dataDir, KEYBRAKE_PORT: new URL(first.dataUrl).port };
    const blocked = await attemptStart(taken);
    expect(blocked.code).toBe(CANNOT_START);
    expect(blocked.stderr).toContain("EADDRINUSE");
    const again = await startTestServer({ dataDir });
    onTestFinished(() => again.kill());
    expect(await again.stop()).toBe(0);
    expect(await first.stop()).toBe(0);
  }, 60_000);
});
