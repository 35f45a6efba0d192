// A vitest reporter that writes what came of each test to the file KEYBRAKE_TEST_REPORT.
import { writeFileSync } from "node:fs";
import { relative } from "node:path";

// biome-ignore lint/style/noDefaultExport: vitest takes a reporter by its default export
export default class {
  onTestRunEnd(modules, unhandledErrors, reason) {
    const report = { passed: 0, failed: [], skipped: [], files: [] };
    for (const module of modules) addModule(report, module);
    for (const error of unhandledErrors)
      report.failed.push({ name: "outside any test", message: error.message });
    if (reason === "interrupted") report.failed.push({ name: "vitest", message: "the run was interrupted" });
    writeFileSync(process.env.KEYBRAKE_TEST_REPORT, JSON.stringify(report));
  }
}

function addModule(report, module) {
  const file = relative(process.cwd(), module.moduleId);
  report.files.push(file);
  // A file that cannot be imported has errors and no tests; a suite whose set-up failed has errors, and tests that never ran.
  const broken = [module, ...module.children.allSuites()].filter((suite) => suite.errors().length > 0);
  for (const suite of broken) {
    const name = suite === module ? file : `${file} > ${suite.fullName}`;
    report.failed.push({ name, message: suite.errors()[0].message });
  }
  for (const test of module.children.allTests()) addTest(report, file, test, broken);
}

function addTest(report, file, test, broken) {
  const name = `${file} > ${test.fullName}`;
  const result = test.result();
  if (result.state === "passed") report.passed += 1;
  else if (result.state === "failed")
    report.failed.push({ name, message: result.errors[0]?.message ?? "failed" });
  else if (result.state === "pending") report.failed.push({ name, message: "did not finish" });
  else if (isInside(test, broken)) report.failed.push({ name, message: "did not run: its set-up failed" });
  else
    report.skipped.push({
      file,
      name,
      note: result.note ?? (test.options.mode === "todo" ? "to do" : undefined),
    });
}

function isInside(test, suites) {
  for (let parent = test.parent; parent; parent = parent.parent) if (suites.includes(parent)) return true;
  return false;
}
