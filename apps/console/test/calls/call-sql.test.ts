import { describe, expect, test } from "vitest";
import { CALL_FILTERS } from "../../src/calls/call-filter.ts";
import { writeCallSql } from "../../src/calls/call-sql.ts";

describe("a filter of calls as a query", () => {
  test("without a filter it asks for the newest calls", () => {
    expect(writeCallSql({})).toBe("SELECT *\nFROM calls\nORDER BY requested_at DESC, id DESC\nLIMIT 1000");
  });

  test("every filter becomes a condition", () => {
    const bare = writeCallSql({});
    for (const name of CALL_FILTERS.filter((filter) => filter !== "last"))
      expect(writeCallSql({ [name]: "2026-03-01" }), name).not.toBe(bare);
    expect(writeCallSql({ last: "1h" })).toContain("requested_at >= now() - interval '60 minutes'");
  });

  test("a quote ends no value", () => {
    for (const text of ["' OR 1=1 --", "\\' OR 1=1 --", "\\"])
      for (const name of CALL_FILTERS.filter((filter) => !["claimed", "last"].includes(filter))) {
        const rest = writeCallSql({ [name]: text }).replaceAll(
          /E'(?:[^'\\]|\\.|'')*'|'(?:[^'\\]|'')*'/g,
          "?",
        );
        expect(rest, name).not.toMatch(/1=1|'|\\/);
      }
  });

  test("what is looked for stands for itself", () => {
    expect(writeCallSql({ q: String.raw`50%_"\ ` })).toContain(
      String.raw`(path ILIKE E'%50\\%\\_"\\\\ %' OR metadata::text ILIKE E'%50\\%\\_\\\\"\\\\\\\\ %')`,
    );
  });

  test("a day begins at its first instant, UTC", () => {
    expect(writeCallSql({ from: "2026-03-01", to: "2026-03-02T01:30:00+02:00" })).toContain(
      "requested_at >= '2026-03-01T00:00:00.000Z'\n  AND requested_at < '2026-03-01T23:30:00.000Z'",
    );
  });
});
