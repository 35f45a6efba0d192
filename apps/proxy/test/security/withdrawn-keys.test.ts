import { type FakeStripe, openFakeStripe } from "@keybrake/sandbox";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { codeOf, expectRefusal, type Front, openFront, rowOf } from "../http/front.ts";
import { requestText, sendRaw } from "../http/raw-client.ts";
import { CANARY_SECRET, issueKey } from "../support/crew.ts";

const FORM = "Content-Type: application/x-www-form-urlencoded";
const OTHER_SECRET = "sk_test_canaryOtherP8dF3kLm7QwZx5VnB2cR";
const POLICY = { daily_usd_cap: 1000, allowed_endpoints: ["* /v1/**"], expires_in: "1h" } as const;

let fake: FakeStripe;
let front: Front;

beforeAll(async () => {
  fake = await openFakeStripe({ secretKeys: [CANARY_SECRET, OTHER_SECRET] });
  front = await openFront(fake.url);
}, 120_000);
afterAll(async () => {
  await front.close();
  await fake.close();
});
beforeEach(() => fake.clearRequests());

async function pay(vaultKey: string) {
  const headers = [`Authorization: Bearer ${vaultKey}`, FORM];
  const text = requestText("POST /v1/customers", headers, "name=x");
  return (await sendRaw(front.server.dataUrl, text)).answers[0];
}

describe("a key whose run is over", () => {
  const keyOf = (agentId: string, runId: string) => issueKey(front.admin, agentId, POLICY, runId);

  test("B6: is refused once its run has ended, and so is one that its agent's end took along; others act on", async () => {
    const [first, second] = [await keyOf("billing_agent", "run_1"), await keyOf("refund_agent", "run_1")];
    const [third, other] = [await keyOf("billing_agent", "run_2"), await keyOf("refund_agent", "run_2")];
    for (const { vaultKey } of [first, second, third, other]) expect((await pay(vaultKey))?.status).toBe(200);

    fake.clearRequests();
    await front.admin.runs.revoke("run_1", { reason: "the run is over" });
    for (const { vaultKey } of [first, second])
      expect(await expectRefusal(front, await pay(vaultKey))).toBe("vault_key_revoked");
    expect(fake.requests).toEqual([]);
    expect((await pay(third.vaultKey))?.status).toBe(200);

    fake.clearRequests();
    await front.admin.agents.revoke("billing_agent", { reason: "the agent is gone" });
    expect(await expectRefusal(front, await pay(third.vaultKey))).toBe("vault_key_revoked");
    expect(fake.requests).toEqual([]);
    expect((await pay(other.vaultKey))?.status).toBe(200);
  });
});

describe("a secret that was exchanged for another in the database", () => {
  test("D6: is not decrypted, and the calls of both are refused, with nothing sent", async (context) => {
    const { database } = front;
    if (database === null) return context.skip("no PostgreSQL: nobody else opens an embedded database");
    const keyFor = async (secret: string, value: string) => {
      await front.admin.secrets.create({ name: secret, vendor: "stripe", value });
      const policy = { vendor: "stripe", daily_usd_cap: 1000, allowed_endpoints: ["* /v1/**"] } as const;
      const { vault_key } = await front.admin.vaultKeys.create({ agent_id: "billing_agent", secret, policy });
      return vault_key;
    };
    const vaultKeys = [await keyFor("mine", CANARY_SECRET), await keyFor("others", OTHER_SECRET)];
    await database.query(
      `UPDATE secrets s SET envelope = o.envelope FROM secrets o
       WHERE s.name IN ('mine', 'others') AND o.name IN ('mine', 'others') AND s.id <> o.id`,
    );
    for (const vaultKey of vaultKeys) {
      const answer = await pay(vaultKey);
      expect([answer?.status, codeOf(answer)]).toEqual([500, "internal"]);
      expect(await rowOf(front, answer)).toMatchObject({ state: "released", cost_usd: "0.00" });
      expect(answer?.body).not.toContain("canary");
    }
    expect(fake.requests).toEqual([]);
    expect(front.server.output()).not.toContain("canary");
  });
});
