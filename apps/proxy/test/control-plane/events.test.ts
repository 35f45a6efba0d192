import { connect } from "node:net";
import type { KeybrakeEvent } from "@keybrake/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BACKENDS, requireBackends, type TestDatabases } from "./backends.ts";
import { openStage, type Stage, startEpochAgain, writeCalls } from "./stage.ts";

requireBackends();

/** Collects what the tail tells while `act` runs, until `isDone` is content with it. */
async function follow(
  stage: Stage,
  act: () => Promise<unknown>,
  isDone: (events: readonly KeybrakeEvent[]) => boolean,
): Promise<KeybrakeEvent[]> {
  const stop = new AbortController();
  const events: KeybrakeEvent[] = [];
  const stream = stage.admin.events({ signal: stop.signal });
  const first = stream.next();
  await subscribed(stage);
  await act();
  for (let next = await first; !next.done; next = await stream.next()) {
    events.push(next.value);
    if (isDone(events)) break;
  }
  stop.abort();
  await stream.return(undefined);
  return events;
}

/** A second reader's first bytes show that the tail runs: subscriptions are served in order. */
async function subscribed(stage: Stage): Promise<void> {
  const response = await fetch(`${stage.baseUrl}/api/v1/events`, {
    headers: { authorization: `Bearer ${stage.token}` },
  });
  const reader = response.body?.getReader();
  const { value } = (await reader?.read()) ?? {};
  expect(new TextDecoder().decode(value)).toBe(": following\n\n");
  await reader?.cancel();
}

describe.each(BACKENDS)("the live tail on $name", ({ open }) => {
  let databases: TestDatabases;
  let stage: Stage;
  let call: { vaultKeyId: string; secretId: string };

  beforeAll(async () => {
    databases = await open();
    stage = await openStage(databases);
    const secret = await stage.admin.secrets.create({
      name: "main",
      vendor: "stripe",
      value: "sk_test_12345678",
    });
    const policy = { vendor: "stripe", total_usd_cap: 100_000 } as const;
    const key = await stage.admin.vaultKeys.create({ agent_id: "a", secret: "main", policy });
    call = { vaultKeyId: key.id, secretId: secret.id };
    await writeCalls(stage, [call]);
  });
  afterAll(async () => {
    await stage?.close();
    await databases?.close();
  });

  const callsIn = (events: readonly KeybrakeEvent[]) =>
    events.flatMap((event) => (event.event === "call" ? [event.data] : []));

  it("tells of each new call with its row, denied ones too, of every epoch, and of no older one", async () => {
    let ids: string[] = [];
    const events = await follow(
      stage,
      async () => {
        ids = await writeCalls(stage, [call, { ...call, state: "denied" }]);
        await startEpochAgain(stage);
        ids.push(...(await writeCalls(stage, [{ ...call, state: "reserved" }])));
      },
      (seen) => new Set(callsIn(seen).map(({ id }) => id)).size === 3,
    );
    const calls = callsIn(events);
    expect(new Set(calls.map(({ id }) => id))).toEqual(new Set(ids));
    const last = new Map(calls.map((seen) => [seen.id, seen]));
    for (const id of ids) expect(last.get(id)).toEqual(await stage.admin.calls.get(id));
  });

  it("tells of every change of keys and of the kill switch", async () => {
    const wanted = ["key.created", "key.updated", "key.revoked", "kill_switch"];
    const policy = { vendor: "stripe" } as const;
    const events = await follow(
      stage,
      async () => {
        const { id } = await stage.admin.vaultKeys.create({ agent_id: "b", secret: "main", policy });
        await stage.admin.vaultKeys.update(id, { policy });
        await stage.admin.vaultKeys.revoke(id);
        await stage.admin.killSwitch.set({ engaged: false });
      },
      (seen) => seen.filter(({ event }) => event === "change").length >= wanted.length,
    );
    const changes = events.flatMap((event) => (event.event === "change" ? [event.data.type] : []));
    expect(changes).toEqual(wanted);
  });

  it("stays live under more calls than it carries, and says how much it leaves out", async () => {
    const [id] = await writeCalls(stage, [{ ...call, state: "denied" }]);
    const events = await follow(
      stage,
      // One transaction, so that the tail finds all of its links at once.
      () =>
        stage.database.query(
          `SELECT append_link($1, clock_timestamp(), ARRAY[c.id], ARRAY[c.requested_at], ARRAY['decision'], ARRAY[sha256('x')])
           FROM calls c, generate_series(1, 60) WHERE c.id = $2`,
          [stage.replica.epoch.toString(), id],
        ),
      (seen) => callsIn(seen).length > 0,
    );
    expect(events.map(({ event }) => event)).toEqual(["skipped", "call"]);
    expect(events[0]?.data).toEqual({ links: 35 });
  });

  it("asks the database nothing while nobody follows", async () => {
    await follow(
      stage,
      () => writeCalls(stage, [call]),
      (seen) => callsIn(seen).length > 0,
    );
    await stage.database.query("ALTER TABLE replicas RENAME TO replicas_gone");
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    await stage.database.query("ALTER TABLE replicas_gone RENAME TO replicas");
    expect(stage.logged).toEqual([]);
  });

  it("goes on after a fault of the database", async () => {
    const events = await follow(
      stage,
      async () => {
        await stage.database.query("ALTER TABLE replicas RENAME TO replicas_gone");
        await expect.poll(() => stage.logged.length, { timeout: 10_000 }).toBeGreaterThan(0);
        await stage.database.query("ALTER TABLE replicas_gone RENAME TO replicas");
        await writeCalls(stage, [call]);
      },
      (seen) => callsIn(seen).length > 0,
    );
    expect(callsIn(events)).not.toEqual([]);
    expect(stage.logged[0]).toMatchObject({ event: "control_plane.tail_failed" });
    stage.logged.length = 0;
  });

  it("cuts off a reader that does not read, and keeps the others", async () => {
    const { hostname, port } = new URL(stage.baseUrl);
    const socket = connect(Number(port), hostname);
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    socket.on("error", () => undefined);
    socket.write(`GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${stage.token}\r\n\r\n`);
    await new Promise((resolve) => socket.once("data", resolve));
    socket.pause();
    // More than the kernel's own buffers hold, by far.
    for (let round = 0; round < 100; round++) {
      await stage.database.query(
        `SELECT pg_notify('keybrake_changes', jsonb_build_object('type', 'noise', 'g', g, 'text', repeat('x', 7000))::text)
         FROM generate_series(1, 50) g`,
      );
    }
    // The server ends it while it is not read; reading on shows the end.
    socket.resume();
    await closed;
    await follow(
      stage,
      () => writeCalls(stage, [call]),
      (seen) => callsIn(seen).length > 0,
    );
  });

  it("takes a bounded number of readers", async () => {
    const stop = new AbortController();
    const open = (signal = stop.signal) =>
      fetch(`${stage.baseUrl}/api/v1/events`, {
        headers: { authorization: `Bearer ${stage.token}` },
        signal,
      });
    const statuses = (await Promise.all(Array.from({ length: 70 }, open))).map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([200, 503]));
    expect(statuses.filter((status) => status === 200).length).toBeLessThanOrEqual(64);
    stop.abort();
    await expect
      .poll(async () => (await open(AbortSignal.timeout(5_000))).status, { timeout: 10_000 })
      .toBe(200);
  });
});
