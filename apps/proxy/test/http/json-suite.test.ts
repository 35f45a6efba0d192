import { existsSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { type BodiesFinding, mustRefuse, SUITE, SUITE_FILES, sendBodies } from "../hard/bodies.ts";

const isThere = existsSync(SUITE);

describe("G8: JSON of every kind as a body", () => {
  let ways: ReadonlyMap<string, BodiesFinding>;
  let isUnharmed: boolean;

  beforeAll(async () => {
    if (!isThere) return;
    const found = await sendBodies();
    ways = new Map(found.ways.map((way) => [way.way, way]));
    isUnharmed = found.isUnharmed;
  }, 120_000);

  test("G8: the suite is there", (context) => {
    if (isThere) return;
    if (["1", "true"].includes(process.env["CI"] ?? "")) throw new Error(`${SUITE} is absent`);
    context.skip(`${SUITE} is absent`);
  });

  test.skipIf(!isThere).each([
    { way: "JSON as it is", sent: SUITE_FILES - 1, passed: { least: 80 } },
    { way: "JSON as a mail", sent: SUITE_FILES - 1, passed: { most: 0 } },
    { way: "JSON within a mail", sent: SUITE_FILES, passed: { least: 80 } },
    { way: "a form as it is", sent: SUITE_FILES - 1, passed: { least: 1 } },
    { way: "a form's value, unescaped", sent: SUITE_FILES, passed: { least: 80 } },
    { way: "a form's value, escaped", sent: SUITE_FILES, passed: { least: 80 } },
  ])("G8: $way is refused or arrives byte for byte", ({ way, sent, passed: { least = 0, most = sent } }) => {
    const found = ways.get(way);
    expect(found).toMatchObject({ sent, strange: [], changed: 0, stray: "" });
    // What every parser must refuse is no body of ours; what every parser must take is, unless it is ambiguous.
    expect(mustRefuse(found as BodiesFinding)).toEqual([]);
    expect(found?.passed.size).toBeGreaterThanOrEqual(least);
    expect(found?.passed.size).toBeLessThanOrEqual(most);
  });

  test.skipIf(!isThere)("G8: no file harms the server", () => {
    expect(isUnharmed).toBe(true);
  });
});
