import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createAdminClient } from "@keybrake/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createEmptyDatabase, type EmptyDatabase, POSTGRES_URL } from "../support/empty-database.ts";
import { newDataDir, startTestServer, type TestServer } from "../support/server.ts";
import { createCheckedFetch } from "./checked-fetch.ts";

const MASTER_KEY = Buffer.alloc(32, 7).toString("base64");

const settingsOf = ({ adminUrl, adminToken }: TestServer) =>
  createAdminClient({ baseUrl: adminUrl, token: adminToken, fetch: createCheckedFetch() }).settings.get();

describe("the settings of an embedded server", () => {
  let server: TestServer;
  beforeAll(async () => {
    const dataDir = await newDataDir(true);
    const rates = { as_of: "2026-11-20", usd_per: { eur: "1.136", gbp: "1.3" }, markup_bps: 150 };
    writeFileSync(join(dataDir, "rates.json"), JSON.stringify(rates));
    server = await startTestServer({
      dataDir,
      env: {
        KEYBRAKE_RETENTION_DAYS: "90",
        KEYBRAKE_MONTHLY_REQUEST_LIMIT: "1000",
        KEYBRAKE_TWILIO_REQUESTS_PER_SECOND: "2.5",
        KEYBRAKE_RECONCILE_HOUR: "3",
        KEYBRAKE_ALERT_PRIVATE_HOSTS: "alerts.internal, 10.0.0.5:8443",
        KEYBRAKE_REPLICA_NAME: "the one",
      },
    });
  });
  afterAll(() => server.stop());

  it("are what is in force, with where each comes from", async () => {
    const settings = await settingsOf(server);
    expect(settings).toMatchObject({
      version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
      replica: "the one",
      replicas: [{ name: "the one", version: settings.version }],
      database: { kind: "embedded", version: expect.stringMatching(/^1\d\.\d+$/), restricted_role: false },
      redis: false,
      sandbox: true,
      data_plane_url: { value: server.dataUrl, source: "default", variable: "KEYBRAKE_DATA_URL" },
      retention_days: { value: 90, source: "environment", variable: "KEYBRAKE_RETENTION_DAYS" },
      monthly_request_limit: { value: 1000, source: "environment", used: 0 },
      currency_rates: {
        source: "file",
        variable: "KEYBRAKE_RATES_FILE",
        as_of: "2026-11-20",
        max_age_days: 30,
        markup_bps: 150,
        currencies: ["eur", "gbp"],
      },
      price_tables: [
        { vendor: "twilio", source: "default", variable: "KEYBRAKE_TWILIO_PRICES_FILE" },
        { vendor: "resend", source: "default", variable: "KEYBRAKE_RESEND_PRICES_FILE" },
      ],
      checkpoint_file: { value: true, source: "default" },
      reconcile_hour: { value: 3, source: "environment" },
      follow_up_seconds: { value: 15, source: "default" },
      alert_private_hosts: { value: ["alerts.internal", "10.0.0.5:8443"], source: "environment" },
    });
    const nextMonth = new Date(Date.UTC(new Date().getUTCFullYear(), new Date().getUTCMonth() + 1));
    expect(settings.monthly_request_limit.resets_at).toBe(nextMonth.toISOString());
    const paces = settings.vendors.map(({ vendor, upstream, requests_per_second: pace }) => [
      vendor,
      upstream,
      pace,
    ]);
    expect(paces).toContainEqual([
      "twilio",
      "sandbox",
      {
        value: 2.5,
        source: "environment",
        variable: "KEYBRAKE_TWILIO_REQUESTS_PER_SECOND",
        live: 2.5,
        test: 2.5,
      },
    ]);
    expect(paces).toContainEqual([
      "stripe",
      "sandbox",
      {
        value: null,
        source: "default",
        variable: "KEYBRAKE_STRIPE_REQUESTS_PER_SECOND",
        live: null,
        test: null,
      },
    ]);
  });
});

describe.skipIf(POSTGRES_URL === undefined)("the settings of two replicas on PostgreSQL", () => {
  let database: EmptyDatabase;
  let servers: TestServer[];
  beforeAll(async () => {
    database = await createEmptyDatabase();
    const shared = {
      databaseUrl: database.url,
      masterKey: MASTER_KEY,
      adminToken: "an-admin-token-of-the-settings",
    };
    const first = await startTestServer({ ...shared, env: { KEYBRAKE_REPLICA_NAME: "first" } });
    const second = await startTestServer({
      ...shared,
      env: {
        KEYBRAKE_REPLICA_NAME: "second",
        KEYBRAKE_REDIS_URL: "redis://:hidden-password@127.0.0.1:1",
        KEYBRAKE_DATA_URL: "https://agents.example.com",
      },
    });
    servers = [first, second];
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.stop()));
    await database.drop();
  });

  it("name both, and no address or password", async () => {
    const settings = await settingsOf(servers[1] as TestServer);
    expect(settings).toMatchObject({
      replica: "second",
      replicas: [{ name: "first" }, { name: "second" }],
      database: { kind: "postgresql" },
      redis: true,
      sandbox: false,
      data_plane_url: { value: "https://agents.example.com", source: "environment" },
      monthly_request_limit: { value: null, source: "default", used: null },
      currency_rates: { source: "default", as_of: null, max_age_days: null, currencies: [] },
      checkpoint_file: { value: false },
    });
    expect(settings.vendors.find(({ vendor }) => vendor === "stripe")).toMatchObject({
      upstream: "vendor",
      requests_per_second: { value: null, live: expect.any(Number), test: expect.any(Number) },
    });
    const text = JSON.stringify(settings);
    const { hostname, pathname } = new URL(database.url);
    for (const hidden of ["hidden-password", hostname, pathname.slice(1), MASTER_KEY, "an-admin-token"])
      expect(text).not.toContain(hidden);
  });
});
