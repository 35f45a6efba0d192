import { createHmac, timingSafeEqual } from "node:crypto";
import { type AdminClient, KeybrakeApiError } from "@keybrake/client";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { raiseAlerts } from "../../src/alerts/alert-store.ts";
import { BACKENDS, requireBackends, type TestDatabases } from "../control-plane/backends.ts";
import { openStage, type Stage } from "../control-plane/stage.ts";
import { type AlertReceiver, openAlertReceiver } from "../support/alert-receiver.ts";

requireBackends();

/** What stands in a webhook's path: whoever knows it may write there. */
const TOKEN = "T0CANARY/B0CANARY/x9Kq2vWm4";

describe.each(BACKENDS)("alerts are sent on $name", ({ open }) => {
  let databases: TestDatabases;
  let stage: Stage;
  let admin: AdminClient;
  let receiver: AlertReceiver;

  beforeAll(async () => {
    databases = await open();
    stage = await openStage(databases);
    admin = stage.admin;
  });
  afterAll(async () => {
    await stage?.close();
    await databases?.close();
  });
  beforeEach(async () => {
    receiver = await openAlertReceiver();
  });
  afterEach(async () => {
    for (const { id } of (await admin.alertChannels.list()).data) await admin.alertChannels.delete(id);
    await receiver.close();
  });

  const hook = () => `${receiver.url}/services/${TOKEN}`;
  const create = (name: string, more: object = {}) =>
    admin.alertChannels.create({ name, kind: "webhook", url: hook(), ...more });
  let raised = 0;
  const raise = (more: object = {}) =>
    raiseAlerts(databases.database, [
      {
        dedupe_key: `test ${++raised}`,
        kind: "denials_spike",
        severity: "warning",
        title: "Many calls are refused: agent <!channel> & co",
        detail: "20 calls were refused in the last five minutes.",
        agent_id: "billing_agent",
        ...more,
      },
    ]);
  const newest = async () => (await admin.alerts.list({ limit: 1 })).data[0];
  /** Sends what is due, and waits until it is written down how that went. */
  async function sendDue() {
    const before = stage.alertAttempts();
    await stage.alertDeliveries.sendDue();
    await vi.waitFor(() => expect(stage.alertAttempts()).toBeGreaterThan(before), { timeout: 15_000 });
  }
  const makeDue = () =>
    stage.database.query("UPDATE alert_deliveries SET next_attempt_at = now() WHERE state = 'pending'");

  it("a webhook gets the alert as JSON, signed in a way that anybody can check", async () => {
    const { signing_secret: secret } = await create("signed");
    expect(secret).toMatch(/^kbwhsec_[A-Za-z0-9_-]{43}$/);
    await raise();
    await sendDue();
    const [request] = receiver.received;
    const alert = await newest();
    const { deliveries, ...facts } = alert ?? { deliveries: [] };
    expect(request?.path).toBe(`/services/${TOKEN}`);
    expect(request?.json).toEqual(facts);
    expect(request?.headers).toMatchObject({
      "content-type": "application/json",
      "keybrake-alert-id": alert?.id,
      "user-agent": "Keybrake/0.0.0-test",
    });
    const [, time, signature] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(
      String(request?.headers["keybrake-signature"]),
    ) as unknown as [string, string, string];
    const expected = createHmac("sha256", secret ?? "")
      .update(`${time}.${request?.body}`)
      .digest();
    expect(timingSafeEqual(Buffer.from(signature, "hex"), expected)).toBe(true);
    expect(Math.abs(Number(time) - Date.now() / 1_000)).toBeLessThan(60);
    expect(deliveries).toMatchObject([
      {
        channel: "signed",
        state: "delivered",
        attempts: 1,
        last_status: 204,
        last_error: null,
        next_attempt_at: null,
      },
    ]);
    expect(deliveries[0]?.delivered_at).not.toBeNull();
  });

  it("Slack gets text and blocks, in which nobody can be mentioned", async () => {
    const { signing_secret: secret } = await create("slack", { kind: "slack" });
    expect(secret).toBeNull();
    await raise();
    await sendDue();
    const [request] = receiver.received;
    const alert = await newest();
    expect(request?.headers["keybrake-signature"]).toBeUndefined();
    expect(request?.json).toEqual({
      text: "[warning] Many calls are refused: agent &lt;!channel&gt; &amp; co",
      blocks: [
        {
          type: "header",
          text: {
            type: "plain_text",
            text: "[warning] Many calls are refused: agent <!channel> & co",
            emoji: false,
          },
        },
        {
          type: "section",
          text: { type: "mrkdwn", text: "20 calls were refused in the last five minutes." },
        },
        {
          type: "context",
          elements: [{ type: "mrkdwn", text: `denials_spike · ${alert?.raised_at} · ${alert?.id}` }],
        },
      ],
    });
  });

  it("what failed is tried again later, under the same id, and written down each time", async () => {
    await create("flaky");
    receiver.answer = (response) => void response.writeHead(500).end("secret inner workings");
    await raise();
    await sendDue();
    const first = (await newest())?.deliveries[0];
    expect(first).toMatchObject({
      state: "pending",
      attempts: 1,
      last_status: 500,
      last_error: "answered 500",
    });
    expect(Date.parse(first?.next_attempt_at ?? "")).toBeGreaterThan(Date.now() + 500);
    // Not before its time.
    await stage.alertDeliveries.sendDue();
    expect(receiver.received).toHaveLength(1);
    receiver.answer = (response) => void response.writeHead(200).end("ok");
    await makeDue();
    await sendDue();
    expect((await newest())?.deliveries).toMatchObject([
      { state: "delivered", attempts: 2, last_status: 200, last_error: null },
    ]);
    const ids = receiver.received.map(({ headers }) => headers["keybrake-alert-id"]);
    expect(ids).toEqual([ids[0], ids[0]]);
  });

  it("waits as long as the receiver asks, and twice as long each time", async () => {
    await create("busy");
    receiver.answer = (response) => void response.writeHead(429, { "retry-after": "600" }).end();
    await raise();
    await sendDue();
    const waitMs = async () =>
      Date.parse((await newest())?.deliveries[0]?.next_attempt_at ?? "") - Date.now();
    expect(await waitMs()).toBeGreaterThan(580_000);
    receiver.answer = (response) => void response.writeHead(503).end();
    await stage.database.query("UPDATE alert_deliveries SET attempts = 7 WHERE state = 'pending'");
    await makeDue();
    await sendDue();
    expect(await waitMs()).toBeGreaterThan(5_000 * 2 ** 7 * 0.4);
    expect(await waitMs()).toBeLessThan(5_000 * 2 ** 7 + 1_000);
  });

  it("a day after it was raised it is given up", async () => {
    await create("gone");
    receiver.answer = (response) => void response.writeHead(500).end();
    await raise();
    await stage.database.query(
      "UPDATE alert_deliveries SET expires_at = now() + interval '2 seconds' WHERE state = 'pending'",
    );
    await sendDue();
    expect((await newest())?.deliveries).toMatchObject([
      { state: "failed", attempts: 1, next_attempt_at: null },
    ]);
    await makeDue();
    await stage.alertDeliveries.sendDue();
    expect(receiver.received).toHaveLength(1);
  });

  it.each([
    [
      "a redirect is not followed",
      { location: "/elsewhere" },
      307,
      "answered 307: redirects are not followed",
    ],
    [
      "nor one to another host",
      { location: "http://169.254.169.254/" },
      302,
      "answered 302: redirects are not followed",
    ],
  ])("%s", async (_what, headers, status, error) => {
    await create("redirected");
    receiver.answer = (response) => void response.writeHead(status, headers).end();
    await raise();
    await sendDue();
    expect((await newest())?.deliveries).toMatchObject([
      { state: "pending", last_status: status, last_error: error },
    ]);
    expect(receiver.received).toHaveLength(1);
  });

  it("an answer without end is delivered all the same, and holds nobody up", async () => {
    await create("endless");
    receiver.answer = (response) => {
      response.writeHead(200);
      const chunk = Buffer.alloc(65_536);
      const more = () => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on("drain", more);
      more();
    };
    await raise();
    await sendDue();
    expect((await newest())?.deliveries).toMatchObject([{ state: "delivered", last_status: 200 }]);
  });

  it("a channel that hangs keeps no other waiting", async () => {
    const silent = await openAlertReceiver();
    silent.answer = () => undefined;
    await admin.alertChannels.create({ name: "silent", kind: "webhook", url: silent.url });
    await create("lively");
    await raise();
    await stage.alertDeliveries.sendDue();
    await vi.waitFor(() => expect(silent.received).toHaveLength(1), { timeout: 8_000 });
    await raise();
    await vi.waitFor(
      async () => {
        await stage.alertDeliveries.sendDue();
        expect(receiver.received).toHaveLength(2);
      },
      { timeout: 8_000, interval: 100 },
    );
    // While its first alert is under way, the silent one is not sent another.
    expect(silent.received).toHaveLength(1);
    await vi.waitFor(
      async () =>
        expect((await admin.alerts.list({ limit: 2 })).data[1]?.deliveries).toMatchObject([
          { channel: "lively", state: "delivered" },
          { channel: "silent", state: "pending", last_error: "no answer within 10 seconds" },
        ]),
      { timeout: 15_000 },
    );
    await silent.close();
  });

  it("each channel gets what it asked for", async () => {
    await create("all");
    await create("spikes", { events: ["denials_spike", "kill_switch"] });
    await create("worst", { min_severity: "critical" });
    const off = await create("off");
    await admin.alertChannels.update(off.id, { enabled: false });
    const sent = async () => (await newest())?.deliveries.map(({ channel }) => channel);
    await raise();
    expect(await sent()).toEqual(["all", "spikes"]);
    await raise({ kind: "chain_broken", severity: "critical" });
    expect(await sent()).toEqual(["all", "worst"]);
    await raise({ kind: "kill_switch", severity: "critical" });
    expect(await sent()).toEqual(["all", "spikes", "worst"]);
    await raise({ quiet: true });
    expect(await sent()).toEqual([]);
  });

  it("a test alert goes out now, to one channel, once, and says what happened", async () => {
    const { id } = await create("tested", { events: ["kill_switch"], min_severity: "critical" });
    await create("another");
    const good = await admin.alertChannels.test(id);
    expect(good).toMatchObject({ delivered: true, status: 204, error: null });
    expect(receiver.received.map(({ json }) => json["kind"])).toEqual(["test"]);
    receiver.answer = (response) => void response.writeHead(404).end("no such hook");
    expect(await admin.alertChannels.test(id)).toMatchObject({
      delivered: false,
      status: 404,
      error: "answered 404",
    });
    expect((await newest())?.deliveries).toMatchObject([{ channel: "tested", state: "failed", attempts: 1 }]);
    await makeDue();
    await stage.alertDeliveries.sendDue();
    expect(receiver.received).toHaveLength(2);
    const { id: unreachable } = await create("closed", { url: "http://127.0.0.1:1/" });
    expect(await admin.alertChannels.test(unreachable)).toMatchObject({
      delivered: false,
      status: null,
      error: "the connection failed (ECONNREFUSED)",
    });
    const [entry] = (await admin.adminEvents.list({ action: "alert_channel.test" })).data;
    expect(entry).toMatchObject({ target: unreachable, outcome: "done", changed: 1 });
  });

  it("a change of the address holds for what waits, with the same signing secret", async () => {
    const { id, signing_secret: secret } = await create("moved", { url: "http://127.0.0.1:1/" });
    await raise();
    await sendDue();
    expect(await admin.alertChannels.update(id, { url: hook(), name: "moved here" })).toMatchObject({
      name: "moved here",
      origin: receiver.url,
      pending: 1,
      last_delivery: { state: "pending", attempts: 1, last_error: "the connection failed (ECONNREFUSED)" },
    });
    await makeDue();
    await sendDue();
    const [request] = receiver.received;
    const [time] = /\d+/.exec(String(request?.headers["keybrake-signature"])) ?? [];
    const signature = createHmac("sha256", secret ?? "")
      .update(`${time}.${request?.body}`)
      .digest("hex");
    expect(request?.headers["keybrake-signature"]).toBe(`t=${time},v1=${signature}`);
  });

  it("what waits for a channel that is removed is not sent, and its address is erased", async () => {
    const { id } = await create("removed");
    await raise();
    await admin.alertChannels.delete(id);
    await stage.alertDeliveries.sendDue();
    expect((await newest())?.deliveries).toMatchObject([
      { channel: "removed", state: "failed", last_error: "the channel was removed" },
    ]);
    expect(receiver.received).toEqual([]);
    const rows = await stage.database.query("SELECT envelope FROM alert_channels WHERE id = $1", [id]);
    expect(rows[0]?.["envelope"]).toHaveLength(0);
    await expect(admin.alertChannels.test(id)).rejects.toMatchObject({ code: "not_found" });
    await expect(admin.alertChannels.update(id, { enabled: true })).rejects.toMatchObject({
      code: "not_found",
    });
    await expect(admin.alertChannels.delete(id)).rejects.toMatchObject({ code: "not_found" });
  });

  it("names are taken once, and addresses that are no business of an admin's are refused", async () => {
    await create("taken");
    await expect(create("taken")).rejects.toMatchObject({ code: "alert_channel_exists" });
    const { id } = await create("other");
    await expect(admin.alertChannels.update(id, { name: "taken" })).rejects.toMatchObject({
      code: "alert_channel_exists",
    });
    const refused = [
      "https://169.254.169.254/latest/meta-data/",
      "http://10.0.0.1/",
      "https://[::ffff:10.0.0.1]/",
      "http://example.com/",
    ];
    for (const url of refused) {
      await expect(create("ssrf", { url })).rejects.toMatchObject({ code: "address_refused" });
      await expect(admin.alertChannels.update(id, { url })).rejects.toMatchObject({
        code: "address_refused",
      });
    }
    for (const url of ["ftp://example.com/", "hooks.slack.com/services/x", "file:///etc/passwd", ""])
      await expect(create("ssrf", { url })).rejects.toMatchObject({ code: "invalid_request" });
    const error = await create("ssrf", { url: `http://10.0.0.1/${TOKEN}` }).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(KeybrakeApiError);
    expect(JSON.stringify({ ...(error as object), message: String(error) })).not.toContain(TOKEN);
  });

  it("pages through alerts and channels, and filters alerts", async () => {
    await stage.database.query("DELETE FROM alerts");
    for (const name of ["c", "a", "b"]) await create(name);
    for (const severity of ["info", "warning", "critical"]) await raise({ severity });
    const channels = await admin.alertChannels.list({ limit: 2 });
    expect(channels.data.map(({ name }) => name)).toEqual(["a", "b"]);
    const rest = await admin.alertChannels.list({ limit: 2, cursor: channels.next_cursor ?? "" });
    expect(rest).toMatchObject({ data: [{ name: "c" }], next_cursor: null });
    const first = await admin.alerts.list({ limit: 2 });
    const second = await admin.alerts.list({ limit: 2, cursor: first.next_cursor ?? "" });
    // Two that are raised in one millisecond have no order.
    const severities = [...first.data, ...second.data].map(({ severity }) => severity);
    expect(severities.toSorted()).toEqual(["critical", "info", "warning"]);
    const count = async (query: Parameters<AdminClient["alerts"]["list"]>[0]) =>
      (await admin.alerts.list(query)).data.length;
    expect(await count({ severity: "critical" })).toBe(1);
    expect(await count({ kind: "denials_spike", agent_id: "billing_agent" })).toBe(3);
    expect(await count({ kind: "overrun" })).toBe(0);
    expect(await count({ from: "2020-01-01" })).toBe(3);
    expect(await count({ to: "2020-01-01" })).toBe(0);
    await expect(admin.alerts.list({ cursor: channels.next_cursor ?? "" })).rejects.toMatchObject({
      code: "invalid_request",
    });
  });

  it("the live tail tells of an alert", async () => {
    const stop = new AbortController();
    const events = admin.events({ signal: stop.signal });
    const told = (async () => {
      for await (const event of events) if (event.event === "alert") return event.data;
      return null;
    })();
    // Whoever begins to follow misses what was before; so it is raised until it was heard.
    const raising = setInterval(() => void raise({ title: "heard" }), 250);
    const alert = await told;
    clearInterval(raising);
    stop.abort();
    expect(alert).toMatchObject({ title: "heard", kind: "denials_spike", deliveries: [] });
  });

  it("no address and no signing secret is in any answer but one, in the trail, in the log or in the database", async () => {
    const { id, signing_secret: secret } = await create("canary");
    await admin.alertChannels.update(id, { url: `${hook()}?again=1` });
    receiver.answer = (response) => void response.writeHead(500).end(TOKEN);
    await raise();
    await sendDue();
    await admin.alertChannels.test(id);
    const shown = await Promise.all([
      admin.alertChannels.list(),
      admin.alerts.list(),
      admin.adminEvents.list({ limit: 1_000 }),
      admin.sql.query("SELECT * FROM alert_channels").catch((error: unknown) => String(error)),
      admin.sql.query("SELECT * FROM alert_deliveries"),
    ]);
    const tables = ["alert_channels", "alerts", "alert_deliveries", "admin_events"];
    const stored = await Promise.all(
      tables.map((table) => stage.database.query(`SELECT t::text AS row FROM ${table} t`)),
    );
    const everything = JSON.stringify([shown, stored, stage.logged], (_name, value: unknown) =>
      typeof value === "bigint" ? value.toString() : value,
    );
    expect(everything).toContain("canary");
    for (const hidden of ["CANARY", secret ?? "", Buffer.from(TOKEN).toString("hex")])
      expect(everything).not.toContain(hidden);
  });
});
