import { randomBytes } from "node:crypto";
import { type FakeTwilio, openFakeTwilio } from "@keybrake/sandbox";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  ACCOUNT_SID,
  type MessengerServer,
  startMessengers,
  TWILIO_SECRET,
  twilioClient,
} from "../e2e/crew-of-three.ts";
import { until } from "../e2e/stage.ts";
import { skipSuite } from "../support/databases.ts";
import { createEmptyDatabase, type EmptyDatabase, POSTGRES_URL } from "../support/empty-database.ts";

/** As many as are asked about in one round. */
const PAGE = 200;

if (POSTGRES_URL === undefined) skipSuite("prices that come late", "KEYBRAKE_TEST_DATABASE_URL");
else describe("prices that come late", () => testPendingPrices());

function testPendingPrices(): void {
  let database: EmptyDatabase;
  let twilio: FakeTwilio;
  let messengers: MessengerServer;
  beforeAll(async () => {
    database = await createEmptyDatabase();
    twilio = await openFakeTwilio({ accountSid: ACCOUNT_SID, authToken: TWILIO_SECRET });
    const options = { databaseUrl: database.url, masterKey: randomBytes(32).toString("base64") };
    messengers = await startMessengers({ twilio: twilio.url, resend: twilio.url }, options);
  }, 120_000);
  afterAll(async () => {
    await messengers?.server.stop();
    await twilio?.close();
    await database?.drop();
  });

  test("as many older calls as fill a round, whose price never comes, keep no other from its own", async () => {
    await holdForgotten(database, PAGE);
    const { vaultKey, rows } = await messengers.key("twilio");
    const text = { from: "+15005550006", to: "+14155550100", body: "hello" };
    await twilioClient(messengers.server.dataUrl, vaultKey).messages.create(text);
    await until("the message is settled", async () => (await rows())[0]?.state === "settled");
    expect((await rows())[0]).toMatchObject({ cost_usd: "0.0145" });
    const forgotten = await database.query(
      "SELECT count(*)::int AS left FROM reservations WHERE state = 'unknown'",
    );
    expect(forgotten).toEqual([{ left: PAGE }]);
  }, 40_000);
}

/** Writes down messages of this month that Twilio took and knows nothing of any more. */
async function holdForgotten(database: EmptyDatabase, count: number): Promise<void> {
  await database.query(
    `WITH forgotten AS (
       SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid AS id,
         greatest(date_trunc('month', now()), now() - interval '1 hour') AS at,
         'SM' || lpad(to_hex(n), 32, '0') AS sid
       FROM generate_series(1, $1::int) n
     ), written AS (
       INSERT INTO calls (id, requested_at, state, verdict, vendor, method, path, endpoint, status_code,
         vendor_object_id, replica)
       SELECT id, at, 'unknown', 'allow', 'twilio', 'POST', '/', $2, 201, sid, 'earlier' FROM forgotten
     )
     INSERT INTO reservations (call_id, requested_at, epoch, state, deadline, day, budget_ids, hold_micros,
       accounted, secret_id)
     SELECT f.id, at, 1, 'unknown', now(), now()::date, '{}', 1, true, s.id
     FROM forgotten f, secrets s WHERE s.name = 'twilio'`,
    [count, "POST /2010-04-01/Accounts/{AccountSid}/Messages.json"],
  );
}
