import { randomBytes } from "node:crypto";
import type { Alert } from "@keybrake/client";
import { type FakeStripe, openFakeStripe } from "@keybrake/sandbox";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type AlertReceiver, openAlertReceiver, type ReceivedAlert } from "../support/alert-receiver.ts";
import { CANARY_SECRET, issueKey, storeSecret, stripeClient } from "../support/crew.ts";
import { skipSuite } from "../support/databases.ts";
import { createEmptyDatabase, type EmptyDatabase, POSTGRES_URL } from "../support/empty-database.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

/** A look, a claim that nobody finished, and a dead replica's lease, on a busy machine. */
const TOLD_MS_MAX = 60_000;
const HOOK = "/hook/b0CANARYx7";

if (POSTGRES_URL === undefined) skipSuite("alerts of several replicas", "KEYBRAKE_TEST_DATABASE_URL");
else describe("alerts of three replicas", () => testReplicas());

function testReplicas(): void {
  let database: EmptyDatabase;
  let fake: FakeStripe;
  let receiver: AlertReceiver;
  let servers: TestServer[];
  const outputs: (() => string)[] = [];
  let signingSecret: string | null;
  const masterKey = randomBytes(32).toString("base64");
  const adminToken = randomBytes(24).toString("hex");

  const start = async () => {
    const server = await startTestServer({
      stripeUrl: fake.url,
      databaseUrl: database.url,
      masterKey,
      adminToken,
      env: { KEYBRAKE_ALERT_PRIVATE_HOSTS: new URL(receiver.url).host },
    });
    outputs.push(server.output);
    return server;
  };
  const admin = () => (servers.at(-1) as TestServer).admin;

  beforeAll(async () => {
    database = await createEmptyDatabase();
    fake = await openFakeStripe({ host: "127.0.0.1", port: 0, secretKeys: [CANARY_SECRET] });
    receiver = await openAlertReceiver();
    servers = [await start()];
    servers.push(...(await Promise.all([start(), start()])));
    await storeSecret(admin());
    const url = receiver.url + HOOK;
    ({ signing_secret: signingSecret } = await admin().alertChannels.create({
      name: "hook",
      kind: "webhook",
      url,
    }));
  }, 120_000);
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.stop()));
    await receiver.close();
    await fake.close();
    await database.drop();
  });

  /** Spends a key's whole daily cap of a hundred dollars, through every replica at once. */
  async function spendAll(agentId: string) {
    const policy = { daily_usd_cap: 100, allowed_endpoints: ["* /v1/**"] };
    const { id, vaultKey } = await issueKey(admin(), agentId, policy);
    const stripes = servers.map(({ dataUrl }) => stripeClient(dataUrl, vaultKey));
    const charges = Array.from({ length: 10 }, (_, index) =>
      stripes[index % stripes.length]?.paymentIntents.create({ amount: 1_000, currency: "usd" }),
    );
    await Promise.all(charges);
    return id;
  }
  const ofKey =
    (id: string) =>
    ({ json }: { json: Readonly<Record<string, unknown>> }) =>
      json["vault_key_id"] === id;
  const alertsOf = async (id: string): Promise<readonly Alert[]> =>
    (await admin().alerts.list({ limit: 1_000 })).data.filter(({ vault_key_id: key }) => key === id);

  /** Every threshold once, the last of them sent, and nothing sent twice. */
  async function expectToldOnce(id: string) {
    await vi.waitFor(
      async () => {
        const [highest] = (await alertsOf(id)).filter(({ threshold }) => threshold === 100);
        expect(highest?.deliveries).toMatchObject([{ state: "delivered" }]);
      },
      { timeout: TOLD_MS_MAX, interval: 200 },
    );
    expect((await alertsOf(id)).map(({ threshold }) => threshold).sort()).toEqual([100, 50, 80, 95]);
    const told = receiver.received.filter(ofKey(id)).map(({ headers }) => headers["keybrake-alert-id"]);
    expect(new Set(told).size).toBe(told.length);
  }

  it("tell each threshold once, though all of them look and send", async () => {
    const ids = await Promise.all(["a", "b", "c", "d"].map((agentId) => spendAll(agentId)));
    for (const id of ids) await expectToldOnce(id);
  }, 120_000);

  it("go on when the eldest, which looks, is killed", async () => {
    await servers.shift()?.kill();
    await expectToldOnce(await spendAll("orphan"));
    servers.unshift(await start());
  }, 120_000);

  it("send what a replica had taken that died before it was answered", async () => {
    // A single replica is alive, so it is the one that sends.
    await Promise.all(servers.splice(1).map((server) => server.stop()));
    const hung: ReceivedAlert[] = [];
    receiver.answer = () => hung.push(receiver.received.at(-1) as ReceivedAlert);
    await spendAll("interrupted");
    await vi.waitFor(() => expect(hung).not.toEqual([]), { timeout: TOLD_MS_MAX, interval: 50 });
    await servers.shift()?.kill();
    receiver.answer = (response) => void response.writeHead(204).end();
    servers.push(await start());
    const alertId = hung[0]?.headers["keybrake-alert-id"];
    await vi.waitFor(
      async () => {
        const alert = (await admin().alerts.list({ limit: 1_000 })).data.find(({ id }) => id === alertId);
        expect(alert?.deliveries).toMatchObject([{ state: "delivered", last_status: 204, attempts: 2 }]);
      },
      { timeout: TOLD_MS_MAX, interval: 200 },
    );
    const told = receiver.received.filter(({ headers }) => headers["keybrake-alert-id"] === alertId);
    expect(told).toHaveLength(2);
    expect(told[1]?.body).toBe(told[0]?.body);
  }, 180_000);

  it("name neither the address nor the signing secret in what they print", () => {
    const printed = outputs.map((output) => output()).join("");
    expect(printed).toContain("Keybrake is up.");
    for (const hidden of ["CANARY", signingSecret ?? ""]) expect(printed).not.toContain(hidden);
  });
}
