import { describe, expect, it } from "vitest";
import { renderTable, showText } from "../src/table.ts";

describe("a table", () => {
  it("aligns its columns and leaves no trailing space", () => {
    const columns = [
      { name: "NAME", value: (row: { name: string; n: number | null }) => row.name },
      { name: "N", value: (row: { name: string; n: number | null }) => row.n, align: "right" as const },
    ];
    expect(
      renderTable(columns, [
        { name: "a", n: 10 },
        { name: "longer", n: null },
      ]),
    ).toBe("NAME     N\na       10\nlonger");
  });

  it("shows what would act on the terminal as its code", () => {
    expect(showText("a\u001b[2Jb\u009bc\u202ed\u2028e\nf\u200b")).toBe(
      "a\\u{1b}[2Jb\\u{9b}c\\u{202e}d\\u{2028}e\\u{a}f\\u{200b}",
    );
    expect(showText({ k: "v" })).toBe('{"k":"v"}');
    expect(showText(null)).toBe("");
  });
});
