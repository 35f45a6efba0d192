import { randomBytes } from "node:crypto";
import { chmodSync } from "node:fs";
import path from "node:path";
import { type FakeStripe, openFakeStripe } from "@keybrake/sandbox";
import { Pool } from "undici";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CANARY_SECRET, issueKey, storeSecret } from "../support/crew.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { createFakeClock, type FakeClock, findFaketime } from "./fake-clock.ts";
import { findPostgres, openPrivatePostgres, type PrivatePostgres } from "./private-postgres.ts";

const PROGRAMS = findPostgres();
const LIBRARY = findFaketime();
const ZONE = "America/New_York";
const SKEW_MS = 5 * 60_000;
const CALLERS = 4;
const CALLS_A_DAY = 40;
const CHARGE = "amount=1000&currency=usd&payment_method=pm_card_visa&confirm=true";
/** The database's clock stands so long before a midnight that the calls are to pass. */
const BEFORE_MS = 1_000;
const DAY_MS = 86_400_000;

test("these ran with PostgreSQL and faketime", (context) => {
  if (PROGRAMS !== null && LIBRARY !== null) return;
  const why = "PostgreSQL or faketime is not installed";
  if (["1", "true"].includes(process.env["CI"] ?? "")) throw new Error(why);
  context.skip(why);
});

