import { randomInt } from "node:crypto";
import { describe, expect, test } from "vitest";
import { crash } from "../hard/crashes.ts";
import { canReadUsage } from "../hard/process-usage.ts";
import { endKeys } from "../hard/revocation.ts";
import { soak } from "../hard/soak.ts";
import { findPostgres } from "../lifecycle/private-postgres.ts";
import { hasRedis } from "../lifecycle/private-redis.ts";
import { POSTGRES_URL } from "../support/empty-database.ts";

// The bounded forms of figures that `npm run test:hard` measures whole. How fast anything is, is measured there only.

describe("B3: revocation under load, of which the other replicas hear nothing", () => {
  test.skipIf(POSTGRES_URL === undefined)(
    "B3: nothing is allowed after the commit, and nothing stays open",
    async () => {
      const seed = randomInt(2 ** 31);
      const found = await endKeys({ trials: 32, by: "revocation", isDeaf: true, seed });
      expect(found, `seed ${seed}`).toMatchObject({ trials: 32, allowedLate: 0, open: 0 });
      expect(found.arrivals).toBeGreaterThanOrEqual(32 * 4);
    },
    60_000,
  );
});

describe("A2, A3, A4: crashes under load", () => {
  const programs = findPostgres();
  test.skipIf(programs === null || !hasRedis())(
    "no cap is exceeded, every call at the vendor has a row, and no acknowledged row is lost",
    async () => {
      const seed = randomInt(2 ** 31);
      const found = await crash(programs ?? "", 2, seed);
      const sound = { overspent: [], uneven: [], unaudited: 0, lost: 0, open: 0, isChainSound: true };
      expect(found, `seed ${seed}`).toMatchObject(sound);
      expect(found.replicaKills + found.postgresKills).toBe(2);
      expect(found.arrived).toBeGreaterThan(20);
    },
    120_000,
  );
});

describe("R3: a load of every kind", () => {
  test.skipIf(!canReadUsage())(
    "R3: leaves nothing held and nothing open, and vendor and audit log agree",
    async () => {
      const found = await soak(3, 100, 0);
      expect(found).toMatchObject({ heldMicros: 0n, open: 0, isChainSound: true });
      expect(found.arrived).toBe(found.allowed);
      expect(found.arrived).toBeGreaterThan(20);
    },
    120_000,
  );
});
