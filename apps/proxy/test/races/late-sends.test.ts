import { setTimeout as delay } from "node:timers/promises";
import { Pool } from "undici";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { type Front, newKey, openFront } from "../http/front.ts";
import { POSTGRES_URL } from "../support/empty-database.ts";
import { openSlowVendor, type SlowVendor } from "../support/slow-vendor.ts";

/** What a decision is good for without being asked again, and more. */
const OLD_MS = 100;

let vendor: SlowVendor;
let front: Front;
let pool: Pool;

beforeAll(async () => {
  vendor = await openSlowVendor();
  front = await openFront(vendor.url, { env: { NODE_EXTRA_CA_CERTS: vendor.certificateFile } });
  pool = new Pool(front.server.dataUrl, { connections: 8 });
}, 120_000);
afterAll(async () => {
  await pool.destroy();
  await front.close();
  await vendor.close();
});
beforeEach(() => vendor.hold());
afterEach(async () => {
  vendor.release();
  await front.admin.killSwitch.set({ engaged: false });
});

async function ask(vaultKey: string, kind: "charge" | "read") {
  const isCharge = kind === "charge";
  const answer = await pool.request({
    method: isCharge ? "POST" : "GET",
    path: isCharge ? "/v1/payment_intents" : "/v1/payment_intents/pi_1",
    headers: { authorization: `Bearer ${vaultKey}`, "content-type": "application/x-www-form-urlencoded" },
    body: isCharge ? "amount=1000&currency=usd" : null,
  });
  const body = (await answer.body.json()) as { error?: { code?: string } };
  return { status: answer.statusCode, code: body.error?.code ?? null };
}

/** A call that is reserved, and waits for its connection to the vendor while `meanwhile` happens. */
async function reserveThen(
  kind: "charge" | "read",
  policy: Readonly<Record<string, unknown>>,
  meanwhile: (vaultKeyId: string) => Promise<unknown>,
) {
  const { id, vaultKey } = await newKey(front, policy);
  const answer = ask(vaultKey, kind);
  const rows = async () => (await front.admin.calls.list({ vault_key_id: id })).data;
  await vi.waitFor(async () => {
    expect(vendor.waiting()).toBe(1);
    expect((await rows()).map(({ state }) => state)).toEqual(["reserved"]);
  });
  const before = vendor.requests.length;
  await meanwhile(id);
  vendor.release();
  const { status, code } = await answer;
  // A streamed read is settled a moment after its answer.
  await vi.waitFor(async () => expect((await rows()).map(({ state }) => state)).not.toEqual(["reserved"]));
  const [row] = await rows();
  return { status, code, row, sent: vendor.requests.length - before };
}

const KINDS = ["charge", "read"] as const;

describe.each(KINDS)("a %s that is reserved and waits for its connection", (kind) => {
  test("goes out when nothing has happened, however long it took", async () => {
    const { status, row, sent } = await reserveThen(kind, {}, () => delay(OLD_MS));
    expect([status, sent, row?.state]).toEqual([200, 1, "settled"]);
  });

  test("B2: is not sent when its key is revoked meanwhile", async () => {
    const { status, code, row, sent } = await reserveThen(kind, {}, (id) => front.admin.vaultKeys.revoke(id));
    expect([status, code, sent]).toEqual([401, "vault_key_revoked", 0]);
    expect(row).toMatchObject({ state: "released", status_code: null, cost_usd: "0.00" });
  });

  // Nobody is told: what holds is what the database says.
  test.skipIf(POSTGRES_URL === undefined)(
    "B3: is not sent when nobody heard that its key was revoked",
    async () => {
      const { status, code, row, sent } = await reserveThen(kind, {}, async (id) => {
        await front.database?.query("UPDATE vault_keys SET status = 'revoked' WHERE id = $1", [id]);
        await delay(OLD_MS);
      });
      expect([status, code, sent]).toEqual([401, "vault_key_revoked", 0]);
      expect(row).toMatchObject({ state: "released", status_code: null });
    },
  );

  test("B4: is not sent when its key expires meanwhile", async () => {
    const expiresAtMs = Date.now() + 1_500;
    const policy = { expires_in: undefined, expires_at: new Date(expiresAtMs).toISOString() };
    const { row, sent } = await reserveThen(kind, policy, () => delay(expiresAtMs + 50 - Date.now()));
    expect(sent).toBe(0);
    expect(row).toMatchObject({ state: "released", status_code: null });
  });

  test("B5: is not sent when the kill switch is engaged meanwhile", async () => {
    const { status, code, sent } = await reserveThen(kind, {}, () =>
      front.admin.killSwitch.set({ engaged: true, reason: "test" }),
    );
    expect([status, code, sent]).toEqual([503, "kill_switch_engaged", 0]);
  });
});
