// The Python tests: a pytest run for each folder and each set of packages that it is tested with.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const PLUGIN_FOLDER = fileURLToPath(new URL(".", import.meta.url));
/** The variable names the Python, the words say which packages it has. */
const RUNS = [
  { folder: "apps/proxy/test/python", variable: "KEYBRAKE_TEST_PYTHON" },
  { folder: "packages/crewai-bridge/python", variable: "KEYBRAKE_TEST_CREWAI_PYTHON" },
  {
    folder: "packages/crewai-bridge/python",
    variable: "KEYBRAKE_TEST_OLDEST_CREWAI_PYTHON",
    packages: "the oldest packages",
  },
];
const TEST_FILE = /^test_.*\.py$|_test\.py$/;
const NOT_OURS = ["node_modules", "__pycache__", ".venv"];
const TIMEOUT_MS = 600_000;
const NO_TESTS = 5;

/**
 * Runs pytest over every folder that has Python tests and tells what came of each.
 * @param {{ root: string, directory: string, services: import("../services/service-set.mjs").ServiceSet,
 *   run: typeof import("../child.mjs").runProgram }} options
 * @returns {Promise<import("./tally.mjs").Outcome[]>}
 */
export async function runPytest({ root, directory, services, run }) {
  const outcomes = [];
  for (const [index, { folder, variable, packages }] of RUNS.entries()) {
    const files = listTestFiles(join(root, folder)).map((file) => `${folder}/${file}`);
    if (files.length === 0) continue;
    const python = services.env[variable];
    const label = packages === undefined ? folder : `${folder} with ${packages}`;
    if (python === undefined) {
      const reason = services.absent.find((service) => service.variable === variable)?.reason ?? "no Python";
      outcomes.push({ skipped: files.map((name) => ({ name, reason: `no python: ${reason}` })) });
      continue;
    }
    console.log(`\npytest ${label}`);
    outcomes.push(
      await runFolder({
        root,
        folder,
        label,
        python,
        reportFile: join(directory, `pytest-${index}.json`),
        services,
        run,
      }),
    );
  }
  return outcomes;
}

async function runFolder({ root, folder, label, python, reportFile, services, run }) {
  const args = [
    "-m",
    "pytest",
    "-q",
    "-p",
    "no:cacheprovider",
    "-p",
    "keybrake_pytest_report",
    "--rootdir=.",
    "--continue-on-collection-errors",
  ];
  const { code, output } = await run(python, args, {
    cwd: join(root, folder),
    env: {
      ...process.env,
      ...services.env,
      PYTHONPATH: [PLUGIN_FOLDER, process.env.PYTHONPATH].filter(Boolean).join(delimiter),
      // Not beside the sources; and packages that were installed uncompiled are compiled once.
      PYTHONPYCACHEPREFIX: join(root, "node_modules/.cache/keybrake/pycache"),
      KEYBRAKE_TEST_REPORT: reportFile,
    },
    echo: true,
    timeoutMs: TIMEOUT_MS,
  });
  const name = `pytest ${label}`;
  if (!existsSync(reportFile))
    return { failed: [{ name, message: `no report, exit code ${code} ${output}` }] };
  const report = JSON.parse(readFileSync(reportFile, "utf8"));
  for (const entry of [...report.failed, ...report.skipped]) entry.name = `${label}/${entry.name}`;
  const isQuiet = report.failed.length === 0 && !(code === NO_TESTS && report.skipped.length > 0);
  if (code !== 0 && isQuiet) report.failed.push({ name, message: `exit code ${code}` });
  return report;
}

function listTestFiles(directory) {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    if (!entry.isDirectory()) return TEST_FILE.test(entry.name) ? [entry.name] : [];
    if (NOT_OURS.includes(entry.name)) return [];
    return listTestFiles(join(directory, entry.name)).map((file) => `${entry.name}/${file}`);
  });
}
