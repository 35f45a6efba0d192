import { isMainThread } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BUDGET_DENIALS, BUDGET_UNITS, BUDGET_WINDOWS, type BudgetWindow, windowEnd } from "../src/budget.ts";
import { DENIALS } from "../src/denial.ts";

const ENDS: readonly (readonly [BudgetWindow, now: string, end: string | null])[] = [
  ["daily", "2026-11-23T00:00:00.000Z", "2026-11-24T00:00:00.000Z"],
  ["daily", "2026-11-23T12:34:56.789Z", "2026-11-24T00:00:00.000Z"],
  ["daily", "2026-11-23T23:59:59.999Z", "2026-11-24T00:00:00.000Z"],
  ["daily", "2026-11-30T12:00:00Z", "2026-12-01T00:00:00.000Z"],
  ["daily", "2026-12-31T23:59:59.999Z", "2027-01-01T00:00:00.000Z"],
  ["daily", "2028-02-28T12:00:00Z", "2028-02-29T00:00:00.000Z"],
  ["daily", "2026-02-28T12:00:00Z", "2026-03-01T00:00:00.000Z"],
  ["daily", "2026-03-08T06:59:59Z", "2026-03-09T00:00:00.000Z"],
  ["daily", "2026-11-01T05:30:00Z", "2026-11-02T00:00:00.000Z"],
  ["monthly", "2026-11-01T00:00:00.000Z", "2026-12-01T00:00:00.000Z"],
  ["monthly", "2026-11-30T23:59:59.999Z", "2026-12-01T00:00:00.000Z"],
  ["monthly", "2026-12-15T00:00:00Z", "2027-01-01T00:00:00.000Z"],
  ["monthly", "2027-01-31T23:00:00Z", "2027-02-01T00:00:00.000Z"],
  ["monthly", "2027-01-01T02:00:00Z", "2027-02-01T00:00:00.000Z"],
  ["total", "2026-11-23T12:00:00Z", null],
];

/** A process has one zone and its threads cannot change it: in a thread, as under `pnpm mutation`, what is left is the machine's. */
const ZONES = isMainThread ? ["UTC", "America/New_York", "Pacific/Kiritimati"] : ["UTC"];

describe.each(ZONES)("A19: windowEnd on a machine in %s", (zone) => {
  const before = process.env["TZ"];
  beforeAll(() => {
    process.env["TZ"] = zone;
  });
  afterAll(() => {
    if (before === undefined) delete process.env["TZ"];
    else process.env["TZ"] = before;
  });

  it("really runs in that zone", () => {
    const offset = { UTC: 0, "America/New_York": 300, "Pacific/Kiritimati": -840 }[zone];
    expect(new Date("2026-12-01T12:00:00Z").getTimezoneOffset() + 0).toBe(offset);
  });

  it.each(ENDS)("the %s window that covers %s ends at %s", (window, now, end) => {
    expect(windowEnd(window, new Date(now))?.toISOString() ?? null).toBe(end);
  });
});

describe("BUDGET_DENIALS", () => {
  const codes = Object.values(BUDGET_DENIALS).flatMap((byWindow) => Object.entries(byWindow));

  it.each(codes)("of a %s window is a denial of the closed table: %s", (window, code) => {
    expect(BUDGET_WINDOWS).toContain(window);
    expect(DENIALS).toHaveProperty(code);
  });

  it.each(codes)("of a %s window says wait exactly when the window starts anew: %s", (window, code) => {
    expect(DENIALS[code].retryable).toBe(window !== "total");
    expect(DENIALS[code].status).toBe(window === "total" ? 403 : 429);
  });

  it("covers every unit", () => {
    expect(Object.keys(BUDGET_DENIALS)).toEqual([...BUDGET_UNITS]);
  });
});
