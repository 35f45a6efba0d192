import { describe, expect, it } from "vitest";
import { createTally } from "../test-run/tally.mjs";

function tellOf(tally) {
  const lines = [];
  tally.print((line) => lines.push(...line.split("\n")));
  return lines;
}

describe("the tally of a test run", () => {
  it("ends with the three sums alone on a line", () => {
    const tally = createTally();
    tally.add({ passed: 2, failed: [{ name: "lint", message: "exit code 1\nmore" }] });
    tally.add({ passed: 1, skipped: [{ name: "races", reason: "no postgres" }] });
    expect(tellOf(tally).at(-1)).toBe("3 passed, 1 failed, 1 skipped");
  });

  it("names every skipped test under its reason", () => {
    const tally = createTally();
    const skipped = ["first", "second"].map((name) => ({ name, reason: "no postgres" }));
    tally.add({ skipped: [...skipped, { name: "third", reason: "no redis" }] });
    expect(tellOf(tally).map((line) => line.trim())).toEqual(
      expect.arrayContaining(["no postgres", "first", "second", "no redis", "third"]),
    );
  });

  it("fails on a failure, and on a skip only where skips are not allowed", () => {
    const skipped = createTally();
    skipped.add({ passed: 1, skipped: [{ name: "races", reason: "no postgres" }] });
    expect([skipped.exitCode(false), skipped.exitCode(true)]).toEqual([0, 1]);
    const failed = createTally();
    failed.add({ failed: [{ name: "lint", message: "exit code 1" }] });
    expect([failed.exitCode(false), failed.exitCode(true)]).toEqual([1, 1]);
  });
});