// Replicas whose clocks are five minutes fast and slow, everything in New York's time, on a database whose clock is moved.
describe.skipIf(PROGRAMS === null || LIBRARY === null)("replicas with wrong clocks", () => {
  let clocks: { database: FakeClock; fast: FakeClock; slow: FakeClock };
  let postgres: PrivatePostgres;
  let fake: FakeStripe;
  let servers: readonly TestServer[];
  let pools: readonly Pool[];

  const setClocks = (time: Date) => {
    clocks.database.set(time);
    clocks.fast.set(new Date(time.getTime() + SKEW_MS));
    clocks.slow.set(new Date(time.getTime() - SKEW_MS));
  };

  beforeAll(async () => {
    const start = new Date("2026-03-01T12:00:00Z");
    const newClock = () => createFakeClock(LIBRARY ?? "", start);
    clocks = { database: newClock(), fast: newClock(), slow: newClock() };
    // PostgreSQL runs as another user when we are root.
    chmodSync(path.dirname(clocks.database.env["FAKETIME_TIMESTAMP_FILE"] ?? ""), 0o755);
    setClocks(start);
    postgres = await openPrivatePostgres(PROGRAMS ?? "", { ...clocks.database.env, TZ: ZONE });
    await postgres.query(`ALTER DATABASE postgres SET timezone = '${ZONE}'`);
    fake = await openFakeStripe({ secretKeys: [CANARY_SECRET] });
    const shared = {
      stripeUrl: fake.url,
      databaseUrl: postgres.url,
      masterKey: randomBytes(32).toString("base64"),
      adminToken: randomBytes(24).toString("hex"),
    };
    servers = await Promise.all(
      [clocks.fast, clocks.slow].map(({ env }) => startTestServer({ ...shared, env: { ...env, TZ: ZONE } })),
    );
    pools = servers.map((server) => new Pool(server.dataUrl, { connections: CALLERS }));
    await storeSecret(adminOf());
  }, 120_000);
  afterAll(async () => {
    // First of all, because nothing else ends it when a server did not start.
    await postgres?.close();
    await Promise.all((pools ?? []).map((pool) => pool.destroy()));
    await Promise.all((servers ?? []).map((server) => server.kill()));
    await fake?.close();
    for (const clock of Object.values(clocks)) clock.remove();
  });

  function adminOf() {
    const [server] = servers;
    if (server === undefined) throw new TypeError("no server");
    return server.admin;
  }

  /** Moves every clock; the months that the hourly maintenance would have made by then are made at once. */
  async function moveTo(time: Date): Promise<void> {
    setClocks(time);
    await postgres.query("SELECT ensure_partitions(2)");
  }

  /** Lets both replicas make calls until there are enough: so many succeeded, so many were refused since the last of them. */
  async function callUntil(
    vaultKey: string,
    isEnough: (made: number, refusedSince: number) => boolean,
  ): Promise<void> {
    let [made, refusedSince] = [0, 0];
    const caller = async (pool: Pool) => {
      while (!isEnough(made, refusedSince)) {
        const headers = {
          authorization: `Bearer ${vaultKey}`,
          "content-type": "application/x-www-form-urlencoded",
        };
        const answer = await pool.request({
          method: "POST",
          path: "/v1/payment_intents",
          headers,
          body: CHARGE,
        });
        await answer.body.dump();
        // After a leap of its clock, or on a busy machine, the ledger may decide nothing: that is no refusal.
        if (answer.statusCode === 200) [made, refusedSince] = [made + 1, 0];
        else if (answer.statusCode === 429) refusedSince++;
      }
    };
    await Promise.all(pools.flatMap((pool) => Array.from({ length: CALLERS }, () => caller(pool))));
  }

  /** A key's calls by the day on which the database decided them, counted in UTC, and by the window that holds them. */
  async function daysOf(vaultKeyId: string) {
    const rows = await postgres.query(
      `SELECT (requested_at AT TIME ZONE 'UTC')::date::text AS day, count(*)::int AS calls
       FROM calls WHERE vault_key_id = $1 AND state = 'settled' GROUP BY 1 ORDER BY 1`,
      [vaultKeyId],
    );
    const windows = await postgres.query(
      `SELECT w.window_start::text AS day, (w.settled / 10000000)::int AS calls, w.reserved::int, w.overrun::int
       FROM budget_windows w JOIN budgets b ON b.id = w.budget_id
       WHERE b.scope = 'vault_key' AND b.scope_value = $1 AND b.unit = 'usd' ORDER BY 1`,
      [vaultKeyId],
    );
    return { rows, windows };
  }

  /** How many minutes the clocks are wrong that gave a key's calls their ids, which say when they were made. */
  async function skewsOf(vaultKeyId: string): Promise<unknown[]> {
    const rows = await postgres.query(
      `SELECT DISTINCT round((('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint - epoch_ms(requested_at)) / 60000.0)::int
         AS minutes FROM calls WHERE vault_key_id = $1 AND state = 'settled' ORDER BY 1`,
      [vaultKeyId],
    );
    return rows.map((row) => row["minutes"]);
  }

  const newKey = () =>
    issueKey(adminOf(), "clock_agent", {
      daily_usd_cap: CALLS_A_DAY * 10,
      allowed_endpoints: ["POST /v1/payment_intents"],
    });

  // Both days on which New York changes its clocks, and the last day of a month.
  test.each([
    ["2026-03-08", "the night in which New York skips an hour"],
    ["2026-11-01", "the night in which New York has an hour twice"],
    ["2026-11-30", "the end of a month"],
  ])(
    "A18: from %s on, %s (A19: in New York as in UTC): days are the database's, and each has its cap",
    async (day) => {
      const midnight = Date.parse(`${day}T00:00:00Z`) + DAY_MS;
      const tomorrow = new Date(midnight).toISOString().slice(0, 10);
      await moveTo(new Date(midnight - DAY_MS / 2));
      const { id, vaultKey } = await newKey();
      await callUntil(vaultKey, (made) => made >= CALLS_A_DAY / 2);
      await moveTo(new Date(midnight - BEFORE_MS));
      const isPast = () => clocks.database.now().getTime() > midnight;
      await callUntil(vaultKey, isPast);
      // Counted anew: what was refused before midnight says nothing of the new day.
      await callUntil(vaultKey, (_made, refusedSince) => refusedSince >= 20);
      const { rows, windows } = await daysOf(id);
      expect(rows.map((row) => row["day"])).toEqual([day, tomorrow]);
      // How many of the first day's calls were in time depends on the machine; the second day had time enough.
      expect(rows[0]?.["calls"]).toBeGreaterThanOrEqual(CALLS_A_DAY / 2);
      expect(rows[0]?.["calls"]).toBeLessThanOrEqual(CALLS_A_DAY);
      expect(rows[1]?.["calls"]).toBe(CALLS_A_DAY);
      expect(windows).toEqual(rows.map((row) => ({ ...row, reserved: 0, overrun: 0 })));
      expect(await skewsOf(id)).toEqual([-5, 5]);
    },
    60_000,
  );

  test.each([
    ["2027-03-14", "2027-03-14T05:00:00Z"],
    ["2027-11-07", "2027-11-07T04:00:00Z"],
  ])(
    "A19: New York's midnight on %s opens no cap again",
    async (day, midnight) => {
      await moveTo(new Date(Date.parse(midnight) - BEFORE_MS));
      const { id, vaultKey } = await newKey();
      await callUntil(vaultKey, (_made, refusedSince) => refusedSince >= 20);
      await moveTo(new Date(Date.parse(midnight) + BEFORE_MS));
      await callUntil(vaultKey, (_made, refusedSince) => refusedSince >= 20);
      expect((await daysOf(id)).rows).toEqual([{ day, calls: CALLS_A_DAY }]);
    },
    60_000,
  );
});
