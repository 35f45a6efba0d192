import { describe, expect, test } from "vitest";
import { floodWithDenials } from "../hard/denial-flood.ts";
import { hangVendor, RUNNING_MAX } from "../hard/hanging-vendor.ts";
import { sendSlowly } from "../hard/slow-senders.ts";

// The bounded forms of figures that `npm run test:hard` measures whole.

describe("C8: a flood of refusals", () => {
  test("C8: is counted exactly, is at most a hundred rows a minute, and another key goes on", async () => {
    const finding = await floodWithDenials(400, 300);
    expect(finding.recorded + finding.counted).toBe(finding.refused);
    expect(finding.rows).toBe(finding.recorded);
    // Two minutes, if the flood saw the end of one.
    expect(finding.recorded).toBeLessThanOrEqual(200);
    expect(finding.counted).toBeGreaterThanOrEqual(200);
    expect(finding.steadyFailures).toBe(0);
    expect(finding.isChainSound).toBe(true);
  }, 60_000);
});

describe("R1: slow senders", () => {
  test("R1: 500 requests that never end keep nobody else from being served", async () => {
    const { failures, slowConnections } = await sendSlowly(500, 700, "sockets");
    expect(failures).toBe(0);
    expect(slowConnections).toBe(500);
  }, 60_000);
});

describe("R2: a vendor that hangs", () => {
  test("R2: holds so many calls and no more, another vendor does not notice, and nothing is left held", async () => {
    const finding = await hangVendor(300, 0);
    expect(finding.openAtMost).toBe(RUNNING_MAX);
    // It recovers before anybody has waited too long.
    expect(Object.fromEntries(finding.codes)).toEqual({ ok: 300 });
    expect(finding.otherFailures).toBe(0);
    expect(finding.reserved).toBe(0);
  }, 60_000);
});
