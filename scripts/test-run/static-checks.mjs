// The checks that look at the code without running it. Each counts as one test.
import { join } from "node:path";
import { TURBO_FLAGS } from "../workspace.mjs";

const TIMEOUT_MS = 300_000;

// The build comes first: packages are checked and tested against each other's built form.
const CHECKS = [
  { name: "build", command: "turbo", args: ["run", "build", ...TURBO_FLAGS] },
  { name: "lint", command: "biome", args: ["check", "--error-on-warnings", "."] },
  { name: "typecheck", command: "turbo", args: ["run", "typecheck", "--continue", ...TURBO_FLAGS] },
  { name: "publint", command: "turbo", args: ["run", "publint", "--continue", ...TURBO_FLAGS] },
  { name: "knip", command: "knip", args: [] },
  { name: "secrets", command: "secretlint", args: ["**/*"] },
  { name: "dependencies", command: process.execPath, args: ["scripts/check-dependencies.mjs"] },
  { name: "changesets", command: process.execPath, args: ["scripts/check-changesets.mjs"] },
  { name: "vendor docs", command: process.execPath, args: ["scripts/vendor-docs.mjs", "--check"] },
];

/**
 * Runs the checks one after the other; what a check says is printed only when it fails.
 * @param {{ root: string, names?: string[], run: typeof import("../child.mjs").runProgram }} options `names` restricts them
 * @returns {Promise<import("./tally.mjs").Outcome[]>}
 */
export async function runStaticChecks({ root, names, run }) {
  const outcomes = [];
  for (const { name, command, args } of CHECKS) {
    if (names && !names.includes(name)) continue;
    const path = command.startsWith("/") ? command : join(root, "node_modules/.bin", command);
    const startedAt = performance.now();
    const { code, output } = await run(path, args, { cwd: root, env: process.env, timeoutMs: TIMEOUT_MS });
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    console.log(`${code === 0 ? "ok  " : "FAIL"} ${name} (${seconds} s)`);
    if (code !== 0) console.log(`${output.trimEnd()}\n`);
    outcomes.push(code === 0 ? { passed: 1 } : { failed: [{ name, message: `exit code ${code}` }] });
  }
  return outcomes;
}
