// All vitest projects of the workspace, in one run.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const REPORTER = fileURLToPath(new URL("vitest-reporter.mjs", import.meta.url));
const TIMEOUT_MS = 2_700_000;
const TEST_FOLDERS = ["packages", "apps", "examples", "scripts"];
const TEST_FILE = /\.test\.m?[jt]sx?$/;

/**
 * Runs vitest and tells what came of each test.
 * @param {{ root: string, directory: string, filters: string[], services: import("../services/service-set.mjs").ServiceSet,
 *   run: typeof import("../child.mjs").runProgram }} options `filters` restrict the run to files whose path contains one
 * @returns {Promise<import("./tally.mjs").Outcome>} a file that cannot be imported, and one that no project runs, has failed
 */
export async function runVitest({ root, directory, filters, services, run }) {
  const reportFile = join(directory, "vitest.json");
  const args = ["run", ...filters, "--reporter=default", `--reporter=${REPORTER}`];
  const { code, output } = await run(join(root, "node_modules/.bin/vitest"), args, {
    cwd: root,
    env: { ...process.env, ...services.env, KEYBRAKE_TEST_REPORT: reportFile },
    echo: true,
    timeoutMs: TIMEOUT_MS,
  });
  if (!existsSync(reportFile)) {
    return {
      passed: 0,
      failed: [{ name: "vitest", message: `no report, exit code ${code} ${output}` }],
      skipped: [],
    };
  }
  const { passed, failed, skipped, files } = JSON.parse(readFileSync(reportFile, "utf8"));
  if (files.length === 0 && filters.length > 0)
    failed.push({ name: "vitest", message: `no test file matches \`${filters.join(" ")}\`` });
  if (filters.length === 0) {
    for (const name of listTestFiles(root)) {
      if (!files.includes(name)) failed.push({ name, message: "no vitest project runs this file" });
    }
  }
  if (code !== 0 && failed.length === 0) failed.push({ name: "vitest", message: `exit code ${code}` });
  return { passed, failed, skipped: skipped.map((skip) => explainSkip(root, skip, services.absent)) };
}

// A test that is skipped with `skipIf` carries no reason; a service that its file asks for and that is absent is one.
function explainSkip(root, { file, name, note }, absent) {
  if (note !== undefined) return { name, reason: note };
  const source = readFileSync(join(root, file), "utf8");
  const missing = absent.filter(({ variable }) => source.includes(variable));
  const reasons = missing.map((service) => `no ${service.name}: ${service.reason}`);
  return { name, reason: reasons.join("; ") || 'no reason given (skip with a note: `ctx.skip("why")`)' };
}

function listTestFiles(root) {
  const walk = (directory) =>
    readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) return ["node_modules", "dist"].includes(entry.name) ? [] : walk(path);
      return TEST_FILE.test(entry.name) ? [relative(root, path)] : [];
    });
  return TEST_FOLDERS.map((folder) => join(root, folder))
    .filter((folder) => existsSync(folder))
    .flatMap(walk);
}
