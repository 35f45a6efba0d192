import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RESEND_SECRET } from "../e2e/crew-of-three.ts";
import { inBatches } from "../support/in-batches.ts";
import { type ServerOptions, startTestServer, type TestServer } from "../support/server.ts";
import { sendRaw } from "./raw-client.ts";
import { answerText, openRawVendor, type RawVendor } from "./raw-vendor.ts";

const SUITE = fileURLToPath(new URL("../../../../../shared/data/json-test-suite/", import.meta.url));
const FOLDERS = ["test_parsing", "test_transform"];
const FILES = 318 + 22;
const MAIL = '"from":"billing@crew.example","to":"ada@example.com","subject":"x"';
const LABELS = ',"tags":[{"name":"agent_id","value":"mailer"}]';

interface Case {
  readonly name: string;
  readonly body: Buffer;
}

/** Every file of the suite, or none where its folder is absent. */
function readSuite(): readonly Case[] {
  if (!existsSync(SUITE)) return [];
  return FOLDERS.flatMap((folder) =>
    readdirSync(join(SUITE, folder)).map((name) => ({ name, body: readFileSync(join(SUITE, folder, name)) })),
  );
}

const suite = readSuite();

describe("G8: JSON of every kind as a body", () => {
  let vendor: RawVendor;
  let server: TestServer;
  let vaultKey: string;

  beforeAll(async () => {
    if (suite.length === 0) return;
    vendor = await openRawVendor();
    vendor.answerWith(answerText(200, '{"id":"49a3999c-0ce1-4ea6-ab68-afcd6dc2e794"}'));
    const options: ServerOptions = {
      env: { KEYBRAKE_SANDBOX: "0", KEYBRAKE_RESEND_UPSTREAM_URL: vendor.url },
    };
    server = await startTestServer(options);
    await server.admin.secrets.create({ name: "resend", vendor: "resend", value: RESEND_SECRET });
    const created = await server.admin.vaultKeys.create({
      agent_id: "mailer",
      secret: "resend",
      policy: { vendor: "resend", daily_usd_cap: 100, allowed_endpoints: ["POST /**"] },
    });
    vaultKey = created.vault_key;
  }, 120_000);
  afterAll(async () => {
    await server?.stop();
    await vendor?.close();
  });

  test("G8: the suite is there, whole", (context) => {
    if (suite.length > 0) return expect(suite).toHaveLength(FILES);
    if (["1", "true"].includes(process.env["CI"] ?? "")) throw new Error(`${SUITE} is absent`);
    context.skip(`${SUITE} is absent`);
  });

  /** Sends the bodies to an endpoint; resolves to whether each was let through, having compared what arrived. */
  async function sendAll(
    path: string,
    cases: readonly Case[],
    arriving: (body: Buffer) => Buffer,
  ): Promise<Set<string>> {
    const before = vendor.requests.length;
    const statuses = await inBatches(cases, async ({ name, body }) => {
      const head = [
        `POST /resend${path} HTTP/1.1`,
        "Host: a",
        `Authorization: Bearer ${vaultKey}`,
        "Content-Type: application/json",
        `Content-Length: ${body.length}`,
      ];
      const { answers } = await sendRaw(server.dataUrl, [`${head.join("\r\n")}\r\n\r\n`, body]);
      const status = answers[0]?.status;
      expect([200, 400, 403], name).toContain(status);
      return status;
    });
    const passed = cases.filter((_one, index) => statuses[index] === 200);
    const bytes = (text: Buffer) => text.toString("latin1");
    expect(
      vendor.requests
        .slice(before)
        .map(({ body }) => body)
        .sort(),
    ).toEqual(passed.map(({ body }) => bytes(arriving(body))).sort());
    expect(vendor.strayBytes()).toBe("");
    return new Set(passed.map(({ name }) => name));
  }

  test.skipIf(suite.length === 0)("G8: as it is, it is refused or arrives byte for byte", async () => {
    // An empty file is no JSON, but it is no body either.
    const bodies = suite.filter(({ body }) => body.length > 0);
    const passed = await sendAll("/contacts", bodies, (body) => body);
    // What every parser must refuse is no body of ours; what every parser must take is, unless it is ambiguous.
    expect([...passed].filter((name) => name.startsWith("n_"))).toEqual([]);
    expect(passed.size).toBeGreaterThan(80);
    expect(await sendAll("/emails", suite, (body) => body)).toEqual(new Set());
  });

  test.skipIf(suite.length === 0)(
    "G8: within a mail, it is refused or arrives with the labels appended and nothing else",
    async () => {
      const mails = suite.map(({ name, body }) => ({
        name,
        body: Buffer.concat([Buffer.from(`{${MAIL},"x":`), body, Buffer.from("}")]),
      }));
      const passed = await sendAll("/emails", mails, (body) =>
        Buffer.concat([body.subarray(0, -1), Buffer.from(`${LABELS}}`)]),
      );
      expect([...passed].filter((name) => name.startsWith("n_"))).toEqual([]);
      expect(passed.size).toBeGreaterThan(80);
      expect(server.process.exitCode).toBeNull();
      expect(server.output()).not.toMatch(/Error:|internal error/);
    },
  );
});
