import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HelpfulRedis } from "../../src/limits/helpful-redis.ts";
import { SharedSlots } from "../../src/limits/slots.ts";
import { pollUntil } from "../contract/sql-store.ts";
import { openTcpRelay, type TcpRelay } from "../contract/tcp-relay.ts";
import { REDIS_URL, skipSuite } from "../support/databases.ts";

const ignore = () => undefined;
const now = () => performance.now();

/** No two slots of one process are nearer than the pace allows. */
function expectPaced(slots: readonly number[], perSecond: number): void {
  const sorted = [...slots].sort((one, other) => one - other);
  for (const [index, slot] of sorted.slice(1).entries())
    expect(slot - (sorted[index] ?? 0)).toBeGreaterThan(1_000 / perSecond - 0.01);
}

/** How long it takes from the first to the last. Between processes a slot may look as much later as its answer took. */
function spanOf(slots: readonly number[]): number {
  return Math.max(...slots) - Math.min(...slots);
}

describe("SharedSlots in one process", () => {
  it("gives slots at the pace, and saves up a twentieth of a second's", async () => {
    const slots = new SharedSlots(null, randomUUID(), () => 1, now);
    const askedMs = now();
    const claimed = await slots.claim(100, 100);
    expectPaced(claimed, 100);
    const due = claimed.filter((slot) => slot <= askedMs).length;
    expect(due).toBeGreaterThanOrEqual(5);
    expect(due).toBeLessThanOrEqual(7);
  });

  it("gives each replica its share when they share nothing", async () => {
    const slots = new SharedSlots(null, randomUUID(), () => 4, now);
    expectPaced(await slots.claim(20, 100), 25);
  });

  it("gives nothing that lies seconds ahead", async () => {
    const slots = new SharedSlots(null, randomUUID(), () => 1, now);
    expect(await slots.claim(1_000, 1)).toHaveLength(5);
    expect(await slots.claim(1, 1)).toEqual([]);
  });
});

if (REDIS_URL === undefined) skipSuite("SharedSlots on Redis", "KEYBRAKE_TEST_REDIS_URL");
else describeOnRedis(REDIS_URL);

function describeOnRedis(redisUrl: string): void {
  describe("SharedSlots on Redis", () => {
    let relay: TcpRelay;
    let control: Redis;
    let replicas: HelpfulRedis[];

    beforeAll(async () => {
      const target = new URL(redisUrl);
      relay = await openTcpRelay(target.hostname, Number(target.port || 6379), "EVALSHA");
      const relayed = new URL(redisUrl);
      relayed.hostname = "127.0.0.1";
      relayed.port = String(relay.port);
      control = new Redis(redisUrl);
      replicas = [0, 1, 2].map(() => new HelpfulRedis(relayed.href, ignore, 100));
      for (const { client } of replicas) await pollUntil(async () => client.status === "ready");
    });
    afterAll(async () => {
      for (const redis of replicas) redis.close();
      control.disconnect();
      await relay.close();
    });

    const open = (name = randomUUID()) =>
      replicas.map((redis) => new SharedSlots(redis, name, () => replicas.length, now));

    /** Each claims so many, one at a time, all at once. */
    async function claimAll(
      sources: readonly SharedSlots[],
      each: number,
      perSecond: number,
    ): Promise<number[]> {
      const claimed = await Promise.all(
        sources.map(async (source) => {
          const slots: number[] = [];
          for (let index = 0; index < each; index++) slots.push(...(await source.claim(1, perSecond)));
          return slots;
        }),
      );
      return claimed.flat();
    }

    it("is one line for all replicas, at the whole pace", async () => {
      const slots = await claimAll(open(), 20, 100);
      expect(slots).toHaveLength(60);
      // Alone each would need a third of it.
      expect(spanOf(slots)).toBeGreaterThan(440);
      expect(spanOf(slots)).toBeLessThan(1_500);
    });

    it("gives a replica as many as it asks for, and the next one those behind", async () => {
      const [first, second] = open() as [SharedSlots, SharedSlots];
      const nine = await first.claim(9, 100);
      const one = await second.claim(1, 100);
      expect(nine).toHaveLength(9);
      expectPaced(nine, 100);
      expect(one[0]).toBeGreaterThan(Math.max(...nine));
    });

    it("begins a new line where an old dump or another clock left one that lies ahead for ever", async () => {
      const name = randomUUID();
      const [source] = open(name) as [SharedSlots];
      for (const left of ["9999999999999999", "rubbish", "-1"]) {
        await control.set(`kb:slots:${name}`, left);
        const [slot] = await source.claim(1, 100);
        expect(slot).toBeLessThanOrEqual(now() + 50);
      }
    });

    it("keeps the whole pace at one replica when the line is emptied again and again", async () => {
      const name = randomUUID();
      const [source] = open(name) as [SharedSlots];
      const slots: number[] = [];
      for (let index = 0; index < 20; index++) {
        await control.del(`kb:slots:${name}`);
        slots.push(...(await source.claim(1, 100)));
      }
      // As the empty line has it, all of them would be due now.
      expect(spanOf(slots)).toBeGreaterThan(120);
    });

    it("falls back to its share while Redis hangs, says nonsense or is gone", async () => {
      const name = randomUUID();
      const wake = relay.stall();
      expectPaced(await claimAll(open(name).slice(0, 1), 6, 90), 30);
      wake();
      await control.lpush(`kb:slots:${name}`, "a list");
      await pollUntil(async () => (await replicas[0]?.ask((client) => client.ping())) === "PONG");
      expectPaced(await claimAll(open(name).slice(0, 1), 6, 90), 30);
      await relay.close();
      expectPaced(await claimAll(open().slice(0, 1), 6, 90), 30);
    });
  });
}
