import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DENIALS, FAULTS } from "@keybrake/core";
import { describe, expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const PAGES = [
  "README.md",
  "CONTRIBUTING.md",
  ...readdirSync(join(ROOT, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];
const read = (page) => readFileSync(join(ROOT, page), "utf8");

/** The words of `npx keybrake …` lines that name a command: up to the first argument or option. */
function commandsOf(page) {
  return read(page)
    .split("\n")
    .flatMap((line) =>
      /^npx keybrake (.+)$/.exec(line)?.[1] === undefined ? [] : [line.slice("npx keybrake ".length)],
    )
    .map(
      (line) =>
        /^[a-z-]+(?: (?:add|rotate|list|create|show|revoke|on|off|status|set|delete|test|verify)\b)?/.exec(
          line,
        )?.[0] ?? line,
    );
}

describe("the documentation says what the program does", () => {
  it("docs/errors.md has every code with its status, and no other", () => {
    const rows = [...read("docs/errors.md").matchAll(/<a id="([a-z_]+)"><\/a>\1 \| (\d{3}) \|/g)];
    const documented = Object.fromEntries(rows.map(([, code, status]) => [code, Number(status)]));
    const known = Object.fromEntries(
      Object.entries({ ...DENIALS, ...FAULTS }).map(([code, { status }]) => [code, status]),
    );
    expect(documented).toEqual(known);
  });

  it("every keybrake command that a page shows exists", () => {
    const commands = new Set(PAGES.flatMap(commandsOf));
    expect(commands.size).toBeGreaterThan(5);
    for (const command of commands) {
      const result = spawnSync(
        process.execPath,
        [join(ROOT, "packages/cli/dist/main.js"), ...command.split(" "), "--help"],
        { encoding: "utf8", timeout: 30_000 },
      );
      expect(`${command}: ${result.status} ${result.stderr}`).toBe(`${command}: 0 `);
    }
  }, 120_000);

  it("every link to a file of ours leads to one", () => {
    for (const page of PAGES) {
      for (const [, target] of read(page).matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g)) {
        const from = join(ROOT, page, "..");
        expect(() => readdirOrRead(join(from, target)), `${page} → ${target}`).not.toThrow();
      }
    }
  });
});

function readdirOrRead(path) {
  try {
    return readFileSync(path);
  } catch (error) {
    if (error.code === "EISDIR") return readdirSync(path);
    throw error;
  }
}
