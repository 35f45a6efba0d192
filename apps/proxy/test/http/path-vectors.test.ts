import { randomInt } from "node:crypto";
import { readTarget } from "@keybrake/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openWireStage, sampleTargets, type WireStage } from "../hard/wire-paths.ts";
import vectors from "./path-vectors.json" with { type: "json" };

const RANDOM_TARGETS = 400;

describe("E12: what policy judges is byte for byte what goes on the wire, or it is refused", () => {
  let stage: WireStage;

  beforeAll(async () => {
    stage = await openWireStage();
  }, 120_000);
  afterAll(() => stage.close());

  test.each(vectors)("E12: $name", ({ target, path }) => {
    const read = readTarget(target);
    expect(typeof read === "string" ? null : read.path).toBe(path);
    if (typeof read === "string") return;
    const query = target.indexOf("?");
    expect(read.query).toBe(query === -1 ? null : target.slice(query + 1));
  });

  test.each(["GET", "POST", "DELETE"] as const)(
    "E12: every vector as a %s, through the server",
    async (method) => {
      expect(vectors.length).toBeGreaterThan(250);
      const { allowed, different, stray } = await stage.send(
        vectors.map(({ target }) => ({ method, target })),
      );
      expect([different, stray]).toEqual([[], ""]);
      const refused = vectors.filter(({ path }) => path === null);
      expect(refused.filter(({ target }) => allowed.has(`${method} ${target}`))).toEqual([]);
      expect(allowed.size).toBeGreaterThan(0);
    },
  );

  test("E12: random reads and writes, through the server", async () => {
    const seed = randomInt(2 ** 31);
    const { allowed, different, stray } = await stage.send(sampleTargets(RANDOM_TARGETS, seed));
    expect([different, stray], `seed ${seed}`).toEqual([[], ""]);
    for (const method of ["GET", "POST", "DELETE"])
      expect(
        [...allowed].some((one) => one.startsWith(method)),
        `seed ${seed}: ${method}`,
      ).toBe(true);
  });
});
