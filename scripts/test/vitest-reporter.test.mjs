import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const RUN_TIMEOUT_MS = 60_000;
const FILES = {
  "broken-import.test.mjs": `import "./is-not-there.mjs";`,
  "broken-setup.test.mjs": `
    import { beforeAll, describe, it } from "vitest";
    describe("suite", () => { beforeAll(() => { throw new Error("no set-up"); }); it("never runs", () => {}); });`,
  "mixed.test.mjs": `
    import { expect, it } from "vitest";
    it("passes", () => {});
    it("fails", () => { expect(1).toBe(2); });
    it("is skipped", (context) => { context.skip("because"); });
    it.skip("is skipped without a word", () => {});
    it.todo("is to be written");`,
  "unhandled.test.mjs": `
    import { it } from "vitest";
    it("leaves a rejection", async () => {
      void Promise.reject(new Error("nobody caught this"));
      await new Promise((resolve) => setImmediate(resolve));
    });`,
};

describe("the sum of a vitest run", () => {
  const directory = mkdtempSync(join(tmpdir(), "keybrake-reporter-"));
  let report;

  beforeAll(async () => {
    for (const [name, text] of Object.entries(FILES)) writeFileSync(join(directory, name), text);
    mkdirSync(join(directory, "node_modules"));
    symlinkSync(join(ROOT, "node_modules/vitest"), join(directory, "node_modules/vitest"));
    const reportFile = join(directory, "report.json");
    const reporter = join(ROOT, "scripts/test-run/vitest-reporter.mjs");
    const args = [
      join(ROOT, "node_modules/vitest/vitest.mjs"),
      "run",
      `--root=${directory}`,
      `--reporter=${reporter}`,
    ];
    const env = { PATH: process.env.PATH, HOME: process.env.HOME, KEYBRAKE_TEST_REPORT: reportFile };
    const options = { cwd: directory, env, timeout: RUN_TIMEOUT_MS };
    await promisify(execFile)(process.execPath, args, options).catch(() => {});
    report = JSON.parse(readFileSync(reportFile, "utf8"));
  }, RUN_TIMEOUT_MS);

  afterAll(() => rmSync(directory, { recursive: true }));

  const failures = (file) =>
    report.failed.filter(({ name }) => name.startsWith(file)).map(({ name }) => name);

  it("counts a file that cannot be imported as a failure", () => {
    expect(failures("broken-import")).toEqual(["broken-import.test.mjs"]);
  });

  it("counts a set-up that fails, and every test behind it, as failures and not as skips", () => {
    expect(failures("broken-setup")).toEqual([
      "broken-setup.test.mjs > suite",
      "broken-setup.test.mjs > suite > never runs",
    ]);
  });

  it("counts passes and failures", () => {
    expect(report.passed).toBe(2);
    expect(failures("mixed")).toEqual(["mixed.test.mjs > fails"]);
  });

  it("keeps the reason of a skip where there is one", () => {
    expect(report.skipped.map(({ name, note }) => [name, note])).toEqual([
      ["mixed.test.mjs > is skipped", "because"],
      ["mixed.test.mjs > is skipped without a word", undefined],
      ["mixed.test.mjs > is to be written", "to do"],
    ]);
  });

  it("counts an error outside any test as a failure", () => {
    expect(report.failed).toContainEqual({ name: "outside any test", message: "nobody caught this" });
  });

  it("names every file that ran", () => {
    expect(report.files.sort()).toEqual(Object.keys(FILES).sort());
  });
});
